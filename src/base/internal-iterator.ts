/**
 * What: the contract of every iterator inside the engine: over all versions, in the order key
 * ascending, sequence number descending. Fields are read directly and nothing is allocated per entry.
 *
 * The key stands at keyBytes[keyStart, keyEnd), the value at valueBytes[valueStart, valueEnd). Both are
 * lent: they are good until the next call on this iterator. `seqNum` and `kind` are plain numbers.
 * All fields mean something only while `valid` is true. A read error or corruption is thrown by the
 * call that met it, never hidden as an early end; after a throw the iterator is not valid.
 * Names of the verbs follow Pebble.
 */
export interface InternalIterator {
  valid: boolean
  keyBytes: Uint8Array
  keyStart: number
  keyEnd: number
  seqNum: number
  kind: number
  valueBytes: Uint8Array
  valueStart: number
  valueEnd: number

  first(): void
  last(): void
  /** First entry with key ≥ bytes[start, end): the newest version of that key. */
  seekGE(bytes: Uint8Array, start: number, end: number): void
  /** Last entry with key < bytes[start, end): the oldest version of that key. */
  seekLT(bytes: Uint8Array, start: number, end: number): void
  /** Requires: valid. */
  next(): void
  /** Requires: valid. */
  prev(): void
  /** Lets go of what is pinned. Idempotent; nothing may be called after it. */
  close(): void
}
