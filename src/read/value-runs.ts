/**
 * What: reads many large values: neighbours in one file together, in the order in which they stand there.
 * Thread: main. No state.
 */
import { KiB, MiB, ownCopy, unfilledBytes } from '../base/index.js'
import type { Bytes, Turns } from '../base/index.js'
import { isRight } from '../tables/index.js'
import type { ValuePlace } from '../tables/index.js'
import { ofKey, POOL_READ_BYTES_MIN, readBytes, readPlace, readPlaceSync } from './value-reader.js'
import { JOINED_VALUE_BYTES_MAX } from './value-scan.js'

/** One value of many. */
export interface WantedValue {
  readonly place: ValuePlace
  /** The key of the value, which errors name. */
  readonly key: Bytes
  /** Its place among what was asked for. */
  readonly index: number
}

/** Values that are read with one call: they stand close to each other. */
export interface ValueRun {
  readonly values: WantedValue[]
  readonly start: number
  end: number
}

/** Takes values, and what is wrong with those that cannot be read. */
export interface ValueSink {
  give(index: number, value: Uint8Array): void
  fail(index: number, error: unknown): void
}

/** Reading so many bytes that nobody wants costs less than another call. */
const GAP_BYTES_MAX = 16 * KiB
const RUN_BYTES_MAX = MiB
/** The pool takes no more at once (vfs/pool-gate.ts). */
const RUNS_AT_ONCE = 2

/**
 * Which values are read together, in the order of files and offsets. Longer ones than `joinedMax` are read alone: to
 * copy them out of what was read together would cost more than another call.
 */
export function planRuns(wanted: readonly WantedValue[], joinedMax: number): ValueRun[] {
  const runs: ValueRun[] = []
  const sorted = [...wanted].sort(({ place: a }, { place: b }) =>
    a.log.fileNum - b.log.fileNum || a.offset - b.offset || a.length - b.length)
  for (const value of sorted) {
    const { log, offset, length } = value.place
    const run = runs.at(-1)
    const end = Math.max(run?.end ?? 0, offset + length)
    const isNear = run?.values[0]!.place.log === log && offset - run.end <= GAP_BYTES_MAX
    const isJoined = isNear && length <= joinedMax && run.values[0]!.place.length <= joinedMax
    if (run !== undefined && isJoined && end - run.start <= RUN_BYTES_MAX) {
      run.values.push(value)
      run.end = end
    } else {
      runs.push({ values: [value], start: offset, end: offset + length })
    }
  }
  return runs
}

/** Reads all of them at once. */
export function readRunsSync(wanted: readonly WantedValue[], sink: ValueSink): void {
  for (const run of planRuns(wanted, JOINED_VALUE_BYTES_MAX)) readRunSync(run, sink)
}

/**
 * Reads as `readRunsSync` does; runs that are large, and all while reads are slow, go through the thread pool, and
 * between others the loop turns.
 * Never rejects.
 */
export async function readRuns(wanted: readonly WantedValue[], turns: Turns, sink: ValueSink): Promise<void> {
  const runs = planRuns(wanted, POOL_READ_BYTES_MIN - 1)
  let next = 0
  const readNext = async (): Promise<void> => {
    while (next < runs.length) {
      const run = runs[next++]!
      const { speed } = run.values[0]!.place.log.reads
      if (run.end - run.start >= POOL_READ_BYTES_MIN || speed.mustWait(turns)) await readRun(run, turns, sink)
      else {
        if (turns.isOverNow()) await turns.next()
        const startMs = turns.nowMs()
        readRunSync(run, sink)
        speed.note(startMs, turns)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(RUNS_AT_ONCE, runs.length) }, readNext))
}

function readRunSync(run: ValueRun, sink: ValueSink): void {
  give(run, run.values.length === 1 ? null : bytesOfRunSync(run), sink)
}

async function readRun(run: ValueRun, turns: Turns, sink: ValueSink): Promise<void> {
  const { values, start, end } = run
  const { place, key, index } = values[0]!
  if (values.length > 1) {
    give(run, await readBytes(place.log, end - start, start).catch(() => null), sink)
    return
  }
  try {
    sink.give(index, await readPlace(place, turns))
  } catch (error) {
    sink.fail(index, ofKey(error, key))
  }
}

/** Null when they cannot be read together: then each value says by itself what is wrong. */
function bytesOfRunSync({ values, start, end }: ValueRun): Uint8Array | null {
  const bytes = unfilledBytes(end - start)
  try {
    const { file, reads } = values[0]!.place.log
    const count = file.readSync(bytes, 0, bytes.length, start)
    reads.note(count)
    return count === bytes.length ? bytes : null
  } catch {
    return null
  }
}

/** Gives the values of a run, each in memory of its own; what is not right in the bytes of the run is read again. */
function give({ values, start }: ValueRun, bytes: Uint8Array | null, sink: ValueSink): void {
  for (const { place, key, index } of values) {
    const at = place.offset - start
    try {
      const isThere = bytes !== null && isRight(place, bytes, at)
      sink.give(index, isThere ? ownCopy(bytes, at, at + place.length) : readPlaceSync(place))
    } catch (error) {
      sink.fail(index, ofKey(error, key))
    }
  }
}
