/**
 * What: what an export is asked for, checked, and what it says when it is done.
 * Thread: main.
 */
import { checkChoice, checkFlag, invalidArgument, NUMBER_MAX } from '../base/index.js'
import type { AbortWatch } from '../base/index.js'
import type { Cursor } from '../read/index.js'
import type { Progress, ToolReport } from '../report/index.js'
import type { ByteSink, ExportStream } from './byte-sink.js'
import { CELL_ENCODINGS } from './csv-writer.js'
import type { CellEncoding, CsvShape } from './csv-writer.js'
import { EXPORT_FORMATS } from './entry-codec.js'
import type { ExportFormat } from './entry-codec.js'

/** Where an export goes: the path of a new file, a WritableStream, or a Writable of Node. It ends the stream. */
export type ExportSink = string | ExportStream

/** How entries are written. */
export interface ExportShape {
  /**
   * Exact, checked and the fastest is 'varve'; 'jsonl' is lines of JSON, exact too; 'csv' is a table of cells for other
   * programs, which has no end, so one that was cut between two lines cannot be told.
   */
  format: ExportFormat
  /**
   * How keys stand in the cells of 'csv'; default 'utf8', which refuses the first key that is no text. The name of the
   * column says which it is.
   */
  keyEncoding?: CellEncoding | undefined
  /**
   * How values stand in the cells of 'csv'. With 'jsonl' it may be 'json': a value that is a JSON text without line
   * breaks stands in its line as it is.
   */
  valueEncoding?: CellEncoding | 'json' | undefined
  /**
   * Whether to write when entries expire. Default true; with 'csv', where it is a column, the default refuses the first
   * entry that expires.
   */
  includeExpiry?: boolean | undefined
  /**
   * With 'csv': cells that a spreadsheet would take for a formula begin with an apostrophe; default false. An import
   * takes it away again when it is told so.
   */
  safeCells?: boolean | undefined
  /** After so many milliseconds the export ends with ABORTED, so that it does not keep old versions for ever; ≥ 1. */
  maxAgeMs?: number | undefined
}

export const SHAPE_NAMES =
  ['format', 'keyEncoding', 'valueEncoding', 'includeExpiry', 'safeCells', 'maxAgeMs'] as const

/** A shape, checked. */
export type WriterShape =
  | { format: 'varve'; hasExpiry: boolean }
  | { format: 'jsonl'; hasExpiry: boolean; hasJsonValues: boolean }
  | { format: 'csv'; hasExpiry: boolean | null } & CsvShape

export interface ExportCall {
  sink: string | ByteSink
  shape: WriterShape
  /** Stands before the first entry. */
  cursor: Cursor
  /** Infinity for no limit. */
  maxAgeMs: number
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  bytesPerSecond: number
}

/** What an export has done. */
export interface ExportReport extends ToolReport {
  tool: 'export'
  /** The format that was written. */
  format: ExportFormat
  /** Entries that were written. */
  entryCount: number
  /** Bytes that were written. */
  bytes: number
  /** The number of the last write that the export has seen. */
  seqNum: number
}

/** Reads the fields once, inside of `takeOptions`. */
export function takeShapeFields(given: ExportShape): ExportShape {
  const { format, keyEncoding, valueEncoding, includeExpiry, safeCells, maxAgeMs } = given
  return { format, keyEncoding, valueEncoding, includeExpiry, safeCells, maxAgeMs }
}

/** Checks what `takeShapeFields` gave. Throws INVALID_ARGUMENT. */
export function checkShape(given: ExportShape): { shape: WriterShape; maxAgeMs: number } {
  const { format, keyEncoding, valueEncoding, maxAgeMs } = given
  const includeExpiry = checkFlag(given.includeExpiry, 'includeExpiry')
  const safeCells = checkFlag(given.safeCells, 'safeCells')
  checkChoice(format, 'format', EXPORT_FORMATS)
  if (maxAgeMs !== undefined && !(typeof maxAgeMs === 'number' && maxAgeMs >= 1 && maxAgeMs <= NUMBER_MAX)) {
    throw invalidArgument('option maxAgeMs must be a number from 1')
  }
  const hasExpiry = includeExpiry ?? true
  if (format !== 'csv') {
    refuseGiven({ keyEncoding, safeCells }, `only for the format 'csv'`)
    if (format === 'varve') refuseGiven({ valueEncoding }, `not for the format 'varve'`)
    else if (valueEncoding !== undefined) checkChoice(valueEncoding, 'valueEncoding', ['json'])
  }
  return { shape: shapeOf(given, hasExpiry), maxAgeMs: maxAgeMs ?? Infinity }
}

function shapeOf(given: ExportShape, hasExpiry: boolean): WriterShape {
  const { format, keyEncoding = 'utf8', valueEncoding = 'utf8', includeExpiry, safeCells = false } = given
  if (format === 'varve') return { format, hasExpiry }
  if (format === 'jsonl') return { format, hasExpiry, hasJsonValues: valueEncoding === 'json' }
  checkChoice(keyEncoding, 'keyEncoding', CELL_ENCODINGS)
  if (valueEncoding === 'json') throw invalidArgument(`option valueEncoding is 'json' only for the format 'jsonl'`)
  checkChoice(valueEncoding, 'valueEncoding', CELL_ENCODINGS)
  return { format, hasExpiry: includeExpiry ?? null, keyEncoding, valueEncoding, hasSafeCells: safeCells }
}

function refuseGiven(options: Record<string, unknown>, why: string): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) throw invalidArgument(`option ${name} is ${why}`)
  }
}
