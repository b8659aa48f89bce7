/**
 * What: the operations of one batch, read from the caller's array once. Reading may run code of the caller (getters,
 * proxies), which may do anything: change the array, write, close. So all of it is read before anything else is looked
 * at, and from then on only this list counts.
 * Thread: main. Memory: what the caller gave is referred to, not copied.
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

/** More are not believed before they were read: an array may say that it is longer than it is. */
const COUNT_BELIEVED = 65_536

const NO_VALUE = new Uint8Array(0)

export class OperationList {
  /** The kinds of their entries. */
  readonly kinds: EntryKind[]
  /** What was given, not checked yet. */
  readonly keys: Bytes[]
  /** Empty for an operation that has none. */
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

  /** To be filled. */
  static ofCount(count: number): OperationList {
    return new OperationList(count)
  }

  /** A batch of one. */
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
   * Throws INVALID_ARGUMENT for what is no array, for an operation that is none, and with what the caller's own code
   * threw as its cause; BATCH_TOO_LARGE.
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
