/**
 * What: values of 4 KiB to 64 MiB: filled in random order, written anew three times, read; with what that costs in
 * bytes written, bytes kept, and time that the event loop stands still.
 */
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { SeededRandom } from '../src/base/index.js'
import { directoryBytes, writtenBytes } from './disk-usage.js'
import { shuffled } from './key-space.js'
import { ReadFloor } from './read-floor.js'
import type { Bench } from './workload.js'

export const LARGE_SIZES = [4096, 16_384, 65_536, 1_048_576, 67_108_864] as const

const OVERWRITES = 3
const IN_FLIGHT = 16
/** From this size on there are fewer in flight, since each takes the memory of many. */
const HUGE_BYTES = 16 * 2 ** 20
const HUGE_IN_FLIGHT = 2
/** The number of reads of a row, which is less for long values. A tenth of a second measures uncompiled code. */
const READS_MIN = 200
const READS_MAX = 20_000
const READ_BYTES = 2 * 2 ** 30
/** How often the directory is measured. */
const MEASURE_MS = 500
/** The files are at rest a while after the last write. */
const REST_MS = 3000
/** How long the loop of a process that does nothing is watched. */
const IDLE_MS = 1000
/** Each value begins somewhere in so many bytes. */
const POOL_BYTES = 16 * 2 ** 20
const CHECKED = 200

/** What the writes of one size cost. */
export interface LargeCost {
  size: string
  putBytes: number
  /** Bytes handed to the system's write calls, of the fill and of all; null where that is not known. */
  fillCallBytes: number | null
  callBytes: number | null
  /** The longest time between two turns of the event loop: while it is idle, and while values are written. */
  idleTurnMs: number
  longestTurnMs: number
  liveBytes: number
  /** The most that the directory had, and what it had at rest. */
  peakBytes: number
  restBytes: number
}

export interface LargeRows {
  fill: string
  overwrite: string
  /** Right after the writes, when compactions go on, and when all is at rest. */
  get: string
  getAtRest: string
  floor: string
}

export function sizeText(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes / 1024} KiB` : `${bytes / 2 ** 20} MiB`
}

function readsOf(bytes: number): number {
  return Math.max(READS_MIN, Math.min(READS_MAX, Math.floor(READ_BYTES / bytes)))
}

function inFlight(bytes: number): number {
  return bytes < HUGE_BYTES ? IN_FLIGHT : HUGE_IN_FLIGHT
}

export function largeRows(bytes: number): LargeRows {
  const size = sizeText(bytes)
  return {
    fill: `${size} values: fill, ${inFlight(bytes)} in flight`,
    overwrite: `${size} values: overwrite ${OVERWRITES} times`,
    get: `${size} values: get right after writes, awaited`,
    getAtRest: `${size} values: get at rest, awaited`,
    floor: `${size} values: read and checksum alone`,
  }
}

/** Values without a pattern, each a view of one pool. */
class LargeValues {
  private readonly pool: Buffer
  private readonly bytes: number

  constructor(bytes: number) {
    this.bytes = bytes
    this.pool = Buffer.alloc(POOL_BYTES + bytes)
    new SeededRandom(1, 'large values').fill(this.pool)
  }

  value(i: number, generation: number): Buffer {
    const at = 8 * ((i * 7919 + generation * 104_729) % (POOL_BYTES / 8))
    return this.pool.subarray(at, at + this.bytes)
  }
}

/** Looks at the size of the directory now and then. */
class PeakWatch {
  peakBytes = 0
  private readonly dir: string
  private readonly timer: NodeJS.Timeout

  constructor(dir: string) {
    this.dir = dir
    this.timer = setInterval(() => this.look(), MEASURE_MS)
  }

  look(): number {
    const bytes = directoryBytes(this.dir)
    this.peakBytes = Math.max(this.peakBytes, bytes)
    return bytes
  }

  stop(): void {
    clearInterval(this.timer)
  }
}

/** Looks at the time each millisecond, as far as the event loop lets it. */
export class TurnWatch {
  longestMs = 0
  private lastMs = performance.now()
  private isOn = true

  constructor() {
    this.look()
  }

  private readonly look = (): void => {
    const nowMs = performance.now()
    this.longestMs = Math.max(this.longestMs, nowMs - this.lastMs)
    this.lastMs = nowMs
    if (this.isOn) globalThis.setTimeout(this.look, 1)
  }

  stop(): number {
    this.isOn = false
    this.look()
    return this.longestMs
  }
}

export async function idleTurn(): Promise<number> {
  const watch = new TurnWatch()
  await setTimeout(IDLE_MS)
  return watch.stop()
}

export async function runLargeValues(bench: Bench, bytes: number): Promise<LargeCost> {
  const { dir, largeBytes } = bench.options
  const rows = largeRows(bytes)
  const values = new LargeValues(bytes)
  const count = Math.max(inFlight(bytes), Math.floor(largeBytes / bytes))
  await bench.open()
  const idleTurnMs = await idleTurn()
  const watch = new PeakWatch(dir)
  const before = writtenBytes()
  const written = (): number | null => (before === null ? null : writtenBytes(before)!.callBytes)
  const write = async (row: string, from: number, to: number): Promise<void> => {
    await bench.row(row, count * (to - from), async (done) => {
      const generation = from + Math.floor(done / count)
      const order = shuffled(count, `generation ${generation}`)
      await putAll(bench, order, inFlight(bytes), (i) => values.value(i, generation))
      return count
    }, Infinity)
  }
  const turns = new TurnWatch()
  await write(rows.fill, 0, 1)
  const fillCallBytes = written()
  await write(rows.overwrite, 1, 1 + OVERWRITES)
  const callBytes = written()
  const longestTurnMs = turns.stop()
  await getRow(bench, rows.get, { count, bytes })
  await check(bench, count, values)
  watch.look()
  await setTimeout(REST_MS)
  await bench.store.settle()
  const restBytes = watch.look()
  watch.stop()
  await getRow(bench, rows.getAtRest, { count, bytes })
  await floorRow(bench, rows.floor, bytes)
  await bench.close()
  const putBytes = count * bytes * (1 + OVERWRITES)
  return {
    size: sizeText(bytes), putBytes, fillCallBytes, callBytes, idleTurnMs, longestTurnMs,
    liveBytes: count * bytes, peakBytes: watch.peakBytes, restBytes,
  }
}

/** Puts with so many in flight: each that is answered is followed by the next. */
async function putAll(
  bench: Bench, order: Uint32Array, writerCount: number, valueOf: (i: number) => Buffer,
): Promise<void> {
  let at = 0
  const writer = async (): Promise<void> => {
    while (at < order.length) {
      const i = order[at++]!
      await bench.store.put(bench.space.key(i), valueOf(i))
    }
  }
  await Promise.all(Array.from({ length: writerCount }, writer))
}

async function getRow(
  bench: Bench, row: string, { count, bytes }: { count: number; bytes: number },
): Promise<void> {
  const order = shuffled(count, 'get')
  await bench.row(row, readsOf(bytes), async (done) => {
    bench.use(await bench.store.get(bench.space.key(order[done % count]!)))
    return 1
  })
}

/** What a get that reads and checks its value can take at least, in the same process. */
async function floorRow(bench: Bench, row: string, bytes: number): Promise<void> {
  if (!bench.isWanted(row)) return
  const floor = new ReadFloor(bench.options.dir, bytes)
  await bench.row(row, readsOf(bytes), async () => {
    bench.use(await Promise.resolve(floor.read()))
    return 1
  })
  floor.close()
}

async function check(bench: Bench, count: number, values: LargeValues): Promise<void> {
  for (const i of shuffled(count, 'check').subarray(0, CHECKED)) {
    const found = await bench.store.get(bench.space.key(i))
    assert.ok(found !== undefined && found !== null && Buffer.compare(found, values.value(i, OVERWRITES)) === 0)
  }
}
