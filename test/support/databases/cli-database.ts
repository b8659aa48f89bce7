/** A small database that has something for every command, and what differs from run to run in what they print. */
import { Varve } from '../../../src/index.js'

export const CLI_OPTIONS = {
  writeBufferSize: 64 * 1024, workers: 0, valueThreshold: 4096, compaction: { style: 'none' },
} as const

/** A key that would do all kinds of things to a terminal, and is no UTF-8 at its end. */
export const HOSTILE_KEY = Uint8Array.from([
  ...Buffer.from('\u001b]0;title\u0007\u001b[2J\r\n\u202eevil\u2066'), 0x9b, 0x33, 0x31, 0x6d, 0xff, 0x00,
])
/** Never in what a terminal gets. */
export const HOSTILE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/
export const LONG_KEY = new Uint8Array(65_535).fill(0x4b)
/** When what expires in it does. */
const EXPIRES_MS = Date.UTC(2090, 0, 1)

/** Makes it: three flushes, a large value, what is overwritten, deleted and deleted in a range, and a log. */
export async function makeCliDatabase(dir: string): Promise<void> {
  const db = await Varve.open(dir, { ...CLI_OPTIONS, flushOnClose: false })
  for (let i = 0; i < 40; i++) db.putSync(`user:${i % 4}:${10 + i}`, `value ${i}`)
  db.putSync('big', 'b'.repeat(20_000))
  await db.flush()
  db.delSync('user:1:11')
  await db.delRange({ prefix: 'user:2:' })
  db.putSync('user:3:13', 'newer')
  await db.flush()
  db.putSync(HOSTILE_KEY, Uint8Array.from([...HOSTILE_KEY, 1, 2]))
  db.putSync(LONG_KEY, 'long')
  db.putSync('--json', 'a key that looks like an option')
  db.putSync('temporary', 'for a while', { expiresAt: EXPIRES_MS })
  await db.flush()
  db.putSync('user:3:13', 'newest')
  await db.put('user:9:1', 'in the log', { sync: true })
  await db.close()
}

/** Takes out of a text what differs from run to run: the directory, times, ages, numbers of files, places, sizes. */
export function steadyText(text: string, dir: string): string {
  const names = new Map<string, string>()
  const nameOf = (number: string): string => {
    if (!names.has(number)) names.set(number, `F${String(names.size + 1).padStart(5, '0')}`)
    return names.get(number)!
  }
  return text.replaceAll(dir, 'DIR')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => (time.startsWith('2090') ? time : 'TIME'))
    .replace(/\b(\d{6})(?=\.(?:table|wal|vlog|manifest))/g, nameOf)
    .replace(/(value log|from log|lineage|next file number) \d+/g, '$1 N')
    .replace(/("(?:ageMs|timeMs|durationMs|offset|logPointer)": ?)\d+/g, '$1"N"')
    .replace(/ in [\d.]+ [mµ]?s\b/g, ' in TIME')
    .replace(/^(group \d+ at) [\d,]+/gm, '$1 N')
    .replace(/^(varve\.lock\S* +lock +)\d+ B/gm, '$1  N B')
    .replace(/^(\S+ +\w[\w ]* {2} *(?:[\d.]+|N) \w+ {2} *)\d+ (s|min)( )/gm, '$10 s$3')
}
