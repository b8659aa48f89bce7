/**
 * What: a reader of whole value logs for tests: from the first value to the mark at the end, every byte checked.
 * Does not own: the file. Thread: any; reads block. Holds one value at a time.
 */
import {
  corruption, decodeFileHeader, emptyFrameHeader, entryContentStart, entryKeyEnd, entryKeyStart, entryKind,
  entryValueEnd, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, frameProblem, FrameType, ioError,
  readFrame, readFrameHeader, unknownFrame, VALUE_LOG_FRAMES, valueChecksum, VarveError,
} from '../../../src/base/index.js'
import type { FileHeader, SeqNum } from '../../../src/base/index.js'
import type { ReadableFile } from '../../../src/vfs/index.js'

/** A value as it stands there. */
export interface ScannedValue {
  seqNum: SeqNum
  kind: number
  key: Uint8Array
  /** The place of the value in the file. */
  offset: number
  length: number
  checksum: number
}

export interface ValueLogFile {
  file: ReadableFile
  /** File name relative to the database directory, for errors. */
  name: string
}

/** Reads the header. Throws CORRUPTION when there is none. */
function readValueLogHeader(source: ValueLogFile): FileHeader {
  return decodeFileHeader(readAt(source, 0, FILE_HEADER_BYTES), 'varvevlg', source.name)
}

/** Gives each value. Throws CORRUPTION for what is no good frame, and when the mark at the end is missing. */
export function* scanValueLog(source: ValueLogFile): Generator<ScannedValue> {
  const { name } = source
  const seed = fileSeed(readValueLogHeader(source))
  const size = sizeOf(source)
  const frame = emptyFrameHeader()
  let count = 0
  for (let at = FILE_HEADER_BYTES; ;) {
    const head = readAt(source, at, FRAME_HEADER_BYTES)
    if (head.length < FRAME_HEADER_BYTES || !readFrameHeader(head, 0, at, seed, frame)) {
      throw corruption(name, at, 'no frame, and no mark before it: a value log that was cut off, or damage')
    }
    const bytes = readAt(source, at, Math.min(frameBytes(frame.bodyBytes), size - at))
    const state = readFrame(bytes, 0, bytes.length, at, seed, VALUE_LOG_FRAMES, frame)
    if (state === 'unknown') throw unknownFrame(name, at, frame, VALUE_LOG_FRAMES)
    if (state !== 'good') throw corruption(name, at, 'the checksum of a value or its frame differs')
    if (!isPaddingZero(bytes, FRAME_HEADER_BYTES + frame.bodyBytes)) throw corruption(name, at, 'padding is not zero')
    if (frame.type === FrameType.mark) {
      if (frame.count === count && at + bytes.length === size) return
      throw corruption(name, at, `the mark of ${frame.count} values is behind ${count}, or not at the end`)
    }
    const problem = frameProblem(bytes, 0, frame, name, at)
    if (problem !== null) throw problem
    yield valueIn(bytes, FRAME_HEADER_BYTES + frame.extensionBytes, at, frame.firstSeqNum)
    count++
    at += bytes.length
  }
}

/** No checksum covers what stands between a body and the next frame. */
function isPaddingZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

function valueIn(bytes: Uint8Array, entry: number, shift: number, seqNum: SeqNum): ScannedValue {
  const start = entryContentStart(bytes, entry)
  return {
    seqNum,
    kind: entryKind(bytes, entry),
    key: bytes.slice(entryKeyStart(bytes, entry), entryKeyEnd(bytes, entry)),
    offset: start + shift,
    length: entryValueEnd(bytes, entry) - start,
    checksum: valueChecksum(bytes, entry),
  }
}

function sizeOf({ file, name }: ValueLogFile): number {
  try {
    return file.sizeSync()
  } catch (error) {
    throw ioError(error, 'size of', name)
  }
}

function readAt({ file, name }: ValueLogFile, offset: number, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes)
  try {
    return target.subarray(0, file.readSync(target, 0, bytes, offset))
  } catch (error) {
    if (VarveError.is(error)) throw error
    throw ioError(error, 'read', name)
  }
}
