/**
 * What: a user's walk over a range: the iterator stack over a read state that is held, limits, copies out.
 *
 * A walk may be left open for any time while writes go on, so it keeps no memtable that was flushed. When a
 * memtable is sealed, the moment that an open cursor sees is held like a snapshot, so that all it sees gets into
 * tables. When the memtable is in a table, the cursor lets go of its read state, and its next step goes on from its
 * place in the newest state. (Before that, nothing above the moment is in a table, so no compaction can have
 * dropped what only the cursor sees. See docs/design/0031-what-an-open-database-holds.md.)
 * Owns: the hold on the read state, the held moment, the count of open table iterators.
 * Thread: main.
 * States: standing on a read state ⇄ between two (holds none) → closed: by the end of the range, by close, by an error,
 * by the database's close.
 * Invariants: READ-3 a cursor sees the state of the moment it was made. READ-4 tables outside the
 * range are never opened. READ-5 a read error is thrown, never taken for the end. READ-6 it keeps no memtable that is
 * in a table, but in the middle of a step. VLG-12 a value that is in a value log is read when it is asked for.
 */
import { compareBytes, handleLength } from '../base/index.js'
import type { InternalIterator, SeqNum, UserBytes } from '../base/index.js'
import { EmptyIterator, isApart, isEmptyRange, keySuccessor, VisibleIterator } from '../iterator/index.js'
import type { KeyRange, ReadTime } from '../iterator/index.js'
import type { ValuePlace } from '../tables/index.js'
import { coverOf, openSources } from './range-sources.js'
import type { ReadState } from './read-state.js'
import { momentGone } from './read-view.js'
import type { HeldSnapshot, OpenCursor, ReadView } from './read-view.js'
import { HeldValue } from './stepped-copy.js'
import { ofKey, placeOf } from './value-reader.js'
import { ValueScan } from './value-scan.js'

export interface CursorOptions {
  range: KeyRange
  reverse: boolean
  /** The most entries that the cursor gives; Infinity for all. */
  limit: number
  seqNum: SeqNum
  /** The time at which it reads; the present one by default. */
  time?: ReadTime
  /** The read state to walk over; the present one by default. */
  state?: ReadState
  /** Makes the copies of keys and values; by default as the database does. */
  copies?: UserBytes
  /** True when the end of the range must not close the cursor, since `seek` may go back. The default is false. */
  staysOpen?: boolean
  /** True when `next` pauses after it passed many entries, so that its caller can give way. The default is false. */
  pauses?: boolean
}

/** Steps before a pause; they take a fraction of a millisecond. */
const STEPS_PER_PAUSE = 1000

const NO_BYTES = new Uint8Array(0)
const NOTHING = new EmptyIterator()

/** The place where the next step begins. */
const Standing = { edge: 0, target: 1, entry: 2, end: 3 } as const
type Standing = (typeof Standing)[keyof typeof Standing]

export class Cursor implements OpenCursor {
  private readonly view: ReadView
  /** The read state that is held; null between two states, and for an empty range. */
  private held: ReadState | null = null
  private iterator: InternalIterator = NOTHING
  private visible: VisibleIterator | null = null
  readonly seqNum: SeqNum
  private readonly timeMs: number
  private moment: HeldSnapshot | null = null
  private readonly range: KeyRange
  private readonly reverse: boolean
  private readonly staysOpen: boolean
  private readonly copies: UserBytes
  private left: number
  private standing: Standing = Standing.edge
  /** The key that the last `seek` asked for. */
  private target: Uint8Array | null = null
  private isClosed = false
  wasCut = false
  /** The key where the walk entered, while it looks for its first entry. */
  private enteredAt: Uint8Array | null = null
  /** Count of the current memtable's entries when the cursor sees all of them; -1 when it sees an older moment. */
  private seenCount = -1
  /** How often tables had come from outside when the state was entered. */
  private epoch = 0
  /** True when the last `next` gave false without an answer: the caller calls it again. */
  isPaused = false
  private readonly stepsMax: number
  private tableIterators = 0
  private readonly lostCount: number // when the walk began
  /** Made with the first value that stands apart. */
  private scan: ValueScan | null = null

  constructor(view: ReadView, options: CursorOptions) {
    this.view = view
    this.range = options.range
    this.reverse = options.reverse
    this.staysOpen = options.staysOpen ?? false
    this.copies = options.copies ?? view.iterators.copies.byDefault
    this.left = options.limit
    this.lostCount = view.iterators.lostCount
    this.seqNum = options.seqNum
    this.timeMs = (options.time ?? view.readClock).nowMs()
    this.stepsMax = options.pauses === true ? STEPS_PER_PAUSE : Infinity
    if (isEmptyRange(options.range)) this.standing = Standing.end
    else this.enterState(options.state ?? view.state)
    // What only an older moment sees may be dropped as soon as nobody holds that moment.
    if (options.seqNum !== view.visibleSeqNum) this.holdMoment()
    view.iterators.open.add(this)
  }

  private enterState(state: ReadState): void {
    const { view, seqNum, timeMs, range } = this
    if (view.iterators.lostCount !== this.lostCount) throw momentGone()
    // The state is held first: preparing may install a flush, which lets go of the state that the caller looked at.
    state.hold()
    view.prepareIteration()
    const memtable = state.memtables[0]
    this.seenCount = memtable?.lastSeqNum === seqNum ? memtable.entryCount : -1
    this.epoch = view.iterators.gap.epoch
    const before = view.iterators.tableCount
    const cover = coverOf(state, seqNum)
    const sources = openSources(view.iterators, state, range, cover)
    const visible = new VisibleIterator(sources, seqNum, range, { cover, timeMs })
    visible.stepsMax = this.stepsMax
    this.tableIterators = view.iterators.tableCount - before
    this.held = state
    this.visible = visible
    this.iterator = visible
  }

  private leaveState(): void {
    const { view, held, visible } = this
    if (held === null) return
    view.iterators.tableCount -= this.tableIterators
    view.iterators.passedCount += visible!.passedTotal
    visible!.close()
    held.release()
    this.held = null
    this.visible = null
    this.iterator = NOTHING
  }

  /** Makes flushes and compactions that begin from now on keep what the cursor sees. */
  holdMoment(): void {
    this.moment ??= this.view.holdMoment(this.seqNum, this.timeMs)
  }

  /** Lets go of the state, since a memtable is in a table now. Requires: `holdMoment` was called before the flush. */
  letGo(): void {
    const { held, view } = this
    if (held === null || held.memtables.every((memtable) => view.state.memtables.includes(memtable))) return
    if (this.isPaused) {
      view.turns.defer(() => this.letGo()) // as soon as the step under way is done
      return
    }
    if (this.standing === Standing.entry) {
      const { keyBytes, keyStart, keyEnd } = this.iterator
      this.standBehind(Uint8Array.prototype.slice.call(keyBytes, keyStart, keyEnd))
    }
    this.leaveState()
  }

  /** Makes the next step give what comes behind `key`, which lies in the range. */
  standBehind(key: Uint8Array): void {
    this.isPaused = false
    this.enteredAt = null
    this.standing = Standing.target
    this.target = this.reverse ? key : keySuccessor(key)
  }

  /** Makes the next step give the entry of `key` again; `count` entries from it on count as not given. */
  goBack(key: Uint8Array, count: number): void {
    if (this.isClosed) return
    this.seek(key)
    this.left += count
  }

  /**
   * Moves to the next entry. Gives false when it `isPaused`, and at the end, which closes the cursor unless it
   * stays open.
   */
  next(): boolean {
    return this.view.iterators.steps.isDue() ? this.nextMeasured() : this.advance()
  }

  private nextMeasured(): boolean {
    const { clock, iterators: { steps } } = this.view
    const startMs = clock.nowMs()
    try {
      const isThere = this.advance()
      if (isThere) steps.record(clock.nowMs() - startMs)
      return isThere
    } catch (error) {
      steps.record(clock.nowMs() - startMs, error)
      throw error
    }
  }

  private advance(): boolean {
    if (this.isClosed) return false
    try {
      if (this.isPaused) this.visible!.resume()
      else if (this.left > 0 && this.standing !== Standing.end) this.step()
      this.isPaused = this.visible?.isPaused === true
      if (this.isPaused) return false
      if (this.enteredAt !== null) this.noteGap(this.enteredAt)
    } catch (error) {
      this.close()
      this.view.renew(error) // for later walks: this one could not go on where it was
      throw error
    }
    if (!this.iterator.valid || this.left <= 0 || this.standing === Standing.end) {
      this.standing = Standing.end
      if (!this.staysOpen) this.close()
      return false
    }
    this.left--
    return true
  }

  private step(): void {
    const { standing } = this
    if (standing !== Standing.entry) {
      if (this.held === null) this.enterState(this.view.state)
      this.standing = Standing.entry
      this.stepFrom(standing)
    } else if (this.reverse) {
      this.iterator.prev()
    } else {
      this.iterator.next()
    }
  }

  private stepFrom(standing: Standing): void {
    const { iterator, target } = this
    if (standing === Standing.target) {
      if (this.reverse) iterator.seekLT(target!, 0, target!.length)
      else this.enter(target!)
    } else if (this.reverse) {
      iterator.last()
    } else {
      this.enter(this.range.lower ?? NO_BYTES)
    }
  }

  /** Seeks to the first visible entry at or after `key`, and skips the deleted stretch that the gap hint knows. */
  private enter(key: Uint8Array): void {
    const { visible, view, held, seqNum, timeMs } = this
    const memtable = held!.memtables[0]
    const known = memtable === undefined ? null : view.iterators.gap.find({ memtable, seqNum, timeMs }, key)
    const from = known?.end ?? key
    this.enteredAt = known?.lower ?? key
    visible!.seekGE(from, 0, from.length)
  }

  /** Remembers that what was found is deleted from the place where the walk entered. */
  private noteGap(from: Uint8Array): void {
    this.enteredAt = null
    const { seenCount, epoch, held, visible, view, seqNum, timeMs, range } = this
    const memtable = held?.memtables[0]
    // What a snapshot of an older moment sees says nothing about the present.
    if (memtable === undefined || seenCount < 0 || visible === null || visible.passedCount === 0) return
    const { valid, keyBytes, keyStart, keyEnd } = visible
    const end = valid ? Uint8Array.prototype.slice.call(keyBytes, keyStart, keyEnd) : range.upper
    const reader = { memtable, seqNum, timeMs, entryCount: seenCount, epoch }
    view.iterators.gap.note(reader, visible.passedCount, from, end)
  }

  /**
   * Makes the next step go to `key`, or to the first key behind it in the walk's direction. A key outside of the
   * range is the end of the range. It reads nothing yet, and does nothing when the cursor is closed.
   */
  seek(key: Uint8Array): void {
    const { lower, upper } = this.range
    this.isPaused = false
    this.enteredAt = null
    const isBefore = lower !== null && compareBytes(key, lower) < 0
    const isBehind = upper !== null && compareBytes(key, upper) >= 0
    this.standing = isBefore || isBehind ? Standing.end : Standing.target
    this.target = this.reverse ? keySuccessor(key) : key
  }

  /** The entry it stands on, lent until the next step; its handle, if the value stands apart. Requires: as `key`. */
  get lent(): InternalIterator {
    return this.iterator
  }

  /** Gives a copy of the entry's key. Requires: the last `next` gave true. */
  key(): Uint8Array {
    const { iterator } = this
    return this.copies.copy(iterator.keyBytes, iterator.keyStart, iterator.keyEnd)
  }

  /** When the entry expires, in milliseconds since 1970; 0 for never. Requires: the last `next` gave true. */
  get expiryMs(): number {
    return this.visible!.expiryMs
  }

  value(): Uint8Array {
    const { iterator } = this
    if (isApart(iterator.kind)) return this.readApart()
    return this.copies.copy(iterator.valueBytes, iterator.valueStart, iterator.valueEnd)
  }

  entry(): [Uint8Array, Uint8Array] {
    const { copies, iterator } = this
    const { keyBytes, keyStart, keyEnd, valueStart, valueEnd } = iterator
    if (keyBytes === iterator.valueBytes && keyEnd === valueStart && !isApart(iterator.kind)) {
      return copies.copyPair(keyBytes, keyStart, keyEnd, valueEnd)
    }
    return [this.key(), this.value()]
  }

  /** True when its value stands in a value log. */
  get isApart(): boolean {
    return isApart(this.iterator.kind)
  }

  /** The length of its value, wherever that stands. */
  get valueBytes(): number {
    const { kind, valueBytes, valueStart, valueEnd } = this.iterator
    return isApart(kind) ? handleLength(valueBytes, valueStart) : valueEnd - valueStart
  }

  /** Its value in a memtable, if it takes long to copy. Requires: the last `next` gave true. */
  get heldValue(): HeldValue | null {
    return this.isApart ? null : HeldValue.of(this.state, this.iterator)
  }

  /** The read state that it stands on. Requires: the last `next` gave true. */
  get state(): ReadState {
    return this.held!
  }

  /** Where its value stands. Requires: `isApart`. Throws CORRUPTION, and what opening the file throws. */
  place(): ValuePlace {
    try {
      return placeOf(this.state.valueLogs, this.iterator)
    } catch (error) {
      throw ofKey(error, this.key())
    }
  }

  private readApart(): Uint8Array {
    this.scan ??= new ValueScan(this.state.valueLogs.ahead)
    try {
      return this.scan.read(placeOf(this.state.valueLogs, this.iterator))
    } catch (error) {
      throw this.endWith(error, this.key())
    }
  }

  /** A value cannot be read: that ends the walk, like every error. */
  private endWith(error: unknown, key: Uint8Array): unknown {
    this.close()
    this.view.renew(error)
    return ofKey(error, key)
  }

  /** True when the entry it stands on was the last of its limit. */
  get isSpent(): boolean {
    return this.left <= 0
  }

  /** Ends the walk, since the database is closed. */
  cut(): void {
    if (this.isClosed) return
    this.wasCut = true
    this.close()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.isPaused = false
    this.view.iterators.open.delete(this)
    this.leaveState()
    this.scan?.forget()
    this.moment?.release()
  }
}
