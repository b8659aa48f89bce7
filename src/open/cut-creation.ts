/**
 * What: tells a database whose creation a crash cut short from one that lost its marker. The former holds nothing
 * and may be made anew.
 * Thread: main; runs blocking or awaited. Reads only.
 */
import { FILE_HEADER_BYTES, parseFileName, VarveError } from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import { readManifest, tableCount } from '../manifest/index.js'
import { statFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'

/**
 * True when there is no table, no log has a frame, and no manifest says that anything was ever written: a creation
 * makes a log and a manifest before the marker. Requires: no marker is among the names.
 */
export function* isCutCreation(vfs: Vfs, dir: string, names: readonly string[]): Steps<boolean> {
  for (const name of names) if (!(yield* isBlankFile(vfs, dir, name))) return false
  return true
}

/** True for a file that holds nothing: a foreign file, a log without a frame, the manifest of an empty database. */
export function* isBlankFile(vfs: Vfs, dir: string, name: string): Steps<boolean> {
  const parsed = parseFileName(name)
  switch (parsed?.kind) {
    case 'table': case 'vlog': case 'temp': return false
    case 'log': return ((yield* statFile(vfs, vfs.join(dir, name)))?.size ?? 0) <= FILE_HEADER_BYTES
    case 'manifest': return yield* isBlankManifest(vfs, dir, parsed.fileNum)
    default: return true
  }
}

/**
 * True for the manifest of an empty database, and for one that is not whole: before the marker was made, that is an
 * unfinished creation, too.
 */
function* isBlankManifest(vfs: Vfs, dir: string, fileNum: FileNum): Steps<boolean> {
  try {
    const { version } = yield* readManifest(vfs, dir, fileNum)
    return tableCount(version) === 0 && version.lastSeqNum === 0 && version.pins.size === 0 && version.position === null
  } catch (error) {
    if (VarveError.is(error) && error.code === 'CORRUPTION') return true
    throw error
  }
}
