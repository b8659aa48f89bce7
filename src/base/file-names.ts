/**
 * What: the names in a database directory, both ways. Lower case only; a name that does not parse is
 * not ours and is never touched.
 *
 *   000012.log                        write-ahead log
 *   000012.table                      sorted table
 *   000012.manifest                   manifest
 *   000012.table.tmp.<pid>.<ns>       table being built
 *   marker.000003.000012              iteration 3: the manifest is number 12; the highest iteration wins
 *   lock                              carrier of the kernel lock, never deleted
 *   lock.000000000007                 generation 7 of the lock
 */
import type { FileNum } from './ids.js'

export type DataFileKind = 'log' | 'table' | 'manifest' | 'vlog'

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
  return `${pad(fileNum, 6)}.log`
}

export function tableFileName(fileNum: FileNum): string {
  return `${pad(fileNum, 6)}.table`
}

export function manifestFileName(fileNum: FileNum): string {
  return `${pad(fileNum, 6)}.manifest`
}

export function markerFileName(iteration: number, manifest: FileNum): string {
  return `marker.${pad(iteration, 6)}.${pad(manifest, 6)}`
}

/** `unique` is made of digits and dots: process id and a time stamp. */
export function tempFileName(table: FileNum, unique: string): string {
  return `${tableFileName(table)}.tmp.${unique}`
}

/** Written, synced and removed again to see whether the disk takes writes. */
export function probeFileName(unique: string): string {
  return `probe.tmp.${unique}`
}

export const LOCK_FILE_NAME = 'lock'

export function lockGenerationFileName(generation: number): string {
  return `lock.${pad(generation, 12)}`
}

/** Null when the name is not one of ours; numbers above 2^53 - 1 are not ours either. */
export function parseFileName(name: string): FileName | null {
  if (name.length > 80) return null
  if (name === LOCK_FILE_NAME) return { kind: 'lock', generation: null }
  let match = /^(\d{6,16})\.(log|table|manifest|vlog)$/.exec(name)
  if (match) return numbered(match[1]!, 6, (fileNum) => ({ kind: match![2] as DataFileKind, fileNum }))
  match = /^(\d{6,16})\.(?:table|vlog)\.tmp\.\d+\.\d+$/.exec(name)
  if (match) return numbered(match[1]!, 6, (fileNum) => ({ kind: 'temp', fileNum }))
  match = /^marker\.(\d{6,16})\.(\d{6,16})$/.exec(name)
  if (match) {
    const manifest = match[2]!
    return numbered(match[1]!, 6, (iteration) => {
      return numbered(manifest, 6, (fileNum) => ({ kind: 'marker', iteration, fileNum }))
    })
  }
  match = /^lock\.(\d{12,16})$/.exec(name)
  if (match) return numbered(match[1]!, 12, (generation) => ({ kind: 'lock', generation }))
  if (/^probe\.tmp\.\d+\.\d+$/.test(name)) return { kind: 'probe' }
  return null
}

/** Only the spelling that we write counts: no second name for one number. */
function numbered(digits: string, width: number, make: (n: number) => FileName | null): FileName | null {
  const n = Number(digits)
  return Number.isSafeInteger(n) && pad(n, width) === digits ? make(n) : null
}
