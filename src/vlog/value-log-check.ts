/**
 * What: reads every byte of a value log and compares what is said twice: frames with their checksums, their number with
 * the mark at the end, both with the manifest. What is wrong is told, and the check goes on with the next good frame.
 * A large value goes by in pieces, so memory does not depend on what the file says.
 * Does not own: the file. Thread: any; blocking, with a pause after each piece.
 */
import {
  alignUp, checkFileIdentity, corruption, crc32, decodeFileHeader, dirtyPadding, emptyFrameHeader, ENTRY_BYTES_MIN,
  entryContentStart, entryValueEnd, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, frameProblem,
  FrameType, getU32, hasValueChecksum, ioError, isKnownFrame, MiB, readFrame, readFrameHeader, unknownFrame,
  VALUE_LOG_FRAMES, VarveError,
} from '../base/index.js'
import type { FileNum, FrameHeader } from '../base/index.js'
import type { ByteRange } from '../report/index.js'
import { WindowReader } from '../vfs/index.js'
import type { ReadableFile } from '../vfs/index.js'

/** One read. Head and key of every frame fit into it, and most frames whole. */
const WINDOW_BYTES = MiB
/** A frame that is copied whole is no longer; a longer one goes by in pieces. */
const WHOLE_BYTES_MAX = 256 * 1024

/** The head of a frame is no longer: its header, extensions, and a key of its own. */
const HEAD_BYTES_MAX = 256 * 1024

/** What must be there. */
export interface ValueLogCheckOptions {
  file: Pick<ReadableFile, 'readSync' | 'sizeSync'>
  name: string
  databaseId: Uint8Array
  /** What the manifest says of it; the counts are those of all values that were put into it. */
  facts: { fileNum: FileNum; salt: Uint8Array; bytes: number; putCount: number; putBytes: number }
  /** Hears of each part of the file whose bytes were read and compared, good or not. */
  covered: (range: ByteRange) => void
  /** Begins at the frame that stands here, and stops where so many bytes were read: for a check in parts. */
  part?: { from: number; bytesMax: number } | undefined
}

/** Something in a value log that is not as it must be. */
export interface ValueLogProblem {
  /** The part of the file that cannot be believed. */
  extent: ByteRange
  /** The key whose value is lost; null when it is not known. */
  key: Uint8Array | null
  error: VarveError
}

/** Checks a value log; gives the offset at which another part begins, -1 at the end. */
export function checkValueLogFile(
  options: ValueLogCheckOptions, report: (problem: ValueLogProblem) => void,
): Generator<undefined, number, unknown> {
  return new ValueLogCheck(options, report).run()
}

class ValueLogCheck {
  private readonly options: ValueLogCheckOptions
  private readonly report: (problem: ValueLogProblem) => void
  private readonly window: WindowReader
  private readonly seed: number
  private readonly frame: FrameHeader = emptyFrameHeader()
  private valueCount = 0
  private valueBytes = 0
  private hasGap = false
  private hasEnd = false

  constructor(options: ValueLogCheckOptions, report: (problem: ValueLogProblem) => void) {
    this.options = options
    this.report = report
    this.window = new WindowReader(options.file, Math.min(WINDOW_BYTES, Math.max(1024, options.file.sizeSync())))
    this.seed = fileSeed(options.facts)
  }

  * run(): Generator<undefined, number, unknown> {
    const { file, name, facts, part, covered } = this.options
    const size = file.sizeSync()
    const end = Math.min(size, facts.bytes)
    if (size < facts.bytes) {
      const what = `it has ${size} bytes, the manifest says ${facts.bytes} at least`
      this.tell(size, facts.bytes - size, corruption(name, size, what))
    }
    const from = part?.from ?? 0
    let at = from
    if (from === 0) {
      if (!this.checkHeader()) return -1
      covered({ offset: 0, bytes: FILE_HEADER_BYTES })
      at = FILE_HEADER_BYTES
    }
    while (at < end) {
      if (part !== undefined && at > from && at - from >= part.bytesMax) return at
      const next = yield* this.checkFrame(at, end)
      covered({ offset: at, bytes: next - at })
      at = next
      yield
    }
    if (part === undefined && size >= facts.bytes) this.compare(at)
    return -1
  }

  private tell(offset: number, bytes: number, error: VarveError, key: Uint8Array | null = null): void {
    this.hasGap = true
    this.report({ extent: { offset, bytes }, key, error })
  }

  private checkHeader(): boolean {
    const { name, facts, databaseId } = this.options
    try {
      const count = this.bring(0, FILE_HEADER_BYTES)
      const header = decodeFileHeader(this.window.bytes.subarray(0, count), 'varvevlg', name)
      checkFileIdentity(name, header, facts, databaseId)
      return true
    } catch (error) {
      if (!VarveError.is(error)) throw error
      this.tell(0, facts.bytes, error)
      return false
    }
  }

  /** Brings bytes into the window; a read that fails is an error of Varve. */
  private bring(offset: number, count: number): number {
    try {
      return this.window.bring(offset, count)
    } catch (error) {
      throw ioError(error, 'read', this.options.name)
    }
  }

  /** Checks the frame at `at`; gives where the next one stands. */
  private *checkFrame(at: number, end: number): Generator<undefined, number, unknown> {
    const { frame, window, seed, options: { name } } = this
    const count = this.bring(at, Math.min(FRAME_HEADER_BYTES, end - at))
    if (count < FRAME_HEADER_BYTES || !readFrameHeader(window.bytes, at - window.start, at, seed, frame)) {
      return yield* this.passBad(at, end, corruption(name, at, 'no frame stands here'))
    }
    const bytes = frameBytes(frame.bodyBytes)
    if (at + bytes > end) return yield* this.passBad(at, end, corruption(name, at, 'a frame runs over the end'))
    if (!isKnownFrame(frame, VALUE_LOG_FRAMES)) {
      this.tell(at, bytes, unknownFrame(name, at, frame, VALUE_LOG_FRAMES))
      return at + bytes
    }
    if (this.hasEnd) this.tell(at, bytes, corruption(name, at, 'a frame behind the mark that ends the file'))
    if (frame.type === FrameType.mark) this.checkEnd(at)
    else if (bytes <= WHOLE_BYTES_MAX) this.checkWhole(at, bytes)
    else yield* this.checkLarge(at, bytes)
    return at + bytes
  }

  /** Looks for the next right frame header; what is before it is lost. */
  private *passBad(at: number, end: number, error: VarveError): Generator<undefined, number, unknown> {
    const { window, seed, frame } = this
    let next = at + 8
    for (let pauseAt = next + WINDOW_BYTES; next < end; next += 8) {
      if (this.bring(next, FRAME_HEADER_BYTES) < FRAME_HEADER_BYTES) break
      const place = next - window.start
      if (getU32(window.bytes, place) !== 0 && readFrameHeader(window.bytes, place, next, seed, frame)) {
        this.tell(at, next - at, error)
        return next
      }
      if (next >= pauseAt) {
        pauseAt = next + WINDOW_BYTES
        yield
      }
    }
    this.tell(at, end - at, error)
    return end
  }

  private checkEnd(at: number): void {
    const { frame, options: { name, facts, part } } = this
    this.hasEnd = true
    const isWrong = frame.bodyBytes !== 0 || at + frameBytes(0) !== facts.bytes
    const isCounted = part === undefined && !this.hasGap
    if (isWrong || (isCounted && frame.count !== this.valueCount)) {
      const what = `the mark at the end speaks of ${frame.count} values, there are ${this.valueCount}`
      this.tell(at, frameBytes(0), corruption(name, at, isWrong ? 'the mark at the end is misplaced' : what))
    }
  }

  private checkWhole(at: number, bytes: number): void {
    const { window, frame, seed, options: { name } } = this
    if (this.bring(at, bytes) < bytes) {
      this.tell(at, bytes, corruption(name, at, 'the file ends inside a frame'))
      return
    }
    const place = at - window.start
    if (readFrame(window.bytes, place, place + bytes, at, seed, VALUE_LOG_FRAMES, frame) !== 'good') {
      this.tell(at, bytes, corruption(name, at, 'checksum differs'), this.keyAt(place))
      return
    }
    this.checkEntry(at, frame)
    const dirty = dirtyPadding(window.bytes, place, frame.bodyBytes)
    if (dirty >= 0) this.tell(at + dirty - place, 1, corruption(name, at + dirty - place, 'padding is not zero'))
  }

  /** Checks what a frame with right checksums says, and counts its value. The window has it. */
  private checkEntry(at: number, frame: FrameHeader): void {
    const { window: { bytes, start }, options: { name } } = this
    const place = at - start
    const problem = frameProblem(bytes, place, frame, name, start)
    if (problem !== null) this.tell(at, frameBytes(frame.bodyBytes), problem, this.keyAt(place))
    else this.count(place + FRAME_HEADER_BYTES + frame.extensionBytes)
  }

  private count(entryAt: number): void {
    const { bytes } = this.window
    this.valueCount++
    this.valueBytes += entryValueEnd(bytes, entryAt) - entryContentStart(bytes, entryAt)
  }

  /** The key in the head of a frame, as far as it can be one; it may be damaged itself. */
  private keyAt(place: number): Uint8Array | null {
    const { bytes } = this.window
    const start = place + FRAME_HEADER_BYTES + this.frame.extensionBytes + ENTRY_BYTES_MIN
    const end = start + (bytes[start - 6]! | (bytes[start - 5]! << 8))
    return end <= bytes.length ? bytes.slice(start, end) : null
  }

  /** Checks a frame whose value goes by in pieces. */
  private *checkLarge(at: number, bytes: number): Generator<undefined, void, unknown> {
    const { window, frame, seed, options: { name } } = this
    const bad = (what: string, key: Uint8Array | null = null): void => {
      this.tell(at, bytes, corruption(name, at, what), key)
    }
    this.bring(at, Math.min(bytes, HEAD_BYTES_MAX))
    const bodyAt = at + FRAME_HEADER_BYTES
    const entry = bodyAt - window.start + frame.extensionBytes
    const contentAt = entryContentStart(window.bytes, entry) + window.start
    const contentEnd = entryValueEnd(window.bytes, entry) + window.start
    const bodyEnd = bodyAt + frame.bodyBytes
    const isOne = frame.count === 1 && hasValueChecksum(window.bytes, entry) && contentAt <= contentEnd &&
      alignUp(contentEnd - entry - window.start, 4) + entry + window.start + 4 === bodyEnd
    if (!isOne) return bad('the entry does not fill its frame')
    const key = this.keyAt(at - window.start)
    const head = crc32(window.bytes, bodyAt - window.start, contentAt - window.start, (seed ^ at) >>> 0)
    const expected = getU32(window.bytes, at - window.start + 8)
    const valueBytes = contentEnd - contentAt
    const crc = yield* this.checksum(contentAt, contentEnd, (seed ^ contentAt) >>> 0)
    const tailBytes = at + bytes - contentEnd
    if (crc < 0 || this.bring(contentEnd, tailBytes) < tailBytes) return bad('the file ends inside a frame', key)
    const tail = contentEnd - window.start
    const bodyTail = bodyEnd - window.start
    if (crc32(window.bytes, tail, bodyTail, head) !== expected) return bad('checksum differs', key)
    if (getU32(window.bytes, bodyTail - 4) !== crc) return bad('the checksum of the value differs', key)
    this.valueCount++
    this.valueBytes += valueBytes
    for (let i = bodyTail; i < tail + tailBytes; i++) if (window.bytes[i] !== 0) return bad('padding is not zero', key)
  }

  /** The checksum of a part of the file, read piece by piece; -1 when the file ends in it. */
  private *checksum(start: number, end: number, seed: number): Generator<undefined, number, unknown> {
    const { window } = this
    let crc = seed
    for (let at = start; at < end;) {
      const count = this.bring(at, Math.min(window.bytes.length, end - at))
      if (count === 0) return -1
      crc = crc32(window.bytes, at - window.start, at - window.start + count, crc)
      at += count
      yield
    }
    return crc
  }

  /** Compares the whole with what the manifest says. */
  private compare(end: number): void {
    const { name, facts } = this.options
    if (this.hasGap) return
    if (!this.hasEnd) this.tell(end, 0, corruption(name, end, 'there is no mark at the end'))
    if (this.valueCount === facts.putCount && this.valueBytes === facts.putBytes) return
    const found = `it has ${this.valueCount} values of ${this.valueBytes} bytes`
    const what = `${found}, the manifest says ${facts.putCount} of ${facts.putBytes}`
    this.tell(0, 0, corruption(name, 0, what))
  }
}
