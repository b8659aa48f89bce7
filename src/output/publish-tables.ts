/**
 * What: built temp files get their final names, durably: the first half of an install. A job, so that a
 * blocked caller can drive it and a failure's place is known.
 * Owns: the order of the steps. Does not own: the edit group that makes the tables part of the database.
 * Thread: any.
 * Invariants: FLUSH-5 file synced → name linked → directory synced → edit group written → manifest
 * synced; no step begins before the one before it succeeded. FLUSH-6 a final name is never replaced.
 */
import { errnoOf, ioError, tableFileName } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'

export interface PublishTablesInput {
  dir: string
  /** At least one. */
  tables: readonly { tempName: string; tableNum: FileNum }[]
}

/** Of jobs that end an install: builds and sorts stand back for them, since writers may be waiting. */
export const INSTALL_PRIORITY = 2

/** The directory itself, in errors. */
export const DIRECTORY_NAME = '.'

/**
 * Renames without replacing, then one directory sync. Throws with `file` '.' when the sync is what failed;
 * when a name could not be given, those given before are taken back and nothing is synced.
 */
export function* publishTables(
  input: PublishTablesInput, { vfs }: { vfs: Vfs },
): Generator<undefined, null, unknown> {
  const { dir, tables } = input
  const named: string[] = []
  const temps: string[] = []
  for (const { tempName, tableNum } of tables) {
    const [from, to] = [vfs.join(dir, tempName), vfs.join(dir, tableFileName(tableNum))]
    try {
      if (nameWithoutReplacing(vfs, from, to)) temps.push(from)
    } catch (error) {
      unlinkIfPossible(vfs, named)
      throw ioError(error, 'link', tableFileName(tableNum))
    }
    named.push(to)
  }
  unlinkIfPossible(vfs, temps)
  syncDirectory(vfs, dir)
  return null
}

const NO_HARD_LINKS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'ENOSYS', 'EMLINK'])

/** True when the file has both names now, false when it was renamed. */
function nameWithoutReplacing(vfs: Vfs, from: string, to: string): boolean {
  try {
    vfs.linkSync(from, to)
    return true
  } catch (error) {
    if (!NO_HARD_LINKS.has(errnoOf(error))) throw error
  }
  vfs.openSync(to, 'create').closeSync()
  try {
    vfs.renameSync(from, to)
  } catch (error) {
    unlinkIfPossible(vfs, [to])
    throw error
  }
  return false
}

/** No version lists these names: one that stays is a temp file or an orphan, which the next open removes. */
function unlinkIfPossible(vfs: Vfs, paths: readonly string[]): void {
  for (const path of paths) {
    try {
      vfs.unlinkSync(path)
    } catch {
      // See above.
    }
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
  syncDirectory(vfs, dir)
  return null
}

function syncDirectory(vfs: Vfs, dir: string): void {
  try {
    vfs.syncDirSync(dir)
  } catch (error) {
    throw ioError(error, 'sync', DIRECTORY_NAME)
  }
}
