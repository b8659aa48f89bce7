/**
 * What: makes a catalog anew of the segments alone, where the one there was is lost or rotten. Only on a command: kills
 * that stood in it alone are lost with it, so blobs that were deleted or purged may come back. Of each key the newest
 * record wins; what a footer calls dead stays dead.
 * Thread: main. The directory is locked meanwhile.
 */
import { ioError, runAsync, Turns, VarveError } from '../base/index.js'
import type { Clock, Random } from '../base/index.js'
import { withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { BlobSpace } from './blob-space.js'
import { lockCacheDirectory } from './cache-directory.js'
import type { LockedDirectory } from './cache-directory.js'
import { cacheFileName, parseCacheFileName } from './cache-names.js'
import { catalogRoomBytes } from './catalog.js'
import { ChangeTag } from './catalog-format.js'
import { CatalogState } from './catalog-state.js'
import { Recovery } from './recovery.js'
import type { FoundCatalog, RecoverySizes } from './recovery.js'
import { readSegment, readSegmentHeader } from './segment-scan.js'

/** What a rebuild has found. */
export interface RebuiltCache {
  /** Segments that count again. */
  readonly segments: number
  /** Files that are called segments, and could not be read or are of another cache. */
  readonly droppedSegments: number
  /** Blobs that are there. */
  readonly items: number
}

export interface RebuildOptions {
  vfs: Vfs
  clock: Clock
  random: Random
  sizes: RecoverySizes & { maxBytes: number }
}

/** Rebuilds the catalog of the cache in this directory. Throws LOCKED while a process has it. */
export async function rebuildCache(
  location: string, { vfs, clock, random, sizes }: RebuildOptions,
): Promise<RebuiltCache> {
  const place = await lockCacheDirectory(location, vfs)
  try {
    const { found, count } = await catalogOfSegments(place)
    const droppedSegments = count - found.state.segments.size
    const space = new BlobSpace({ maxBytes: sizes.maxBytes, catalogBytes: catalogRoomBytes(sizes.rollBytes) })
    const recovery = new Recovery(place, random, sizes, { space, turns: new Turns(clock), rebuilt: found })
    const { catalog, current, resting, segments, index } = await recovery.run()
    for (const open of [current, ...resting]) await open?.file.close()
    await catalog.mark().finally(() => catalog.close())
    return { segments: segments.size, droppedSegments, items: index.count }
  } finally {
    place.vfs.end()
    await place.lock.release()
  }
}

/** Gives a catalog that lists every segment of the cache that most segments are of. */
async function catalogOfSegments(
  place: LockedDirectory,
): Promise<{ found: FoundCatalog; count: number }> {
  const { vfs, dir } = place
  const numbers: number[] = []
  let highest = 0
  for (const name of await vfs.list(dir)) {
    const parsed = parseCacheFileName(name)
    if (parsed === null || parsed.kind === 'lock') continue
    highest = Math.max(highest, parsed.fileNum)
    if (parsed.kind === 'segment') numbers.push(parsed.fileNum)
  }
  const states = new Map<string, FoundCatalog>()
  for (const segment of numbers.sort((a, b) => a - b)) await addSegment(place, segment, states)
  const [found] = [...states.values()].sort((a, b) => b.state.segments.size - a.state.segments.size)
  if (found === undefined) throw new VarveError('MISSING_FILE', `${dir} has no segment of a cache that can be read`)
  found.state.promise(0, highest)
  return { found, count: numbers.length }
}

async function addSegment(
  { vfs, dir }: LockedDirectory, segment: number, states: Map<string, FoundCatalog>,
): Promise<void> {
  const name = cacheFileName('segment', segment)
  try {
    await runAsync(withFile(vfs, vfs.join(dir, name), 'read', function* (file) {
      const header = yield* readSegmentHeader(file, name)
      if (header.fileNum !== segment) return
      const { entries, hasFooter } = yield* readSegment(file, header, Infinity)
      const id = String(header.databaseId)
      const found = states.get(id) ?? { state: new CatalogState(), databaseId: header.databaseId }
      states.set(id, found)
      const { state } = found
      state.apply([
        { tag: ChangeTag.numbers, seqNum: 0, fileNum: segment },
        { tag: ChangeTag.addSegment, segment, queue: 'young', salt: header.salt },
        ...(hasFooter ? [{ tag: ChangeTag.sealSegment, segment, bytes: file.sizeSync() } as const] : []),
      ])
      for (const { recordNum, isDead } of entries) if (isDead) state.segments.get(segment)!.dead.add(recordNum)
    }))
  } catch (error) {
    // What cannot be read now must not be thrown away for it.
    if (!VarveError.is(error)) throw ioError(error, 'reading', name)
    if (error.code !== 'CORRUPTION') throw error
  }
}
