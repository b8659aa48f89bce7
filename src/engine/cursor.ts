/**
 * What: a user's walk over a range: the iterator stack over a pinned read state, limits, copies out.
 * Owns: the hold on the read state until it is closed, the count of open table iterators.
 * Thread: main.
 * States: open → closed: by the end of the range, by close, by an error, by the database's close.
 * Invariants: READ-3 a cursor sees the state of the moment it was made. READ-4 tables outside the
 * range are never opened. READ-5 a read error is thrown, never taken for the end.
 */
import { compareBytes, UserBytes } from '../base/index.js'
import type { InternalIterator, SeqNum, TableFacts } from '../base/index.js'
import { ConcatIterator, EmptyIterator, isEmptyRange, MergingIterator, VisibleIterator } from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import type { ReadState } from './read-state.js'
import type { ReadView } from './read-view.js'

export interface CursorOptions {
  range: KeyRange
  reverse: boolean
  /** Entries at most; Infinity for all. */
  limit: number
  seqNum: SeqNum
}

export class Cursor {
  private readonly view: ReadView
  private readonly state: ReadState
  private readonly iterator: InternalIterator
  private readonly reverse: boolean
  private left: number
  private hasBegun = false
  private isClosed = false
  wasCut = false
  private readonly tableIterators: number
  private readonly userBytes = new UserBytes()

  constructor(view: ReadView, options: CursorOptions) {
    this.view = view
    this.reverse = options.reverse
    this.left = options.limit
    view.prepareIteration()
    this.state = view.state
    this.state.hold()
    const before = view.iterators.tableCount
    this.iterator = isEmptyRange(options.range)
      ? new EmptyIterator()
      : new VisibleIterator(openChildren(view, this.state, options.range), options.seqNum, options.range)
    this.tableIterators = view.iterators.tableCount - before
    view.iterators.count++
    view.attach(this)
  }

  /** Moves to the next entry; false at the end, and then the cursor is closed. */
  next(): boolean {
    if (this.isClosed) return false
    try {
      this.step()
    } catch (error) {
      this.close()
      throw error
    }
    if (!this.iterator.valid || this.left <= 0) {
      this.close()
      return false
    }
    this.left--
    return true
  }

  private step(): void {
    const { iterator } = this
    if (this.left <= 0) return
    if (!this.hasBegun) {
      this.hasBegun = true
      if (this.reverse) iterator.last()
      else iterator.first()
    } else if (this.reverse) {
      iterator.prev()
    } else {
      iterator.next()
    }
  }

  /** Requires: the last `next` gave true. */
  key(): Uint8Array {
    const { iterator } = this
    return this.userBytes.copy(iterator.keyBytes, iterator.keyStart, iterator.keyEnd)
  }

  value(): Uint8Array {
    const { iterator } = this
    return this.userBytes.copy(iterator.valueBytes, iterator.valueStart, iterator.valueEnd)
  }

  entry(): [Uint8Array, Uint8Array] {
    const { iterator, userBytes } = this
    const { keyBytes, keyStart, keyEnd, valueStart, valueEnd } = iterator
    if (keyBytes === iterator.valueBytes && keyEnd === valueStart) {
      return userBytes.copyPair(keyBytes, keyStart, keyEnd, valueEnd)
    }
    return [this.key(), this.value()]
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
    this.view.detach(this)
    this.view.iterators.tableCount -= this.tableIterators
    this.view.iterators.count--
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
