/**
 * What: the directory that a database or a cache is kept in, before anything in it is read: found or made, its name
 * durable, its names listed, locked. Whose it is the names say (marker.ts, foreign-database.ts).
 * Thread: main.
 */
import { directoryError, errnoOf, parseFileName, runAsync, VarveError } from '../base/index.js'
import { readFully, withFile } from '../vfs/index.js'
import type { FileInfo, Vfs, VfsLock } from '../vfs/index.js'
import { checkFileNotForeign, checkNotForeign, FOREIGN_FILE_BYTES } from './foreign-database.js'

/** Errors by which a system, or Node's permission model, forbids this process to open a directory. */
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'ERR_ACCESS_DENIED'])

/** Gives the facts of the directory, or null when nothing is there; rejects when it is no directory. */
export async function findDirectory(location: string, vfs: Vfs): Promise<FileInfo | null> {
  const info = await infoOf(location, vfs)
  // A link to a directory is the user's way to name it; only inside the directory links are refused.
  const target = info?.kind === 'other' ? await targetOf(location, vfs) : info
  if (target === null || target.kind === 'directory') return target
  if (target.kind === 'file') await checkFile(location, vfs)
  throw new VarveError('INVALID_ARGUMENT', `${location} is not a directory`)
}

/** Gives the real path of a directory that is there. Throws NOT_FOUND without one. */
export async function existingDirectory(location: string, vfs: Vfs): Promise<string> {
  if ((await findDirectory(location, vfs)) === null) {
    throw new VarveError('NOT_FOUND', `${location} does not exist`)
  }
  return vfs.realPath(location)
}

/** A directory that may hold a database: its real path, and the names in it. */
export interface NamedDirectory {
  dir: string
  names: string[]
}

/** Gives a directory that is there, and no other store's. Throws NOT_FOUND and UNSUPPORTED_FORMAT. */
export async function databaseDirectory(location: string, vfs: Vfs): Promise<NamedDirectory> {
  const dir = await existingDirectory(location, vfs)
  const names = await namesIn(dir, vfs)
  checkNotForeign(dir, names)
  return { dir, names }
}

async function infoOf(path: string, vfs: Vfs): Promise<FileInfo | null> {
  try {
    return await vfs.stat(path)
  } catch (error) {
    throw directoryError(error, 'open', path)
  }
}

async function targetOf(link: string, vfs: Vfs): Promise<FileInfo | null> {
  try {
    return await vfs.stat(await vfs.realPath(link))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw directoryError(error, 'open', link)
    throw new VarveError('NOT_FOUND', `${link} is a link to what does not exist`)
  }
}

/** Throws an error of its own when the file is a whole database of another kind. */
async function checkFile(path: string, vfs: Vfs): Promise<void> {
  const bytes = new Uint8Array(FOREIGN_FILE_BYTES)
  try {
    const target = await vfs.realPath(path)
    await runAsync(withFile(vfs, target, 'read', (file) => readFully(file, bytes, bytes.length)))
  } catch {
    return // a file that cannot be read is just no directory
  }
  checkFileNotForeign(path, bytes)
}

export async function namesIn(dir: string, vfs: Vfs): Promise<string[]> {
  try {
    return await vfs.list(dir)
  } catch (error) {
    throw directoryError(error, 'list', dir)
  }
}

/** True when there are files of a database, whole or not; files of its lock alone do not count. */
export function holdsFiles(names: readonly string[]): boolean {
  return names.some((name) => {
    const kind = parseFileName(name)?.kind
    return kind !== undefined && kind !== 'lock' && kind !== 'probe'
  })
}

/** Makes the directories of a path. Each is durable in its parent before the next is made. */
export async function makeDirectories(path: string, vfs: Vfs): Promise<void> {
  const parent = vfs.parent(path)
  if (parent !== path && (await vfs.stat(parent)) === null) await makeDirectories(parent, vfs)
  else await syncFoundName(parent, vfs)
  try {
    await vfs.mkdir(path)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
  }
  if (parent !== path) await vfs.syncDir(parent)
}

/**
 * Syncs the name of a directory that was there: its maker may have been killed before the name was durable. Where
 * this process may not look at the parent, it did not make the directory either.
 */
export async function syncFoundName(dir: string, vfs: Vfs): Promise<void> {
  const parent = vfs.parent(dir)
  if (parent === dir) return
  try {
    await vfs.syncDir(parent)
  } catch (error) {
    if (!FORBIDDEN.has(errnoOf(error))) throw error
  }
}

export async function lockFor(dir: string, vfs: Vfs): Promise<VfsLock> {
  try {
    return await vfs.lock(dir)
  } catch (error) {
    throw directoryError(error, 'lock', dir)
  }
}
