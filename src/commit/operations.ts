/**
 * What: the operations of a batch as a table: the name of each for callers and followers, the kind of its entry, and
 * what it takes besides. No other code tells one operation from another.
 * Thread: main. No state.
 */
import { EntryKind, invalidArgument } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkValue } from './check-input.js'

export interface Operation {
  /** The name of the operation in batches, and for followers. */
  readonly type: 'put' | 'del' | 'delRange'
  /** The kind of the entry that it writes. */
  readonly kind: EntryKind
  /**
   * What its entry takes: a key and a value; a key alone, and then the entry has an empty value, whatever the caller
   * gave; or the bounds of a range as key and value.
   */
  readonly takes: 'value' | 'key' | 'range'
}

const PUT: Operation = { type: 'put', kind: EntryKind.value, takes: 'value' }
const DEL: Operation = { type: 'del', kind: EntryKind.tombstone, takes: 'key' }
const DEL_RANGE: Operation = { type: 'delRange', kind: EntryKind.rangeTombstone, takes: 'range' }
/** What callers can name. */
const OPERATIONS: readonly Operation[] = [PUT, DEL, DEL_RANGE]
/** A put whose value was streamed into a value log before: what its entry has is the handle. */
const PUT_STREAMED: Operation = { ...PUT, kind: EntryKind.valueHandle }
const ALL: readonly Operation[] = [...OPERATIONS, PUT_STREAMED]

/** The operations by their kinds. Some kinds have none. */
const byKind: readonly (Operation | undefined)[] = Array.from(
  { length: 1 + Math.max(...ALL.map(({ kind }) => kind)) },
  (_, kind) => ALL.find((operation) => operation.kind === kind),
)

/** The operation that writes entries of this kind. Requires: there is one. */
export function operationOf(kind: number): Operation {
  return byKind[kind]!
}

/** The operation that a caller names. Throws INVALID_ARGUMENT with `index`, its place in the batch. */
export function operationNamed(type: unknown, index: number): Operation {
  for (let i = 0; i < OPERATIONS.length; i++) if (OPERATIONS[i]!.type === type) return OPERATIONS[i]!
  const kind = type === undefined ? 'undefined' : `a ${typeof type}`
  const given = typeof type === 'string' ? JSON.stringify(type.slice(0, 80)) : kind
  const names = OPERATIONS.map((operation) => `'${operation.type}'`).join(', ')
  throw invalidArgument(`the type of operation ${index} must be one of ${names}, not ${given}`)
}

/** Checks the value of an entry of this kind as `checkValue` does; returns the bytes that it takes. */
export function checkContent(kind: number, value: Bytes): number {
  return operationOf(kind).takes === 'key' ? 0 : checkValue(value)
}
