/**
 * What: a line of the shell as words, and bytes as a word: `parseWords` of a `quoted` word gives its bytes.
 *
 * Blanks separate words. Quotes, "…" or '…', keep blanks; inside the latter nothing else is special. A
 * backslash stands before: itself, a blank, a quote, #, n, r, t, or xNN for a byte. # begins a comment.
 * A line is bytes: what is not UTF-8 passes as it is.
 */
import { UsageError } from '../command.js'
import { printableBytes } from '../printable.js'

const [TAB, BLANK, HASH, QUOTE, APOSTROPHE, BACKSLASH] = Array.from('\t #"\'\\', (c) => c.charCodeAt(0))
/** The byte that each letter behind a backslash stands for. */
const LETTERS = new Map(Object.entries({ n: '\n', r: '\r', t: '\t' }).map(([letter, c]) => {
  return [letter.charCodeAt(0), c.charCodeAt(0)]
}))
const LITERAL = new Set([BACKSLASH, BLANK, TAB, QUOTE, APOSTROPHE, HASH])

/** Splits a line into words. Throws UsageError. */
export function parseWords(line: Uint8Array): Uint8Array[] {
  const parser = new LineParser(line)
  const words: Uint8Array[] = []
  for (let word = parser.next(); word !== null; word = parser.next()) words.push(word)
  return words
}

class LineParser {
  private readonly line: Uint8Array
  private at = 0

  constructor(line: Uint8Array) {
    this.line = line
  }

  /** Gives the next word; null at the end of the line. */
  next(): Uint8Array | null {
    const { line } = this
    while (isBlank(line[this.at])) this.at++
    if (this.at >= line.length || line[this.at] === HASH) return null
    const word: number[] = []
    while (this.at < line.length && !isBlank(line[this.at])) {
      const byte = line[this.at++]!
      if (byte === QUOTE || byte === APOSTROPHE) this.readQuoted(byte, word)
      else word.push(byte === BACKSLASH ? this.readEscape() : byte)
    }
    return Uint8Array.from(word)
  }

  private readQuoted(end: number, word: number[]): void {
    const { line } = this
    for (;;) {
      if (this.at >= line.length) throw new UsageError(`a quote is open: ${String.fromCharCode(end)} is missing`)
      const byte = line[this.at++]!
      if (byte === end) return
      word.push(byte === BACKSLASH && end === QUOTE ? this.readEscape() : byte)
    }
  }

  private readEscape(): number {
    const byte = this.line[this.at++]
    if (byte === undefined) throw new UsageError('nothing stands behind the last backslash')
    if (LITERAL.has(byte)) return byte
    const letter = LETTERS.get(byte)
    if (letter !== undefined) return letter
    const text = String.fromCharCode(...this.line.subarray(this.at - 1, this.at + 2))
    if (!/^x[0-9a-fA-F]{2}$/.test(text)) {
      throw new UsageError(`'${text.slice(0, 1)}' behind a backslash means nothing`)
    }
    this.at += 2
    return Number.parseInt(text.slice(1), 16)
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === BLANK || byte === TAB
}

/** Gives text that is safe to print, and one word for the shell. */
export function quoted(bytes: Uint8Array): string {
  const text = printableBytes(bytes)
  return text === '' || /[\s"']|^#/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text
}
