/**
 * What: the operations of one batch, read from the caller's array once. Reading may run code of the caller (getters,
 * proxies), which may do anything: change the array, write, close. So all of it is read before anything else is looked
 * at, and from then on only this list counts.
 * Thread: main. Memory: what the caller gave is referred to, not copied.
 */
import { BATCH_COUNT_MAX, invalidArgument, unreadableArgument, VarveError } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkValue } from './check-input.js'

/** One operation of a batch, as callers give it. */
export interface BatchOperation {
  type: 'put' | 'del'
  key: Bytes
  value?: Bytes
}

/** More are not believed before they were read: an array may say that it is longer than it is. */
const COUNT_BELIEVED = 65_536

export class OperationList {
  /** What was given, not checked yet. */
  readonly keys: Bytes[]
  /** Undefined where the key is deleted. */
  readonly values: (Bytes | undefined)[]

  private constructor(count: number) {
    this.keys = new Array<Bytes>(Math.min(count, COUNT_BELIEVED))
    this.values = new Array<Bytes | undefined>(Math.min(count, COUNT_BELIEVED))
  }

  get count(): number {
    return this.keys.length
  }

  /** To be filled. */
  static ofCount(count: number): OperationList {
    return new OperationList(count)
  }

  static of(key: Bytes, value: Bytes | undefined): OperationList {
    const list = new OperationList(1)
    list.keys[0] = key
    list.values[0] = value
    return list
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
        const operation = operations[at] as Partial<BatchOperation> | null | undefined
        const isPut = isPutOperation(operation?.type, at)
        list.keys[at] = operation!.key!
        if (isPut) list.values[at] = givenValue(operation!.value)
        else list.values[at] = undefined
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

function isPutOperation(type: unknown, index: number): boolean {
  if (type === 'put') return true
  if (type === 'del') return false
  const given = typeof type === 'string' ? JSON.stringify(type.slice(0, 80)) : `a ${typeof type}`
  throw invalidArgument(`the type of operation ${index} must be 'put' or 'del', not ${given}`)
}

function givenValue(value: Bytes | undefined): Bytes {
  if (value === undefined) checkValue(value)
  return value!
}
