/**
 * What: remembers a stretch of keys that holds nothing but tombstones, so that a search for the first key behind it
 * need not walk over them again: the head of a queue stays as near as its first item.
 *
 * A cursor that had to pass many tombstones, or values that have expired, finds the stretch. The hint is true for every
 * reader at that moment or later, and at that time or later, until a key is put into the stretch; then the stretch ends
 * before that key. Puts are looked for when the hint is used, each once, so writes pay nothing for it. The hint ends
 * with its memtable, and when tables come from outside, whose keys no memtable has: what a reader from before finds
 * then
 * says nothing of them either (ING-5).
 * Owns: one stretch. Thread: main.
 */
import { compareBytes } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import type { Memtable } from '../memtable/index.js'

/** A reader that sees all of the current memtable as it was at one moment. */
export interface GapReader {
  memtable: Memtable
  seqNum: SeqNum
  /** The time at which it reads. */
  timeMs: number
  /** Count of the memtable's entries at that moment. */
  entryCount: number
  /** What `epoch` was at that moment. */
  epoch: number
}

/** A stretch of fewer tombstones is not remembered, but walked over again. */
const PASSED_COUNT_MIN = 32
/** The hint is dropped when more new entries than this had to be looked through. */
const NEW_ENTRIES_MAX = 8192

export class GapHint {
  private memtable: Memtable | null = null
  /** How often tables have come from outside. */
  epoch = 0
  /** Count of the memtable's entries that were looked at. */
  private entryCount = 0
  private seqNum: SeqNum = 0
  private timeMs = 0
  /** The inclusive lower bound of the stretch. */
  private lower: Uint8Array = new Uint8Array(0)
  /** The exclusive upper bound of the stretch; null when there is no key behind it. */
  private upper: Uint8Array | null = null

  /** Takes note that `reader` passed `passedCount` tombstones from `lower` on, up to `upper`. */
  note(reader: GapReader, passedCount: number, lower: Uint8Array, upper: Uint8Array | null): void {
    if (passedCount < PASSED_COUNT_MIN || reader.epoch !== this.epoch) return
    this.memtable = reader.memtable
    this.entryCount = reader.entryCount
    this.seqNum = reader.seqNum
    this.timeMs = reader.timeMs
    this.lower = lower
    this.upper = upper
  }

  /** Drops the hint: what follows may be another state with the same memtable, or tables that come from outside. */
  forget(): void {
    this.memtable = null
    this.epoch++
  }

  /** Gives where the stretch around `from` begins and where this reader may go on; null if there is none. */
  find(
    { memtable, seqNum, timeMs }: Omit<GapReader, 'entryCount' | 'epoch'>, from: Uint8Array,
  ): { lower: Uint8Array; end: Uint8Array } | null {
    if (this.memtable !== memtable || seqNum < this.seqNum || timeMs < this.timeMs) return null
    if (compareBytes(from, this.lower) < 0 || !this.takeNewEntries(memtable)) return null
    const { lower, upper } = this
    return upper === null || compareBytes(from, upper) >= 0 ? null : { lower, end: upper }
  }

  private takeNewEntries(memtable: Memtable): boolean {
    const { entryCount } = memtable
    if (entryCount - this.entryCount > NEW_ENTRIES_MAX) {
      this.memtable = null
      return false
    }
    this.upper = memtable.firstPutSince(this.entryCount, this.lower, this.upper) ?? this.upper
    this.entryCount = entryCount
    return true
  }
}
