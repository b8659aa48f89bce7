/**
 * What: ranges as users give them, and the iterables over them.
 * An iterable pins the state of the moment of the call. It lets go at its end, at `return` (leaving a
 * for loop), and when the database closes; then it throws CLOSED.
 */
import { checkFlag, copyBytes, invalidArgument, takeOptions, VarveError } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import { Cursor } from '../engine/index.js'
import type { CursorOptions, ReadView } from '../engine/index.js'
import { ALL_KEYS, keyRange } from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import { snapshotSeqNum } from './read-options.js'
import type { ReadOptions } from './read-options.js'

export interface RangeOptions extends ReadOptions {
  gt?: Bytes | undefined
  gte?: Bytes | undefined
  lt?: Bytes | undefined
  lte?: Bytes | undefined
  /** Only keys that begin with this; combines with the bounds. */
  prefix?: Bytes | undefined
  /** From the last key to the first; default false. */
  reverse?: boolean | undefined
  /** Entries at most, an integer ≥ 0; -1 or Infinity for all, the default. */
  limit?: number | undefined
}

const BOUND_NAMES = ['gt', 'gte', 'lt', 'lte', 'prefix']
const NAMES = [...BOUND_NAMES, 'reverse', 'limit', 'snapshot']

/** The keys of a range without an order. */
export type KeyBounds = Pick<RangeOptions, 'gt' | 'gte' | 'lt' | 'lte' | 'prefix'>

/** Throws INVALID_ARGUMENT before anything is opened. */
export function readRange(options: RangeOptions | undefined, view: ReadView): CursorOptions {
  view.checkReadable()
  if (options === undefined) {
    return { range: keyRange({}), reverse: false, limit: Infinity, seqNum: view.visibleSeqNum }
  }
  const given = takeOptions('range', NAMES, options, takeRange)
  const { reverse, limit, snapshot } = given
  return {
    range: readBounds(given),
    reverse: checkFlag(reverse, 'reverse') ?? false,
    limit: readLimit(limit),
    seqNum: snapshotSeqNum(snapshot, view),
  }
}

/** Throws INVALID_ARGUMENT. */
export function readKeyRange(bounds: KeyBounds | undefined): KeyRange {
  if (bounds === undefined) return ALL_KEYS
  return readBounds(takeOptions('range', BOUND_NAMES, bounds, takeRange))
}

function takeRange({ gt, gte, lt, lte, prefix, reverse, limit, snapshot }: RangeOptions): RangeOptions {
  return { gt, gte, lt, lte, prefix, reverse, limit, snapshot }
}

function readBounds({ gt, gte, lt, lte, prefix }: KeyBounds): KeyRange {
  return keyRange({ gt: bound(gt), gte: bound(gte), lt: bound(lt), lte: bound(lte), prefix: bound(prefix) })
}

/** An own copy, so that the caller may change the buffer. */
function bound(key: Bytes | undefined): Uint8Array | undefined {
  if (key === undefined) return undefined
  checkKey(key)
  return copyBytes(key)
}

function readLimit(limit: unknown): number {
  if (limit === undefined || limit === -1 || limit === Infinity) return Infinity
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0 || Object.is(limit, -0)) {
    throw invalidArgument('option limit must be an integer ≥ 0, -1 or Infinity')
  }
  return limit
}

/** The synchronous iterator, and the asynchronous one over the same cursor. */
abstract class RangeIterable<T> implements IterableIterator<T> {
  protected readonly cursor: Cursor
  private readonly view: ReadView

  constructor(view: ReadView, options: CursorOptions) {
    this.view = view
    this.cursor = new Cursor(view, options)
  }

  protected abstract current(): T

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<T, undefined> {
    if (this.cursor.next()) {
      const value = this.current()
      // Who takes the one entry that was asked for does not come back to hear that there is no other.
      if (this.cursor.isSpent) this.cursor.close()
      return { done: false, value }
    }
    if (this.cursor.wasCut) throw new VarveError('CLOSED', 'the database was closed during the iteration')
    return { done: true, value: undefined }
  }

  return(): IteratorResult<T, undefined> {
    this.cursor.close()
    return { done: true, value: undefined }
  }

  /** The same walk as an asynchronous iterator that gives way to timers. */
  async(): AsyncIterableIterator<T> {
    const { turns } = this.view
    const settle = async (turn: IteratorResult<T, undefined>) => {
      if (turns.isOver()) await turns.next()
      return turn
    }
    const iterator: AsyncIterableIterator<T> = {
      next: async () => settle(this.next()),
      return: async () => this.return(),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }
}

export class EntryIterable extends RangeIterable<[Uint8Array, Uint8Array]> {
  protected current(): [Uint8Array, Uint8Array] {
    return this.cursor.entry()
  }
}

export class KeyIterable extends RangeIterable<Uint8Array> {
  protected current(): Uint8Array {
    return this.cursor.key()
  }
}

export class ValueIterable extends RangeIterable<Uint8Array> {
  protected current(): Uint8Array {
    return this.cursor.value()
  }
}
