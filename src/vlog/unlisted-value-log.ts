/**
 * What: finds out what a file under a value log's name is that no version lists: whose, and the newest of its values.
 * Only the headers of its frames are read.
 * Thread: main; runs blocking or awaited.
 */
import {
  decodeFileHeader, emptyFrameHeader, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, FrameType, ioError,
  KiB,  readFrameHeader, step, VarveError,
} from '../base/index.js'
import type { FileHeader, SeqNum, Steps } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'

/** One read: the headers of several frames where values are small. */
const PIECE_BYTES = 64 * KiB

export interface UnlistedValueLog {
  /** Null when it is not whole: then the file is nobody's. */
  header: FileHeader | null
  /** The largest sequence number of its values (0: streamed); null when the file was cut off. */
  largestSeqNum: SeqNum | null
  /** The values in it; 0 when the file was cut off. */
  valueCount: number
  /** Bytes of its good frames. */
  bytes: number
}

/** Throws IO_ERROR, or UNSUPPORTED_FORMAT when a later version may read it. */
export function* readUnlistedValueLog(file: VfsFile, name: string): Steps<UnlistedValueLog> {
  const bytes = new Uint8Array(PIECE_BYTES)
  let length = yield* readAt(file, name, bytes, 0)
  const header = headerIn(bytes.subarray(0, Math.min(length, FILE_HEADER_BYTES)), name)
  if (header === null) return { header, largestSeqNum: null, valueCount: 0, bytes: 0 }
  const seed = fileSeed(header)
  const frame = emptyFrameHeader()
  let largestSeqNum = 0
  let start = 0
  for (let at = FILE_HEADER_BYTES, count = 0; ; at += frameBytes(frame.bodyBytes), count++) {
    const cutOff = { header, largestSeqNum: null, valueCount: 0, bytes: at }
    if (at - start + FRAME_HEADER_BYTES > length) {
      start = at
      length = yield* readAt(file, name, bytes, at)
      if (length < FRAME_HEADER_BYTES) return cutOff
    }
    if (!readFrameHeader(bytes, at - start, at, seed, frame)) return cutOff
    if (frame.type === FrameType.mark) {
      if (frame.count !== count) return cutOff
      return { header, largestSeqNum, valueCount: count, bytes: at + frameBytes(frame.bodyBytes) }
    }
    largestSeqNum = Math.max(largestSeqNum, frame.firstSeqNum)
  }
}

function headerIn(bytes: Uint8Array, name: string): FileHeader | null {
  try {
    return decodeFileHeader(bytes, 'varvevlg', name)
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'CORRUPTION') throw error
    return null
  }
}

/** Reads up to a piece from an offset on, however short single reads are. */
function* readAt(file: VfsFile, name: string, target: Uint8Array, offset: number): Steps<number> {
  let done = 0
  try {
    while (done < target.length) {
      const [from, left, at] = [done, target.length - done, offset + done]
      const count = yield* step({
        sync: () => file.readSync(target, from, left, at),
        async: () => file.read(target, from, left, at),
      })
      if (count === 0) break
      done += count
    }
  } catch (error) {
    throw ioError(error, 'read', name)
  }
  return done
}
