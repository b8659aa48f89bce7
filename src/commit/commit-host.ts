/**
 * What: what the write path needs of the engine, and what it is made with. Types alone.
 */
import type { Slab } from '../slab/index.js'
import type { GroupWriterHost, GroupWriterOptions } from './group-writer.js'
import type { Lifetimes } from './lifetime.js'
import type { WriteBuffer } from './write-buffer.js'

/** What the pipeline needs of the engine. All functions are synchronous. */
export interface CommitHost extends GroupWriterHost {
  /** Delivers results of jobs that have arrived. A caller that blocks does not let the event loop do it. */
  takeResults(): void
  /** True while too much waits to be flushed for one more buffer, with a first batch of this size. */
  mustStop(batchBytes: number): boolean
  /** True while writes are slowed down and the next one must wait; `encodeWaiting` is called when its turn comes. */
  mustDelay(): boolean
  /**
   * Blocks while tables from outside are being listed, since nothing may be encoded then. Throws BUSY, or the reason
   * why
   * nothing may be written.
   */
  passBarrier(): void
  /** Blocks until `mustStop` is false. Throws BUSY, or the reason why nothing may be written. */
  waitForRoom(batchBytes: number): void
  /** Takes an empty buffer; gives null while its log is being made. */
  takeBuffer(): WriteBuffer | null
  /** Takes an empty buffer; makes the log, blocking, when there is none. Throws what I/O throws. */
  takeBufferNow(): WriteBuffer
  /** True when a batch of this size needs a slab of its own. */
  needsXl(batchBytes: number): boolean
  /** Gives the current buffer, which is empty, a slab with room for a batch of this size. Throws BUSY. */
  fill(buffer: WriteBuffer, batchBytes: number): void
  /** Takes a slab with room for a batch of this size, held once. Throws BUSY. */
  takeSlab(batchBytes: number): Slab
  /** Gives the current buffer, which is empty, this slab, and releases it. */
  bind(buffer: WriteBuffer, slab: Slab): void
  /** Called when `sealed` takes no more batches and `next` has become the current buffer. */
  onRotated(sealed: WriteBuffer, next: WriteBuffer): void
}

export interface CommitOptions extends GroupWriterOptions {
  host: CommitHost
  /** When values expire. */
  lifetimes: Lifetimes
  /** Bytes of memory that calls which wait for room may take. */
  waitingBytesMax: number
}
