/**
 * What: the operations of one batch, read from the caller's array once. Reading may run code of the caller (getters,
 * proxies), which may do anything: change the array, write, close. So the array is read whole before anything else
 * happens, and from then on only this list counts.
 * Thread: main. Memory: keys and values are referred to, not copied.
 */
import { BATCH_COUNT_MAX, invalidArgument, unreadableArgument, VarveError } from '../base/index.js'
import type { Bytes, EntryKind } from '../base/index.js'
import { checkValue } from './check-input.js'
import { operationNamed } from './operations.js'
import type { Operation } from './operations.js'

/** One operation of a batch, as callers give it. */
export interface BatchOperation {
  type: Operation['type']
  key: Bytes
  value?: Bytes
}

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
  static of(kind: EntryKind, key: Bytes, value: Bytes): OperationList {
    const list = new OperationList(1)
    list.set(0, kind, key, value)
    return list
  }

  set(at: number, kind: EntryKind, key: Bytes, value: Bytes): void {
    this.kinds[at] = kind
    this.keys[at] = key
    this.values[at] = value
  }

  /**
   * Reads the caller's array. Throws BATCH_TOO_LARGE; INVALID_ARGUMENT when it is no array, an element is no operation,
   * or the caller's own code throws, which becomes the cause.
   */
  static read(operations: readonly BatchOperation[]): OperationList {
    let at = -1
    try {
      if (!Array.isArray(operations)) throw invalidArgument('a batch must be an array of operations')
      const count = checkCount(operations.length)
      const list = new OperationList(count)
      for (at = 0; at < count; at++) {
        const given = operations[at] as Partial<BatchOperation> | null | undefined
        const { kind, hasValue } = operationNamed(given?.type, at)
        const key = given!.key!
        list.set(at, kind, key, hasValue ? givenValue(given!.value) : NO_VALUE)
      }
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
