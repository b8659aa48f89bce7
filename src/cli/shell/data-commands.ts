/**
 * What: the shell's commands that read and write keys.
 */
import { EXIT_ERROR, EXIT_OK, UsageError } from '../command.js'
import { countText, msText } from '../demo/numbers.js'
import { interrupted } from './session.js'
import type { ShellCommand } from './session.js'
import { quoted } from './words.js'

const FILL_DIGITS_MAX = 15
const BATCH_ENTRIES = 1000
/** This many bytes of a value are shown; the rest is reported as a number. */
const VALUE_BYTES_SHOWN = 64 * 1024
const CHUNK_CHARACTERS = 64 * 1024

const decoder = new TextDecoder()

export const fillCommand: ShellCommand = {
  name: 'fill',
  synopsis: 'B E',
  summary: 'Put the keys of the numbers B to E',
  details: [
    'A key is the number as it is said, so keys are ordered as texts: 10 stands before 9. A value says of which',
    'key it is, and which fill of this shell wrote it: value7@1. Written in batches of 1000.',
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
  if (!/^\d+$/.test(text) || Number(text) >= 10 ** FILL_DIGITS_MAX) {
    throw new UsageError(`'${text}' is not a number of at most ${FILL_DIGITS_MAX} digits`)
  }
  return Number(text)
}

function entryOf(n: number, fill: number): { type: 'put'; key: string; value: string } {
  return { type: 'put', key: String(n), value: `value${n}@${fill}` }
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
  summary: 'Print key K and its value',
  wordCounts: [1],
  async run([key], { db, terminal }) {
    const value = await db.get(key!)
    if (value === undefined) {
      terminal.error(`there is no key ${quoted(key!)}\n`)
      return EXIT_ERROR
    }
    terminal.out(`${quoted(key!)}=${shown(value)}\n`)
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
      text += `${quoted(key)} ${shown(value)}\n`
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

function shown(value: Uint8Array): string {
  if (value.length <= VALUE_BYTES_SHOWN) return quoted(value)
  return `${quoted(value.subarray(0, VALUE_BYTES_SHOWN))}… (${countText(value.length)} bytes)`
}
