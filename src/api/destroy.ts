/**
 * What: removes a database: only files with names of ours, only in a directory that proves to be ours.
 * Thread: main; holds the lock meanwhile, so no open database is touched.
 */
import { ioError, parseFileName, VarveError } from '../base/index.js'
import { holdsData, readMarker } from '../manifest/index.js'
import type { Vfs } from '../vfs/index.js'

/** What the magic of every kind of file begins with. */
const MAGIC_START = 'varve'

export async function destroyDatabase(vfs: Vfs, location: string): Promise<void> {
  if ((await vfs.stat(location)) === null) throw new VarveError('NOT_FOUND', `${location} does not exist`)
  const dir = await vfs.realPath(location)
  if (!(await isOurs(vfs, dir))) {
    throw new VarveError('NOT_FOUND', `there is no database in ${location}`)
  }
  const lock = await vfs.lock(dir)
  try {
    await removeFiles(vfs, dir)
  } catch (error) {
    throw ioError(error, 'destroy', '.')
  } finally {
    await lock.release()
  }
  await removeLocks(vfs, dir)
}

/** A marker, or a file of ours that says so itself: other databases have files named 000003.wal, too. */
async function isOurs(vfs: Vfs, dir: string): Promise<boolean> {
  const names = await vfs.list(dir)
  if (readMarker(names) !== null) return true
  for (const name of names) {
    if (holdsData([name]) && (await beginsAsOurs(vfs, vfs.join(dir, name)))) return true
  }
  return false
}

async function beginsAsOurs(vfs: Vfs, path: string): Promise<boolean> {
  const file = await vfs.open(path, 'read')
  try {
    const bytes = new Uint8Array(MAGIC_START.length)
    await file.read(bytes, 0, bytes.length, 0)
    return String.fromCharCode(...bytes) === MAGIC_START
  } finally {
    await file.close()
  }
}

/** The markers go last: a crash in between leaves a directory that another destroy recognises. */
async function removeFiles(vfs: Vfs, dir: string): Promise<void> {
  const names = await vfs.list(dir)
  const kindOf = (name: string) => parseFileName(name)?.kind
  const data = names.filter((name) => kindOf(name) !== undefined && kindOf(name) !== 'lock')
  const markers = data.filter((name) => kindOf(name) === 'marker')
  for (const name of data) if (kindOf(name) !== 'marker') await vfs.unlink(vfs.join(dir, name))
  await vfs.syncDir(dir)
  for (const name of markers) await vfs.unlink(vfs.join(dir, name))
  await vfs.syncDir(dir)
}

/** The lock's files and the directory go when nothing else is left; a new owner may be quicker. */
async function removeLocks(vfs: Vfs, dir: string): Promise<void> {
  const names = await vfs.list(dir)
  if (names.some((name) => parseFileName(name)?.kind !== 'lock')) return
  try {
    for (const name of names) await vfs.unlink(vfs.join(dir, name))
    await vfs.rmdir(dir)
  } catch {
    // Somebody made something in it meanwhile: it is theirs.
  }
}
