/**
 * What: operations of a view as operations of the database. Each of the caller's is read once.
 * Thread: main. No state.
 */
import { takeOptions, unreadableArgument } from '../base/index.js'
import type { Lifetime } from '../commit/index.js'
import type { ViewBounds, ViewForm } from './view-keys.js'
import type { BatchOp } from './write-options.js'

/** One operation of a batch of a view. */
export type ViewBatchOp<K, V> =
  | { type: 'put'; key: K; value: V; ttl?: Lifetime['ttl']; expiresAt?: Lifetime['expiresAt'] }
  | { type: 'del'; key: K }
  /** Deletes all keys of a range of the view; without bounds all its keys. */
  | ({ type: 'delRange' } & ViewBounds<K>)

/** Gives a put, encoded. Throws INVALID_ARGUMENT. */
export function putOf<K, V>(form: ViewForm<K, V>, key: K, value: V, lifetime: Lifetime | undefined): BatchOp {
  const { ttl, expiresAt } = takeOptions('put', ['ttl', 'expiresAt'], lifetime ?? {}, takeLifetime)
  const stored = form.key(key)
  return { type: 'put', key: stored, value: form.value(value, stored), ttl, expiresAt }
}

/** Gives the operations, encoded. Throws INVALID_ARGUMENT; what is no operation is left to the database's check. */
export function operationsOf<K, V>(form: ViewForm<K, V>, operations: readonly ViewBatchOp<K, V>[]): BatchOp[] {
  if (!Array.isArray(operations)) return operations as unknown as BatchOp[]
  const list = operations as readonly ViewBatchOp<K, V>[]
  const encoded: BatchOp[] = []
  for (let i = 0; i < list.length; i++) {
    try {
      encoded.push(operationOf(form, list[i]!))
    } catch (error) {
      throw unreadableArgument(`operation ${i}`, error)
    }
  }
  return encoded
}

function operationOf<K, V>(form: ViewForm<K, V>, operation: ViewBatchOp<K, V>): BatchOp {
  const { type } = operation
  if (type === 'put') {
    const { key, value, ttl, expiresAt } = operation
    const stored = form.key(key)
    return { type, key: stored, value: form.value(value, stored), ttl, expiresAt }
  }
  if (type === 'del') return { type, key: form.key(operation.key) }
  if (type !== 'delRange') return { type } as unknown as BatchOp
  const { type: _, ...bounds } = operation
  return { type, ...form.bounds(bounds) }
}

function takeLifetime({ ttl, expiresAt }: Lifetime): Lifetime {
  return { ttl, expiresAt }
}
