/**
 * What: one append-only buffer whose bytes are the log's bytes and the memtable's bytes.
 * Owns: the shared memory and the count of its users (memtable, jobs, writes in flight).
 * Does not own: positions in it; see commit/write-buffer.ts.
 * Thread: main; workers read the shared memory only.
 * States: free → used (one or more holds) → free.
 * Invariants: SLAB-1 the memory goes back to the pool only when the last hold is released.
 */
import { assert } from '../base/index.js'

export class Slab {
  readonly buffer: SharedArrayBuffer
  readonly bytes: Uint8Array
  private holds = 0
  private readonly onFree: (slab: Slab) => void

  constructor(capacity: number, onFree: (slab: Slab) => void) {
    this.buffer = new SharedArrayBuffer(capacity)
    this.bytes = new Uint8Array(this.buffer)
    this.onFree = onFree
  }

  get capacity(): number {
    return this.bytes.length
  }

  /** Counts a user: code that reads or writes the bytes over an await, or in another thread. */
  hold(): void {
    this.holds++
  }

  release(): void {
    assert(this.holds > 0, 'slab released more often than held')
    this.holds--
    if (this.holds === 0) this.onFree(this)
  }
}
