/**
 * What: the shell's commands that read and write keys.
 */
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import { countText, msText } from '../demo/numbers.js'
import { printableBytes } from '../printable.js'
import { interrupted } from './session.js'
import type { ShellCommand } from './session.js'
import { quoted } from './words.js'

/** So that the order of the keys is that of the numbers. */
const DIGITS = 10
const BATCH_ENTRIES = 1000
/** Of a value; the rest is told as a number of bytes. */
const VALUE_BYTES_SHOWN = 64 * 1024
const CHUNK_CHARACTERS = 64 * 1024

const decoder = new TextDecoder()

export const fillCommand: ShellCommand = {
  name: 'fill',
  synopsis: 'B E',
  summary: 'Put the keys of the numbers B to E',
  details: [
    'A key has ten digits: 7 is 0000000007. A value says which key it is of, and which fill of this shell',
    'wrote it. Written in batches of 1000.',
  ],
  wordCounts: [2],
  async run([first, last], session) {
    const [from, to] = [readNumber(first!), readNumber(last!)]
    if (from > to) throw new UsageError(`${from} is above ${to}`)
    const { db, terminal, clock } = session
    const fill = ++session.fillCount
    const startMs = clock.nowMs()
    let next = from
    while (next <= to && !session.isInterrupted) {
      const end = Math.min(to + 1, next + BATCH_ENTRIES)
      await db.batch(Array.from({ length: end - next }, (_, i) => entryOf(next + i, fill)))
      next = end
      await terminal.printed()
    }
    const ms = clock.nowMs() - startMs
    const rate = Math.round((next - from) / Math.max(ms, 0.001) * 1000)
    terminal.out(`${entriesText(next - from)} in ${msText(ms)}, ${countText(rate)} entries/s\n`)
    return interrupted(session)
  },
}

function readNumber(word: Uint8Array): number {
  const text = decoder.decode(word)
  if (!/^\d+$/.test(text) || Number(text) >= 10 ** DIGITS) {
    throw new UsageError(`'${text}' is not a number from 0 to ${10 ** DIGITS - 1}`)
  }
  return Number(text)
}

function entryOf(n: number, fill: number): { type: 'put'; key: string; value: string } {
  const key = String(n).padStart(DIGITS, '0')
  return { type: 'put', key, value: `value of ${key}, fill ${fill}` }
}

export const putCommand: ShellCommand = {
  name: 'put',
  synopsis: 'K V',
  summary: 'Store value V under key K',
  wordCounts: [2],
  async run([key, value], { db }) {
    await db.put(key!, value!)
    return EXIT_OK
  },
}

export const getCommand: ShellCommand = {
  name: 'get',
  synopsis: 'K',
  summary: 'Print the value of key K',
  wordCounts: [1],
  async run([key], { db, terminal }) {
    const value = await db.get(key!)
    if (value === undefined) {
      terminal.error(`there is no key ${quoted(key!)}\n`)
      return EXIT_ERROR
    }
    terminal.out(`${shown(value, printableBytes)}\n`)
    return EXIT_OK
  },
}

export const delCommand: ShellCommand = {
  name: 'del',
  synopsis: 'K',
  summary: 'Delete key K; it need not be there',
  wordCounts: [1],
  async run([key], { db }) {
    await db.del(key!)
    return EXIT_OK
  },
}

export const scanCommand: ShellCommand = {
  name: 'scan',
  synopsis: '[B E]',
  summary: 'Print the entries with keys from B to E, both included, or all',
  details: [
    'One line an entry: key and value, as "put" takes them. The last line is their number. Ctrl-C ends it.',
  ],
  wordCounts: [0, 2],
  async run([first, last], session) {
    const { db, terminal } = session
    let count = 0
    let text = ''
    for (const [key, value] of db.entriesSync(first === undefined ? {} : { gte: first, lte: last! })) {
      text += `${quoted(key)} ${shown(value, quoted)}\n`
      count++
      if (text.length < CHUNK_CHARACTERS) continue
      terminal.out(text)
      text = ''
      await terminal.printed()
      if (session.isInterrupted) break
    }
    terminal.out(`${text}${entriesText(count)}\n`)
    return interrupted(session)
  },
}

function entriesText(count: number): string {
  return `${countText(count)} ${count === 1 ? 'entry' : 'entries'}`
}

function shown(value: Uint8Array, print: (bytes: Uint8Array) => string): string {
  if (value.length <= VALUE_BYTES_SHOWN) return print(value)
  return `${print(value.subarray(0, VALUE_BYTES_SHOWN))}… (${countText(value.length)} bytes)`
}
