/**
 * What: the rows of the table, in groups. A group runs in one fresh process on one fresh directory, its
 * rows in order: what one row leaves behind (a full write buffer, compaction under way) the next one meets.
 */
import { CACHE_SHAPES, cacheRows, runCache } from './cache-rows.js'
import type { CacheCost } from './cache-rows.js'
import { shuffled, sorted } from './key-space.js'
import { LARGE_SIZES, largeRows, runLargeValues, sizeText } from './large-values.js'
import type { LargeCost } from './large-values.js'
import { runSustained } from './sustained.js'
import type { SustainedResult } from './sustained.js'
import type { Bench } from './workload.js'
import type { Area, Key } from './store.js'

/** What the table of rows cannot show. */
export interface GroupResult {
  sustained?: SustainedResult
  large?: LargeCost
  cache?: CacheCost
}

export interface Group {
  name: string
  area: Area
  rows: readonly string[]
  /** True when its writes wait for the disk. */
  isDurable: boolean
  /**
   * True when it runs only on request, as it takes minutes. Keys are made while it runs: an array of them would not
   * fit.
   */
  isLong: boolean
  run(bench: Bench): Promise<GroupResult | void>
}

export const ROW = {
  fill: 'fill, ordered, batches of 1000',
  overwrite: 'overwrite, random, batches of 100',
  put: 'put, awaited one by one',
  putSync: 'put, synchronous',
  putMany: 'put, 1000 in flight',
  putDurable: 'put, fsync each, awaited',
  putDurableSync: 'put, fsync each, synchronous',
  get: 'get, awaited',
  getSync: 'get, synchronous',
  getAbsent: 'get, key absent',
  getMany: 'getMany, 100 keys',
  scan: 'full scan',
  seek: 'seek + 100 entries',
  sustained: 'sustained random fill, batches of 1000',
} as const

/** All rows, in their order. */
export const ROWS: readonly string[] = [
  ...Object.values(ROW), ...LARGE_SIZES.flatMap((size) => Object.values(largeRows(size))),
  ...CACHE_SHAPES.flatMap((shape) => Object.values(cacheRows(shape))),
]

const ORDERED_BATCH = 1000
const RANDOM_BATCH = 100
const IN_FLIGHT = 1000
const MANY = 100
const SEEK_ENTRIES = 100
/** The number of operations between two looks at the clock. */
const STEP = 64
/** A durable write takes long, so the clock is looked at after a few of them. */
const DURABLE_STEP = 4

/** Runs `one` for the numbers of `order` from `done` on, `count` at most; gives how many. */
function each(order: Uint32Array, done: number, count: number, one: (i: number) => void): number {
  const to = Math.min(done + count, order.length)
  for (let at = done; at < to; at++) one(order[at]!)
  return to - done
}

async function eachAwaited(
  order: Uint32Array, done: number, count: number, one: (i: number) => Promise<unknown>,
): Promise<number> {
  const to = Math.min(done + count, order.length)
  for (let at = done; at < to; at++) await one(order[at]!)
  return to - done
}

const writes: Group = {
  name: 'write',
  area: 'ordinary',
  rows: [ROW.fill, ROW.overwrite, ROW.put, ROW.putSync, ROW.putMany],
  isDurable: false,
  isLong: false,
  async run(bench) {
    const { num } = bench.options
    await bench.open()
    if (bench.isWanted(ROW.fill)) await fillRow(bench, ROW.fill, sorted(bench.keys), ORDERED_BATCH)
    else await bench.load()
    await putRows(bench, shuffled(num, 'overwrite'))
    await bench.check()
    await bench.close()
    await bench.open()
    await bench.check()
    await bench.close()
  },
}

/** Writes every entry once, in batches, to the end, however long it takes. */
async function fillRow(bench: Bench, row: string, order: Uint32Array, batch: number): Promise<void> {
  await bench.row(row, order.length, (done) => bench.writeBatch(order, done, batch), Infinity)
}

async function putRows(bench: Bench, order: Uint32Array): Promise<void> {
  const { store, keys } = bench
  const total = order.length
  await bench.row(ROW.overwrite, total, (done) => bench.writeBatch(order, done, RANDOM_BATCH))
  await bench.row(ROW.put, total, (done) =>
    eachAwaited(order, done, STEP, (i) => store.put(keys[i]!, bench.nextValue(i))))
  const { putSync } = store
  if (putSync !== undefined) {
    await bench.row(ROW.putSync, total, (done) => each(order, done, STEP, (i) => putSync(keys[i]!, bench.nextValue(i))))
  }
  await bench.row(ROW.putMany, total, async (done) => {
    const puts: Promise<unknown>[] = []
    const count = each(order, done, IN_FLIGHT, (i) => puts.push(store.put(keys[i]!, bench.nextValue(i))))
    await Promise.all(puts)
    return count
  })
}

const durableWrites: Group = {
  name: 'durable',
  area: 'ordinary',
  rows: [ROW.putDurable, ROW.putDurableSync],
  isDurable: true,
  isLong: false,
  async run(bench) {
    const order = shuffled(bench.options.num, 'durable')
    await bench.open()
    const { store, keys } = bench
    await bench.row(ROW.putDurable, order.length, (done) =>
      eachAwaited(order, done, DURABLE_STEP, (i) => store.putDurable(keys[i]!, bench.nextValue(i))))
    const { putDurableSync } = store
    if (putDurableSync !== undefined) {
      await bench.row(ROW.putDurableSync, order.length, (done) =>
        each(order, done, DURABLE_STEP, (i) => putDurableSync(keys[i]!, bench.nextValue(i))))
    }
    await bench.check()
    await bench.close()
  },
}

const reads: Group = {
  name: 'read',
  area: 'ordinary',
  rows: [ROW.get, ROW.getSync, ROW.getAbsent, ROW.getMany, ROW.scan, ROW.seek],
  isDurable: false,
  isLong: false,
  async run(bench) {
    await bench.open()
    await bench.load()
    await bench.close()
    await bench.open()
    // The check reads a sample and scans everything: it warms the caches of the system and the engine.
    await bench.check()
    const order = shuffled(bench.options.num, 'read')
    await getRows(bench, order)
    await rangeRows(bench, order)
    await bench.close()
  },
}

async function getRows(bench: Bench, order: Uint32Array): Promise<void> {
  const { store, keys } = bench
  const total = order.length
  await bench.row(ROW.get, total, (done) =>
    eachAwaited(order, done, STEP, async (i) => bench.use(await store.get(keys[i]!))))
  const { getSync } = store
  if (getSync !== undefined) {
    await bench.row(ROW.getSync, total, (done) => each(order, done, STEP, (i) => bench.use(getSync(keys[i]!))))
  }
  const absentKeys = Array.from({ length: Math.min(total, 100_000) }, (_, i) => bench.space.absentKey(order[i]!))
  await bench.row(ROW.getAbsent, total, async (done) => {
    for (let at = done; at < done + STEP; at++) bench.use(await store.get(absentKeys[at % absentKeys.length]!))
    return STEP
  })
  await bench.row(ROW.getMany, total, async (done) => {
    const asked: Key[] = []
    const count = each(order, done, MANY, (i) => asked.push(keys[i]!))
    for (const value of await store.getMany(asked)) bench.use(value)
    return count
  })
}

async function rangeRows(bench: Bench, order: Uint32Array): Promise<void> {
  const { store, keys } = bench
  await bench.row(ROW.scan, Infinity, async () => {
    let count = 0
    await store.scan((_, value) => {
      bench.use(value)
      count++
    })
    return count
  })
  let turn = 0
  await bench.row(ROW.seek, Infinity, () => store.seek(keys[order[turn++ % order.length]!]!, SEEK_ENTRIES))
}

const sustained: Group = {
  name: 'sustained',
  area: 'ordinary',
  rows: [ROW.sustained],
  isDurable: false,
  isLong: true,
  async run(bench) {
    await bench.open()
    const result = await runSustained(bench, shuffled(bench.options.num, 'sustained'))
    const { entryCount, ackedMs, batch } = result
    bench.results.push({ row: ROW.sustained, count: entryCount, ms: ackedMs, cpuMs: 0, longestMs: batch.maxMs })
    await bench.check()
    await bench.close()
    return { sustained: result }
  },
}

/** One group for each size of large values. */
const largeValues: Group[] = LARGE_SIZES.map((size) => ({
  name: `${sizeText(size)} values`,
  area: 'large',
  rows: Object.values(largeRows(size)),
  isDurable: false,
  isLong: true,
  run: async (bench) => ({ large: await runLargeValues(bench, size) }),
}))

/** One group for each shape of blobs. */
const caches: Group[] = CACHE_SHAPES.map((shape) => ({
  name: `cache ${shape.name}`,
  area: 'cache',
  rows: Object.values(cacheRows(shape)),
  isDurable: false,
  isLong: true,
  run: async (bench) => ({ cache: await runCache(bench, shape) }),
}))

export const groups: readonly Group[] = [writes, durableWrites, reads, sustained, ...largeValues, ...caches]
