/**
 * Write path: what one call takes, what the first entry of an iterator takes, and the longest call.
 * Run: `node dist/bench/micro/write-path.bench.js [entries] [directory]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { drawHashSeed, FILE_HEADER_BYTES, FrameType, SeededRandom, sealFrame } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { Memtable } from '../../src/memtable/index.js'
import { SlabPool } from '../../src/slab/index.js'

const MiB = 1024 * 1024
const ROUNDS = 5
const entries = Number(process.argv[2] ?? 500_000)
const parent = mkdtempSync(path.join(process.argv[3] ?? tmpdir(), 'varve-write-path-'))
const random = new SeededRandom(11)
const value = new Uint8Array(100).fill(0x76)
const keys = Array.from({ length: entries }, () => {
  const key = new Uint8Array(16)
  random.fill(key)
  return key
})

/** Prints one figure of each round: the median, the least and the largest. */
async function report(what: string, unit: string, run: () => number | Promise<number>): Promise<void> {
  const figures: number[] = []
  for (let round = 0; round < ROUNDS; round++) figures.push(await run())
  figures.sort((a, b) => a - b)
  const [median, least, most] = [ROUNDS >> 1, 0, ROUNDS - 1].map((i) => figures[i]!.toFixed(2).padStart(8))
  console.log(`${what.padEnd(64)} ${median} ${unit.padEnd(8)} (${least} to ${most})`)
}

async function withDatabase(options: VarveOptions, use: (db: Varve) => number | Promise<number>): Promise<number> {
  const dir = path.join(parent, 'db')
  const db = await Varve.open(dir, { writeBufferSize: 128 * MiB, flushOnClose: false, ...options })
  await setTimeout(100) // the threads have started
  try {
    return await use(db)
  } finally {
    await db.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const microseconds = (startMs: number, count: number): number => ((performance.now() - startMs) * 1000) / count

/** Inserts frames of 1000 entries that are in the slab already: this measures the index alone. */
function insertOnly(): number {
  const slab = new SlabPool(128 * MiB, 0).take(0)
  const options = { logNum: 1, start: FILE_HEADER_BYTES, baseSeqNum: 0, hashSeed: drawHashSeed(random), executor: null }
  const memtable = new Memtable(options)
  memtable.fill(slab)
  const ends: number[] = []
  let at = FILE_HEADER_BYTES
  for (let i = 0; i < entries; i += 1000) {
    const bodyStart = at + 40
    let end = bodyStart
    for (const key of keys.slice(i, i + 1000)) {
      slab.bytes.set([1, 0, 16, 0, 100, 0, 0, 0], end)
      slab.bytes.set(key, end + 8)
      end += 8 + 16 + 100
    }
    at += sealFrame(slab.bytes, at, at, 1, {
      type: FrameType.batch, bodyBytes: end - bodyStart, extensionBytes: 0, firstSeqNum: i + 1,
      count: Math.min(1000, entries - i), generation: 1, markDistance: 0, markBytes: 0,
    })
    ends.push(at)
  }
  const startMs = performance.now()
  for (const end of ends) memtable.insertFrames(end)
  return microseconds(startMs, entries)
}

function putAll(db: Varve): number {
  const startMs = performance.now()
  for (const key of keys) db.putSync(key, value)
  return microseconds(startMs, entries)
}

function batchAll(db: Varve): number {
  const startMs = performance.now()
  for (let i = 0; i < entries; i += 1000) {
    db.batchSync(keys.slice(i, i + 1000).map((key) => ({ type: 'put', key, value })))
  }
  return microseconds(startMs, entries)
}

/** Opens the iterator in the turn of the last write. */
function firstEntry(db: Varve): number {
  batchAll(db)
  const startMs = performance.now()
  const iterator = db.entriesSync()
  iterator.next()
  const ms = performance.now() - startMs
  iterator.return?.()
  return ms
}

/** Measures what opening an iterator and taking its first entry adds to each of 100,000 puts. */
function putAndIterate(db: Varve): number {
  const count = Math.min(100_000, entries)
  let iteratingMs = 0
  for (let i = 0; i < count; i++) {
    db.putSync(keys[i]!, value)
    const startMs = performance.now()
    const iterator = db.entriesSync()
    iterator.next()
    iterator.return?.()
    iteratingMs += performance.now() - startMs
  }
  return (iteratingMs * 1000) / count
}

function longestCall(db: Varve, calls: number): number {
  let longestMs = 0
  for (let i = 0; i < calls; i++) {
    const startMs = performance.now()
    db.putSync(keys[i % entries]!, value)
    longestMs = Math.max(longestMs, performance.now() - startMs)
  }
  return longestMs
}

let ticksPerSecond = 0

async function awaitedPuts(db: Varve): Promise<number> {
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  const startMs = performance.now()
  for (const key of keys) await db.put(key, value)
  const each = microseconds(startMs, entries)
  ticksPerSecond = (ticks * 1000) / (performance.now() - startMs)
  clearInterval(timer)
  return each
}

try {
  console.log(`${entries} entries, random 16-byte keys, values of 100 bytes; median (least to most) of ${ROUNDS}`)
  await report('insert into the memtable', 'µs', insertOnly)
  await report('putSync', 'µs', () => withDatabase({}, putAll))
  await report('batchSync of 1000, an entry', 'µs', () => withDatabase({}, batchAll))
  await report('put, awaited in a loop', 'µs', () => withDatabase({}, awaitedPuts))
  await report('… timer ticks meanwhile', '/s', async () => {
    await withDatabase({}, awaitedPuts)
    return ticksPerSecond
  })
  await report('first entry of an iterator over all', 'ms', () => withDatabase({}, firstEntry))
  await report('… with workers: 0', 'ms', () => withDatabase({ workers: 0 }, firstEntry))
  await report('iterator and first entry after each put, without the put', 'µs', () => withDatabase({}, putAndIterate))
  await report('longest putSync of 1,500,000', 'ms', () => (
    withDatabase({ writeBufferSize: 512 * MiB }, (db) => longestCall(db, 1_500_000))
  ))
  await report('longest putSync while 1 MiB is synced again and again', 'ms', () => (
    withDatabase({ syncBytes: MiB }, (db) => longestCall(db, entries))
  ))
} finally {
  rmSync(parent, { recursive: true, force: true })
}
