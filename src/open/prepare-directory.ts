/**
 * What: prepares the directory of a database before it is locked: made when the options allow that, closed to
 * strangers.
 * Thread: main.
 */
import { directoryError, VarveError } from '../base/index.js'
import { checkNotForeign, findDirectory, holdsFiles, makeDirectories, namesIn, readMarker } from '../directory/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import type { Vfs } from '../vfs/index.js'

/** Makes the directory when the options allow that. Before a lock is taken it refuses one that is not for this call. */
export async function prepareDirectory(
  location: string, vfs: Vfs, options: ResolvedOptions,
): Promise<{ dir: string; isMade: boolean }> {
  const info = await findDirectory(location, vfs)
  if (info === null) {
    checkExistence(location, false, options)
    try {
      await makeDirectories(location, vfs)
      return { dir: await vfs.realPath(location), isMade: true }
    } catch (error) {
      throw directoryError(error, 'create', location)
    }
  }
  if ((info.mode & 0o002) !== 0 && !options.allowSharedDirectory) {
    throw new VarveError('INVALID_ARGUMENT', `${location} may be written by everybody`, {
      hint: 'chmod o-w it, or open it with allowSharedDirectory: true',
    })
  }
  const dir = await vfs.realPath(location)
  const names = await namesIn(dir, vfs)
  checkNotForeign(dir, names)
  const isThere = readMarker(names) !== null
  if (isThere || !holdsFiles(names)) checkExistence(dir, isThere, options) // recovery says what is wrong with others
  return { dir, isMade: false }
}

export function checkExistence(dir: string, exists: boolean, options: ResolvedOptions): void {
  if (!exists && !options.createIfMissing) {
    throw new VarveError('NOT_FOUND', `the database in ${dir} does not exist`, {
      hint: 'check the path; the option createIfMissing (varve shell --create) makes one',
    })
  }
  if (exists && options.errorIfExists) {
    throw new VarveError('ALREADY_EXISTS', `a database exists in ${dir}`)
  }
}
