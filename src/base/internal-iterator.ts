/**
 * What: the contract of every iterator inside the engine. It gives all versions, keys ascending, and sequence
 * numbers of one key descending. Fields are read directly and nothing is allocated per entry.
 *
 * The key stands at keyBytes[keyStart, keyEnd), the value at valueBytes[valueStart, valueEnd). Both are
 * lent: they are good until the next call on this iterator. `seqNum` and `kind` are plain numbers.
 * All fields mean something only while `valid` is true. A read error or corruption is thrown by the
 * call that met it, never hidden as an early end; after a throw the iterator is not valid.
 * The names of the methods follow Pebble.
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
  /** Moves to the first entry with key ≥ bytes[start, end), which is the newest version of its key. */
  seekGE(bytes: Uint8Array, start: number, end: number): void
  /** Moves to the last entry with key < bytes[start, end), which is the oldest version of its key. */
  seekLT(bytes: Uint8Array, start: number, end: number): void
  /** Moves to the next entry. Requires: `valid`. */
  next(): void
  /** Moves to the entry before. Requires: `valid`. */
  prev(): void
  /**
   * Passes entries with numbers below `seqNum` in the direction of the walk, as far as that is cheap: forward those
   * with keys below `bound`, backward those with keys from `bound` on; null: all. The iterator may stand still.
   * Requires: it stands on one of those keys, and a seek comes before the next turn. Absent where nothing is passed.
   */
  passOlder?(seqNum: number, bound: Uint8Array | null, isForward: boolean): void
  /** Releases what the iterator holds. Nothing may be called after it: the iterator may be somebody else's by then. */
  close(): void
}
