/**
 * What: writes one value log, value by value.
 * Owns: a buffer, through which small values go; large ones go to the file from where they stand.
 * Does not own: the file handle, its sync and its final name.
 * Thread: worker or main; writes block. Nothing is allocated per value.
 * States: open → finished. After a throw the file is garbage: its owner removes it.
 * Invariants: `bytes` is a multiple of 8.
 */
import {
  assert, encodeFileHeader, FILE_BYTES_MAX, FILE_HEADER_BYTES, fileSeed, ioError, KiB, putValueHandle, reseedCrc32,
} from '../base/index.js'
import type { FileHeader, SeqNum } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'
import {
  newValueFrame, putValueFrame, putValueLogEnd, VALUE_LOG_END_BYTES, VALUE_TAIL_BYTES_MAX, valueFrameBytes,
  valueHeadBytes, valueKeyStart,
} from './value-log-format.js'
import type { ValueFrame, ValueSizes } from './value-log-format.js'

const BUFFER_BYTES = 256 * KiB
/** A value of this length is not copied. */
const DIRECT_BYTES_MIN = 32 * KiB

export class ValueLogWriter {
  valueCount = 0
  valueBytes = 0
  private readonly file: VfsFile
  private readonly name: string
  private readonly fileNum: number
  private readonly seed: number
  private readonly buffer: Uint8Array
  /** Bytes in the buffer. */
  private at = 0
  private written = 0
  /** The frame written last. */
  private readonly frame: ValueFrame
  private lastOffset = 0
  private tailBytes = 0
  private key: Uint8Array = new Uint8Array(0)
  private keyStart = 0

  /** `file` is new and empty; `name` is for errors. */
  constructor(file: VfsFile, name: string, header: FileHeader) {
    this.file = file
    this.name = name
    this.fileNum = header.fileNum
    this.seed = fileSeed(header)
    this.buffer = new Uint8Array(BUFFER_BYTES)
    this.frame = newValueFrame(header.generation)
    encodeFileHeader(header, this.buffer)
    this.at = FILE_HEADER_BYTES
  }

  /** Bytes of the file so far: where the next frame goes. */
  get bytes(): number {
    return this.written + this.at
  }

  /** Bytes handed to the file. */
  get bytesWritten(): number {
    return this.written
  }

  /** True when such a value fits into the file. */
  hasRoomFor(sizes: ValueSizes): boolean {
    return this.bytes + valueFrameBytes(sizes) + VALUE_LOG_END_BYTES <= FILE_BYTES_MAX
  }

  /** Says whose value comes next. The key is not copied: it must stay until `add`. */
  stage(key: Uint8Array, keyStart: number, keyEnd: number, seqNum: SeqNum, kind: number): void {
    const { frame } = this
    this.key = key
    this.keyStart = keyStart
    frame.keyBytes = keyEnd - keyStart
    frame.firstSeqNum = seqNum
    frame.kind = kind
  }

  /**
   * Adds the value of the staged entry. `checksum` is its CRC-32, begun with `checksumSeed`: that of another place, or
   * 0. The value is not looked at but to copy it. Requires: there is room for it.
   */
  add(value: Uint8Array, valueStart: number, valueEnd: number, checksum: number, checksumSeed: number): void {
    const valueBytes = valueEnd - valueStart
    if (valueBytes >= DIRECT_BYTES_MIN) {
      this.beginPieces(valueBytes, checksum, checksumSeed)
      this.addPiece(value, valueStart, valueEnd)
      this.endPieces()
      return
    }
    const tailAt = this.putFrame(valueBytes, valueBytes, checksum, checksumSeed)
    this.buffer.set(value.subarray(valueStart, valueEnd), tailAt - valueBytes)
    this.at = tailAt + this.tailBytes
    this.noteAdded()
  }

  /** Begins as `add` does; the pieces of the value follow, and `endPieces`. */
  beginPieces(valueBytes: number, checksum: number, checksumSeed: number): void {
    const tailAt = this.putFrame(valueBytes, 0, checksum, checksumSeed)
    this.write(this.buffer, 0, tailAt)
    this.buffer.copyWithin(0, tailAt, tailAt + this.tailBytes)
    this.at = 0
  }

  addPiece(bytes: Uint8Array, start: number, end: number): void {
    this.write(bytes, start, end)
  }

  endPieces(): void {
    this.at = this.tailBytes
    this.noteAdded()
  }

  /**
   * Puts head and tail of the staged entry's frame into the buffer, with room for so many bytes of its value between
   * them; returns where the tail begins.
   */
  private putFrame(valueBytes: number, roomBytes: number, checksum: number, checksumSeed: number): number {
    const { frame, seed, key, keyStart, bytes: offset } = this
    const { keyBytes } = frame
    const headBytes = valueHeadBytes(keyBytes)
    frame.valueBytes = valueBytes
    assert(this.hasRoomFor(frame), 'a value log is smaller than 4 GiB')
    this.makeRoom(headBytes + VALUE_TAIL_BYTES_MAX + roomBytes)
    frame.offset = offset
    this.lastOffset = offset + headBytes
    frame.checksum = reseedCrc32(checksum, checksumSeed, (seed ^ this.lastOffset) >>> 0, valueBytes)
    const { buffer, at } = this
    const tailAt = at + headBytes + roomBytes
    const keyAt = valueKeyStart(at)
    for (let i = 0; i < keyBytes; i++) buffer[keyAt + i] = key[keyStart + i]!
    this.tailBytes = putValueFrame(buffer, at, tailAt, seed, frame)
    return tailAt
  }

  private noteAdded(): void {
    this.valueCount++
    this.valueBytes += this.frame.valueBytes
  }

  /** Writes the handle of the value added last. */
  putHandle(bytes: Uint8Array, at: number): void {
    const { valueBytes, checksum } = this.frame
    putValueHandle(bytes, at, this.lastOffset, valueBytes, checksum, this.fileNum)
  }

  /** Writes the rest; the file is complete but not synced. */
  finish(): void {
    this.makeRoom(VALUE_LOG_END_BYTES)
    const { buffer, frame, seed, valueCount } = this
    putValueLogEnd(buffer, this.at, this.bytes, seed, { count: valueCount, generation: frame.generation })
    this.at += VALUE_LOG_END_BYTES
    this.flush()
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes > this.buffer.length) this.flush()
    assert(bytes <= this.buffer.length, 'head and tail of a value fit into the buffer')
  }

  private flush(): void {
    this.write(this.buffer, 0, this.at)
    this.at = 0
  }

  private write(bytes: Uint8Array, start: number, end: number): void {
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
