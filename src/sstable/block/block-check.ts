/**
 * What: checks that a block is what a block must be, whatever the file said: all its parts lie inside of it, kinds and
 * contents are known, entries are in order.
 * Does not own: the checksum (block-io.ts), what the index says of the block (table-blocks.ts).
 * Thread: any (pure). All errors are BadBytes, with the offset in the block.
 */
import {
  alignUp, BadBytes, contentProblem, EntryKind, getU53, KEY_BYTES_MAX, kindProblem, SEQ_NUM_MAX,
} from '../../base/index.js'
import { isApart, mayExpire } from '../../iterator/index.js'
import {
  BLOCK_ENTRIES_MAX, BLOCK_HEADER_BYTES, KIND_SHIFT, OWN_BLOCK_BYTES_MIN, refusedEntry, START_MASK,
} from './block-format.js'
import { TRAILER_BYTES, UnknownCode } from '../table-format.js'
import { rowHeadOf } from './block-reader.js'
import type { BlockReader } from './block-reader.js'
import {
  HEADS_AND_CHECKS, ROW_FRONT_BYTES, ROW_LENGTHS_AT, ROW_UNIT_SHIFT, ROWS_BLOCK_BYTES_MAX, ROWS_FLAG,
  ROWS_PREFIX_BYTES_MAX, varintBytes,
} from './row-format.js'

/** Checks the block of `length` bytes (no trailer) at which a reader stands. */
export function checkBlock(block: BlockReader, length: number): void {
  checkEntries(block, length)
  checkOrder(block)
}

/** Checks all of the block but the order of its entries. */
export function checkEntries(block: BlockReader, length: number): void {
  const { count, seqWidth, flags } = block
  if (length < BLOCK_HEADER_BYTES + 12) throw new BadBytes(0, 'block is too short')
  if (count === 0 || count > BLOCK_ENTRIES_MAX) throw new BadBytes(0, `block of ${count} entries`)
  if (flags !== 0 && flags !== ROWS_FLAG) throw new UnknownCode(3, `block flags ${flags}`)
  if (seqWidth !== 0 && seqWidth !== 4 && seqWidth !== 8) {
    throw new BadBytes(2, `sequence column ${seqWidth} bytes wide`)
  }
  block.hasHandles = false
  block.hasFronts = false
  if (block.isRows) checkRows(block, length)
  else checkColumns(block, length)
  if (block.hasHandles || block.hasFronts) checkContents(block)
  checkSeqNums(block)
}

// ── Columns ───────────────────────────────────────────────────────────────────────────────────────

function checkColumns(block: BlockReader, length: number): void {
  const { prefixBytes } = block
  if (prefixBytes > KEY_BYTES_MAX) throw new BadBytes(4, 'prefix is longer than a key')
  const start = block.prefixStart - block.base + prefixBytes
  if (start > length) throw new BadBytes(4, 'columns do not fit')
  checkKeyStarts(block, start)
  checkValueStarts(block, length)
}

function checkKeyStarts(block: BlockReader, first: number): void {
  const { words, keyWord, count } = block
  const suffixMax = KEY_BYTES_MAX - block.prefixBytes
  let previous = first
  for (let i = 0; i < count; i++) {
    const word = words[keyWord + i]!
    const start = word & START_MASK
    const isBad = i === 0 ? start !== first : start < previous || start - previous > suffixMax
    if (isBad) throw new BadBytes(16 + 4 * i, 'key start out of order')
    checkKind(block, word >>> KIND_SHIFT, 16 + 4 * i)
    previous = start
  }
  const end = words[keyWord + count]!
  if (end < previous || end - previous > suffixMax || end > START_MASK) {
    throw new BadBytes(16 + 4 * count, 'end of keys out of order')
  }
}

function checkKind(block: BlockReader, kind: number, at: number): void {
  if (kind === EntryKind.value || kind === EntryKind.tombstone) return
  const isKnown = kind === EntryKind.valueHandle || (mayExpire(kind) && kindProblem(kind) === null)
  if (!isKnown) throw refusedEntry(at, kind)
  if (isApart(kind)) block.hasHandles = true
  if (mayExpire(kind)) block.hasFronts = true
}

function checkValueStarts({ words, valueWord, count, bytes, base }: BlockReader, length: number): void {
  let previous = words[valueWord]!
  for (let i = 1; i <= count; i++) {
    const end = words[valueWord + i]!
    if (end < previous) throw new BadBytes(16 + 4 * (count + i), 'value start out of order')
    previous = end
  }
  if (previous > length || length - previous >= 8) throw new BadBytes(16 + 8 * count, 'bad end of values')
  checkZeros(bytes, base, previous, length)
}

// ── Rows ──────────────────────────────────────────────────────────────────────────────────────────

function checkRows(block: BlockReader, length: number): void {
  const { bytes, base, count, prefixBytes, seqWidth } = block
  const unit = bytes[base + 6]!
  if (unit !== ROW_UNIT_SHIFT) throw new UnknownCode(6, `rows in unit ${unit}`)
  const form = bytes[base + 7]!
  if (form !== HEADS_AND_CHECKS) throw new UnknownCode(7, `heads and checks of kind ${form}`)
  if (count > 1 && length + TRAILER_BYTES > ROWS_BLOCK_BYTES_MAX) throw new BadBytes(0, `rows in ${length} bytes`)
  if (prefixBytes > ROWS_PREFIX_BYTES_MAX) throw new BadBytes(4, 'prefix is longer than one of rows')
  const front = BLOCK_HEADER_BYTES + ROW_FRONT_BYTES * count + prefixBytes
  if (front > length) throw new BadBytes(4, 'rows do not fit')
  let end = alignUp(front, 1 << ROW_UNIT_SHIFT)
  checkZeros(bytes, base, front, end)
  for (let i = 0; i < count; i++) {
    const at = block.rowAt(i) - base
    if (at !== end) throw new BadBytes(BLOCK_HEADER_BYTES + 4 * count + 2 * i, 'a row starts elsewhere')
    if (at + ROW_LENGTHS_AT + 2 > length) throw new BadBytes(at, 'a row does not fit')
    const { kind, suffixStart, suffixEnd, valueEnd } = block.entryAt(i)
    const suffixBytes = suffixEnd - suffixStart
    const valueBytes = valueEnd - suffixEnd
    const rowEnd = valueEnd - base + seqWidth
    const lengthsBytes = suffixStart - base - at - ROW_LENGTHS_AT
    const isInside = rowEnd <= length && prefixBytes + suffixBytes <= KEY_BYTES_MAX &&
      valueBytes < OWN_BLOCK_BYTES_MIN && lengthsBytes === varintBytes(suffixBytes) + varintBytes(valueBytes)
    if (!isInside) throw new BadBytes(at, 'bad lengths of a row')
    checkKind(block, kind, at + 4)
    if (block.words[block.keyWord + i] !== rowHeadOf(bytes, suffixStart, suffixEnd)) {
      throw new BadBytes(BLOCK_HEADER_BYTES + 4 * i, 'the head of another key')
    }
    end = alignUp(rowEnd, 1 << ROW_UNIT_SHIFT)
    checkZeros(bytes, base, rowEnd, i === count - 1 ? length : end)
  }
  if (length - end >= 8) throw new BadBytes(end, 'bad end of rows')
}

// ── Both ──────────────────────────────────────────────────────────────────────────────────────────

function checkZeros(bytes: Uint8Array, base: number, at: number, end: number): void {
  for (; at < end; at++) if (bytes[base + at] !== 0) throw new BadBytes(at, 'padding is not zero')
}

function checkContents(block: BlockReader): void {
  const { count, bytes, base } = block
  for (let i = 0; i < count; i++) {
    const kind = block.kindAt(i)
    if (kind === EntryKind.value || kind === EntryKind.tombstone) continue
    const start = block.valueStart(i)
    const problem = contentProblem(bytes, kind, start, block.valueEnd(i))
    if (problem !== null) throw new BadBytes(start - base, problem)
  }
}

function checkSeqNums(block: BlockReader): void {
  const { count, seqWidth, bytes, base } = block
  const seqBase = getU53(bytes, base + 8)
  if (!(seqBase <= SEQ_NUM_MAX)) throw new BadBytes(8, 'sequence number above 2^51 - 1')
  if (seqWidth === 0 || (seqWidth === 4 && seqBase <= SEQ_NUM_MAX - 2 ** 32)) return
  for (let i = 0; i < count; i++) {
    if (block.seqNumAt(i) > SEQ_NUM_MAX) throw new BadBytes(8, `sequence number ${i} is above 2^51 - 1`)
  }
}

/** Checks that entries ascend. Requires: the rest was checked. */
export function checkOrder(block: BlockReader): void {
  const { isRows, words, keyWord, count } = block
  // Heads of rows that ascend say it already.
  for (let i = 1; i < count; i++) if (!isRows || words[keyWord + i - 1]! >= words[keyWord + i]!) checkOrderAt(block, i)
}

/** Checks that entry i − 1 is before entry i; true when they have the same key. */
export function checkOrderAt(block: BlockReader, i: number): boolean {
  const { bytes } = block
  const { suffixStart: last, suffixEnd: lastEnd } = block.entryAt(i - 1)
  const { suffixStart: start, suffixEnd: end } = block.entryAt(i)
  let order = lastEnd - last - (end - start)
  for (let a = last, b = start; a < lastEnd && b < end; a++, b++) {
    if (bytes[a] === bytes[b]) continue
    order = bytes[a]! - bytes[b]!
    break
  }
  if (order > 0 || (order === 0 && block.seqNumAt(i - 1) <= block.seqNumAt(i))) {
    throw new BadBytes(16 + 4 * i, 'entries are out of order')
  }
  return order === 0
}
