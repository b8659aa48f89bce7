/**
 * What: the operations of one batch, read from the caller's array once. Reading may run code of the caller (getters,
 * proxies), which may do anything: change the array, write, close. So the array is read whole before anything else
 * happens, and from then on only this list counts.
 * Thread: main. Memory: keys and values are referred to, not copied.
 */
import { BATCH_COUNT_MAX, invalidArgument, takeOptions, unreadableArgument, VarveError } from '../base/index.js'
import type { Bytes, EntryKind } from '../base/index.js'
import { checkValue } from './check-input.js'
import { BOUND_NAMES, readBounds, takeBounds, tombstoneBounds } from './key-bounds.js'
import type { KeyBounds } from './key-bounds.js'
import { FOREVER } from './lifetime.js'
import type { Lifetime, Lifetimes } from './lifetime.js'
import { operationNamed } from './operations.js'

/** One operation of a batch, as callers give it. */
export type BatchOperation =
  | ({ type: 'put'; key: Bytes; value: Bytes } & Lifetime)
  | { type: 'del'; key: Bytes }
  | ({ type: 'delRange' } & KeyBounds)

/** An operation as it comes. */
interface GivenOperation extends Lifetime {
  type?: unknown
  key: Bytes
  value?: Bytes
}

const RANGE_NAMES = ['type', ...BOUND_NAMES]

/** The most operations that memory is reserved for ahead: an array may claim to be longer than it is. */
const COUNT_BELIEVED = 65_536

const NO_VALUE = new Uint8Array(0)

export class OperationList {
  /** The kinds of the operations' entries. */
  readonly kinds: EntryKind[]
  /** The keys as the caller gave them, not checked yet. */
  readonly keys: Bytes[]
  /** The values as the caller gave them, not checked yet. An operation without a value has an empty one. */
  readonly values: Bytes[]
  /** When the values expire, in milliseconds since 1970, 0 for never; null when none does. */
  expiries: number[] | null = null

  private constructor(count: number) {
    const countBelieved = Math.min(count, COUNT_BELIEVED)
    this.kinds = new Array<EntryKind>(countBelieved)
    this.keys = new Array<Bytes>(countBelieved)
    this.values = new Array<Bytes>(countBelieved)
  }

  get count(): number {
    return this.keys.length
  }

  /** Makes a list of `count` operations that the caller fills with `set`. */
  static ofCount(count: number): OperationList {
    return new OperationList(count)
  }

  /** Makes a list of one operation. */
  static of(kind: EntryKind, key: Bytes, value: Bytes, expiryMs = 0): OperationList {
    const list = new OperationList(1)
    list.set(0, kind, key, value)
    if (expiryMs !== 0) list.setExpiry(0, expiryMs)
    return list
  }

  set(at: number, kind: EntryKind, key: Bytes, value: Bytes): void {
    this.kinds[at] = kind
    this.keys[at] = key
    this.values[at] = value
  }

  private setExpiry(at: number, expiryMs: number): void {
    this.expiries ??= []
    while (this.expiries.length < at) this.expiries.push(0)
    this.expiries[at] = expiryMs
  }

  /** When the value of an operation expires; 0 for never. */
  expiryAt(at: number): number {
    return this.expiries?.[at] ?? 0
  }

  /** Sets an operation on a range, as its bounds say; returns how many that makes: 0 for a range without keys. */
  private setRange(at: number, kind: EntryKind, given: KeyBounds): number {
    const bounds = tombstoneBounds(readBounds(takeOptions('delRange', RANGE_NAMES, given, takeBounds)))
    if (bounds === null) return 0
    this.set(at, kind, bounds.lower, bounds.upper)
    return 1
  }

  private cutTo(count: number): void {
    if (this.keys.length === count) return
    this.kinds.length = count
    this.keys.length = count
    this.values.length = count
  }

  /**
   * Reads the caller's array. Throws BATCH_TOO_LARGE; INVALID_ARGUMENT when it is no array, an element is no operation,
   * or the caller's own code throws, which becomes the cause.
   */
  static read(operations: readonly BatchOperation[], lifetimes: Lifetimes = FOREVER): OperationList {
    let at = -1
    try {
      if (!Array.isArray(operations)) throw invalidArgument('a batch must be an array of operations')
      const count = checkCount(operations.length)
      const list = new OperationList(count)
      const time = lifetimes.callTime()
      let listed = 0
      for (at = 0; at < count; at++) {
        const given = operations[at] as GivenOperation | null | undefined
        const { kind, takes } = operationNamed(given?.type, at)
        if (takes === 'range') {
          listed += list.setRange(listed, kind, given as unknown as KeyBounds)
          continue
        }
        const key = given!.key
        if (takes === 'value') {
          const expiryMs = lifetimes.expiryMs(given!, time)
          if (expiryMs !== 0) list.setExpiry(listed, expiryMs)
        }
        list.set(listed++, kind, key, takes === 'value' ? givenValue(given!.value) : NO_VALUE)
      }
      list.cutTo(listed)
      return list
    } catch (error) {
      throw unreadableArgument(at < 0 ? 'the batch' : `operation ${at}`, error)
    }
  }
}

function checkCount(count: unknown): number {
  if (!Number.isSafeInteger(count) || (count as number) < 0) throw invalidArgument('a batch must be an array')
  if ((count as number) > BATCH_COUNT_MAX) {
    throw new VarveError('BATCH_TOO_LARGE', `the batch has ${count} operations, the limit is ${BATCH_COUNT_MAX}`)
  }
  return count as number
}

function givenValue(value: Bytes | undefined): Bytes {
  if (value === undefined) checkValue(value)
  return value!
}
