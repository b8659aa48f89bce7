/**
 * What: reads many large values: neighbours in one file together, in the order in which they stand there.
 * Thread: main. No state.
 */
import { KiB, MiB } from '../base/index.js'
import type { Bytes, Turns } from '../base/index.js'
import { isRight, ofKey, POOL_READ_BYTES_MIN, readPiece, readPlace, readPlaceSync } from './value-reader.js'
import type { ValuePlace } from './value-reader.js'

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

export type GiveValue = (index: number, value: Uint8Array) => void

/** Reading so many bytes that nobody wants costs less than another call. */
const GAP_BYTES_MAX = 16 * KiB
const RUN_BYTES_MAX = MiB
/** The pool takes no more at once (vfs/pool-gate.ts). */
const RUNS_AT_ONCE = 2

/** Which values are read together, in the order of files and offsets. */
export function planRuns(wanted: readonly WantedValue[]): ValueRun[] {
  const runs: ValueRun[] = []
  const sorted = [...wanted].sort(({ place: a }, { place: b }) =>
    a.log.fileNum - b.log.fileNum || a.offset - b.offset || a.length - b.length)
  for (const value of sorted) {
    const { log, offset, length } = value.place
    const run = runs.at(-1)
    const end = Math.max(run?.end ?? 0, offset + length)
    const isNear = run?.values[0]!.place.log === log && offset - run.end <= GAP_BYTES_MAX
    if (run !== undefined && isNear && end - run.start <= RUN_BYTES_MAX) {
      run.values.push(value)
      run.end = end
    } else {
      runs.push({ values: [value], start: offset, end: offset + length })
    }
  }
  return runs
}

/** Gives each value. Throws the first error. */
export function readRunsSync(wanted: readonly WantedValue[], give: GiveValue): void {
  for (const run of planRuns(wanted)) readRunSync(run, give)
}

/** Reads as `readRunsSync` does; runs that are large go through the thread pool, and between others the loop turns. */
export async function readRuns(wanted: readonly WantedValue[], turns: Turns, give: GiveValue): Promise<void> {
  const runs = planRuns(wanted)
  let next = 0
  const readNext = async (): Promise<void> => {
    while (next < runs.length) {
      const run = runs[next++]!
      if (run.end - run.start >= POOL_READ_BYTES_MIN) await readRun(run, turns, give)
      else {
        if (turns.isOverNow()) await turns.next()
        readRunSync(run, give)
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: RUNS_AT_ONCE }, readNext))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function readRunSync(run: ValueRun, give: GiveValue): void {
  const bytes = run.values.length === 1 ? null : bytesOfRunSync(run)
  for (const value of run.values) give(value.index, valueIn(run, bytes, value))
}

async function readRun(run: ValueRun, turns: Turns, give: GiveValue): Promise<void> {
  const { values, start, end } = run
  if (values.length === 1) {
    const { place, key, index } = values[0]!
    try {
      give(index, await readPlace(place, turns))
    } catch (error) {
      throw ofKey(error, key)
    }
    return
  }
  const bytes = new Uint8Array(end - start)
  const isRead = await readPiece(values[0]!.place.log, bytes, 0, bytes.length, start).then(() => true, () => false)
  for (const value of values) give(value.index, valueIn(run, isRead ? bytes : null, value))
}

/** Null when they cannot be read together: then each value says by itself what is wrong. */
function bytesOfRunSync({ values, start, end }: ValueRun): Uint8Array | null {
  const bytes = new Uint8Array(end - start)
  try {
    const { file } = values[0]!.place.log
    return file.readSync(bytes, 0, bytes.length, start) === bytes.length ? bytes : null
  } catch {
    return null
  }
}

/** In memory of its own; what is not right in the bytes of the run is read again. */
function valueIn({ start }: ValueRun, bytes: Uint8Array | null, { place, key }: WantedValue): Uint8Array {
  const at = place.offset - start
  if (bytes !== null && isRight(place, bytes, at)) return bytes.slice(at, at + place.length)
  try {
    return readPlaceSync(place)
  } catch (error) {
    throw ofKey(error, key)
  }
}
