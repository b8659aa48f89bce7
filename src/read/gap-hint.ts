/**
 * What: remembers a stretch of keys that holds nothing but tombstones, so that who looks for the first key
 * behind it need not walk over them again: the head of a queue stays as near as its first item.
 *
 * Found by a cursor that had to pass many tombstones. True for everyone who reads at that moment or
 * later, until a key is put into it; then the stretch ends before that key. Puts are looked for when the hint
 * is used, each once, so writes pay nothing for it. It ends with its memtable.
 * Owns: one stretch. Thread: main.
 */
import { compareBytes } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import type { Memtable } from '../memtable/index.js'

/** A reader that sees all of the current memtable as it was at one moment. */
export interface GapReader {
  memtable: Memtable
  seqNum: SeqNum
  /** Entries of the memtable at that moment. */
  entryCount: number
}

/** Fewer are walked over again. */
const PASSED_COUNT_MIN = 32
/** More new entries than this are not looked through. */
const NEW_ENTRIES_MAX = 8192

export class GapHint {
  private memtable: Memtable | null = null
  /** Entries of the memtable that were looked at. */
  private entryCount = 0
  private seqNum: SeqNum = 0
  /** Inclusive. */
  private lower: Uint8Array = new Uint8Array(0)
  /** Exclusive; null: there is no key behind it. */
  private upper: Uint8Array | null = null

  /** `reader` passed so many tombstones from `lower` on to `upper`. */
  note(reader: GapReader, passedCount: number, lower: Uint8Array, upper: Uint8Array | null): void {
    if (passedCount < PASSED_COUNT_MIN) return
    this.memtable = reader.memtable
    this.entryCount = reader.entryCount
    this.seqNum = reader.seqNum
    this.lower = lower
    this.upper = upper
  }

  /** Where the stretch begins that `from` lies in, if a reader at `seqNum` may go on at `end`; else null. */
  find(memtable: Memtable, seqNum: SeqNum, from: Uint8Array): { lower: Uint8Array; end: Uint8Array } | null {
    if (this.memtable !== memtable || seqNum < this.seqNum) return null
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
