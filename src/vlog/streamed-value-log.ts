/**
 * What: the bytes of a value log around one value whose length is not known before its last byte has come: they go to
 * the file when that is known, the value goes there piece by piece.
 * Owns: the checksum of what came so far. Does not own: the file.
 * Thread: any (pure).
 * States: open → finished.
 */
import {
  crc32, encodeFileHeader, EntryKind, FILE_HEADER_BYTES, fileSeed, putValueHandle, VALUE_HANDLE_BYTES,
} from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import {
  newValueFrame, putValueFrame, putValueLogEnd, VALUE_LOG_END_BYTES, VALUE_TAIL_BYTES_MAX, valueHeadBytes,
  valueKeyStart,
} from './value-log-format.js'

/** What stands around the value, once all of it came. */
export interface StreamedFrame {
  /** From the beginning of the file up to the value. Without it the file is nobody's, whatever else it has. */
  head: Uint8Array
  /** What follows the value, up to the end of the file. */
  tail: Uint8Array
  fileBytes: number
  handle: Uint8Array
}

export class StreamedValueLog {
  /** Where the value begins in the file. */
  readonly valueStart: number
  valueBytes = 0
  private readonly header: FileHeader
  private readonly keyBytes: number
  private readonly seed: number
  /** File header, head, tail, end. */
  private readonly bytes: Uint8Array
  private checksum: number

  constructor(header: FileHeader, key: Uint8Array) {
    this.header = header
    this.keyBytes = key.length
    this.seed = fileSeed(header)
    this.valueStart = FILE_HEADER_BYTES + valueHeadBytes(key.length)
    this.bytes = new Uint8Array(this.valueStart + VALUE_TAIL_BYTES_MAX + VALUE_LOG_END_BYTES)
    this.bytes.set(key, valueKeyStart(FILE_HEADER_BYTES))
    this.checksum = (this.seed ^ this.valueStart) >>> 0
  }

  /** Takes the next bytes of the value; returns where they go in the file. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const at = this.valueStart + this.valueBytes
    this.checksum = crc32(bytes, start, end, this.checksum)
    this.valueBytes += end - start
    return at
  }

  finish(): StreamedFrame {
    const { header, seed, bytes, valueStart, valueBytes, keyBytes, checksum } = this
    const frame = newValueFrame(header.generation)
    Object.assign(frame, { keyBytes, valueBytes, offset: FILE_HEADER_BYTES, kind: EntryKind.value, checksum })
    encodeFileHeader(header, bytes)
    const tailBytes = putValueFrame(bytes, FILE_HEADER_BYTES, valueStart, seed, frame)
    const end = valueStart + valueBytes + tailBytes
    putValueLogEnd(bytes, valueStart + tailBytes, end, seed, { count: 1, generation: frame.generation })
    const handle = new Uint8Array(VALUE_HANDLE_BYTES)
    putValueHandle(handle, 0, valueStart, valueBytes, checksum, header.fileNum)
    return {
      head: bytes.subarray(0, valueStart),
      tail: bytes.subarray(valueStart, valueStart + tailBytes + VALUE_LOG_END_BYTES),
      fileBytes: end + VALUE_LOG_END_BYTES,
      handle,
    }
  }
}
