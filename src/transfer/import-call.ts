/**
 * What: what an import is asked for, checked, and what it says when it is done.
 * Thread: main.
 */
import { checkChoice, checkFlag, invalidArgument } from '../base/index.js'
import type { AbortWatch, ByteSource, ValueSource } from '../base/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import type { Progress, ToolReport } from '../report/index.js'
import type { Vfs } from '../vfs/index.js'
import { CELL_ENCODINGS } from './csv-writer.js'
import type { CellEncoding } from './csv-writer.js'
import { EXPORT_FORMATS } from './entry-codec.js'
import type { ExportFormat } from './entry-codec.js'

/** Where an import reads from: the path of a file, or of a LevelDB directory; or bytes in pieces. */
export type ImportSource = string | ValueSource

/** The format that an import reads. */
export type ImportFormat = ExportFormat | 'leveldb'

/** How an import reads, and what it does. */
export interface ImportShape {
  /** Default 'auto': as the first bytes show, or 'leveldb' for a directory. */
  format?: ImportFormat | 'auto' | undefined
  /**
   * The default 'empty' makes a target that is not there, or an empty directory: it appears when all is in it. With
   * 'existing' all entries become part of a database at once, which nobody may have open.
   */
  into?: 'empty' | 'existing' | undefined
  /** Leaves the keys alone that the database has; default false. */
  onlyMissing?: boolean | undefined
  /** With 'check' the keys come in ascending order, and the first that does not ends the import. Default 'no'. */
  sorted?: 'check' | 'no' | undefined
  /** The most lines of 'jsonl' or 'csv' that are no entries: they are left out, and told in the report. Default 0. */
  maxErrors?: number | undefined
  /** How the keys of 'csv' stand in their cells; by default as the name of the column says, which is 'key' for text. */
  keyEncoding?: CellEncoding | undefined
  /** How the values of 'csv' stand in their cells. */
  valueEncoding?: CellEncoding | undefined
  /** With 'csv': takes the apostrophe away that an export with `safeCells` put in front of cells; default false. */
  safeCells?: boolean | undefined
  /** With 'leveldb': takes a database with another order of keys, and sorts it bytewise; default false. */
  anyComparator?: boolean | undefined
}

export const IMPORT_NAMES = [
  'format', 'into', 'onlyMissing', 'sorted', 'maxErrors', 'keyEncoding', 'valueEncoding', 'safeCells', 'anyComparator',
] as const

/** A shape, checked. */
export interface ImportPlan {
  format: ImportFormat | 'auto'
  isIntoExisting: boolean
  onlyMissing: boolean
  isSorted: boolean
  maxErrors: number
  keyEncoding: CellEncoding | null
  valueEncoding: CellEncoding | null
  hasSafeCells: boolean
  anyComparator: boolean
}

export interface ImportCall {
  source: string | ByteSource
  plan: ImportPlan
  options: ResolvedOptions
  vfs: Vfs
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  bytesPerSecond: number
}

/** What an import has done. */
export interface ImportReport extends ToolReport {
  tool: 'import'
  /** The format that was read. */
  format: ImportFormat
  /** Entries that the source has. */
  readCount: number
  /** Entries that were put into the database. */
  entryCount: number
  /** Entries that a later one with the same key replaced. */
  duplicateCount: number
  /** Entries that had expired, and were left out. */
  expiredCount: number
  /** Entries whose keys were there, and that were left out for `onlyMissing`. */
  keptCount: number
  /** Lines that were no entries, and were left out. */
  rejectedCount: number
  /** Bytes of the source. */
  bytes: number
}

/** Reads the fields once, inside of `takeOptions`. */
export function takeImportFields(given: ImportShape): ImportShape {
  const { format, into, onlyMissing, sorted, maxErrors } = given
  const { keyEncoding, valueEncoding, safeCells, anyComparator } = given
  return { format, into, onlyMissing, sorted, maxErrors, keyEncoding, valueEncoding, safeCells, anyComparator }
}

/** Checks what `takeImportFields` gave. Throws INVALID_ARGUMENT. */
export function checkPlan(given: ImportShape): ImportPlan {
  const { format = 'auto', into = 'empty', sorted = 'no', maxErrors = 0, keyEncoding, valueEncoding } = given
  checkChoice(format, 'format', ['auto', ...EXPORT_FORMATS, 'leveldb'])
  checkChoice(into, 'into', ['empty', 'existing'])
  checkChoice(sorted, 'sorted', ['check', 'no'])
  if (keyEncoding !== undefined) checkChoice(keyEncoding, 'keyEncoding', CELL_ENCODINGS)
  if (valueEncoding !== undefined) checkChoice(valueEncoding, 'valueEncoding', CELL_ENCODINGS)
  if (!(Number.isSafeInteger(maxErrors) && maxErrors >= 0)) {
    throw invalidArgument('option maxErrors must be an integer from 0')
  }
  return {
    format, isIntoExisting: into === 'existing', isSorted: sorted === 'check', maxErrors,
    keyEncoding: keyEncoding ?? null, valueEncoding: valueEncoding ?? null,
    onlyMissing: checkFlag(given.onlyMissing, 'onlyMissing') ?? false,
    hasSafeCells: checkFlag(given.safeCells, 'safeCells') ?? false,
    anyComparator: checkFlag(given.anyComparator, 'anyComparator') ?? false,
  }
}
