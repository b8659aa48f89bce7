/**
 * What: what callers give with a write: its options, and the operations of a batch.
 * Thread: main. No state.
 */
import type { Bytes } from '../base/index.js'

/** Options of writes. */
export interface WriteOptions {
  /** Wait until the write survives power loss; default: the database's option `sync`. */
  sync?: boolean | undefined
}

/** Options of batches. */
export interface BatchWriteOptions extends WriteOptions {
  /** Opaque bytes, at most 4096, stored atomically with the batch; `db.position` gives the last. */
  position?: Uint8Array | undefined
}

/** One operation of a batch. */
export type BatchOp =
  | { type: 'put'; key: Bytes; value: Bytes }
  | { type: 'del'; key: Bytes }

/** Reads the options of a batch once. */
export function takeBatchOptions({ sync, position }: BatchWriteOptions): BatchWriteOptions {
  return { sync, position }
}
