/**
 * What: makes and parses the names in a database directory. They are lower case only. A file whose name does not parse,
 * or has a number above NAME_NUMBER_MAX, is foreign: it is never touched, and no number in its name is obeyed.
 * A log is not called `000012.log`: LevelDB and its kin claim such names, and delete what they do not know.
 *
 *   000012.wal                        write-ahead log
 *   000012.table                      sorted table
 *   000012.vlog                       value log
 *   000012.manifest                   manifest
 *   000012.table.tmp.<pid>.<ns>       table being built; logs and value logs take the same form
 *   marker.000003.000012              iteration 3: the manifest is number 12; the highest iteration wins
 *   varve.lock                        carrier of the kernel lock (not `lock`: where case is ignored that is LevelDB's)
 *   varve.lock.000000000007           generation 7 of the lock
 *   varve.lock.socket.<pid>.<number>  its holder's sign of life, where the kernel lock cannot be taken
 */
import type { FileNum } from './ids.js'
import { NAME_NUMBER_MAX } from './limits.js'

export type DataFileKind = 'log' | 'table' | 'manifest' | 'vlog'

const KIND_OF_EXTENSION: Readonly<Record<string, DataFileKind>> = {
  wal: 'log', table: 'table', manifest: 'manifest', vlog: 'vlog',
}

export type FileName =
  | { kind: DataFileKind; fileNum: FileNum }
  | { kind: 'temp'; fileNum: FileNum }
  | { kind: 'marker'; iteration: number; fileNum: FileNum }
  | { kind: 'lock'; generation: number | null }
  | { kind: 'probe' }

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0')
}

export function logFileName(fileNum: FileNum): string {
  return `${pad(fileNum, 6)}.wal`
}

export function tableFileName(fileNum: FileNum): string {
  return `${pad(fileNum, 6)}.table`
}

export function vlogFileName(fileNum: FileNum): string {
  return `${pad(fileNum, 6)}.vlog`
}

/** A value log keeps the name it was made under: that of a log, if it was one. */
export function valueLogFileName({ fileNum, isLog }: { fileNum: FileNum; isLog: boolean }): string {
  return isLog ? logFileName(fileNum) : vlogFileName(fileNum)
}

export function manifestFileName(fileNum: FileNum): string {
  return `${pad(fileNum, 6)}.manifest`
}

export function markerFileName(iteration: number, manifest: FileNum): string {
  return `marker.${pad(iteration, 6)}.${pad(manifest, 6)}`
}

/** Names a file while it is written. `unique` is made of digits and dots: process id and a time stamp. */
export function tempFileName(finalName: string, unique: string): string {
  return `${finalName}.tmp.${unique}`
}

/** Names a file that is written, synced and removed again to see whether the disk takes writes. */
export function probeFileName(unique: string): string {
  return `probe.tmp.${unique}`
}

export const LOCK_FILE_NAME = 'varve.lock'

/** The directory, in a database that a repair made, of what is not served: no open looks into it, none removes it. */
export const SALVAGED_DIRECTORY = 'salvaged'

export function lockGenerationFileName(generation: number): string {
  return `${LOCK_FILE_NAME}.${pad(generation, 12)}`
}

/** Names the socket of a lock's holder. `unique` is made as for `tempFileName`. */
export function lockSocketFileName(unique: string): string {
  return `${LOCK_FILE_NAME}.socket.${unique}`
}

/** Parses a name in the directory; gives null when it is the name of a foreign file. */
export function parseFileName(name: string): FileName | null {
  if (name.length > 80) return null
  if (name === LOCK_FILE_NAME) return { kind: 'lock', generation: null }
  let match = /^(\d{6,16})\.(wal|table|manifest|vlog)$/.exec(name)
  if (match) {
    const kind = KIND_OF_EXTENSION[match[2]!]!
    return numbered(match[1]!, 6, (fileNum) => ({ kind, fileNum }))
  }
  match = /^(\d{6,16})\.(?:wal|table|vlog)\.tmp\.\d+\.\d+$/.exec(name)
  if (match) return numbered(match[1]!, 6, (fileNum) => ({ kind: 'temp', fileNum }))
  match = /^marker\.(\d{6,16})\.(\d{6,16})$/.exec(name)
  if (match) {
    const manifest = match[2]!
    return numbered(match[1]!, 6, (iteration) => {
      return numbered(manifest, 6, (fileNum) => ({ kind: 'marker', iteration, fileNum }))
    })
  }
  match = /^varve\.lock\.(\d{12,16})$/.exec(name)
  if (match) return numbered(match[1]!, 12, (generation) => ({ kind: 'lock', generation }))
  if (/^varve\.lock\.socket\.\d+\.\d+$/.test(name)) return { kind: 'lock', generation: null }
  if (/^probe\.tmp\.\d+\.\d+$/.test(name)) return { kind: 'probe' }
  return null
}

/** The file number in a parsed name; 0 when there is none. */
export function fileNumOf(parsed: FileName | null): FileNum {
  return parsed !== null && 'fileNum' in parsed ? parsed.fileNum : 0
}

/** Parses digits of the width that Varve writes, and no others: a number has one name only. */
function numbered(digits: string, width: number, make: (n: number) => FileName | null): FileName | null {
  const n = Number(digits)
  return n <= NAME_NUMBER_MAX && pad(n, width) === digits ? make(n) : null
}
