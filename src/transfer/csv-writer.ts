/**
 * What: writes entries as a table of cells, RFC 4180: a line of names, then a line for each entry, ended by CR LF. The
 * names say how the cells are to be read: "key" is UTF-8, "key_hex" and "key_base64" are what they say.
 * Thread: main. No I/O. A table of cells has no end that can be told.
 */
import { toHex, VarveError } from '../base/index.js'
import { ChunkOutput } from './chunk-output.js'
import type { EntryWriter } from './entry-codec.js'
import type { ExportTotals, LentEntry } from './export-writer.js'
import { base64Bytes, isUtf8, putBase64, putHex } from './text-bytes.js'

/** The ways in which keys or values may stand in cells. */
export const CELL_ENCODINGS = ['utf8', 'hex', 'base64'] as const
/** How keys or values stand in the cells of a table. */
export type CellEncoding = 'utf8' | 'hex' | 'base64'

export interface CsvShape {
  keyEncoding: CellEncoding
  valueEncoding: CellEncoding
  /** The table has a column of times of expiry. Null: it has none, and an entry with one is refused. */
  hasExpiry: boolean | null
  /** Cells that a spreadsheet would take for a formula begin with an apostrophe. */
  hasSafeCells: boolean
}

const [QUOTE, COMMA, RETURN, LINE_FEED, BLANK, TAB, APOSTROPHE] = [0x22, 0x2c, 13, 10, 0x20, 9, 0x27]
/** What a spreadsheet takes for the beginning of a formula, and the apostrophe itself, so that it can be taken back. */
const UNSAFE: ReadonlySet<number> = new Set([0x3d, 0x2b, 0x2d, 0x40, TAB, RETURN, APOSTROPHE])
const HEX_SHOWN = 64
/** Bytes of a line besides those of key and value, at most. */
const FRAME_BYTES = 64

/** The name of a column. */
export function columnName(name: 'key' | 'value', encoding: CellEncoding): string {
  return encoding === 'utf8' ? name : `${name}_${encoding}`
}

export class CsvWriter implements EntryWriter {
  private readonly output: ChunkOutput
  private readonly shape: CsvShape
  private count = 0

  constructor(give: (bytes: Uint8Array) => void, shape: CsvShape) {
    this.output = new ChunkOutput(give)
    this.shape = shape
    const { keyEncoding, valueEncoding, hasExpiry } = shape
    const names = [columnName('key', keyEncoding), columnName('value', valueEncoding)]
    if (hasExpiry === true) names.push('expires')
    this.output.reserve(FRAME_BYTES)
    this.output.ascii(`${names.join(',')}\r\n`)
  }

  addLent(entry: LentEntry, expiryMs: number): void {
    const { output, shape } = this
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = entry
    if (expiryMs !== 0 && shape.hasExpiry === null) throw expiresError(keyBytes.subarray(keyStart, keyEnd))
    const key = keyBytes.subarray(keyStart, keyEnd)
    checkCell('key', shape.keyEncoding, key, key)
    const value = valueBytes.subarray(valueStart, valueEnd)
    checkCell('value', shape.valueEncoding, value, key)
    output.reserve(FRAME_BYTES + roomOf(shape.keyEncoding, key) + roomOf(shape.valueEncoding, value))
    this.put(shape.keyEncoding, key)
    output.ascii(',')
    this.put(shape.valueEncoding, value)
    if (shape.hasExpiry === true) output.ascii(expiryMs === 0 ? ',' : `,${expiryMs}`)
    output.ascii('\r\n')
    this.count++
  }

  private put(encoding: CellEncoding, bytes: Uint8Array): void {
    const { output, shape } = this
    const { chunk, at } = output
    const isUnsafe = shape.hasSafeCells && bytes.length > 0
    if (encoding === 'utf8') output.at = putCell(bytes, isUnsafe && UNSAFE.has(bytes[0]!), chunk, at)
    else {
      output.at = (encoding === 'hex' ? putHex : putBase64)(bytes, 0, bytes.length, chunk, at)
      if (isUnsafe && UNSAFE.has(chunk[at]!)) {
        chunk.copyWithin(at + 1, at, output.at++)
        chunk[at] = APOSTROPHE
      }
    }
  }

  end(): ExportTotals {
    this.output.flush()
    return { count: this.count, bytes: this.output.bytes }
  }
}

/** The most bytes that a cell takes. */
function roomOf(encoding: CellEncoding, bytes: Uint8Array): number {
  return encoding === 'base64' ? base64Bytes(bytes.length) : 2 * bytes.length
}

/** Writes text as a cell, in quotes where that is needed. */
function putCell(bytes: Uint8Array, isUnsafe: boolean, target: Uint8Array, to: number): number {
  const isQuoted = mustQuote(bytes)
  if (isQuoted) target[to++] = QUOTE
  if (isUnsafe) target[to++] = APOSTROPHE
  if (!isQuoted) {
    target.set(bytes, to)
    return to + bytes.length
  }
  for (const byte of bytes) {
    if (byte === QUOTE) target[to++] = QUOTE
    target[to++] = byte
  }
  target[to++] = QUOTE
  return to
}

/** Blanks at an end, and an empty cell, are in quotes since some programs take what stands outside of them away. */
function mustQuote(bytes: Uint8Array): boolean {
  const last = bytes.length - 1
  if (last < 0 || isSpace(bytes[0]!) || isSpace(bytes[last]!)) return true
  for (const byte of bytes) {
    if (byte === QUOTE || byte === COMMA || byte === RETURN || byte === LINE_FEED) return true
  }
  return false
}

function isSpace(byte: number): boolean {
  return byte === BLANK || byte === TAB
}

function checkCell(name: 'key' | 'value', encoding: CellEncoding, bytes: Uint8Array, key: Uint8Array): void {
  if (encoding !== 'utf8' || isUtf8(bytes, 0, bytes.length)) return
  const what = name === 'key' ? shownKey(key) : `the value of ${shownKey(key)}`
  throw new VarveError('INVALID_ARGUMENT', `${what} is not UTF-8`, {
    hint: `export with ${name}Encoding (--${name}-encoding) 'hex' or 'base64', or in another format`,
  })
}

function shownKey(key: Uint8Array): string {
  return `the key 0x${toHex(key.subarray(0, HEX_SHOWN))}${key.length > HEX_SHOWN ? '…' : ''}`
}

function expiresError(key: Uint8Array): VarveError {
  return new VarveError('INVALID_ARGUMENT', `${shownKey(key)} expires, and the table has no column for that`, {
    hint: 'includeExpiry true (--expiry) makes the column, false (--no-expiry) leaves the times out',
  })
}
