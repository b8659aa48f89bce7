/**
 * What: the values of a synchronous walk, one after the other: where they stand behind each other in a file, the next
 * ones are read along.
 * Owns: the bytes that were read ahead, as long as other walks do not need the memory (tables/read-ahead.ts).
 * Thread: main.
 */
import { KiB, ownCopy } from '../base/index.js'
import { isRight } from '../tables/index.js'
import type { AheadReader, OpenValueLog, ReadAhead, ValuePlace } from '../tables/index.js'
import { readPlaceSync } from './value-reader.js'

/** A larger value is read by itself: copying it a second time would cost more than a call. */
export const JOINED_VALUE_BYTES_MAX = 32 * KiB
const AHEAD_BYTES = 256 * KiB
/** A walk goes straight on when it leaves out no more than this. */
const GAP_BYTES_MAX = 64 * KiB
const NO_BYTES = new Uint8Array(0)

export class ValueScan implements AheadReader {
  private readonly ahead: ReadAhead
  private log: OpenValueLog | null = null
  /** Where the last value ended. */
  private lastEnd = 0
  /** What stands in `log` from `start` on. */
  private bytes = NO_BYTES
  private start = 0
  private end = 0

  constructor(ahead: ReadAhead) {
    this.ahead = ahead
  }

  /** The value, in memory of its own. */
  read(place: ValuePlace): Uint8Array {
    const { log, offset, length } = place
    const isNext = log === this.log && offset >= this.lastEnd && offset - this.lastEnd <= GAP_BYTES_MAX
    if (log !== this.log) this.end = this.start = 0
    this.log = log
    this.lastEnd = offset + length
    if (length > JOINED_VALUE_BYTES_MAX) return readPlaceSync(place)
    const isThere = offset >= this.start && offset + length <= this.end
    if (!isThere && (!isNext || !this.readAhead(log, offset))) return readPlaceSync(place)
    const at = offset - this.start
    if (offset + length > this.end || !isRight(place, this.bytes, at)) return readPlaceSync(place)
    return ownCopy(this.bytes, at, at + length)
  }

  /** False when it cannot be read: the read of the value alone says why. Also when there is no memory for it. */
  private readAhead({ file, bytes: fileBytes, reads }: OpenValueLog, offset: number): boolean {
    const { ahead } = this
    ahead.give(this)
    if (ahead.room < AHEAD_BYTES) return false
    ahead.take(this, AHEAD_BYTES)
    ahead.rest(this)
    if (this.bytes.length === 0) this.bytes = new Uint8Array(AHEAD_BYTES)
    this.start = offset
    this.end = offset
    try {
      const count = file.readSync(this.bytes, 0, Math.min(AHEAD_BYTES, fileBytes - offset), offset)
      reads.note(count)
      this.end += count
      return true
    } catch {
      return false
    }
  }

  dropAhead(): void {
    this.bytes = NO_BYTES
    this.start = this.end = 0
  }

  /** The walk has ended. */
  forget(): void {
    this.log = null
    this.dropAhead()
    this.ahead.give(this)
  }
}
