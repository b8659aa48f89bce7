/**
 * What: how fast entries come into an empty database: by batches of 1000, and by loads of entries that are sorted, are
 * sorted but do not say so, or are in random order. Seconds of wall clock and of processors, the best of some rounds,
 * and how many times as fast as batches. What a load has brought is durable when it ends; batches are in a log.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/base/index.js'
import { Varve } from '../src/index.js'
import type { LoadEntry } from '../src/index.js'

const { values: given } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' }, value: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' },
  },
})
const entryCount = Number(given.entries)
const valueBytes = Number(given.value)
const BATCH = 1000

type Pair = [key: Uint8Array, value: Uint8Array]

function makeEntries(isRandom: boolean): Pair[] {
  const random = new SeededRandom(valueBytes)
  const value = Buffer.alloc(valueBytes + 4096)
  for (let i = 0; i < value.length; i += 4) value.writeUInt32LE(random.u32(), Math.min(i, value.length - 4))
  const numbers = Array.from({ length: entryCount }, (_, i) => i)
  for (let i = entryCount - 1; isRandom && i > 0; i--) {
    const j = random.below(i + 1)
    ;[numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!]
  }
  return numbers.map((n): Pair => {
    const at = n % 4096
    return [Buffer.from(String(n).padStart(16, '0')), value.subarray(at, at + valueBytes)]
  })
}

async function batches(db: Varve, entries: Pair[]): Promise<void> {
  for (let i = 0; i < entries.length; i += BATCH) {
    await db.batch(entries.slice(i, i + BATCH).map(([key, value]) => ({ type: 'put', key, value })))
  }
}

function* chunks(entries: Pair[]): Generator<LoadEntry[]> {
  for (let i = 0; i < entries.length; i += BATCH) yield entries.slice(i, i + BATCH)
}

interface Row {
  name: string
  isRandom: boolean
  run: (db: Varve, entries: Pair[]) => Promise<unknown>
  /** The row of batches that it is compared with. */
  base: string | null
}

const ROWS: Row[] = [
  { name: 'batches sorted', isRandom: false, run: batches, base: null },
  { name: 'batches random', isRandom: true, run: batches, base: null },
  {
    name: 'batches random, compacted', isRandom: true, base: null,
    run: async (db, entries) => {
      await batches(db, entries)
      await db.compact()
    },
  },
  {
    name: 'load sorted', isRandom: false, base: 'batches sorted',
    run: (db, entries) => db.load(chunks(entries), { sorted: true }),
  },
  {
    name: 'load sorted, unsaid', isRandom: false, base: 'batches sorted',
    run: (db, entries) => db.load(chunks(entries)),
  },
  { name: 'load random', isRandom: true, base: 'batches random', run: (db, entries) => db.load(chunks(entries)) },
]

interface Times {
  wall: number
  cpu: number
  main: number
}

async function timed(row: Row, entries: Pair[]): Promise<Times> {
  const dir = mkdtempSync(path.join(tmpdir(), 'varve-load-'))
  try {
    const db = await Varve.open(path.join(dir, 'db'))
    const [cpu, start, loop] = [process.cpuUsage(), performance.now(), performance.eventLoopUtilization()]
    await row.run(db, entries)
    const wall = (performance.now() - start) / 1e3
    const used = process.cpuUsage(cpu)
    const main = performance.eventLoopUtilization(loop).active / 1e3
    await db.close()
    return { wall, cpu: (used.user + used.system) / 1e6, main }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const inputs = { sorted: makeEntries(false), random: makeEntries(true) }
const best = new Map<string, Times>()
for (let round = 0; round < Number(given.rounds); round++) {
  for (const row of ROWS) {
    if (!row.name.includes(given.only)) continue
    const times = await timed(row, row.isRandom ? inputs.random : inputs.sorted)
    const before = best.get(row.name)
    if (before === undefined || times.wall < before.wall) best.set(row.name, times)
  }
}
const mb = entryCount * (16 + valueBytes) / 1e6
console.log(`${entryCount} entries of ${valueBytes} bytes: ${mb.toFixed(0)} MB`)
console.log('row                        wall s   cpu s  main s    MB/s  x batches')
for (const { name, base } of ROWS) {
  const times = best.get(name)
  if (times === undefined) continue
  const { wall, cpu, main } = times
  const basis = base === null ? undefined : best.get(base)
  const seconds = [wall, cpu, main].map((each) => each.toFixed(2))
  const shown = [...seconds, (mb / wall).toFixed(0), basis === undefined ? '' : (basis.wall / wall).toFixed(1)]
  console.log(`${name.padEnd(26)} ${shown.map((text) => text.padStart(7)).join(' ')}`)
}
