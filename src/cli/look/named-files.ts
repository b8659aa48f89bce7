/**
 * What: the files of a directory by their names alone: which are Varve's, and which are not. Works on any state.
 */
import { lstat } from 'node:fs/promises'
import path from 'node:path'
import { parseFileName, VarveError } from '../../base/index.js'
import { checkNotForeign, findDirectory, holdsFiles, namesIn } from '../../directory/index.js'
import { NodeVfs } from '../../vfs/index.js'

export interface NamedFiles {
  /** Names of Varve, those of the lock left out. */
  files: string[]
  bytes: number
  /** All other names. */
  foreign: string[]
}

/** Looks at the names. Rejects with NOT_FOUND where there is no database, UNSUPPORTED_FORMAT where it is another's. */
export async function namedFiles(location: string): Promise<NamedFiles> {
  const vfs = new NodeVfs()
  const absent = new VarveError('NOT_FOUND', `the database in ${location} does not exist`)
  if ((await findDirectory(location, vfs)) === null) throw absent
  const dir = await vfs.realPath(path.resolve(location))
  const names = (await namesIn(dir, vfs)).sort()
  checkNotForeign(dir, names)
  if (!holdsFiles(names)) throw absent
  const found: NamedFiles = { files: [], bytes: 0, foreign: [] }
  for (const name of names) {
    const kind = parseFileName(name)?.kind
    if (kind === undefined) found.foreign.push(name)
    else if (kind !== 'lock') {
      found.files.push(name)
      found.bytes += (await lstat(path.join(dir, name)).catch(() => null))?.size ?? 0
    }
  }
  return found
}
