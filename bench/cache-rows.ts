/**
 * What: a cache at work: filled, then put into while it is full, so that it evicts; read; and asked for blobs of which
 * few are wanted often, where each miss is followed by a put. With what that costs in bytes written, processor time,
 * memory, and time that the event loop stands still. Engines without eviction keep everything.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../src/base/index.js'
import { writtenBytes } from './disk-usage.js'
import { shuffled } from './key-space.js'
import { idleTurn, TurnWatch } from './large-values.js'
import type { Bench } from './workload.js'

export interface CacheShape {
  readonly name: string
  readonly minBytes: number
  readonly maxBytes: number
}

export const CACHE_SHAPES: readonly CacheShape[] = [
  { name: '100 KB–1 MB', minBytes: 100_000, maxBytes: 1_000_000 },
  { name: '1–64 KiB', minBytes: 1024, maxBytes: 65_536 },
]

const IN_FLIGHT = 8
/** A full cache is put into until so many times its size have gone in. */
const TURNOVERS = 2
/** What is asked for is so many times what the cache holds. */
const UNIVERSE = 4
/** Requests are made for so many times the bytes of the cache, and the first third of them is not counted. */
const REQUESTED = 4
/** The newest blobs, of this part of the cache together, are read: no cache has dropped them. */
const NEWEST = 0.125
const READS_MAX = 4000
const POOL_BYTES = 16 * 2 ** 20
const STEP = 64

/** What a shape costs an engine. */
export interface CacheCost {
  shape: string
  /** Bytes handed to the system's write calls for each byte put: before the cache was full, and after. */
  fillWritten: number | null
  fullWritten: number | null
  missRatio: number
  /** Processor seconds of all threads for a gigabyte. */
  putSeconds: number
  getSeconds: number
  /** Bytes of memory for an item; of ours the index, of others what the process has more than before. */
  itemBytes: number
  idleTurnMs: number
  longestTurnMs: number
}

export interface CacheRows {
  put: string
  get: string
}

export function cacheRows({ name }: CacheShape): CacheRows {
  return { put: `cache ${name}: put, ${IN_FLIGHT} in flight, full`, get: `cache ${name}: get, awaited` }
}

/** Blobs with sizes whose logarithms are spread evenly; each begins somewhere in a pool of random bytes. */
class Blobs {
  private readonly pool = Buffer.alloc(POOL_BYTES)
  private readonly sizes: number[] = []
  private readonly random = new SeededRandom(3, 'blob sizes')
  private readonly shape: CacheShape

  constructor(shape: CacheShape) {
    this.shape = shape
    new SeededRandom(1, 'blobs').fill(this.pool)
  }

  sizeOf(i: number): number {
    const { minBytes, maxBytes } = this.shape
    while (this.sizes.length <= i) {
      this.sizes.push(Math.floor(minBytes * (maxBytes / minBytes) ** (this.random.below(2 ** 30) / 2 ** 30)))
    }
    return this.sizes[i]!
  }

  value(i: number): Buffer {
    const bytes = this.sizeOf(i)
    const at = 8 * ((i * 7919) % Math.floor((POOL_BYTES - bytes) / 8))
    return this.pool.subarray(at, at + bytes)
  }

  /** The number of blobs, from `first` on, that have these bytes together. */
  countOf(bytes: number, first = 0): number {
    let count = 0
    for (let sum = 0; sum < bytes; count++) sum += this.sizeOf(first + count)
    return count
  }

  bytesOf(first: number, count: number): number {
    let sum = 0
    for (let i = first; i < first + count; i++) sum += this.sizeOf(i)
    return sum
  }
}

/** Calls `one` for each number of [from, to), so many at a time. */
async function inFlight(from: number, to: number, one: (i: number) => Promise<void>): Promise<void> {
  let next = from
  const worker = async (): Promise<void> => {
    while (next < to) await one(next++)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

export async function runCache(bench: Bench, shape: CacheShape): Promise<CacheCost> {
  const { largeBytes } = bench.options
  const rows = cacheRows(shape)
  const blobs = new Blobs(shape)
  const put = async (i: number): Promise<void> => {
    await bench.store.put(bench.space.key(i), blobs.value(i))
  }
  const before = process.memoryUsage.rss()
  await bench.open()
  const idleTurnMs = await idleTurn()
  const start = writtenBytes()
  const written = (): number => (start === null ? NaN : writtenBytes(start)!.callBytes)
  const filled = blobs.countOf(largeBytes)
  await inFlight(0, filled, put)
  const fillWritten = written() / blobs.bytesOf(0, filled)

  const turns = new TurnWatch()
  const more = blobs.countOf(TURNOVERS * largeBytes, filled)
  const fullStart = written()
  await bench.row(rows.put, more, async (done) => {
    const count = Math.min(STEP, more - done)
    await inFlight(filled + done, filled + done + count, put)
    return count
  }, Infinity)
  const fullWritten = (written() - fullStart) / blobs.bytesOf(filled, more)
  const itemBytes = bench.store.itemBytes?.() ?? (process.memoryUsage.rss() - before) / (filled + more)

  const all = filled + more
  const readBytes = await readNewest(bench, { row: rows.get, blobs, all, bytes: NEWEST * largeBytes })
  const longestTurnMs = turns.stop()
  const missRatio = await ask(bench, blobs, largeBytes)
  await bench.close()
  const cpuOf = (row: string): number => bench.results.find((result) => result.row === row)!.cpuMs
  return {
    shape: shape.name, fillWritten, fullWritten, missRatio, itemBytes, idleTurnMs, longestTurnMs,
    putSeconds: cpuOf(rows.put) / 1000 / (blobs.bytesOf(filled, more) / 1e9),
    getSeconds: cpuOf(rows.get) / 1000 / (readBytes / 1e9),
  }
}

/** Reads the newest blobs in a drawn order, again and again; gives the bytes that were read. Each is checked first. */
async function readNewest(
  bench: Bench, { row, blobs, all, bytes }: { row: string; blobs: Blobs; all: number; bytes: number },
): Promise<number> {
  let first = all
  for (let sum = 0; sum < bytes && first > 0;) sum += blobs.sizeOf(--first)
  for (let i = first; i < all; i++) {
    const found = await bench.store.get(bench.space.key(i))
    assert.ok(found !== undefined && Buffer.compare(found, blobs.value(i)) === 0, `blob ${i} of ${all}`)
  }
  const order = shuffled(all - first, 'newest')
  let readBytes = 0
  await bench.row(row, READS_MAX, async (done) => {
    const found = await bench.store.get(bench.space.key(first + order[done % order.length]!))
    bench.use(found)
    readBytes += found?.length ?? 0
    return 1
  }, Infinity)
  return readBytes
}

/** Asks for blobs, few of them often (Zipf with exponent 1), and puts what is not there; gives the part of misses. */
async function ask(bench: Bench, blobs: Blobs, cacheBytes: number): Promise<number> {
  const first = 2 ** 20 // None of these was put before.
  const universe = blobs.countOf(UNIVERSE * cacheBytes)
  const sums = new Float64Array(universe)
  for (let i = 0, sum = 0; i < universe; i++) sums[i] = sum += 1 / (i + 1)
  const places = shuffled(universe, 'places')
  const random = new SeededRandom(5, 'requests')
  const requests = Math.round((REQUESTED / UNIVERSE) * universe)
  let [asked, missed] = [0, 0]
  await inFlight(0, requests, async (request) => {
    const i = places[drawn(sums, random)]!
    const isCounted = request >= requests / 3
    if (isCounted) asked++
    const key = bench.space.key(first + i)
    const found = await bench.store.get(key)
    if (found !== undefined && found !== null) return bench.use(found)
    if (isCounted) missed++
    await bench.store.put(key, blobs.value(i))
  })
  return missed / asked
}

function drawn(sums: Float64Array, random: SeededRandom): number {
  const wanted = (random.below(2 ** 30) / 2 ** 30) * sums[sums.length - 1]!
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sums[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}
