/**
 * What: a user's walk over a range: the iterator stack over a pinned read state, limits, copies out.
 * Owns: the hold on the read state until it is closed, the count of open table iterators.
 * Thread: main.
 * States: open → closed: by the end of the range, by close, by an error, by the database's close.
 * Invariants: READ-3 a cursor sees the state of the moment it was made. READ-4 tables outside the
 * range are never opened. READ-5 a read error is thrown, never taken for the end.
 */
import { compareBytes } from '../base/index.js'
import type { InternalIterator, SeqNum, TableFacts, UserBytes } from '../base/index.js'
import {
  ConcatIterator, EmptyIterator, isEmptyRange, keySuccessor, MergingIterator, VisibleIterator,
} from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import type { ReadState } from './read-state.js'
import type { ReadView } from './read-view.js'

export interface CursorOptions {
  range: KeyRange
  reverse: boolean
  /** Entries at most; Infinity for all. */
  limit: number
  seqNum: SeqNum
  /** Default: the present one. */
  state?: ReadState
  /** What copies keys and values; default: as the database does. */
  copies?: UserBytes
  /** The end of the range does not close it: `seek` may go back. Default false. */
  staysOpen?: boolean
  /** `next` pauses when it had to pass many entries, so that its caller can give way. Default false. */
  pauses?: boolean
}

/** Passed in a fraction of a millisecond. */
const STEPS_PER_PAUSE = 1000

const NO_BYTES = new Uint8Array(0)

/** Where the next step begins. */
const Place = { edge: 0, target: 1, entry: 2, end: 3 } as const
type Place = (typeof Place)[keyof typeof Place]

export class Cursor {
  private readonly view: ReadView
  private readonly state: ReadState
  private readonly iterator: InternalIterator
  private readonly visible: VisibleIterator | null
  private readonly seqNum: SeqNum
  private readonly range: KeyRange
  private readonly reverse: boolean
  private readonly staysOpen: boolean
  private readonly copies: UserBytes
  private left: number
  private place: Place = Place.edge
  /** What was sought. */
  private target: Uint8Array | null = null
  private isClosed = false
  wasCut = false
  /** Where the walk entered, while it looks for its first entry. */
  private enteredAt: Uint8Array | null = null
  /** Entries of the current memtable, all of which it sees; -1: it sees an older time. */
  private readonly seenCount: number
  /** The last `next` gave false and knows nothing yet: call it again. */
  isPaused = false
  private readonly tableIterators: number

  constructor(view: ReadView, options: CursorOptions) {
    this.view = view
    this.range = options.range
    this.reverse = options.reverse
    this.staysOpen = options.staysOpen ?? false
    this.copies = options.copies ?? view.iterators.copies.byDefault
    this.left = options.limit
    this.state = options.state ?? view.state
    // Held first: what is prepared may install a flush, which lets go of the state that the caller looked at.
    this.state.hold()
    view.prepareIteration()
    const before = view.iterators.tableCount
    const memtable = this.state.memtables[0]
    this.seenCount = memtable?.lastSeqNum === options.seqNum ? memtable.entryCount : -1
    this.seqNum = options.seqNum
    this.visible = isEmptyRange(options.range)
      ? null
      : new VisibleIterator(openChildren(view, this.state, options.range), options.seqNum, options.range)
    this.iterator = this.visible ?? new EmptyIterator()
    if (options.pauses === true && this.visible !== null) this.visible.stepsMax = STEPS_PER_PAUSE
    this.tableIterators = view.iterators.tableCount - before
    view.iterators.count++
    view.attach(this)
  }

  /**
   * Moves to the next entry; false at the end, and then the cursor is closed, unless it stays open, and false when it
   * `isPaused`.
   */
  next(): boolean {
    if (this.isClosed) return false
    try {
      if (this.isPaused) this.visible!.resume()
      else if (this.left > 0 && this.place !== Place.end) this.step()
      this.isPaused = this.visible?.isPaused === true
      if (this.isPaused) return false
      if (this.enteredAt !== null) this.noteGap(this.enteredAt)
    } catch (error) {
      this.close()
      this.view.renew(error) // for walks to come: this one would not go on where it was
      throw error
    }
    if (!this.iterator.valid || this.left <= 0 || this.place === Place.end) {
      this.place = Place.end
      if (!this.staysOpen) this.close()
      return false
    }
    this.left--
    return true
  }

  private step(): void {
    const { iterator, place, target } = this
    this.place = Place.entry
    if (place === Place.entry) {
      if (this.reverse) iterator.prev()
      else iterator.next()
    } else if (place === Place.target) {
      if (this.reverse) iterator.seekLT(target!, 0, target!.length)
      else this.enter(target!)
    } else if (this.reverse) {
      iterator.last()
    } else {
      this.enter(this.range.lower ?? NO_BYTES)
    }
  }

  /** To the first entry from `key` on; past what is known to be deleted. */
  private enter(key: Uint8Array): void {
    const { visible, view, state, seqNum } = this
    if (visible === null) return
    const memtable = state.memtables[0]
    const known = memtable === undefined ? null : view.iterators.gap.find(memtable, seqNum, key)
    const from = known?.end ?? key
    this.enteredAt = known?.lower ?? key
    visible.seekGE(from, 0, from.length)
  }

  /** What was found to be deleted from where the walk entered on is remembered. */
  private noteGap(from: Uint8Array): void {
    this.enteredAt = null
    const { seenCount, visible, view, seqNum, range } = this
    const memtable = this.state.memtables[0]
    // What a snapshot of older times sees says nothing about now.
    if (memtable === undefined || seenCount < 0 || visible === null || visible.passedCount === 0) return
    const { valid, keyBytes, keyStart, keyEnd } = visible
    const end = valid ? Uint8Array.prototype.slice.call(keyBytes, keyStart, keyEnd) : range.upper
    view.iterators.gap.note({ memtable, seqNum, entryCount: seenCount }, visible.passedCount, from, end)
  }

  /**
   * The next step goes to `key`, or to the first one behind it in the walk's direction. A key outside of
   * the range is the end of it. Reads nothing yet; does nothing when the cursor is closed.
   */
  seek(key: Uint8Array): void {
    const { lower, upper } = this.range
    this.isPaused = false
    this.enteredAt = null
    const isBefore = lower !== null && compareBytes(key, lower) < 0
    const isBehind = upper !== null && compareBytes(key, upper) >= 0
    this.place = isBefore || isBehind ? Place.end : Place.target
    this.target = this.reverse ? keySuccessor(key) : key
  }

  /** The entry it stands on, lent until the next step. Requires: the last `next` gave true. */
  get lent(): InternalIterator {
    return this.iterator
  }

  /** Requires: the last `next` gave true. */
  key(): Uint8Array {
    const { iterator } = this
    return this.copies.copy(iterator.keyBytes, iterator.keyStart, iterator.keyEnd)
  }

  value(): Uint8Array {
    const { iterator } = this
    return this.copies.copy(iterator.valueBytes, iterator.valueStart, iterator.valueEnd)
  }

  entry(): [Uint8Array, Uint8Array] {
    const { copies, iterator } = this
    const { keyBytes, keyStart, keyEnd, valueStart, valueEnd } = iterator
    if (keyBytes === iterator.valueBytes && keyEnd === valueStart) {
      return copies.copyPair(keyBytes, keyStart, keyEnd, valueEnd)
    }
    return [this.key(), this.value()]
  }

  /** True when the entry it stands on was the last of its limit. */
  get isSpent(): boolean {
    return this.left <= 0 && !this.staysOpen
  }

  /** The database was closed under it. */
  cut(): void {
    if (this.isClosed) return
    this.wasCut = true
    this.close()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.isPaused = false
    this.view.detach(this)
    this.view.iterators.tableCount -= this.tableIterators
    this.view.iterators.count--
    this.view.iterators.passedCount += this.visible?.passedTotal ?? 0
    this.iterator.close()
    this.state.release()
  }
}

function openChildren(view: ReadView, state: ReadState, range: KeyRange): InternalIterator {
  const children: InternalIterator[] = []
  for (const memtable of state.memtables) {
    if (memtable.entryCount > 0) children.push(memtable.iterator())
  }
  state.version.levels.forEach((facts, level) => {
    const chosen = facts.flatMap((table, at) => (overlaps(table, range) ? [at] : []))
    if (chosen.length === 0) return
    const tables = state.levels[level]!
    view.iterators.tableCount += chosen.length
    if (level === 0) {
      for (const at of chosen) children.push(tables[at]!.iterator())
      return
    }
    children.push(new ConcatIterator(
      chosen.map((at) => ({ ...facts[at]!, reader: tables[at]! })), ({ reader }) => reader.iterator(),
    ))
  })
  if (children.length === 0) return new EmptyIterator()
  return children.length === 1 ? children[0]! : new MergingIterator(children)
}

function overlaps(table: TableFacts, { lower, upper }: KeyRange): boolean {
  if (lower !== null && compareBytes(table.largestKey, lower) < 0) return false
  return upper === null || compareBytes(table.smallestKey, upper) < 0
}
