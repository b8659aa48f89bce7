/**
 * What: the directory of a cache before anything of it is read: found or made, not that of something else, locked; and
 * what is removed from it.
 * Thread: main.
 */
import { directoryError, ioError, runAsync, VarveError } from '../base/index.js'
import type { Steps } from '../base/index.js'
import {
  holdsData, readMarker, checkNotForeign, findDirectory, lockFor, makeDirectories, namesIn, syncFoundName,
} from '../directory/index.js'
import type { Marker } from '../directory/index.js'
import { HeldVfs, readFully, syncDirectory, unlinkFile, withFile } from '../vfs/index.js'
import type { Vfs, VfsLock } from '../vfs/index.js'
import { CACHE_MARKER, parseCacheFileName } from './cache-names.js'

export interface LockedDirectory {
  dir: string
  vfs: HeldVfs
  lock: VfsLock
}

/** Finds or makes the directory, and takes its lock. Refuses one that holds something else, before anything is made. */
export async function lockCacheDirectory(location: string, vfs: Vfs): Promise<LockedDirectory> {
  const isThere = (await findDirectory(location, vfs)) !== null
  if (!isThere) {
    try {
      await makeDirectories(location, vfs)
    } catch (error) {
      throw directoryError(error, 'create', location)
    }
  }
  const dir = await vfs.realPath(location)
  if (isThere) {
    checkIsNoDatabase(dir, await namesIn(dir, vfs))
    await syncFoundName(dir, vfs)
  }
  const lock = await lockFor(dir, vfs)
  const held = new HeldVfs(vfs, dir, lock)
  try {
    checkIsNoDatabase(dir, await namesIn(dir, held)) // Another process may have made one meanwhile.
  } catch (error) {
    await lock.release()
    throw error
  }
  return { dir, vfs: held, lock }
}

/** Throws UNSUPPORTED_FORMAT, unless the names are those of a cache, or of nothing that holds data. */
function checkIsNoDatabase(dir: string, names: readonly string[]): void {
  const isCache = cacheMarkerIn(names) !== null
  if (!isCache) checkNotForeign(dir, names)
  if (readMarker(names) === null && (isCache || !holdsData(names))) return
  throw new VarveError('UNSUPPORTED_FORMAT', `${dir} holds a database of Varve`, {
    hint: 'give the cache a directory of its own; nothing was changed',
  })
}

export function cacheMarkerIn(names: readonly string[]): Marker | null {
  return readMarker(names, CACHE_MARKER)
}

/** Removes all that the cache has in its directory, the marker first: what is left of the rest counts for nothing. */
export async function emptyCache({ vfs, dir }: LockedDirectory, names: readonly string[]): Promise<void> {
  const ours = names.filter((name) => !['lock', undefined].includes(parseCacheFileName(name)?.kind))
  const isMarker = (name: string) => parseCacheFileName(name)!.kind === 'marker'
  for (const name of ours.filter(isMarker)) await runAsync(unlinkFile(vfs, vfs.join(dir, name)))
  await runAsync(syncDirectory(vfs, dir))
  for (const name of ours.filter((each) => !isMarker(each))) await runAsync(unlinkFile(vfs, vfs.join(dir, name)))
}

/**
 * Removes files of the cache that nothing lists. Where there was no marker, a name proves nothing: there only files go
 * that begin as ours do.
 */
export async function removeUnlisted(
  { vfs, dir }: LockedDirectory, names: readonly string[], isListed: (fileNum: number) => boolean, hadMarker: boolean,
): Promise<void> {
  for (const name of names) {
    const parsed = parseCacheFileName(name)
    if (parsed === null || parsed.kind === 'lock' || parsed.kind === 'marker' || isListed(parsed.fileNum)) continue
    try {
      await runAsync(removeOurs(vfs, vfs.join(dir, name), hadMarker))
    } catch (error) {
      throw ioError(error, 'removing', name)
    }
  }
}

function* removeOurs(vfs: Vfs, path: string, hadMarker: boolean): Steps<void> {
  if (!hadMarker) {
    const magic = new Uint8Array(8)
    yield* withFile(vfs, path, 'read', (file) => readFully(file, magic, 8))
    if (!/^varve(cat|seg|bix)$/.test(String.fromCharCode(...magic))) return
  }
  yield* unlinkFile(vfs, path)
}
