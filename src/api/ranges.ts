/**
 * What: ranges as users give them, and the iterables over them.
 * An iterable holds the state of the moment of the call. It lets go at its end, at `return` (leaving a for loop), and
 * when the database closes; then it throws CLOSED.
 */
import { checkFlag, invalidArgument, takeOptions, VarveError } from '../base/index.js'
import type { Turns } from '../base/index.js'
import { BOUND_NAMES, readBounds } from '../commit/index.js'
import type { KeyBounds } from '../commit/index.js'
import { ALL_KEYS } from '../iterator/index.js'
import { Cursor, WalkAhead } from '../read/index.js'
import type { CursorOptions, ReadView, WalkedPart } from '../read/index.js'
import { momentOf } from './read-options.js'
import type { ReadOptions } from './read-options.js'

/** Which entries, in which order, as of when. Without any of it, all entries from the first key to the last. */
export interface RangeOptions extends ReadOptions, KeyBounds {
  /** Goes from the last key to the first; default false. */
  reverse?: boolean | undefined
  /** At most so many entries, an integer ≥ 0; -1 or Infinity for all, the default. */
  limit?: number | undefined
}

const NAMES = [...BOUND_NAMES, 'reverse', 'limit', 'snapshot', 'ownBuffers']

/** What a range says of a walk. */
export interface RangeWalk extends CursorOptions {
  /** False when it is walked as of a snapshot. */
  isNow: boolean
}

/** Reads and checks the options of a range. Throws INVALID_ARGUMENT, or CLOSED, before anything is opened. */
export function readRange(options: RangeOptions | undefined, view: ReadView): RangeWalk {
  if (options === undefined) {
    view.checkReadable()
    return { range: ALL_KEYS, reverse: false, limit: Infinity, seqNum: view.visibleSeqNum, isNow: true }
  }
  const given = takeOptions('range', NAMES, options, takeRange)
  const range = readBounds(given)
  const reverse = checkFlag(given.reverse, 'reverse') ?? false
  const limit = readLimit(given.limit)
  const { state, seqNum, time, isNow, copies } = momentOf(given, view)
  return { range, reverse, limit, state, seqNum, time, isNow, copies }
}

/** Gives a cursor over a range, which the caller closes: for who looks at more of an entry than key and value. */
export function openCursor(view: ReadView, options: RangeOptions): Cursor {
  return new Cursor(view, readRange(options, view))
}

function takeRange(range: RangeOptions): RangeOptions {
  const { gt, gte, lt, lte, prefix, reverse, limit, snapshot, ownBuffers } = range
  return { gt, gte, lt, lte, prefix, reverse, limit, snapshot, ownBuffers }
}

function readLimit(limit: unknown): number {
  if (limit === undefined || limit === -1 || limit === Infinity) return Infinity
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0 || Object.is(limit, -0)) {
    throw invalidArgument('option limit must be an integer ≥ 0, -1 or Infinity')
  }
  return limit
}

/** The part of an entry that an iterable gives: its key, its value, or both. */
export interface Part<T> {
  now(cursor: Cursor): T
  /** Makes the result where the value stands in a value log; null for a part without values. */
  readonly apart: WalkedPart<T>['apart'] | null
}

export const ENTRY: Part<[Uint8Array, Uint8Array]> = {
  now: (cursor) => cursor.entry(),
  apart: (cursor) => {
    const key = cursor.key()
    return (value) => [key, value]
  },
}
export const KEY: Part<Uint8Array> = { now: (cursor) => cursor.key(), apart: null }
export const VALUE: Part<Uint8Array> = { now: (cursor) => cursor.value(), apart: () => (value) => value }

/** The synchronous iterator over a range. */
export class RangeIterable<T> implements IterableIterator<T> {
  readonly #cursor: Cursor
  readonly #part: Part<T>

  constructor(view: ReadView, options: CursorOptions, part: Part<T>) {
    this.#cursor = new Cursor(view, options)
    this.#part = part
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<T, undefined> {
    const cursor = this.#cursor
    return cursor.next() ? given(cursor, made(cursor, this.#part)) : ended(cursor)
  }

  return(): IteratorResult<T, undefined> {
    this.#cursor.close()
    return { done: true, value: undefined }
  }
}

/**
 * The asynchronous iterator over a range. It gives way to timers, also inside a call of `next` that passes many deleted
 * keys.
 */
export class AsyncRangeIterable<T> implements AsyncIterableIterator<T> {
  readonly #turns: Turns
  readonly #cursor: Cursor
  readonly #part: Part<T>
  /** What it gives next where values stand apart; null for a part without values. */
  readonly #ahead: WalkAhead<T> | null
  /** The last result that was asked for, while it is not there: the next one waits for it. */
  #last: Promise<unknown> | null = null

  constructor(view: ReadView, options: CursorOptions, part: Part<T>) {
    this.#turns = view.turns
    this.#cursor = new Cursor(view, { ...options, pauses: true, staysOpen: true })
    this.#part = part
    const { now, apart } = part
    this.#ahead = apart === null ? null : new WalkAhead(view, this.#cursor, { now, apart })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const last = this.#last
    if (last !== null) return this.#queue(last.then(() => this.#advance(), () => this.#advance()))
    const result = this.#advance()
    return this.#cursor.isPaused || this.#ahead?.isReading === true ? this.#queue(result) : result
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end()
    return { done: true, value: undefined }
  }

  #queue(result: Promise<IteratorResult<T, undefined>>): Promise<IteratorResult<T, undefined>> {
    this.#last = result
    const end = (): void => {
      if (this.#last === result) this.#last = null
    }
    result.then(end, end)
    return result
  }

  async #advance(): Promise<IteratorResult<T, undefined>> {
    const cursor = this.#cursor
    const ahead = this.#ahead
    const turns = this.#turns
    if (ahead === null || ahead.isEmpty || cursor.wasCut) {
      while (!cursor.next()) {
        if (!cursor.isPaused) return this.#ended()
        if (turns.isOverNow()) await turns.next()
      }
      const held = ahead === null ? null : cursor.heldValue
      if (held !== null) return this.#given(await ahead!.copy(held))
      if (ahead === null || !cursor.isApart) {
        const result = this.#given(made(cursor, this.#part))
        if (turns.isOver()) await turns.next()
        return result
      }
      return this.#given(await ahead.read())
    }
    const result = this.#given(ahead.take())
    if (turns.isOver()) await turns.next()
    return result
  }

  #given(value: T): IteratorResult<T, undefined> {
    // A caller with limit 1 never calls next() again, so it ends now.
    if (this.#cursor.isSpent && this.#ahead?.isEmpty !== false) this.#end()
    return { done: false, value }
  }

  #ended(): IteratorResult<T, undefined> {
    this.#end()
    return ended(this.#cursor)
  }

  #end(): void {
    this.#ahead?.drop()
    this.#cursor.close()
  }
}

/** Makes what is given of an entry. When it cannot be made, the walk is over. */
function made<T>(cursor: Cursor, part: Part<T>): T {
  try {
    return part.now(cursor)
  } catch (error) {
    cursor.close()
    throw error
  }
}

function given<T>(cursor: Cursor, value: T): IteratorResult<T, undefined> {
  // A caller with limit 1 never calls next() again, so the cursor is closed now.
  if (cursor.isSpent) cursor.close()
  return { done: false, value }
}

function ended(cursor: Cursor): IteratorResult<never, undefined> {
  if (cursor.wasCut) throw new VarveError('CLOSED', 'the database was closed during the iteration')
  return { done: true, value: undefined }
}
