/**
 * What: reads entries from lines of JSON as jsonl-writer.ts writes them; other programs may write them in any form that
 * is JSON. Names that it does not know are refused: what they say would be lost.
 * Owns: the line that is not whole yet. Thread: main. No I/O.
 * Invariants: EXP-2 what it gives counts only when `end` has returned.
 */
import { BadBytes, corruption, KEY_BYTES_MAX, unfilledBytes, VALUE_BYTES_MAX } from '../base/index.js'
import type { EntryReader, OnBadLine, ReadEntry } from './entry-codec.js'
import { cutStream } from './export-reader.js'
import { RecordSplitter } from './record-splitter.js'
import { isBlank, isJsonText, readBase64, readJson } from './text-bytes.js'

const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE] = [0x22, 0x5c, 0x2c, 0x3a, 0x7b, 0x7d]
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const NAME_BYTES_MAX = 8
const OTHER_PROGRAM = '; behind N lines of another program put the line {"end":true,"count":N}'
const NO_BYTES: Uint8Array = new Uint8Array(0)

/** What one line says. */
interface Line {
  key: Uint8Array | null
  value: Uint8Array | null
  expiryMs: number
  isEnd: boolean
  count: number
}

/** The part of a line that is read for each name. */
type Field = 'key' | 'value' | 'expiryMs' | 'isEnd' | 'count'
const FIELDS: Readonly<Record<string, Field>> = {
  k: 'key', k64: 'key', v: 'value', v64: 'value', json: 'value', exp: 'expiryMs', end: 'isEnd', count: 'count',
}

export class JsonlReader implements EntryReader {
  private readonly file: string
  private readonly onBadLine: OnBadLine
  private readonly lines: RecordSplitter
  private entries: ReadEntry[] = []
  /** Lines that were entries, or should have been. */
  private count = 0
  private isEnded = false
  /** True for the line behind the last line feed. */
  private isLast = false
  private endOffset = 0
  /** Memory for what was escaped; entries are views of it. */
  private arena = NO_BYTES
  private arenaAt = 0

  constructor(file: string, onBadLine: OnBadLine) {
    this.file = file
    this.onBadLine = onBadLine
    this.lines = new RecordSplitter(file, false, (bytes, start, end, offset) => this.onLine(bytes, start, end, offset))
  }

  push(bytes: Uint8Array): ReadEntry[] {
    this.lines.push(bytes)
    this.endOffset += bytes.length
    const { entries } = this
    this.entries = []
    return entries
  }

  end(): ReadEntry[] {
    this.isLast = true
    if (this.lines.rest() !== null) this.lines.push(Uint8Array.of(10)) // an editor may have taken the last line feed
    if (!this.isEnded) throw cutStream(this.file, this.endOffset, OTHER_PROGRAM)
    return []
  }

  private onLine(bytes: Uint8Array, start: number, end: number, offset: number): void {
    let at = start
    if (offset === 0 && BYTE_ORDER_MARK.every((byte, i) => bytes[at + i] === byte)) at += BYTE_ORDER_MARK.length
    at = skipBlanks(bytes, at, end)
    if (at === end) return
    if (this.isEnded) throw corruption(this.file, offset, 'a line behind the end of the stream')
    try {
      const line = this.readLine(bytes, at, end)
      if (line.isEnd) this.onEnd(line, offset)
      else this.entries.push(entryOf(line, at))
    } catch (error) {
      if (!(error instanceof BadBytes)) throw error
      if (this.isLast) throw cutStream(this.file, this.endOffset, OTHER_PROGRAM)
      this.onBadLine({ offset: offset + error.offset - start, bytes: end - start, message: error.message })
    }
    if (!this.isEnded) this.count++
  }

  private onEnd({ count }: Line, offset: number): void {
    if (count !== this.count) {
      throw corruption(this.file, offset, `it has ${this.count} entries, and should have ${count}`)
    }
    this.isEnded = true
  }

  /** Reads an object. Throws BadBytes. */
  private readLine(bytes: Uint8Array, start: number, end: number): Line {
    const line: Line = { key: null, value: null, expiryMs: 0, isEnd: false, count: -1 }
    const seen = new Set<Field>()
    let at = skipBlanks(bytes, expect(bytes, start, end, OPEN), end)
    while (bytes[at] !== CLOSE || at === end) {
      if (seen.size > 0) at = skipBlanks(bytes, expect(bytes, at, end, COMMA), end)
      const { name, end: nameEnd } = readName(bytes, at, end)
      const field = FIELDS[name]
      if (field === undefined) throw new BadBytes(at, `the name ${JSON.stringify(name)}, which says nothing here`)
      if (seen.has(field)) throw new BadBytes(at, `a second ${JSON.stringify(name)}`)
      seen.add(field)
      at = skipBlanks(bytes, expect(bytes, skipBlanks(bytes, nameEnd, end), end, COLON), end)
      at = skipBlanks(bytes, this.readField(line, name, bytes, at, end), end)
    }
    if (skipBlanks(bytes, at + 1, end) !== end) throw new BadBytes(at + 1, 'more behind the object')
    if (line.isEnd !== seen.has('count') || (line.isEnd && seen.size !== 2)) {
      throw new BadBytes(start, 'an end of another form')
    }
    return line
  }

  /** Reads what stands behind a name; gives where it ends. */
  private readField(line: Line, name: string, bytes: Uint8Array, at: number, end: number): number {
    switch (name) {
      case 'k':
      case 'v': {
        const { text, end: textEnd } = this.readText(bytes, at, end)
        line[name === 'k' ? 'key' : 'value'] = text
        return textEnd
      }
      case 'k64':
      case 'v64': {
        const quote = bytes.indexOf(QUOTE, expect(bytes, at, end, QUOTE))
        if (quote < 0 || quote >= end) throw new BadBytes(at, 'a string without its end')
        const from = this.room(quote - at)
        this.arenaAt = readBase64(bytes, at + 1, quote, this.arena, from)
        line[name === 'k64' ? 'key' : 'value'] = this.arena.subarray(from, this.arenaAt)
        return quote + 1
      }
      case 'json': {
        const textEnd = skipJson(bytes, at, end)
        if (!isJsonText(bytes, at, textEnd)) throw new BadBytes(at, 'no JSON')
        line.value = bytes.slice(at, textEnd)
        return textEnd
      }
      case 'end':
        line.isEnd = true
        return expectText(bytes, at, end, 'true')
      default: {
        const { number, end: numberEnd } = readNumber(bytes, at, end)
        if (name === 'exp' && number === 0) throw new BadBytes(at, 'an expiry of 0')
        line[name === 'exp' ? 'expiryMs' : 'count'] = number
        return numberEnd
      }
    }
  }

  private readText(bytes: Uint8Array, at: number, end: number): { text: Uint8Array; end: number } {
    const start = expect(bytes, at, end, QUOTE)
    const from = this.room(end - start)
    const read = readJson(bytes, start, end, this.arena, from)
    this.arenaAt = read.end
    return { text: this.arena.subarray(from, read.end), end: read.quote + 1 }
  }

  /** Makes sure that so many bytes have room in the arena; gives where. */
  private room(length: number): number {
    if (this.arenaAt + length > this.arena.length) {
      this.arena = unfilledBytes(Math.max(ARENA_BYTES, length))
      this.arenaAt = 0
    }
    return this.arenaAt
  }
}

const ARENA_BYTES = 256 * 1024

function entryOf({ key, value, expiryMs }: Line, at: number): ReadEntry {
  if (key === null || value === null) throw new BadBytes(at, `a line without a ${key === null ? 'key' : 'value'}`)
  return checkedEntry({ key, value, expiryMs }, at)
}

/** Gives the entry. Throws BadBytes when no database can have it. */
export function checkedEntry(entry: ReadEntry, at: number): ReadEntry {
  if (entry.key.length > KEY_BYTES_MAX) throw new BadBytes(at, `a key of ${entry.key.length} bytes`)
  if (entry.value.length > VALUE_BYTES_MAX) throw new BadBytes(at, `a value of ${entry.value.length} bytes`)
  return entry
}

function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isBlank(bytes[at]!)) at++
  return at
}

function expect(bytes: Uint8Array, at: number, end: number, byte: number): number {
  if (at >= end || bytes[at] !== byte) throw new BadBytes(at, `no '${String.fromCharCode(byte)}'`)
  return at + 1
}

function expectText(bytes: Uint8Array, at: number, end: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (at + i >= end || bytes[at + i] !== text.charCodeAt(i)) throw new BadBytes(at, `no ${text}`)
  }
  return at + text.length
}

function readName(bytes: Uint8Array, at: number, end: number): { name: string; end: number } {
  const start = expect(bytes, at, end, QUOTE)
  const quote = bytes.indexOf(QUOTE, start)
  if (quote < 0 || quote >= end || quote - start > NAME_BYTES_MAX) throw new BadBytes(at, 'a name that is not known')
  return { name: String.fromCharCode(...bytes.subarray(start, quote)), end: quote + 1 }
}

function readNumber(bytes: Uint8Array, at: number, end: number): { number: number; end: number } {
  let number = 0
  let next = at
  for (; next < end && bytes[next]! >= 0x30 && bytes[next]! <= 0x39; next++) number = number * 10 + bytes[next]! - 0x30
  if (next === at || !Number.isSafeInteger(number)) throw new BadBytes(at, 'no integer from 0 to 2^53 - 1')
  return { number, end: next }
}

/** Finds the end of a JSON value, whatever its inside is like. */
function skipJson(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) at = skipString(bytes, at, end)
    else if (byte === OPEN || byte === 0x5b) depth++
    else if (depth === 0 && (byte === COMMA || byte === CLOSE || isBlank(byte))) return at
    else if (byte === CLOSE || byte === 0x5d) depth--
  }
  throw new BadBytes(start, 'a value without its end')
}

/** Gives where the quote is that ends the string. */
function skipString(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++
    else if (bytes[at] === QUOTE) return at
  }
  throw new BadBytes(start, 'a string without its end')
}
