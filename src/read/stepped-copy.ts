/**
 * What: a large value that stands in a memtable, copied in steps: a copy into fresh memory takes the event loop two
 * thirds of a millisecond a MiB, so one of 64 MiB in one turn would hold it for long.
 * Thread: main. No state.
 */
import { MiB, unfilledBytes } from '../base/index.js'
import type { PointResult, Turns } from '../base/index.js'
import type { ReadState } from './read-state.js'
import type { ReadView } from './read-view.js'

/** A value of so many bytes is copied in steps where the caller can wait. */
const STEPPED_BYTES_MIN = 4 * MiB
const STEP_BYTES = MiB

/** A value where it stands in a memtable. */
export class HeldValue {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number

  private constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  /**
   * Null for a value that is short, or is not in a memtable: what a table lends may go with the next read, what a
   * memtable has stays with the state.
   */
  static of(
    { memtables }: ReadState, { valueBytes, valueStart, valueEnd }: Omit<PointResult, 'kind'>,
  ): HeldValue | null {
    if (valueEnd - valueStart < STEPPED_BYTES_MIN) return null
    const isHeld = memtables.some(({ bytes }) => bytes === valueBytes)
    return isHeld ? new HeldValue(valueBytes, valueStart, valueEnd) : null
  }

  /** A copy in memory of its own. The state is held until it is made. */
  copy(view: ReadView, state: ReadState): Promise<Uint8Array> {
    return view.iterators.valueReads.run(state, () => this.copyNow(view.turns))
  }

  /** Requires: the state is held. */
  async copyNow(turns: Turns): Promise<Uint8Array> {
    const { bytes, start, end } = this
    const target = unfilledBytes(end - start)
    for (let at = start; at < end; at += STEP_BYTES) {
      if (turns.isOverNow()) await turns.next()
      target.set(bytes.subarray(at, Math.min(end, at + STEP_BYTES)), at - start)
    }
    return target
  }
}
