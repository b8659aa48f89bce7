/**
 * What: removes a database: only files with names of ours, only in a directory that proves to be ours.
 * Thread: main; it holds the lock meanwhile, so no open database is touched.
 */
import { directoryError, parseFileName, VarveError } from '../base/index.js'
import { databaseDirectory, holdsData, lockFor, readMarker } from '../directory/index.js'
import { HeldVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'

/** What the magic of every kind of file begins with. */
const MAGIC_START = 'varve'

export async function destroyDatabase(vfs: Vfs, location: string): Promise<void> {
  const { dir } = await databaseDirectory(location, vfs)
  if (!(await isOurs(vfs, dir))) {
    throw new VarveError('NOT_FOUND', `the database in ${location} does not exist`)
  }
  const lock = await lockFor(dir, vfs)
  const held = new HeldVfs(vfs, dir, lock)
  try {
    await removeFiles(held, dir)
    await lock.discard()
  } catch (error) {
    throw directoryError(error, 'destroy', dir)
  } finally {
    await lock.release().catch(() => undefined) // the first error is reported
  }
  await removeEmpty(vfs, dir, lock.identity)
}

/** True for a marker, or a file of ours that says so itself: other databases have files named 000003.wal, too. */
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

/** Removes the markers last: a crash in between leaves a directory that another destroy recognises. */
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

/** Removes the directory when nothing else is in it. A new owner may be quicker. */
async function removeEmpty(vfs: Vfs, dir: string, identity: string): Promise<void> {
  try {
    if ((await vfs.stat(dir))?.identity === identity) await vfs.rmdir(dir)
  } catch {
    // There is something in it that belongs to somebody else.
  }
}
