/**
 * What: gives built temp files their final names, durably: the first half of an install. A job, so that a blocked
 * caller can drive it and the operation that failed is known.
 * Owns: the order of its operations. Does not own: the edit group that makes the tables part of the database.
 * Thread: any.
 * Invariants: FLUSH-5 file synced → name linked → directory synced → edit group written → manifest synced; none of
 * these begins before the one before it succeeded. FLUSH-6 a final name is never replaced.
 */
import {
  DIRECTORY_NAME, directoryError, errnoOf, ioError, isOutOfFiles, VarveError,
} from '../base/index.js'
import { runJob } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'
import type { Vfs } from '../vfs/index.js'

/** A file that is to be made. */
export interface PlannedFile {
  /** The name while the file is written. In fast mode it is the final one: nothing is renamed there. */
  readonly tempName: string
  readonly finalName: string
}

export interface PublishTablesInput {
  dir: string
  /** At least one. */
  files: readonly PlannedFile[]
}

/** The priority of jobs that end an install: builds and sorts stand back, since writers may be waiting. */
export const INSTALL_PRIORITY = 2

/**
 * Renames without replacing, then syncs the directory once. Gives the temp names that stayed beside the final ones.
 * Throws with `file` DIRECTORY_NAME when the sync is what failed; when a name could not be given, nothing is synced,
 * and the caller removes what is there already (`namesMade`).
 */
export function* publishTables(
  { dir, files }: PublishTablesInput, { vfs }: { vfs: Vfs },
): Generator<undefined, string[], unknown> {
  const linked: string[] = []
  for (const { tempName, finalName } of files) {
    try {
      if (nameWithoutReplacing(vfs, vfs.join(dir, tempName), vfs.join(dir, finalName))) linked.push(tempName)
    } catch (error) {
      throw ioError(error, 'link', finalName)
    }
  }
  const stayed = linked.filter((name) => !isRemoved(vfs, vfs.join(dir, name)))
  syncDirectory(vfs, dir)
  return stayed
}

/**
 * Gives those of the names that may be there now, after an operation failed that makes them in this order: a call that
 * fails may have had its effect. A name that was taken is another file's, and those after it were not tried.
 */
export function namesMade(names: readonly string[], error: unknown): string[] {
  const isTaken = VarveError.is(error) && errnoOf(error.cause) === 'EEXIST'
  const at = isTaken ? names.indexOf(error.file ?? '') : -1
  return names.slice(0, at < 0 ? names.length : at)
}

/** Names the tables, durably. Gives temp names that stayed beside the final ones; throws what the job threw. */
export function publish(executor: Executor, input: PublishTablesInput): Procedure<string[]> {
  return runJob<string[]>(executor, { kind: 'publishTables', input, priority: INSTALL_PRIORITY })
}

/**
 * Tells whether a publish failed at the directory's sync: then nobody knows which names will be there after a crash. (A
 * directory that could not even be opened for the sync is as it was.)
 */
export function isDirectoryFailure(error: unknown): boolean {
  return VarveError.is(error) && error.file === DIRECTORY_NAME && !isOutOfFiles(error)
}

export const NO_HARD_LINKS: ReadonlySet<string> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'ENOSYS', 'EMLINK'])

/** True when the file has both names now, false when it was renamed. */
export function nameWithoutReplacing(vfs: Vfs, from: string, to: string): boolean {
  try {
    vfs.linkSync(from, to)
    return true
  } catch (error) {
    if (!NO_HARD_LINKS.has(errnoOf(error))) throw error
  }
  vfs.openSync(to, 'create').closeSync()
  vfs.renameSync(from, to)
  return false
}

function isRemoved(vfs: Vfs, path: string): boolean {
  try {
    vfs.unlinkSync(path)
    return true
  } catch {
    return false
  }
}

export interface SyncFilesInput {
  dir: string
  names: string[]
}

/**
 * Syncs files, then the directory: fast mode's second half. Throws with `file` DIRECTORY_NAME when that sync failed.
 */
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

export function syncDirectory(vfs: Vfs, dir: string): void {
  try {
    vfs.syncDirSync(dir)
  } catch (error) {
    throw directoryError(error, 'sync', dir)
  }
}
