/**
 * What: cuts a stream into lines, which end with a line feed. In a table of cells those inside of quotes do not count.
 * Owns: the line that is not whole yet. Thread: main.
 */
import { corruption, GiB, MiB, unfilledBytes } from '../base/index.js'

/** No entry takes a longer line. */
const LINE_BYTES_MAX = 2 * GiB + 16 * MiB
const [LINE_FEED, RETURN, QUOTE] = [10, 13, 0x22]

/** Called with the line bytes[start, end), without its end, and where in the stream it begins. It is lent. */
export type OnLine = (bytes: Uint8Array, start: number, end: number, offset: number) => void

export class RecordSplitter {
  private readonly file: string
  private readonly hasQuotes: boolean
  private readonly onLine: OnLine
  /** What there is of a line that began in an earlier piece. */
  private parts: Uint8Array[] = []
  private partBytes = 0
  private isQuoted = false
  /** Where in the stream the line begins. */
  private offset = 0

  constructor(file: string, hasQuotes: boolean, onLine: OnLine) {
    this.file = file
    this.hasQuotes = hasQuotes
    this.onLine = onLine
  }

  push(bytes: Uint8Array): void {
    let start = 0
    for (let end = this.endOf(bytes, 0); end >= 0; end = this.endOf(bytes, start)) {
      this.give(bytes, start, end)
      this.offset += this.partBytes + end + 1 - start
      this.parts = []
      this.partBytes = 0
      start = end + 1
    }
    if (start === bytes.length) return
    this.parts.push(bytes.slice(start))
    this.partBytes += bytes.length - start
    if (this.partBytes > LINE_BYTES_MAX) throw corruption(this.file, this.offset, 'a line longer than any entry takes')
  }

  /** What is there of a line without its end; null when the last line was whole. */
  rest(): { bytes: Uint8Array; offset: number; isQuoted: boolean } | null {
    const { partBytes, offset, isQuoted } = this
    return partBytes === 0 ? null : { bytes: this.joined(new Uint8Array(0)), offset, isQuoted }
  }

  /** Where the line that goes on at bytes[at] ends; -1 when it does not. */
  private endOf(bytes: Uint8Array, at: number): number {
    if (!this.hasQuotes) return bytes.indexOf(LINE_FEED, at)
    let isQuoted = this.isQuoted
    for (; at < bytes.length; at++) {
      if (bytes[at] === QUOTE) isQuoted = !isQuoted
      else if (bytes[at] === LINE_FEED && !isQuoted) break
    }
    this.isQuoted = isQuoted
    return at === bytes.length ? -1 : at
  }

  private give(bytes: Uint8Array, start: number, end: number): void {
    const line = this.partBytes === 0 ? bytes : this.joined(bytes.subarray(start, end))
    const [from, to] = this.partBytes === 0 ? [start, end] : [0, line.length]
    this.onLine(line, from, to > from && line[to - 1] === RETURN ? to - 1 : to, this.offset)
  }

  private joined(last: Uint8Array): Uint8Array {
    const bytes = unfilledBytes(this.partBytes + last.length)
    let at = 0
    for (const part of [...this.parts, last]) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
}
