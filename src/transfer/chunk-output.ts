/**
 * What: memory that text is written into, and that is given on in chunks.
 * Owns: the chunk that is being filled. Whoever it gives one to owns it.
 * Thread: main.
 */
import { KiB, unfilledBytes } from '../base/index.js'

const CHUNK_BYTES = 256 * KiB
const NO_BYTES: Uint8Array = new Uint8Array(0)

export class ChunkOutput {
  private readonly give: (bytes: Uint8Array) => void
  /** The chunk; its owner writes at `at`, what it has reserved at most. */
  chunk = NO_BYTES
  at = 0
  /** Bytes that were given on. */
  private given = 0

  constructor(give: (bytes: Uint8Array) => void) {
    this.give = give
  }

  /** Makes room for so many bytes. */
  reserve(length: number): void {
    if (this.at + length <= this.chunk.length) return
    this.flush()
    this.chunk = unfilledBytes(Math.max(CHUNK_BYTES, length))
  }

  /** Gives on what was written. */
  flush(): void {
    const { chunk, at } = this
    this.chunk = NO_BYTES
    this.at = 0
    if (at === 0) return
    this.given += at
    this.give(chunk.subarray(0, at))
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.given + this.at
  }

  /** Writes short text of ASCII. Requires: there is room. */
  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.chunk[this.at++] = text.charCodeAt(i)
  }
}
