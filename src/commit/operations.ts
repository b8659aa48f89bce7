/**
 * What: the operations of a batch, one row each: what callers and followers call it, what its entry says, and how what
 * it writes besides the key is checked and measured. Nothing else tells one operation from another.
 * Thread: main. No state.
 */
import { EntryKind, invalidArgument } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkValue } from './check-input.js'

export interface Operation {
  /** Its name in batches, and for followers. */
  readonly type: 'put' | 'del'
  /** The kind of its entry. */
  readonly kind: EntryKind
  /** Otherwise its entry has an empty one, whatever the caller gave. */
  readonly hasValue: boolean
}

const PUT: Operation = { type: 'put', kind: EntryKind.value, hasValue: true }
const DEL: Operation = { type: 'del', kind: EntryKind.tombstone, hasValue: false }
const OPERATIONS: readonly Operation[] = [PUT, DEL]

/** By kind; kinds that no operation writes have none. */
const byKind: readonly (Operation | undefined)[] = Array.from(
  { length: 1 + Math.max(...OPERATIONS.map(({ kind }) => kind)) },
  (_, kind) => OPERATIONS.find((operation) => operation.kind === kind),
)

/** The operation that writes entries of this kind. Requires: there is one. */
export function operationOf(kind: number): Operation {
  return byKind[kind]!
}

/** The operation that a caller names; throws INVALID_ARGUMENT. `index`: its place in the batch. */
export function operationNamed(type: unknown, index: number): Operation {
  for (let i = 0; i < OPERATIONS.length; i++) if (OPERATIONS[i]!.type === type) return OPERATIONS[i]!
  const given = typeof type === 'string' ? JSON.stringify(type.slice(0, 80)) : `a ${typeof type}`
  const names = OPERATIONS.map((operation) => `'${operation.type}'`).join(' or ')
  throw invalidArgument(`the type of operation ${index} must be ${names}, not ${given}`)
}

/** Checks what an entry of this kind writes besides its key, as `checkValue` does; returns the bytes it takes. */
export function checkContent(kind: EntryKind, value: Bytes): number {
  return operationOf(kind).hasValue ? checkValue(value) : 0
}
