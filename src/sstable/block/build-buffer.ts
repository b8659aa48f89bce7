/**
 * What: the memory of a table while it is written, and of the tables it is made from: one buffer.
 * Inside one typed array bytes move by `copyWithin`, the only native copy that needs no view object
 * (25 ns for 100 bytes, where `set(subarray)` takes 50 and a loop 100 to 150).
 * Owns: the buffer, and which user has which part of it. Thread: one.
 *
 *   [0, outputBytes)        blocks are laid out here and leave in large writes (table-writer.ts)
 *   [valuesAt, …)           values of the block that is being collected (block-builder.ts)
 *   what `take` gives       pieces of tables that are read (table-scan.ts)
 */
import { alignUp, assert, KiB } from '../../base/index.js'
import { BLOCK_BYTES_DEFAULT, BLOCK_ENTRIES_MAX, OWN_BLOCK_BYTES_MIN } from './block-format.js'

/** Size of a write. Larger ones take no less for a byte, and leave more of what is needed next out of the cache. */
const WRITE_BYTES = 512 * KiB

export class BuildBuffer {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly view: DataView
  readonly outputBytes: number
  readonly valuesAt: number
  /** Hash of each key of the table that is written; `places` says where the key's newest version stands. */
  hashes = new Uint32Array(4096)
  places = new Uint32Array(4096)
  private readonly blockBytes: number
  /** Start of the memory that `take` gives. */
  private readonly moreAt: number
  private used: number

  /** `blockBytes` is that of the tables that are written; `moreBytes` is the memory for `take`. */
  constructor(blockBytes: number = BLOCK_BYTES_DEFAULT, moreBytes = 0) {
    this.blockBytes = blockBytes
    // The last block in the buffer: keys and values, columns of the widest kind, a long key and value alone.
    const blockMax = Math.max(blockBytes, 2 * OWN_BLOCK_BYTES_MIN) + BLOCK_ENTRIES_MAX * 32 + KiB
    this.outputBytes = alignUp(WRITE_BYTES + blockMax, 8)
    this.valuesAt = this.outputBytes
    const valuesBytes = Math.max(blockBytes, OWN_BLOCK_BYTES_MIN)
    this.moreAt = alignUp(this.valuesAt + valuesBytes, 8)
    this.used = this.moreAt
    const buffer = new ArrayBuffer(alignUp(this.used + moreBytes, 8))
    this.bytes = new Uint8Array(buffer)
    this.words = new Uint32Array(buffer)
    this.view = new DataView(buffer)
  }

  /** Makes the buffer as new for another user, if it is large enough; nothing that was taken is used any more. */
  reuse(blockBytes: number = BLOCK_BYTES_DEFAULT, moreBytes = 0): boolean {
    this.used = this.moreAt
    return blockBytes === this.blockBytes && this.moreAt + moreBytes <= this.bytes.length
  }

  /** Makes room for twice as many keys. */
  growHashes(): void {
    this.hashes = doubled(this.hashes)
    this.places = doubled(this.places)
  }

  /** Gives a part to the caller: a multiple of 8 bytes, which starts at a multiple of 8. */
  take(bytes: number): number {
    const at = this.used
    this.used += bytes
    assert(this.used <= this.bytes.length, 'parts taken from a table memory fit')
    return at
  }
}

function doubled(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
