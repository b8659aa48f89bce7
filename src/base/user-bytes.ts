/**
 * What: private copies of keys and values for the user. Small ones share an 8 KiB chunk, as in Node's own
 * Buffer pool: copying 100 bytes into a chunk takes a tenth of the time of a new buffer. (Views are made
 * with `new Uint8Array`: `subarray` looks up the species and takes longer.)
 * Owns: the chunk that is being filled. Thread: each has its own.
 *
 * A program that transfers the buffer of one value to another thread would take away the others that share it. So the
 * platform is asked to refuse that, as it does for its own pool. A chunk that is gone all the same is filled no more.
 */
import { ownCopy } from './unfilled-bytes.js'

const CHUNK_BYTES = 8192
/** Larger copies get buffers of their own, so that a small value that is kept holds at most one chunk. */
const SHARED_BYTES_MAX = 1024
/** Up to this many bytes a loop beats a view and the call into `set`. */
const LOOP_BYTES_MAX = 20
const NO_CHUNK = new Uint8Array(0)

type ChunkGuard = (chunk: ArrayBuffer) => void
let guard: ChunkGuard | null = null

/** Sets the function that keeps a chunk from being transferred, where the platform has one. */
export function useChunkGuard(keep: ChunkGuard | null): void {
  guard = keep
}

export class UserBytes {
  /** The chunk that is being filled. It is made at the first copy, since many owners never copy anything. */
  private chunk = NO_CHUNK
  /** The memory of the chunk; `copyTo` gives places in it. */
  buffer = NO_CHUNK.buffer
  private used = 0
  private readonly sharedBytesMax: number

  /** Copies larger than `sharedBytesMax` get buffers of their own; with -1 all copies do. */
  constructor(sharedBytesMax = SHARED_BYTES_MAX) {
    this.sharedBytesMax = sharedBytesMax
  }

  /** Gives a copy of bytes[start, end) that nothing in the engine refers to. */
  copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    if (end - start > this.sharedBytesMax) return ownCopy(bytes, start, end)
    const at = this.place(bytes, start, end - start)
    return new Uint8Array(this.buffer, at, end - start)
  }

  /** Copies into `buffer` and gives the place, so that the caller makes its own view; -1 when it is too large. */
  copyTo(bytes: Uint8Array, start: number, end: number): number {
    return end - start > this.sharedBytesMax ? -1 : this.place(bytes, start, end - start)
  }

  /** Copies of two neighbours, bytes[start, middle) and bytes[middle, end), for the price of one. */
  copyPair(bytes: Uint8Array, start: number, middle: number, end: number): [Uint8Array, Uint8Array] {
    if (end - start > this.sharedBytesMax) return [this.copy(bytes, start, middle), this.copy(bytes, middle, end)]
    const at = this.place(bytes, start, end - start)
    const { buffer } = this
    return [new Uint8Array(buffer, at, middle - start), new Uint8Array(buffer, at + middle - start, end - middle)]
  }

  /** Copies into the chunk, or into a new one; returns the place in it. */
  private place(bytes: Uint8Array, start: number, length: number): number {
    // A chunk that was transferred away has no bytes left.
    if (this.used + length >= this.chunk.length) this.begin()
    const at = this.used
    const { chunk } = this
    if (length <= LOOP_BYTES_MAX) for (let i = 0; i < length; i++) chunk[at + i] = bytes[start + i]!
    else chunk.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length), at)
    this.used = (at + length + 7) & ~7
    return at
  }

  private begin(): void {
    this.chunk = new Uint8Array(CHUNK_BYTES)
    this.buffer = this.chunk.buffer
    this.used = 0
    try {
      guard?.(this.buffer)
    } catch {
      guard = null // This platform has the function by name only.
    }
  }
}

/** Makes copies that share nothing, so that each may be transferred to another thread. */
export const OWN_BUFFERS = new UserBytes(-1)
