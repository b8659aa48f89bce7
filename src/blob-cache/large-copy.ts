/**
 * What: copies one large record into a main segment, piece by piece: each is checked, and gets the checksum of its new
 * place. The header is made last: then the caller makes the copy count, or leaves it.
 * Memory: a piece of 256 KiB, and four bytes for each. Thread: main.
 */
import { crc32, getU32, putU32, runAsync } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import type { MainSegment } from './main-segment.js'
import type { FooterEntry } from './segment-footer.js'
import {
  CHUNK_BYTES, chunkChecksum, chunkCount, emptyRecordHeader, isKeyGood, readRecordHeader, RECORD_HEADER_BYTES,
  recordBytes, valueStart, writeRecordHeader,
} from './segment-format.js'
import type { SegmentReader } from './segment-set.js'

export type CopyOutcome = 'good' | 'corrupt' | 'io'

export class LargeCopy {
  readonly header = emptyRecordHeader()
  private readonly reader: SegmentReader
  private readonly target: MainSegment
  private readonly from: FooterEntry
  /** Where the copy begins. */
  private readonly offset: number
  private head = new Uint8Array(0)

  constructor(reader: SegmentReader, target: MainSegment, from: FooterEntry) {
    this.reader = reader
    this.target = target
    this.from = from
    this.offset = target.end
  }

  /** Writes all but the header. Rejects when the target could not be written. */
  async write(): Promise<CopyOutcome> {
    const { from: { offset }, header, target } = this
    const outcome = await this.readHead()
    if (outcome !== 'good') return outcome
    const start = valueStart(header)
    const { storedBytes } = header
    const sums = await this.readSums(start)
    if (sums === 'io') return 'io'
    await target.write(this.head.subarray(RECORD_HEADER_BYTES), start - RECORD_HEADER_BYTES, this.offset +
      RECORD_HEADER_BYTES)
    const piece = new Uint8Array(Math.min(CHUNK_BYTES, storedBytes))
    for (let done = 0, i = 0; done < storedBytes; done += CHUNK_BYTES, i += 4) {
      const length = Math.min(CHUNK_BYTES, storedBytes - done)
      if (!(await this.read(piece, length, offset + start + done))) return 'io'
      if (getU32(sums, i) !== chunkChecksum(piece, 0, length, offset + start + done, this.reader.seed)) return 'corrupt'
      const at = this.offset + start + done
      putU32(sums, i, crc32(piece, 0, length, (target.seed ^ at) >>> 0))
      await target.write(piece, length, at)
    }
    await target.write(sums, sums.length, this.offset + start + storedBytes)
    return 'good'
  }

  private async readHead(): Promise<CopyOutcome> {
    const { from: { key, bytes, recordNum, offset }, header, reader: { seed } } = this
    let length = Math.min(RECORD_HEADER_BYTES + key.length + 64, bytes)
    for (;;) {
      this.head = new Uint8Array(length)
      if (!(await this.read(this.head, length, offset))) return 'io'
      const isGood = readRecordHeader(this.head, 0, length, offset, seed, header) && header.recordNum === recordNum &&
        recordBytes(header) === bytes
      if (!isGood) return 'corrupt'
      if (valueStart(header) <= length) break
      length = valueStart(header)
    }
    return isKeyGood(this.head, 0, offset, seed, header) ? 'good' : 'corrupt'
  }

  /** The checksums of the parts, and the zeros behind them. */
  private async readSums(start: number): Promise<Uint8Array | 'io'> {
    const { from: { offset, bytes }, header: { storedBytes } } = this
    const sums = new Uint8Array(bytes - start - storedBytes)
    if (!(await this.read(sums, sums.length, offset + start + storedBytes))) return 'io'
    return sums.fill(0, 4 * chunkCount(storedBytes))
  }

  private async read(into: Uint8Array, length: number, at: number): Promise<boolean> {
    try {
      return (await runAsync(readFully(this.reader.file, into, length, at))) === length
    } catch {
      return false
    }
  }

  /** Makes header and entry of the copy, which has its place with that. Requires: `write` gave 'good'. */
  bind(checkedSeqNum: SeqNum, visits: number): { head: Uint8Array; to: FooterEntry } {
    const { header, target, offset, from, head } = this
    const recordNum = target.entries.length
    Object.assign(header, { recordNum, checkedSeqNum })
    writeRecordHeader(head, 0, offset, target.seed, header)
    const to = { ...from, offset, recordNum, visits, isDead: false }
    return { head: head.subarray(0, RECORD_HEADER_BYTES), to }
  }
}
