/**
 * What: the directory of a database before it is locked: found or made, its name durable, closed to strangers.
 * Thread: main.
 */
import { errnoOf, ioError, VarveError } from '../base/index.js'
import type { FileInfo, Vfs } from '../vfs/index.js'
import type { ResolvedOptions } from './options.js'

/** What a system, or Node's permission model, says of a directory that this process may not open. */
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'ERR_ACCESS_DENIED'])

/** Null when nothing is there; rejects when it is no directory. */
export async function findDirectory(location: string, vfs: Vfs): Promise<FileInfo | null> {
  const info = await vfs.stat(location)
  // A link to a directory is the user's way to name it; only inside the directory links are refused.
  const target = info?.kind === 'other' ? await targetOf(location, vfs) : info
  if (target === null || target.kind === 'directory') return target
  throw new VarveError('INVALID_ARGUMENT', `${location} is not a directory`)
}

async function targetOf(link: string, vfs: Vfs): Promise<FileInfo | null> {
  try {
    return await vfs.stat(await vfs.realPath(link))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'open', link)
    throw new VarveError('NOT_FOUND', `${link} is a link to what does not exist`)
  }
}

/** Makes the directory when that is allowed; refuses one that others may write. */
export async function prepareDirectory(
  location: string, vfs: Vfs, options: ResolvedOptions,
): Promise<{ dir: string; isMade: boolean }> {
  const info = await findDirectory(location, vfs)
  if (info === null) {
    if (!options.createIfMissing) {
      throw new VarveError('NOT_FOUND', `${location} does not exist`, { hint: 'open it with createIfMissing' })
    }
    try {
      await makeDirectories(location, vfs)
    } catch (error) {
      throw ioError(error, 'create', location)
    }
    return { dir: await vfs.realPath(location), isMade: true }
  }
  if ((info.mode & 0o002) !== 0 && !options.allowSharedDirectory) {
    throw new VarveError('INVALID_ARGUMENT', `${location} may be written by everybody`, {
      hint: 'chmod o-w it, or open it with allowSharedDirectory: true',
    })
  }
  return { dir: await vfs.realPath(location), isMade: false }
}

/** Each directory made is durable in its parent before the next. */
async function makeDirectories(path: string, vfs: Vfs): Promise<void> {
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
 * Of a directory that was there: whoever made it may have been killed before its name was durable.
 * Where we may not look at the parent it is not we who made it.
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
