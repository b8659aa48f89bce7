/**
 * What: writes the growing table file, with a trailer behind each part.
 * Owns: the first part of the memory, which it fills from 0 on; the next offset in the file.
 * Does not own: the file (its opener closes and syncs it).
 * Thread: worker or main; writes block.
 * Invariants: `offset` is a multiple of 8.
 */
import { alignUp, assert, crc32, FILE_BYTES_MAX, ioError, putU32 } from '../../base/index.js'
import type { VfsFile } from '../../vfs/index.js'
import type { BuildBuffer } from '../block/build-buffer.js'
import { putTrailer, SECTION_BYTES_MAX, TRAILER_BYTES } from '../table-format.js'
import type { Codec, Extent } from '../table-format.js'

export class TableWriter {
  /** Blocks are laid out in the memory from here on; a multiple of 8. */
  at = 0
  private readonly buffer: Uint8Array
  private readonly bufferBytes: number
  private readonly file: VfsFile
  private readonly name: string
  private readonly seed: number
  private written = 0

  constructor(file: VfsFile, name: string, seed: number, memory: BuildBuffer) {
    this.buffer = memory.bytes
    this.bufferBytes = memory.outputBytes
    this.file = file
    this.name = name
    this.seed = seed
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.written + this.at
  }

  /** Count of the bytes handed to the file. */
  get bytesWritten(): number {
    return this.written
  }

  /** Makes room behind `at` for a block or section with this content, and for its trailer. */
  reserve(contentBytes: number): void {
    this.makeRoom(contentBytes + TRAILER_BYTES)
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes <= this.bufferBytes) return
    this.flush()
    assert(bytes <= this.bufferBytes, 'a block of several entries fits into the buffer')
  }

  /** Ends a block or section whose `bytes` (padded) stand at `at`. Requires: room for the trailer. */
  seal(bytes: number, codec?: Codec): Extent {
    const offset = this.offset
    putTrailer(this.buffer, this.at, this.at + bytes, offset, this.seed, codec)
    this.at += bytes + TRAILER_BYTES
    assert(this.offset <= FILE_BYTES_MAX, 'a table is smaller than 4 GiB')
    return { offset, bytes: bytes + TRAILER_BYTES }
  }

  /** Writes a whole section, whose length is a multiple of 8. */
  section(content: Uint8Array): Extent {
    assert(content.length + TRAILER_BYTES <= SECTION_BYTES_MAX, 'a section has at most 1 GiB')
    if (content.length + TRAILER_BYTES > this.bufferBytes) return this.sealLarge(0, content, 0, content.length)
    this.reserve(content.length)
    this.buffer.set(content, this.at)
    return this.seal(content.length)
  }

  /** Ends a block whose first `head` bytes stand at `at` and whose rest is `tail`, too large to copy. */
  sealLarge(head: number, tail: Uint8Array, start: number, end: number): Extent {
    const offset = this.offset
    const padding = alignUp(head + end - start, 8) - (head + end - start)
    let crc = crc32(this.buffer, this.at, this.at + head, (this.seed ^ offset) >>> 0)
    this.at += head
    this.flush()
    crc = crc32(tail, start, end, crc)
    this.write(tail, start, end)
    const rest = this.buffer
    rest.fill(0, 0, padding + TRAILER_BYTES)
    putU32(rest, padding + 4, crc32(rest, 0, padding + 4, crc))
    this.at = padding + TRAILER_BYTES
    this.flush()
    return { offset, bytes: this.offset - offset }
  }

  /** Writes bytes as they are, without a trailer. */
  raw(bytes: Uint8Array): void {
    this.makeRoom(bytes.length)
    this.buffer.set(bytes, this.at)
    this.at += bytes.length
  }

  /** Hands everything to the file. */
  flush(): void {
    this.write(this.buffer, 0, this.at)
    this.at = 0
  }

  private write(bytes: Uint8Array, start: number, end: number): void {
    assert(this.written + end - start <= FILE_BYTES_MAX, 'a table is smaller than 4 GiB')
    try {
      while (start < end) {
        const count = this.file.writeSync(bytes, start, end - start, this.written)
        if (count === 0) throw new Error('nothing was written')
        start += count
        this.written += count
      }
    } catch (error) {
      throw ioError(error, 'write', this.name)
    }
  }
}
