/**
 * What: tells a database whose creation a crash cut short, which holds nothing and may be made anew, from one
 * that lost its marker.
 * Thread: main. Reads only.
 */
import { FILE_HEADER_BYTES, parseFileName, runAsync, VarveError } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import { readManifest, tableCount } from '../manifest/index.js'
import type { Vfs } from '../vfs/index.js'

/**
 * Requires: no marker among the names. A creation makes a log and a manifest before the marker: then there is
 * no table, no log has a frame, and no manifest says that anything was ever written.
 */
export async function isCutCreation(vfs: Vfs, dir: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (!(await isBlankFile(vfs, dir, name))) return false
  return true
}

/** A file that holds nothing: not ours, a log without a frame, the manifest of an empty database. */
export async function isBlankFile(vfs: Vfs, dir: string, name: string): Promise<boolean> {
  const parsed = parseFileName(name)
  switch (parsed?.kind) {
    case 'table': case 'vlog': case 'temp': return false
    case 'log': return ((await vfs.stat(vfs.join(dir, name)))?.size ?? 0) <= FILE_HEADER_BYTES
    case 'manifest': return isBlankManifest(vfs, dir, parsed.fileNum)
    default: return true
  }
}

/** One that is not whole was not finished: before the marker that is the creation, too. */
async function isBlankManifest(vfs: Vfs, dir: string, fileNum: FileNum): Promise<boolean> {
  try {
    const { version } = await runAsync(readManifest(vfs, dir, fileNum))
    return tableCount(version) === 0 && version.lastSeqNum === 0 && version.pins.size === 0 && version.position === null
  } catch (error) {
    if (VarveError.is(error) && error.code === 'CORRUPTION') return true
    throw error
  }
}
