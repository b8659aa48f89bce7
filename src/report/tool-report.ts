/**
 * What: what every tool says of a database directory when it is done: one shape, which is also its JSON.
 * Names are API: add, do not rename.
 * Thread: any (pure).
 */
import { VarveError } from '../base/index.js'

/**
 * What a problem means. `damage`: something that was written is lost or cannot be read. `suspicion`: it may be, or a
 * tool cannot tell. `waste`: bytes that nobody needs, or that are not Varve's.
 */
export type ProblemSeverity = 'damage' | 'suspicion' | 'waste'

/** One thing that is not as it should be. */
export interface Problem {
  /** The code of the error that a reader of this place meets, or what kind of waste it is. */
  code: string
  /** What it means. */
  severity: ProblemSeverity
  /** The file, relative to the directory. */
  file: string
  /** Byte offset in the file; null for the file as a whole. */
  offset: number | null
  /** How many bytes cannot be believed from there on; null where that is not known. */
  bytes: number | null
  /** The first key that may be wrong; null when no key is named. */
  from: Uint8Array | null
  /** The key below which keys may be wrong; null for all behind `from`. */
  to: Uint8Array | null
  /** What was found. */
  message: string
  /** What it means for who uses the database. */
  consequence: string
  /** What to do. */
  advice: string
}

/** What a tool has found and done. */
export interface ToolReport {
  /** The name of the tool, as the command line calls it. */
  tool: string
  /** The version of this shape. */
  version: 1
  /** The database id, in hexadecimal digits; empty when it could not be read. */
  database: string
  /** The number of the history that the directory holds; empty when it could not be read. */
  lineage: string
  /** When the tool began, in milliseconds since 1970. */
  startedMs: number
  /** How long the call took. */
  durationMs: number
  /** True when there is no `damage`. */
  ok: boolean
  /** Bytes that a checksum was compared over. */
  checkedBytes: number
  /** Files that were looked at. */
  files: number
  /** What is not as it should be. */
  problems: Problem[]
}

/** Makes a problem of an error that a reader met. */
export function problemOf(
  error: VarveError, place: Pick<Problem, 'file' | 'consequence'> & Partial<Problem>,
): Problem {
  return {
    code: error.code, severity: 'damage', offset: error.offset ?? null, bytes: null, from: null, to: null,
    message: error.message, advice: error.hint ?? '', ...place,
  }
}

/** Says whether the problems leave a database that serves all that was written. */
export function isOk(problems: readonly Problem[]): boolean {
  return problems.every(({ severity }) => severity !== 'damage')
}
