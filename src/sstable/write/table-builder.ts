/**
 * What: writes one table from entries that come in order.
 * Owns: the state of the file that grows. Does not own: the file handle, its sync and its final name.
 * Thread: worker or main; writes block. Nothing is allocated per entry.
 * States: open → finished. After a throw the file is garbage: its owner removes it.
 * Invariants: entries are added in internal order (key ascending, sequence number descending).
 */
import {
  assert, encodeFileHeader, EntryKind, EXPIRY_BYTES, expiryOf, FILE_HEADER_BYTES, fileSeed, frontBytes, MustKnow,
  NO_FEATURES, readHashSeed, tableFileName,
} from '../../base/index.js'
import type { FileHeader, FileNum, TableFacts } from '../../base/index.js'
import { isApart, isPlain, isTombstone, mayExpire } from '../../iterator/index.js'
import type { Spans } from '../../iterator/index.js'
import type { VfsFile } from '../../vfs/index.js'
import { BlockBuilder } from '../block/block-builder.js'
import { BlockPacker } from '../block/block-packer.js'
import {
  BLOCK_BYTES_DEFAULT, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, BLOCK_COUNT_MAX, BLOCK_ENTRIES_MAX, OWN_BLOCK_BYTES_MIN,
} from '../block/block-format.js'
import { BuildBuffer } from '../block/build-buffer.js'
import { ROWS_BLOCK_BYTES_MAX, seedOfRow } from '../block/row-format.js'
import { IndexBuilder } from '../lookup/table-index.js'
import { encodeProperties, factsIn } from '../properties.js'
import type { TableProperties } from '../properties.js'
import type { Replaces } from '../replaces.js'
import type { TableScan } from '../read/table-scan.js'
import { encodeSpans, seqNumsOf } from '../spans-section.js'
import {
  Codec, contentBytes, emptySections, encodeFooter, FOOTER_BYTES, SectionSlot, TABLE_MAGIC,
} from '../table-format.js'
import type { Extent } from '../table-format.js'
import { ValueReferences } from '../value-references.js'
import { ExpiryTally } from '../expiry-tally.js'
import { LookupBuilder } from './lookup-builder.js'
import type { LookupOptions } from './lookup-builder.js'
import { TableWriter } from './table-writer.js'

/** Up to this length a loop over words beats a native copy from shared memory. */
const WORDS_COPY_BYTES_MAX = 256

export interface TableBuilderOptions extends LookupOptions {
  fileNum: FileNum
  databaseId: Uint8Array
  /** Eight random bytes, the salt of the file. */
  salt: Uint8Array
  /** The seed of its hashes, which other tables may have too; by default the salt. It is secret. */
  hashSeed?: Uint8Array
  /** Lock generation of this process. */
  generation: number
  /** Lineage of the history that the table belongs to; 0, the default, for none. */
  lineage?: number
  /** The most bytes of a block of several entries, trailer included; 8 KiB by default. */
  blockBytes?: number
  /** What is done to blocks of several entries that become smaller by it; `Codec.none` by default. */
  codec?: Codec
  /** How entries stand in a block; rows by default, unless blocks are packed or larger than 64 KiB. */
  layout?: 'rows' | 'columns'
  /** The first log whose entries come here, up to `lastLog`; both are 0 for a compaction. */
  firstLog?: FileNum
  lastLog?: FileNum
  keyspaceId?: number
}

export class TableBuilder {
  private readonly options: Required<Omit<TableBuilderOptions, keyof LookupOptions>>
  private readonly blockBytes: number
  /** The most bytes of content of a block of several entries. */
  private readonly contentBytesMax: number
  private readonly seed: number
  private readonly output: TableWriter
  private readonly memory: BuildBuffer
  private readonly block: BlockBuilder
  private readonly packer: BlockPacker | null
  private packedCount = 0
  /** True when blocks of several entries have rows. */
  private readonly isRows: boolean
  private rowBlockCount = 0
  private readonly index = new IndexBuilder()
  private readonly lookups: LookupBuilder
  /** Count of the entries in closed blocks; raw bytes and extreme sequence numbers count there, too. */
  private closedEntryCount = 0
  private rawBytes = 0
  private smallestSeqNum = Infinity
  private largestSeqNum = 0
  private lastPrefixBytes = 0
  private tombstoneCount = 0
  private readonly references = new ValueReferences()
  private readonly expiry = new ExpiryTally()
  private smallestKey = new Uint8Array(0)
  /** Sequence number of the entry added last. */
  private lastSeqNum = 0
  private isFinished = false
  private spans: Spans | null = null
  /** Entries that are the newest of their keys, and that a range tombstone of the table hides. */
  private coveredCount = 0

  /** `file` is new and empty. `memory` can serve several builders, one after the other. */
  constructor(file: VfsFile, options: TableBuilderOptions, memory?: BuildBuffer) {
    const blockBytes = options.blockBytes ?? BLOCK_BYTES_DEFAULT
    assert(blockBytes >= BLOCK_BYTES_MIN && blockBytes <= BLOCK_BYTES_MAX, 'block size in its bounds')
    this.options = {
      codec: Codec.none, layout: 'rows', firstLog: 0, lastLog: 0, keyspaceId: 0, lineage: 0, hashSeed: options.salt,
      ...options, blockBytes,
    }
    this.blockBytes = blockBytes
    const mayHaveRows = this.options.codec === Codec.none && blockBytes <= ROWS_BLOCK_BYTES_MAX
    this.isRows = mayHaveRows && this.options.layout === 'rows'
    this.contentBytesMax = contentBytes(blockBytes)
    const { databaseId, fileNum, salt, generation, lineage } = this.options
    const header: FileHeader = {
      magic: TABLE_MAGIC, features: NO_FEATURES, databaseId, fileNum, salt, generation, lineage,
    }
    this.seed = fileSeed(header)
    this.memory = memory ?? new BuildBuffer(blockBytes)
    this.block = new BlockBuilder(this.memory)
    this.lookups = new LookupBuilder(this.memory, readHashSeed(this.options.hashSeed), options)
    this.packer = this.options.codec === Codec.packed ? new BlockPacker() : null
    this.output = new TableWriter(file, tableFileName(fileNum), this.seed, this.memory)
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    encodeFileHeader(header, bytes)
    this.output.raw(bytes)
  }

  get entryCount(): number {
    return this.closedEntryCount + this.block.count
  }

  /** Count of the blocks that are closed. */
  get blockCount(): number {
    return this.index.blockCount
  }

  /** Keys and values of closed blocks as the user gave them, wherever the values stand. */
  get rawBytesSoFar(): number {
    return this.rawBytes + this.references.extraBytes - EXPIRY_BYTES * this.expiry.count
  }

  /** Bytes handed to the file so far. */
  get bytesWritten(): number {
    return this.output.bytesWritten
  }

  /** Estimates the size of the file if it were finished now, without the block that is being collected. */
  get bytesEstimated(): number {
    return this.output.offset + this.index.bytes + this.lookups.bytesEstimated + 1024
  }

  /** Adds an entry, and copies both ranges. Requires: (key, seqNum) is behind the entry added last. */
  add(
    key: Uint8Array, keyStart: number, keyEnd: number, seqNum: number, kind: number,
    value: Uint8Array, valueStart: number, valueEnd: number,
  ): void {
    const { block } = this
    const valueBytes = valueEnd - valueStart
    block.stage(key, keyStart, keyEnd)
    const isNewKey = this.isNewKey(seqNum)
    if (this.isFullFor(seqNum, valueBytes)) this.closeBlock()
    if (valueBytes >= OWN_BLOCK_BYTES_MIN) {
      this.push(isNewKey, seqNum, kind, 0)
      if (!isPlain(kind)) this.countContent(kind, value, valueStart)
      this.closeOwnBlock(value, valueStart, valueEnd)
      return
    }
    this.push(isNewKey, seqNum, kind, valueBytes)
    if (!isPlain(kind)) this.countContent(kind, value, valueStart)
    block.putValues(value, valueStart, valueEnd)
  }

  /**
   * Adds an entry whose value stands right behind its key, both before bytes[valueEnd]; `view` is over `bytes`. It
   * is for shared memory, from which native copies are slow. Requires: (key, seqNum) is behind the entry added
   * last.
   */
  addBehind(
    bytes: Uint8Array, view: DataView, keyStart: number, keyEnd: number, valueEnd: number, seqNum: number, kind: number,
  ): void {
    const valueBytes = valueEnd - keyEnd
    if (keyEnd - keyStart > WORDS_COPY_BYTES_MAX || valueBytes > WORDS_COPY_BYTES_MAX) {
      this.add(bytes, keyStart, keyEnd, seqNum, kind, bytes, keyEnd, valueEnd)
      return
    }
    const { block } = this
    block.stageWords(view, keyStart, keyEnd)
    const isNewKey = this.isNewKey(seqNum)
    if (this.isFullFor(seqNum, valueBytes)) this.closeBlock()
    this.push(isNewKey, seqNum, kind, valueBytes)
    if (!isPlain(kind)) this.countContent(kind, bytes, keyEnd)
    block.putValueWords(view, keyEnd, valueEnd)
  }

  /**
   * Adds entries `from` to `end`, but stops before one that belongs to another block than those before
   * it; returns where it stopped. So a caller can look at `bytesEstimated` after each block.
   */
  addFrom(scan: TableScan, from: number, end: number): number {
    const { block } = this
    const source = scan.block
    const { isRows } = source
    let i = from
    for (; i < end; i++) {
      const entry = source.entryAt(i)
      const { seqNum, kind, valueStart } = entry
      const valueBytes = entry.valueEnd - valueStart
      block.stageFrom(source, scan.view, entry)
      const isNewKey = this.isNewKey(seqNum)
      const isFull = this.isFullFor(seqNum, valueBytes)
      const isOwnBlock = valueBytes >= OWN_BLOCK_BYTES_MIN
      if (isFull || isOwnBlock) {
        if (i > from && !isRows) block.putValues(source.bytes, source.valueStart(from), valueStart)
        if (isFull) this.closeBlock()
        if (isFull) return i
        this.push(isNewKey, seqNum, kind, 0)
        if (!isPlain(kind)) this.countContent(kind, source.bytes, valueStart)
        this.closeOwnBlock(source.bytes, valueStart, valueStart + valueBytes)
        return i + 1
      }
      this.push(isNewKey, seqNum, kind, valueBytes)
      if (!isPlain(kind)) this.countContent(kind, source.bytes, valueStart)
      // The values of columns stand together, and are copied as one piece.
      if (isRows) this.putRow(scan, i, valueStart, valueStart + valueBytes)
    }
    if (!isRows) block.putValues(source.bytes, source.valueStart(from), source.valueEnd(end - 1))
    return end
  }

  /** Copies the value of a row, and takes over the check of the row unless it may have been given another handle. */
  private putRow(scan: TableScan, i: number, start: number, end: number): void {
    const { block } = this
    const { block: source, view, blockOffset, fileSeed } = scan
    if (end - start <= WORDS_COPY_BYTES_MAX) block.putValueWords(view, start, end)
    else block.putValues(source.bytes, start, end)
    const row = source.rowAt(i)
    if (!this.isRows || isApart(source.bytes[row + 4]!)) return
    block.carryCheck(source.words[row >>> 2]!, seedOfRow(fileSeed, blockOffset + row - source.base))
  }

  /** Counts the entry that was added last, or comes next, as one that a range tombstone of the table hides. */
  noteCovered(): void {
    this.coveredCount++
  }

  /** Adds range tombstones, all at once. A table without entries gets one by it: a tombstone for their first key. */
  addSpans(spans: Spans): void {
    assert(this.spans === null, 'range tombstones are added once')
    this.spans = spans
    if (this.entryCount > 0) return
    const key = spans.lower(0)
    this.add(key, 0, key.length, spans.newest(0), EntryKind.tombstone, key, 0, 0)
  }

  /** Writes the rest; the file is complete but not synced. Requires: at least one entry. */
  finish(replaces: Replaces | null = null): TableFacts {
    const steps = this.finishing(replaces)
    let turn = steps.next()
    while (turn.done !== true) turn = steps.next()
    return turn.value
  }

  /** Writes the rest as `finish` does, with pauses. */
  *finishing(replaces: Replaces | null): Generator<undefined, TableFacts, unknown> {
    assert(!this.isFinished && this.entryCount > 0, 'a table has entries and is finished once')
    this.isFinished = true
    const { block, index, output, options } = this
    if (block.count > 0) this.closeBlock()
    index.addBound(block.keys, block.lastKeyStart, block.lastKeyEnd, this.lastSeqNum)
    const sections = emptySections()
    sections[SectionSlot.index] = output.section(index.finish(output.offset, this.rowBlockCount > 0))
    yield* this.lookups.write(output, sections, this.rowBlockCount > 0)
    const properties = this.properties(replaces)
    sections[SectionSlot.properties] = output.section(encodeProperties(properties))
    const { spans } = this
    if (spans !== null) sections[SectionSlot.spans] = output.section(encodeSpans(spans))
    yield* this.lookups.writePrefixFilter(output, sections)
    const bytes = output.offset + FOOTER_BYTES
    const mustKnow = this.features()
    const footer = { features: { ...NO_FEATURES, mustKnow }, sections, blockCount: index.blockCount, fileBytes: bytes }
    output.raw(encodeFooter(footer, this.seed))
    output.flush()
    const facts = factsIn(properties, spans)
    const hiddenCount = facts.hiddenCount + this.coveredCount
    return { ...facts, hiddenCount, fileNum: options.fileNum, bytes, salt: options.salt.slice() }
  }

  private features(): number {
    const handles = this.references.count > 0 ? MustKnow.valueHandles : 0
    const expiry = this.expiry.count > 0 ? MustKnow.expiry : 0
    const packed = this.packedCount > 0 ? MustKnow.packedBlocks : 0
    const rows = this.rowBlockCount > 0 ? MustKnow.rowBlocks : 0
    return handles | expiry | packed | rows | (this.spans === null ? 0 : MustKnow.spans)
  }

  private properties(replaces: Replaces | null): TableProperties {
    const { block, options, spans } = this
    const { smallest = Infinity, largest = 0 } = spans === null ? {} : seqNumsOf(spans)
    return {
      entryCount: this.entryCount,
      tombstoneCount: this.tombstoneCount,
      rawBytes: this.rawBytesSoFar,
      smallestKey: this.smallestKey,
      largestKey: block.keys.slice(block.lastKeyStart, block.lastKeyEnd),
      smallestSeqNum: Math.min(smallest, this.smallestSeqNum),
      largestSeqNum: Math.max(largest, this.largestSeqNum),
      firstLog: options.firstLog,
      lastLog: options.lastLog,
      keyspaceId: options.keyspaceId,
      expiry: this.expiry.facts(),
      valueFiles: this.references.list(),
      keyCount: this.lookups.keyCount,
      hashSeed: options.hashSeed,
      blockBytes: this.blockBytes,
      spanCount: spans?.count ?? 0,
      prefixExtractor: this.lookups.prefixRule,
      replaces,
    }
  }

  /**
   * Tells whether the staged key is another than the last one. Throws unless (key, seqNum) is behind the last
   * entry.
   */
  private isNewKey(seqNum: number): boolean {
    const order = this.block.measure()
    if (order > 0 || this.entryCount === 0) return true
    assert(order === 0 && seqNum < this.lastSeqNum, 'entries are added in order')
    return false
  }

  /** True when the block must end before the staged key. */
  private isFullFor(seqNum: number, valueBytes: number): boolean {
    const { block } = this
    if (block.count === 0) return false
    return block.count === BLOCK_ENTRIES_MAX || valueBytes >= OWN_BLOCK_BYTES_MIN ||
      block.bytesWith(seqNum, valueBytes, this.isRows) > this.contentBytesMax
  }

  private push(isNewKey: boolean, seqNum: number, kind: number, valueBytes: number): void {
    const { block } = this
    if (block.count === 0) this.beginBlock()
    if (isNewKey) this.lookups.add(block)
    if (isTombstone(kind)) this.tombstoneCount++
    this.lastSeqNum = seqNum
    block.push(seqNum, kind, valueBytes)
  }

  /** Counts what a value says of itself that is not plain. */
  private countContent(kind: number, bytes: Uint8Array, valueStart: number): void {
    if (mayExpire(kind)) this.expiry.add(expiryOf(kind, bytes, valueStart))
    if (isApart(kind)) this.references.add(bytes, valueStart + frontBytes(kind))
  }

  private beginBlock(): void {
    const { keys, lastKeyStart, lastKeyEnd, stagedEnd } = this.block
    if (this.entryCount === 0) this.smallestKey = keys.slice(lastKeyEnd, stagedEnd)
    else {
      const prefix = this.lastPrefixBytes
      this.index.addSeparator(keys, lastKeyStart, lastKeyEnd, this.lastSeqNum, keys, lastKeyEnd, stagedEnd, prefix)
    }
  }

  private closeBlock(): void {
    const { block, output } = this
    output.reserve(block.encodedBytesMax(this.isRows))
    if (this.isRows) {
      this.rowBlockCount++
      this.endBlock(output.seal(block.encodeRows(output.at, this.seed, output.offset)), 0, true)
      return
    }
    const length = block.encode(output.at)
    const packed = this.packer?.pack(this.memory, output.at, length) ?? 0
    if (packed > 0) this.packedCount++
    this.endBlock(packed > 0 ? output.seal(packed, Codec.packed) : output.seal(length), 0, false)
  }

  private closeOwnBlock(value: Uint8Array, valueStart: number, valueEnd: number): void {
    const { block, output } = this
    output.reserve(block.encodedBytesMax(false))
    const head = block.encode(output.at, valueEnd - valueStart)
    this.endBlock(output.sealLarge(head, value, valueStart, valueEnd), valueEnd - valueStart, false)
  }

  private endBlock(extent: Extent, ownValueBytes: number, hasRows: boolean): void {
    const { block, index } = this
    this.lastPrefixBytes = hasRows ? block.rowsPrefixBytes : 0
    index.addBlock(extent.offset, block.count, this.lastPrefixBytes)
    this.lookups.endBlock(block.count, hasRows ? block.rowStarts : null)
    assert(index.blockCount < BLOCK_COUNT_MAX, 'a block number has 22 bits')
    this.closedEntryCount += block.count
    this.rawBytes += block.keysBytes + block.valuesBytes + ownValueBytes
    this.smallestSeqNum = Math.min(this.smallestSeqNum, block.seqNumLow)
    this.largestSeqNum = Math.max(this.largestSeqNum, block.seqNumHigh)
    block.clear()
  }
}
