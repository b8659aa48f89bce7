/**
 * What: stage 3, install: a built temp file gets its final name, durably, and one edit group makes it
 * part of the database, durably. Two jobs, so that a failure's place is known.
 * Owns: the order of the steps. Does not own: the version (manifest) or the read state (engine).
 * Thread: any.
 * Invariants: FLUSH-5 file synced → name linked → directory synced → edit group written → manifest
 * synced; no step begins before the one before it succeeded. FLUSH-6 a final name is never replaced.
 */
import { errnoOf, ioError, tableFileName } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'

export interface PublishTableInput {
  dir: string
  tempName: string
  tableNum: FileNum
}

/** The directory itself, in errors. */
export const DIRECTORY_NAME = '.'

/** Rename without replacing, then directory sync. Throws with `file` '.' when the sync is what failed. */
export function* publishTable(
  input: PublishTableInput, { vfs }: { vfs: Vfs },
): Generator<undefined, null, unknown> {
  const { dir, tempName, tableNum } = input
  const name = tableFileName(tableNum)
  try {
    renameWithoutReplacing(vfs, vfs.join(dir, tempName), vfs.join(dir, name))
  } catch (error) {
    throw ioError(error, 'link', name)
  }
  try {
    vfs.syncDirSync(dir)
  } catch (error) {
    throw ioError(error, 'sync', DIRECTORY_NAME)
  }
  return null
}

const NO_HARD_LINKS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'ENOSYS', 'EMLINK'])

function renameWithoutReplacing(vfs: Vfs, from: string, to: string): void {
  try {
    vfs.linkSync(from, to)
  } catch (error) {
    if (!NO_HARD_LINKS.has(errnoOf(error))) throw error
    vfs.openSync(to, 'create').closeSync()
    vfs.renameSync(from, to)
    return
  }
  try {
    vfs.unlinkSync(from)
  } catch {
    // The table has its name; the other one is a temp file that the next open removes.
  }
}

export interface SyncFilesInput {
  dir: string
  names: string[]
}

/** Fast mode's second half: files, then the directory. Throws with `file` '.' when that sync failed. */
export function* syncFiles(
  input: SyncFilesInput, { vfs }: { vfs: Vfs },
): Generator<undefined, null, unknown> {
  const { dir, names } = input
  for (const name of names) {
    try {
      const file = vfs.openSync(vfs.join(dir, name), 'write')
      try {
        file.syncSync()
      } finally {
        file.closeSync()
      }
    } catch (error) {
      throw ioError(error, 'sync', name)
    }
    yield
  }
  try {
    vfs.syncDirSync(dir)
  } catch (error) {
    throw ioError(error, 'sync', DIRECTORY_NAME)
  }
  return null
}
