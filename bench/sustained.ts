/**
 * What: the long random fill: one awaited batch after the other, then the time until the files are at rest,
 * then a scan and random gets. It tells what a program feels meanwhile: how long a batch took, how late the
 * event loop was, how much reached the disk.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { directoryBytes, writtenBytes } from './disk-usage.js'
import type { WrittenBytes } from './disk-usage.js'
import { shuffled } from './key-space.js'
import type { Bench } from './workload.js'

const BATCH = 1000
const GETS = 200_000
const IDLE_MS = 2000
/** At rest the directory may be this many times as large as keys and values. */
const SPACE_MAX = 1.2
const LOOK_MS = 20
/** The wait after the engine's own rest, for files that are being removed. */
const SMALLER_MS_MAX = 5000
/** Milliseconds between two looks of the monitors: the finest, and the default of Node. */
const RESOLUTIONS = [1, 10]

export interface Times {
  p50Ms: number
  p99Ms: number
  maxMs: number
}

/** Delays of the event loop, from `monitorEventLoopDelay`: an idle loop shows its resolution, and a little more. */
export interface LoopDelay {
  resolutionMs: number
  idleP99Ms: number
  p99Ms: number
  maxMs: number
}

export interface SustainedResult {
  /** The number of entries written: fewer than asked for when the time was over. */
  entryCount: number
  ackedMs: number
  /**
   * Milliseconds from the start of the fill until the engine is at rest and its directory is no more than 1.2 ×
   * `liveBytes`.
   */
  settledMs: number
  /** False for an engine whose directory is larger than that at rest. */
  isSmall: boolean
  /** Bytes of keys and values. */
  liveBytes: number
  diskBytes: number
  /** Bytes that the process wrote from open to rest; null where the system does not say. */
  written: WrittenBytes | null
  /** Times from the call of a batch to its answer. */
  batch: Times
  /** Times until the call returned: the batch's own encoding, or all of it in a blocking engine. */
  encoding: Times
  /** Times of the program itself, to make the keys and values of a batch. */
  making: Times
  loop: LoopDelay[]
  scanMs: number
  getsPerSecond: number
}

class TimeList {
  private readonly times: number[] = []

  add(ms: number): void {
    this.times.push(ms)
  }

  sum(): Times {
    const sorted = Float64Array.from(this.times).sort()
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
  }
}

type Monitor = ReturnType<typeof monitorEventLoopDelay>

function startMonitors(): Monitor[] {
  return RESOLUTIONS.map((resolution) => {
    const monitor = monitorEventLoopDelay({ resolution })
    monitor.enable()
    return monitor
  })
}

async function idleDelays(): Promise<number[]> {
  const monitors = startMonitors()
  await setTimeout(IDLE_MS)
  return monitors.map((monitor) => {
    monitor.disable()
    return monitor.percentile(99) / 1e6
  })
}

/** Fills, waits for rest, reads; the store stays open. */
export async function runSustained(bench: Bench, order: Uint32Array): Promise<SustainedResult> {
  const idle = await idleDelays()
  const before = writtenBytes()
  const monitors = startMonitors()
  await setImmediate()
  await setImmediate()
  const startMs = performance.now()
  const filled = await fill(bench, order)
  const ackedMs = performance.now() - startMs
  // The monitor reports a delay that is still going on only when the loop turns.
  await setImmediate()
  await setImmediate()
  for (const monitor of monitors) monitor.disable()
  const loop = monitors.map((monitor, i): LoopDelay => ({
    resolutionMs: RESOLUTIONS[i]!, idleP99Ms: idle[i]!, p99Ms: monitor.percentile(99) / 1e6, maxMs: monitor.max / 1e6,
  }))
  const liveBytes = filled.entryCount * (bench.space.key(0).length + bench.options.valueBytes)
  const rest = await settle(bench, SPACE_MAX * liveBytes)
  const settled = { isSmall: rest.isSmall, settledMs: rest.atMs - startMs }
  const written = writtenBytes(before)
  const diskBytes = directoryBytes(bench.options.dir)
  return { ...filled, ackedMs, ...settled, liveBytes, diskBytes, written, loop, ...(await read(bench, order)) }
}

async function fill(
  bench: Bench, order: Uint32Array,
): Promise<Pick<SustainedResult, 'entryCount' | 'batch' | 'encoding' | 'making'>> {
  const [batch, encoding, making] = [new TimeList(), new TimeList(), new TimeList()]
  const { store, options } = bench
  let [nowMs, entryCount] = [performance.now(), 0]
  const endMs = nowMs + 1000 * options.fillSeconds
  while (entryCount < order.length && nowMs < endMs) {
    const { keys, values } = bench.makeBatch(order, entryCount, BATCH)
    const madeMs = performance.now()
    making.add(madeMs - nowMs)
    const answer = store.batch(keys, values)
    encoding.add(performance.now() - madeMs)
    await answer
    const answeredMs = performance.now()
    batch.add(answeredMs - madeMs)
    // When nothing was awaited, the program has to turn the loop, or nothing else runs until the end.
    if (answer === undefined) await setImmediate()
    nowMs = performance.now()
    entryCount += keys.length
  }
  return { entryCount, batch: batch.sum(), encoding: encoding.sum(), making: making.sum() }
}

/** Waits for the engine's own rest and a small directory, or only for the former when the latter does not come. */
async function settle({ store, options }: Bench, diskMax: number): Promise<{ isSmall: boolean; atMs: number }> {
  await store.settle()
  const atMs = performance.now()
  while (directoryBytes(options.dir) > diskMax) {
    if (performance.now() > atMs + SMALLER_MS_MAX) return { isSmall: false, atMs }
    await setTimeout(LOOK_MS)
  }
  return { isSmall: true, atMs: performance.now() }
}

async function read(bench: Bench, order: Uint32Array): Promise<Pick<SustainedResult, 'scanMs' | 'getsPerSecond'>> {
  const { store, space } = bench
  const startMs = performance.now()
  await store.scan((_, value) => bench.use(value))
  const scanMs = performance.now() - startMs
  const keys = [...shuffled(order.length, 'sustained gets').subarray(0, GETS)].map((i) => space.key(i))
  const { getSync } = store
  const getMs = performance.now()
  for (const key of keys) bench.use(getSync === undefined ? await store.get(key) : getSync(key))
  return { scanMs, getsPerSecond: (1000 * keys.length) / (performance.now() - getMs) }
}
