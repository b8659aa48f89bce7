/**
 * What: turns a BlockReader to a data block of one table, in the cache or read from the file.
 * Owns: the index, which may be dropped and is then read again when it is needed; the table's frames in the cache.
 * Does not own: the file, the cache.
 * Thread: one; reads block.
 * Invariants: a block that passed lies between the bounds that the index gives it, so all blocks together
 * are in order whatever the file said. The checksum is checked at every read. When it is that of the content that
 * passed before, it is taken for the same, and its order is not checked again: that takes as long as the read.
 */
import { corruption, equalRanges, getU32, NUMBER_MAX, runSync } from '../../base/index.js'
import type { PointResult, SeqNum } from '../../base/index.js'
import { MARK_HIT, MARK_POINT, MARK_SCAN } from '../../cache/index.js'
import type { BlockCache, CacheSlots } from '../../cache/index.js'
import { checkBlock } from '../block/block-check.js'
import { parseAt, readBlock, readFileBlock } from '../block/block-io.js'
import type { BlockSource, TableSource } from '../block/block-io.js'
import type { BlockReader } from '../block/block-reader.js'
import type { FileBlock } from '../block/file-block.js'
import { checkOfRow, seedOfRow } from '../block/row-format.js'
import { PACKED_FILE_BYTES_MAX } from '../block/packed-format.js'
import type { BlockMemory } from '../block/packed-format.js'
import { PointEntries } from '../block/point-entries.js'
import type { TableIndex } from '../lookup/table-index.js'
import { saysExpiry, saysHandles, saysPacked, saysRows } from '../table-format.js'
import type { Footer } from '../table-format.js'
import { RowReads, UNKNOWN } from './row-reads.js'
import { readIndex } from './table-open.js'
import type { TableParts } from './table-open.js'

export interface TableBlocksOptions {
  /** Called when a dropped index was read again. */
  onIndexRead?: (() => void) | undefined
  /** The highest sequence number of an entry; absent when it is not known. */
  largestSeqNum?: SeqNum
  /** Count of the entries; absent when it is not known. */
  entryCount?: number
  /** What counts besides each sequence number in the file; 0 by default. */
  addedSeqNum?: SeqNum
}

export class TableBlocks {
  readonly count: number
  /** Count of reads of packed blocks from the file. */
  packedCount = 0
  /** Count of blocks with rows that were checked. */
  rowCount = 0
  private loaded: TableIndex | null
  private readonly source: BlockSource
  private readonly footer: Footer
  private readonly cache: BlockCache
  private readonly slots: CacheSlots
  private readonly onIndexRead: () => void
  readonly entries: PointEntries
  private readonly rows: RowReads
  /** What counts besides each sequence number in the file. */
  addedSeqNum: SeqNum
  /** The checksum of each block that passed; 0 for none. A block with checksum 0 is checked every time. */
  private readonly passed: Uint32Array

  constructor(
    { source, footer, index }: Pick<TableParts, 'source' | 'footer' | 'index'>, cache: BlockCache,
    {
      onIndexRead = () => undefined, largestSeqNum = NUMBER_MAX, entryCount = NUMBER_MAX, addedSeqNum = 0,
    }: TableBlocksOptions = {},
  ) {
    this.source = { ...source, saysPacked: saysPacked(footer) }
    this.footer = footer
    this.loaded = index
    this.count = index.blockCount
    this.cache = cache
    this.slots = cache.attach(index.blockCount)
    this.onIndexRead = onIndexRead
    this.entries = new PointEntries(index.blockCount, largestSeqNum)
    const entryBytes = index.bytes(0, index.blockCount) / entryCount
    this.rows = new RowReads(source, cache.aside, largestSeqNum, entryBytes)
    this.addedSeqNum = addedSeqNum
    this.passed = new Uint32Array(index.blockCount)
  }

  /** Gives the memory of what is kept of each block, cached or not, of a table of `blockCount` blocks. */
  static memoryBytes(blockCount: number): number {
    return 11 * blockCount
  }

  /** The index. When it was dropped it is read again, blocking. */
  get index(): TableIndex {
    return this.loaded ?? this.readAgain()
  }

  get indexBytes(): number {
    return this.loaded?.memoryBytes ?? 0
  }

  /** Drops the index. A user that has it at hand keeps it. */
  dropIndex(): void {
    this.loaded = null
  }

  private readAgain(): TableIndex {
    const index = runSync(readIndex(this.source, this.footer))
    this.loaded = index
    this.onIndexRead()
    return index
  }

  /**
   * Turns `reader` to block i: good until the next block is read through this cache. `mark` is what a
   * newly read block starts with (MARK_POINT, MARK_SCAN; see BlockCache.scanMark).
   */
  open(reader: BlockReader, i: number, mark: number): void {
    const frame = this.hit(i)
    if (frame === 0) this.load(reader, i, mark)
    else {
      const { cache } = this
      const { bytes, words } = cache.chunkOf(frame)
      reader.open(bytes, words, cache.baseOf(frame), this.addedSeqNum)
    }
  }

  /** Does `PointEntries.read` wherever the block is. Requires: shapes are kept. */
  readPoint(
    reader: BlockReader, number: number, i: number, key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult,
  ): number {
    const { cache, entries } = this
    const frame = entries.isNoted(number) ? this.hit(number) : 0
    if (frame !== 0) return entries.read(cache.chunkOf(frame), cache.baseOf(frame), number, i, key, end, snapshot, out)
    this.open(reader, number, MARK_POINT)
    // The block may be in the cache since before shapes were kept.
    if (!entries.isNoted(number)) entries.note(reader, number)
    return entries.read(reader, reader.base, number, i, key, end, snapshot, out)
  }

  /**
   * Does `RowReads.read` wherever the row is, alone if its block does not come into the cache. `start` is that of a
   * place.
   */
  readRow(
    reader: BlockReader, number: number, start: number,
    key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult,
  ): number {
    // The entry of a block of columns among rows: the index finds it.
    if (start === 0) return UNKNOWN
    const { cache, rows } = this
    const frame = this.hit(number)
    if (frame !== 0) return rows.read(cache.chunkOf(frame), cache.baseOf(frame), start, key, end, snapshot, out)
    if (!this.hitAside(reader, number)) {
      this.countMiss()
      const isWhole = cache.aside.isLast(this.slots, number)
      if (isWhole || !cache.admits(this.slots, number, this.index.bytes(number))) {
        const answer = isWhole ? UNKNOWN : rows.readAlone(this.index, number, start, key, end, snapshot, out)
        if (answer !== UNKNOWN) {
          cache.aside.set(this.slots, number, true)
          return answer
        }
        this.readAside(reader, number, null)
        if (!isWhole) this.checkRow(reader, number, start)
      } else this.takeIn(reader, number, MARK_POINT, null)
    }
    return rows.read(reader, reader.base, start, key, end, snapshot, out)
  }

  /** Throws CORRUPTION when a row that was not believed alone is no better in its block, however good that is. */
  private checkRow(reader: BlockReader, number: number, start: number): void {
    for (let i = 0; reader.isRows && i < reader.count; i++) {
      if (reader.placeLowOf(i, true) === start) checkRowAt(this.source, reader, i, this.index.offset(number))
    }
  }

  /** Gives where block i stands in the cache; 0 when it is not there. */
  private hit(i: number): number {
    const { slots } = this
    const frame = slots.frames[i]!
    if (frame !== 0) {
      slots.marks[i] = MARK_HIT
      slots.hitCount++
    }
    return frame
  }

  /** Turns `reader` to block i, which stays good until `release` is called with the number returned. */
  openHeld(reader: BlockReader, i: number, mark: number): number {
    this.open(reader, i, mark)
    const frame = this.slots.frames[i]!
    if (frame !== 0) this.cache.hold(frame)
    return frame
  }

  release(held: number): void {
    if (held !== 0) this.cache.release(held)
  }

  /** Reads and checks block i into the reader's own buffer, whatever the cache has. */
  read(reader: BlockReader, i: number): void {
    this.readOwn(reader, i, this.fetch(i))
  }

  private readOwn(reader: BlockReader, i: number, block: FileBlock | null): void {
    reader.makeRoom(block?.roomBytes ?? this.index.bytes(i))
    const length = this.bring(i, block, reader, 0)
    reader.open(reader.bytes, reader.words, 0, this.addedSeqNum)
    this.check(reader, i, length, block?.isPacked)
  }

  /** Count of the table's blocks in the cache. */
  get cachedCount(): number {
    return this.slots.count
  }

  /** How often blocks were read: found in the cache, and from the file, whole or in part. */
  get reads(): { hits: number; misses: number } {
    return { hits: this.slots.hitCount, misses: this.slots.missCount }
  }

  /** Gives the cache the memory of the table's blocks back. */
  close(): void {
    this.cache.detach(this.slots)
  }

  /** Turns `reader` to block i, which is not in the cache. */
  private load(reader: BlockReader, i: number, mark: number): void {
    const { cache, slots } = this
    if (mark === MARK_POINT && this.hitAside(reader, i)) return
    this.countMiss()
    const block = this.fetch(i)
    const length = block?.roomBytes ?? this.index.bytes(i)
    if (mark === MARK_SCAN) mark = cache.scanMark(slots, i, length)
    else if (cache.aside.isLast(slots, i) || !cache.admits(slots, i, length)) {
      this.readAside(reader, i, block)
      return
    }
    this.takeIn(reader, i, mark, block)
  }

  /** Turns `reader` to block i if it was read aside just now. */
  private hitAside(reader: BlockReader, i: number): boolean {
    const { cache: { aside }, slots } = this
    if (!aside.has(slots, i)) return false
    reader.open(aside.bytes, aside.words, 0, this.addedSeqNum)
    slots.hitCount++
    return true
  }

  private countMiss(): void {
    this.slots.missCount++
    this.cache.missCount++
  }

  /** Turns `reader` to block i, which comes into the cache if that takes it. */
  private takeIn(reader: BlockReader, i: number, mark: number, block: FileBlock | null): void {
    const { cache, slots } = this
    const length = block?.roomBytes ?? this.index.bytes(i)
    const frame = slots.isAttached ? cache.reserve(length, mark) : 0
    if (frame === 0) {
      this.readOwn(reader, i, block)
      return
    }
    const chunk = cache.chunkOf(frame)
    const base = cache.baseOf(frame)
    const contentLength = this.bring(i, block, chunk, base)
    reader.open(chunk.bytes, chunk.words, base, this.addedSeqNum)
    this.check(reader, i, contentLength, block?.isPacked)
    cache.insert(slots, i, frame, length, mark)
  }

  /** Reads block i for one get, which lets go of it before the next one. */
  private readAside(reader: BlockReader, i: number, block: FileBlock | null): void {
    const { cache: { aside }, index, slots } = this
    aside.makeRoom(block?.roomBytes ?? index.bytes(i))
    const length = this.bring(i, block, aside, 0)
    reader.open(aside.bytes, aside.words, 0, this.addedSeqNum)
    this.check(reader, i, length, block?.isPacked)
    aside.set(slots, i, false)
  }

  /** Reads block i if it may be packed: only then is known how long it is. Else null. */
  private fetch(i: number): FileBlock | null {
    const { source, index } = this
    const bytes = index.bytes(i)
    if (!source.saysPacked || bytes > PACKED_FILE_BYTES_MAX) return null
    const block = readFileBlock(source, index.offset(i), bytes)
    if (block.isPacked) this.packedCount++
    return block
  }

  /** Brings block i to memory.bytes[base], from the file or from where `fetch` has read it; returns its bytes there. */
  private bring(i: number, block: FileBlock | null, memory: BlockMemory, base: number): number {
    const { index, source } = this
    const offset = index.offset(i)
    if (block === null) return readBlock(source, offset, index.bytes(i), memory.bytes, base)
    parseAt(source, offset, () => block.unpackTo(memory, base))
    return block.plainBytes
  }

  private check(reader: BlockReader, i: number, length: number, isUnpacked: boolean | undefined): void {
    const { index, source, passed } = this
    // The trailer stands behind the content, also where that was unpacked.
    const checksum = reader.words[(reader.base + length >>> 2) + 1]!
    if (checksum !== 0 && checksum === passed[i]) return
    parseAt(source, index.offset(i), () => checkBlock(reader, length), isUnpacked)
    checkBlockBounds({ source, footer: this.footer, index }, reader, i)
    if (reader.isRows) this.rowCount++
    else this.entries.note(reader, i)
    passed[i] = checksum
  }
}

/** Throws CORRUPTION unless row i of a checked block at `offset` of the file has the check of its bytes. */
export function checkRowAt({ name, seed }: TableSource, block: BlockReader, i: number, offset: number): void {
  const { bytes, base, prefixStart, prefixBytes } = block
  const row = block.rowAt(i)
  const rowOffset = offset + row - base
  const parts = block.entryAt(i)
  const prefixEnd = prefixStart + prefixBytes
  const check = checkOfRow(bytes, row, parts, bytes, prefixStart, prefixEnd, seedOfRow(seed, rowOffset))
  if (check !== getU32(bytes, row)) throw corruption(name, rowOffset, 'the check of a row differs')
}

/**
 * Throws CORRUPTION unless block i has the entries that the index speaks of, and no handles or expiries that the
 * footer does not tell of. Requires: entries checked.
 */
export function checkBlockBounds(
  { source, footer, index }: Pick<TableParts, 'source' | 'footer' | 'index'>, reader: BlockReader, i: number,
): void {
  if (reader.count !== index.counts[i] || !isBounded(index, reader, i)) {
    throw corruption(source.name, index.offset(i), 'the entries are not those that the index speaks of')
  }
  if (reader.isRows && !saysRows(footer)) {
    throw corruption(source.name, index.offset(i), 'a block of rows in a table that does not say that it has some')
  }
  if (reader.hasHandles && !saysHandles(footer)) {
    throw corruption(source.name, index.offset(i), 'value handles in a table that does not say that it has them')
  }
  if (reader.hasFronts && !saysExpiry(footer)) {
    throw corruption(source.name, index.offset(i), 'entries that expire in a table that does not say that it has them')
  }
}

function isBounded({ keyBytes, keyStarts, seqNums, prefixes }: TableIndex, reader: BlockReader, i: number): boolean {
  const { bytes, isRows, prefixBytes, prefixStart } = reader
  // The index has the rest of the key of a row that is read alone.
  if (i < prefixes.length && prefixes[i] !== (isRows ? prefixBytes : 0)) return false
  const bound = keyStarts[i]!
  const prefixEnd = prefixStart + prefixBytes
  if (isRows && !equalRanges(bytes, prefixStart, prefixEnd, keyBytes, bound, bound + prefixBytes)) return false
  const last = reader.count - 1
  if (reader.compareAt(last, keyBytes, keyStarts[i]!, keyStarts[i + 1]!, seqNums[i]!) > 0) return false
  return i === 0 || reader.compareAt(0, keyBytes, keyStarts[i - 1]!, keyStarts[i]!, seqNums[i - 1]!) > 0
}
