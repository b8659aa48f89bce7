/**
 * What: reads entries from a table of cells, RFC 4180, as csv-writer.ts writes it. Its first line names the columns: a
 * key, a value, and a time of expiry, in any order. A last line without its end is taken for one that was cut off.
 * Owns: the line that is not whole yet. Thread: main. No I/O.
 */
import { BadBytes, corruption } from '../base/index.js'
import { CELL_ENCODINGS, columnName } from './csv-writer.js'
import type { CellEncoding } from './csv-writer.js'
import type { EntryReader, OnBadLine, ReadEntry } from './entry-codec.js'
import { checkedEntry } from './jsonl-reader.js'
import { RecordSplitter } from './record-splitter.js'
import { isUtf8, readBase64, readHex } from './text-bytes.js'

const [QUOTE, COMMA, APOSTROPHE] = [0x22, 0x2c, 0x27]
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const NAMES_BYTES_MAX = 4096

/** What the caller says of a table; the names of its columns say the rest. */
export interface CsvReading {
  /** Null: as the name of the column says. */
  keyEncoding: CellEncoding | null
  valueEncoding: CellEncoding | null
  /** An apostrophe in front of a cell was put there by the export, and is taken away. */
  hasSafeCells: boolean
}

/** Where the columns are. */
interface Columns {
  count: number
  key: number
  value: number
  /** -1 when there is none. */
  expires: number
  keyEncoding: CellEncoding
  valueEncoding: CellEncoding
}

export class CsvReader implements EntryReader {
  private readonly file: string
  private readonly reading: CsvReading
  private readonly onBadLine: OnBadLine
  private readonly lines: RecordSplitter
  private columns: Columns | null = null
  private entries: ReadEntry[] = []

  constructor(file: string, reading: CsvReading, onBadLine: OnBadLine) {
    this.file = file
    this.reading = reading
    this.onBadLine = onBadLine
    this.lines = new RecordSplitter(file, true, (bytes, start, end, offset) => this.onLine(bytes, start, end, offset))
  }

  push(bytes: Uint8Array): ReadEntry[] {
    this.lines.push(bytes)
    const { entries } = this
    this.entries = []
    return entries
  }

  end(): ReadEntry[] {
    const rest = this.lines.rest()
    if (rest !== null) {
      const what = rest.isQuoted ? 'a quote without its end' : 'the last line has no end: it may be cut off'
      throw corruption(this.file, rest.offset, what, 'export it anew, or add a line feed when it is whole')
    }
    if (this.columns === null) throw corruption(this.file, 0, 'a table without a line of names')
    return []
  }

  private onLine(bytes: Uint8Array, start: number, end: number, offset: number): void {
    const hasMark = offset === 0 && BYTE_ORDER_MARK.every((byte, i) => bytes[start + i] === byte)
    const from = hasMark ? start + BYTE_ORDER_MARK.length : start
    if (from === end) return
    if (this.columns === null) {
      this.columns = this.readNames(bytes, from, end)
      return
    }
    try {
      this.entries.push(checkedEntry(this.entryOf(this.columns, cellsOf(bytes, from, end), start), start))
    } catch (error) {
      if (!(error instanceof BadBytes)) throw error
      this.onBadLine({ offset: offset + error.offset - start, bytes: end - start, message: error.message })
    }
  }

  private readNames(bytes: Uint8Array, start: number, end: number): Columns {
    const names = end - start > NAMES_BYTES_MAX ? [] : namesOf(bytes, start, end)
    const find = (name: 'key' | 'value', given: CellEncoding | null) => {
      const found = CELL_ENCODINGS.find((encoding) => names.includes(columnName(name, encoding))) ?? 'utf8'
      return { column: names.indexOf(columnName(name, found)), encoding: given ?? found }
    }
    const [key, value] = [find('key', this.reading.keyEncoding), find('value', this.reading.valueEncoding)]
    const expires = names.indexOf('expires')
    const known = [key.column, value.column, expires].filter((column) => column >= 0).length
    if (key.column < 0 || value.column < 0 || known !== names.length) {
      const what = 'the first line must name the columns: key,value or key,value,expires'
      throw corruption(this.file, 0, what, 'key_hex and key_base64 are names too, and so with value')
    }
    return {
      count: names.length, key: key.column, value: value.column, expires,
      keyEncoding: key.encoding, valueEncoding: value.encoding,
    }
  }

  private entryOf(columns: Columns, cells: readonly Uint8Array[], at: number): ReadEntry {
    if (cells.length !== columns.count) throw new BadBytes(at, `${cells.length} cells, not ${columns.count}`)
    const expires = columns.expires < 0 ? null : cells[columns.expires]!
    return {
      key: this.decode(cells[columns.key]!, columns.keyEncoding, at),
      value: this.decode(cells[columns.value]!, columns.valueEncoding, at),
      expiryMs: expires === null || expires.length === 0 ? 0 : expiryOf(expires, at),
    }
  }

  private decode(cell: Uint8Array, encoding: CellEncoding, at: number): Uint8Array {
    const text = this.reading.hasSafeCells && cell[0] === APOSTROPHE ? cell.subarray(1) : cell
    if (encoding === 'utf8') {
      if (!isUtf8(text, 0, text.length)) throw new BadBytes(at, 'a cell that is not UTF-8')
      return text
    }
    const bytes = new Uint8Array(text.length)
    try {
      return bytes.subarray(0, (encoding === 'hex' ? readHex : readBase64)(text, 0, text.length, bytes, 0))
    } catch (error) {
      throw error instanceof BadBytes ? new BadBytes(at, error.message) : error
    }
  }
}

function namesOf(bytes: Uint8Array, start: number, end: number): string[] {
  try {
    return cellsOf(bytes, start, end).map((cell) => String.fromCharCode(...cell).trim().toLowerCase())
  } catch {
    return []
  }
}

function expiryOf(cell: Uint8Array, at: number): number {
  const text = cell.length > 16 ? '' : String.fromCharCode(...cell)
  const expiryMs = /^[0-9]+$/.test(text) ? Number(text) : 0
  if (expiryMs > 0 && Number.isSafeInteger(expiryMs)) return expiryMs
  throw new BadBytes(at, 'a time of expiry that is no number of milliseconds since 1970')
}

/** Cuts a line into cells, in memory of their own. Throws BadBytes. */
function cellsOf(bytes: Uint8Array, start: number, end: number): Uint8Array[] {
  const cells: Uint8Array[] = []
  for (let at = start; ; at++) {
    if (bytes[at] === QUOTE && at < end) {
      const cell = quotedCell(bytes, at, end)
      cells.push(cell.content)
      at = cell.end
    } else {
      const from = at
      while (at < end && bytes[at] !== COMMA) {
        if (bytes[at] === QUOTE) throw new BadBytes(at, 'a quote in the middle of a cell')
        at++
      }
      cells.push(bytes.slice(from, at))
    }
    if (at === end) return cells
    if (bytes[at] !== COMMA) throw new BadBytes(at, 'more behind the quotes of a cell')
  }
}

/** Reads a cell in quotes, from the first of them on; gives where it ends. */
function quotedCell(bytes: Uint8Array, start: number, end: number): { content: Uint8Array; end: number } {
  const content = new Uint8Array(end - start)
  let length = 0
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === QUOTE && bytes[++at] !== QUOTE) return { content: content.subarray(0, length), end: at }
    content[length++] = bytes[at]!
  }
  throw new BadBytes(start, 'a quote without its end')
}
