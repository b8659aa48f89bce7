/**
 * What: point reads of rows (row-format.ts): in a block that stands in memory, or of one row read alone from the file.
 * Does not own: the file, the block; when a row is read alone (table-blocks.ts).
 * Thread: one. Nothing is allocated for a read.
 * Invariants: all bytes of the key are compared. What was read alone is only believed when its check holds, which is
 * bound to its place in the file.
 */
import { equalsInParts, getU32 } from '../../base/index.js'
import type { PointResult, SeqNum } from '../../base/index.js'
import { BLOCK_HEADER_BYTES } from '../block/block-format.js'
import { readPart } from '../block/block-io.js'
import type { TableSource } from '../block/block-io.js'
import type { BlockReader } from '../block/block-reader.js'
import { FOUND, NO_ENTRY, OTHER_KEY, TOO_NEW } from '../block/point-entries.js'
import {
  checkOfRow, EntryParts, ROW_FRONT_BYTES, ROW_UNIT_SHIFT, ROWS_FLAG, seedOfRow, seqNumBehind,
} from '../block/row-format.js'
import type { TableIndex } from '../lookup/table-index.js'
import { contentBytes } from '../table-format.js'

/** The answer when only the whole block can tell. */
export const UNKNOWN = 4

/** Fewer bytes than this are never read: they take no less time. */
const READ_BYTES_MIN = 256
const READ_BYTES_MAX = 4096

/** Memory for a row that is read alone. */
interface RowMemory {
  readonly bytes: Uint8Array
  makeRoom: (bytes: number) => void
}

export class RowReads {
  private readonly parts = new EntryParts()
  private readonly source: TableSource
  private readonly memory: RowMemory
  private readonly largestSeqNum: SeqNum
  /** Bytes that are read before the length of a row is known: more than most rows of the table have. */
  private readonly readBytes: number

  /**
   * Rows that are read alone come into `memory`. No entry of the table is above `largestSeqNum`; one takes `entryBytes`
   * of the file on average.
   */
  constructor(source: TableSource, memory: RowMemory, largestSeqNum: SeqNum, entryBytes: number) {
    this.source = source
    this.memory = memory
    this.largestSeqNum = largestSeqNum
    this.readBytes = Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, Math.ceil(1.5 * entryBytes)))
  }

  /**
   * Compares the row that starts `start` units behind the start of the block at `base`, which was checked, with
   * key[0, end).
   */
  read(
    { bytes, words }: Pick<BlockReader, 'bytes' | 'words'>, base: number, start: number,
    key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult,
  ): number {
    const head = words[base >>> 2]!
    if (head >>> 24 !== ROWS_FLAG) return NO_ENTRY
    const count = head & 0xffff
    const prefixBytes = words[(base >>> 2) + 1]! & 0xffff
    const prefix = base + BLOCK_HEADER_BYTES + ROW_FRONT_BYTES * count
    const row = base + (start << ROW_UNIT_SHIFT)
    const lastStart = bytes[prefix - 2]! | (bytes[prefix - 1]! << 8)
    if (row < prefix + prefixBytes || start > lastStart) return NO_ENTRY
    const { parts } = this
    parts.findRow(bytes, row)
    const { suffixStart, suffixEnd, valueEnd } = parts
    // What is no row may say anything, but the last one begins behind all others.
    if (start < lastStart && !(valueEnd <= base + (lastStart << ROW_UNIT_SHIFT))) return NO_ENTRY
    const suffixBytes = suffixEnd - suffixStart
    if (end !== prefixBytes + suffixBytes) return OTHER_KEY
    if (!equalsInParts(bytes, prefix, prefixBytes, bytes, suffixStart, suffixBytes, key, 0)) return OTHER_KEY
    if (snapshot < this.largestSeqNum) {
      const seqBase = words[(base >>> 2) + 2]! + words[(base >>> 2) + 3]! * 2 ** 32
      if (seqBase + seqNumBehind(bytes, valueEnd, (head >>> 16) & 0xff) > snapshot) return TOO_NEW
    }
    out.kind = parts.kind
    out.valueBytes = bytes
    out.valueStart = suffixEnd
    out.valueEnd = valueEnd
    return FOUND
  }

  /**
   * Reads a row of block `number` alone, and compares it with key[0, end). UNKNOWN when the row is not good, or when it
   * is not enough to know the row: then the block is to be read.
   */
  readAlone(
    index: TableIndex, number: number, start: number,
    key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult,
  ): number {
    if (snapshot < this.largestSeqNum) return UNKNOWN
    const { parts, source, memory } = this
    const { keyBytes, keyStarts, prefixes } = index
    const offset = index.offset(number) + (start << ROW_UNIT_SHIFT)
    const limit = contentBytes(index.bytes(number)) - (start << ROW_UNIT_SHIFT)
    const bytesRead = limit < this.readBytes ? limit : this.readBytes
    memory.makeRoom(this.readBytes)
    if (bytesRead <= 0 || !readPart(source, offset, bytesRead, memory.bytes)) return UNKNOWN
    parts.findRow(memory.bytes, 0)
    if (!(parts.valueEnd <= limit)) return UNKNOWN
    const { valueEnd } = parts
    if (valueEnd > bytesRead) {
      memory.makeRoom(valueEnd)
      if (!readPart(source, offset, valueEnd, memory.bytes)) return UNKNOWN
      parts.findRow(memory.bytes, 0)
      if (parts.valueEnd !== valueEnd) return UNKNOWN
    }
    const { bytes } = memory
    const prefix = keyStarts[number]!
    const prefixBytes = prefixes[number]!
    const check = checkOfRow(bytes, 0, parts, keyBytes, prefix, prefix + prefixBytes, seedOfRow(source.seed, offset))
    if (check !== getU32(bytes, 0)) return UNKNOWN
    const { suffixStart, suffixEnd } = parts
    const suffixBytes = suffixEnd - suffixStart
    if (end !== prefixBytes + suffixBytes) return OTHER_KEY
    if (!equalsInParts(keyBytes, prefix, prefixBytes, bytes, suffixStart, suffixBytes, key, 0)) return OTHER_KEY
    out.kind = parts.kind
    out.valueBytes = bytes
    out.valueStart = suffixEnd
    out.valueEnd = valueEnd
    return FOUND
  }
}
