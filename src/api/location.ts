/**
 * What: calls about a location where a database is or may be: the check of the location, the file system, and the
 * errors that it reports.
 */
import { directoryError, errnoOf, invalidArgument, keepAliveUntil, systemClock, takeOptions } from '../base/index.js'
import { existingDirectory } from '../directory/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { LockHolder, Vfs } from '../vfs/index.js'

/** Makes a call that needs no open database, and explains the errors of its directory. */
export async function atLocation<T>(
  name: string, location: string, options: { vfs?: Vfs }, call: (vfs: Vfs, path: string) => Promise<T>,
): Promise<T> {
  const path = checkLocation(location)
  const vfs = takeOptions(name, ['vfs'], options, (given) => given.vfs) ?? new NodeVfs()
  try {
    return await keepAliveUntil(systemClock, call(vfs, path))
  } catch (error) {
    throw diskError(error, name, path)
  }
}

export async function unlockDirectory(vfs: Vfs, path: string): Promise<LockHolder | null> {
  return vfs.forceUnlock(await existingDirectory(path, vfs))
}

/** Turns an error of the file system about the directory itself into ours; a bug stays what it is. */
export function diskError(error: unknown, operation: string, dir: string): unknown {
  return errnoOf(error) === '' ? error : directoryError(error, operation, dir)
}

export function checkLocation(location: unknown): string {
  if (typeof location !== 'string' || location === '' || location.includes('\0')) {
    throw invalidArgument('the location must be the path of a directory')
  }
  return location
}
