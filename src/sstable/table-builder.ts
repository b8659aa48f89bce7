/**
 * What: writes one table from entries that come in order.
 * Owns: the state of the file that grows. Does not own: the file handle, its sync and its final name.
 * Thread: worker or main; writes block. Nothing is allocated per entry.
 * States: open → finished. After a throw the file is garbage: its owner removes it.
 * Invariants: entries are added in internal order (key ascending, sequence number descending).
 */
import {
  assert, EntryKind, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, getU32, hashRange, tableFileName,
} from '../base/index.js'
import type { FileHeader, FileNum, TableFacts, ValueFileReference } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'
import { BlockBuilder } from './block-builder.js'
import {
  BLOCK_BYTES_DEFAULT, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, BLOCK_COUNT_MAX, BLOCK_ENTRIES_MAX,
} from './block-format.js'
import { encodeFilter } from './bloom-filter.js'
import { encodePointHash } from './point-hash.js'
import { encodeProperties } from './properties.js'
import type { TableProperties } from './properties.js'
import type { Extent } from './table-format.js'
import {
  emptySections, encodeFooter, FOOTER_BYTES, SectionSlot, TABLE_MAGIC, TRAILER_BYTES,
} from './table-format.js'
import { IndexBuilder } from './table-index.js'
import { TableOutput } from './table-output.js'

/** A value from this length on is written from where it stands, in a block of its own. */
const OWN_BLOCK_BYTES_MIN = 64 * 1024

export interface TableBuilderOptions {
  fileNum: FileNum
  databaseId: Uint8Array
  /** Eight random bytes. */
  salt: Uint8Array
  /** Lock generation of this process. */
  generation: number
  /** A block of several entries is not larger, trailer included; 8 KiB. */
  blockBytes?: number
  /** Write a point hash; true. */
  pointHash?: boolean
  /** Bits of filter for each key, 0 = no filter; 10. */
  filterBitsPerKey?: number
  /** Logs whose entries come here; 0 and 0 for a compaction. */
  firstLog?: FileNum
  lastLog?: FileNum
  keyspaceId?: number
}

export class TableBuilder {
  entryCount = 0
  private readonly options: Required<TableBuilderOptions>
  private readonly blockBytes: number
  private readonly isHashed: boolean
  private readonly seed: number
  private readonly hashSeed: number
  private readonly output: TableOutput
  private readonly block = new BlockBuilder()
  private readonly index = new IndexBuilder()
  private hashes = new Uint32Array(4096)
  private places = new Uint32Array(4096)
  private keyCount = 0
  /** Most entries of a block so far. */
  private entriesMax = 1
  private tombstoneCount = 0
  private rawBytes = 0
  private smallestKey = new Uint8Array(0)
  private smallestSeqNum = Infinity
  private largestSeqNum = 0
  /** Sequence number of the entry added last. */
  private lastSeqNum = 0
  private isFinished = false

  /** `file` is new and empty. */
  constructor(file: VfsFile, options: TableBuilderOptions) {
    const blockBytes = options.blockBytes ?? BLOCK_BYTES_DEFAULT
    assert(blockBytes >= BLOCK_BYTES_MIN && blockBytes <= BLOCK_BYTES_MAX, 'block size in its bounds')
    this.options = {
      pointHash: true, filterBitsPerKey: 10, firstLog: 0, lastLog: 0, keyspaceId: 0, ...options, blockBytes,
    }
    this.blockBytes = blockBytes
    this.isHashed = this.options.pointHash || this.options.filterBitsPerKey > 0
    const { databaseId, fileNum, salt, generation } = options
    const header: FileHeader = { magic: TABLE_MAGIC, databaseId, fileNum, salt, generation }
    this.seed = fileSeed(header)
    // The salt is random: nobody can choose keys that meet in one slot of a table to come.
    this.hashSeed = (getU32(salt, 0) ^ getU32(salt, 4)) >>> 0
    this.output = new TableOutput(file, tableFileName(fileNum), this.seed)
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    encodeFileHeader(header, bytes)
    this.output.raw(bytes)
  }

  /** Bytes handed to the file so far. */
  get bytesWritten(): number {
    return this.output.bytesWritten
  }

  /** About what the file would have if it were finished now. */
  get bytesEstimated(): number {
    const perKey = (this.options.pointHash ? 6 : 0) + this.options.filterBitsPerKey / 8
    const { output, block, index, keyCount } = this
    return output.offset + block.bytes + index.bytes + Math.ceil(keyCount * perKey) + 1024
  }

  /** Requires: (key, seqNum) is behind the entry added last. Copies both ranges. */
  add(
    key: Uint8Array, keyStart: number, keyEnd: number, seqNum: number, kind: number,
    value: Uint8Array, valueStart: number, valueEnd: number,
  ): void {
    const { block } = this
    const keyBytes = keyEnd - keyStart
    const valueBytes = valueEnd - valueStart
    const shared = block.measure(key, keyStart, keyEnd)
    const isNewKey = this.isNewKey(key, keyStart, keyEnd, shared, seqNum)
    const isOwnBlock = valueBytes >= OWN_BLOCK_BYTES_MIN
    if (block.count > 0) {
      const isFull = block.bytesWith(keyBytes, valueBytes) > this.blockBytes
      if (isFull || isOwnBlock || block.count === BLOCK_ENTRIES_MAX) this.closeBlock()
    }
    if (block.count === 0) this.beginBlock(key, keyStart, keyEnd)
    if (isNewKey && this.isHashed) this.addHash(hashRange(key, keyStart, keyEnd, this.hashSeed))
    this.count(seqNum, kind, keyBytes + valueBytes)
    const stagedEnd = isOwnBlock ? valueStart : valueEnd
    block.add(key, keyStart, keyEnd, seqNum, kind, value, valueStart, stagedEnd)
    if (isOwnBlock) this.closeOwnBlock(value, valueStart, valueEnd)
  }

  /** Writes the rest; the file is complete but not synced. Requires: at least one entry. */
  finish(valueFiles: ValueFileReference[] = []): TableFacts {
    assert(!this.isFinished && this.entryCount > 0, 'a table has entries and is finished once')
    this.isFinished = true
    const { block, index, output, options } = this
    if (block.count > 0) this.closeBlock()
    index.addBound(block.keys, block.lastKeyStart, block.lastKeyEnd, this.lastSeqNum)
    const sections = emptySections()
    sections[SectionSlot.index] = output.section(index.finish(output.offset))
    if (options.filterBitsPerKey > 0) {
      const filter = encodeFilter(this.hashes, this.keyCount, options.filterBitsPerKey)
      sections[SectionSlot.filter] = output.section(filter)
    }
    if (options.pointHash) {
      const pointHash = encodePointHash(this.hashes, this.places, this.keyCount, this.entriesMax)
      if (pointHash !== null) sections[SectionSlot.pointHash] = output.section(pointHash)
    }
    const properties = this.properties(valueFiles)
    sections[SectionSlot.properties] = output.section(encodeProperties(properties))
    const bytes = output.offset + FOOTER_BYTES
    output.raw(encodeFooter({ sections, blockCount: index.blockCount, fileBytes: bytes }, this.seed))
    output.flush()
    const { keyCount, hashSeed, blockBytes, ...facts } = properties
    return { ...facts, fileNum: options.fileNum, bytes, salt: options.salt.slice() }
  }

  private properties(valueFiles: ValueFileReference[]): TableProperties {
    const { block, options } = this
    return {
      entryCount: this.entryCount,
      tombstoneCount: this.tombstoneCount,
      rawBytes: this.rawBytes,
      smallestKey: this.smallestKey,
      largestKey: block.keys.slice(block.lastKeyStart, block.lastKeyEnd),
      smallestSeqNum: this.smallestSeqNum,
      largestSeqNum: this.largestSeqNum,
      firstLog: options.firstLog,
      lastLog: options.lastLog,
      keyspaceId: options.keyspaceId,
      expiryMin: 0,
      expiryMax: 0,
      valueFiles,
      keyCount: this.keyCount,
      hashSeed: this.hashSeed,
      blockBytes: this.blockBytes,
    }
  }

  /** Throws unless (key, seqNum) is behind the last entry; `shared`: as measured. */
  private isNewKey(
    key: Uint8Array, keyStart: number, keyEnd: number, shared: number, seqNum: number,
  ): boolean {
    const { keys, lastKeyStart, lastKeyEnd } = this.block
    const lastBytes = lastKeyEnd - lastKeyStart
    const keyBytes = keyEnd - keyStart
    if (this.entryCount === 0) return true
    if (shared === keyBytes || shared === lastBytes) {
      if (keyBytes > lastBytes) return true
      assert(keyBytes === lastBytes && seqNum < this.lastSeqNum, 'entries are added in order')
      return false
    }
    assert(keys[lastKeyStart + shared] < key[keyStart + shared], 'entries are added in order')
    return true
  }

  private count(seqNum: number, kind: number, bytes: number): void {
    this.entryCount++
    this.rawBytes += bytes
    if (kind === EntryKind.tombstone) this.tombstoneCount++
    if (seqNum < this.smallestSeqNum) this.smallestSeqNum = seqNum
    if (seqNum > this.largestSeqNum) this.largestSeqNum = seqNum
    this.lastSeqNum = seqNum
  }

  private addHash(hash: number): void {
    const keyCount = this.keyCount++
    if (keyCount === this.hashes.length) {
      this.hashes = doubled(this.hashes)
      this.places = doubled(this.places)
    }
    this.hashes[keyCount] = hash
    this.places[keyCount] = (this.index.blockCount * 1024) + this.block.count
  }

  private beginBlock(key: Uint8Array, keyStart: number, keyEnd: number): void {
    const { block, index } = this
    if (this.entryCount === 0) this.smallestKey = key.slice(keyStart, keyEnd)
    else {
      const { keys, lastKeyStart, lastKeyEnd } = block
      index.addSeparator(keys, lastKeyStart, lastKeyEnd, this.lastSeqNum, key, keyStart, keyEnd)
    }
  }

  private closeBlock(): void {
    const { block, output } = this
    output.reserve(block.encodedBytesMax + TRAILER_BYTES)
    this.endBlock(output.seal(block.encode(output.buffer, output.at)))
  }

  private closeOwnBlock(value: Uint8Array, valueStart: number, valueEnd: number): void {
    const { block, output } = this
    output.reserve(block.encodedBytesMax + TRAILER_BYTES)
    const head = block.encode(output.buffer, output.at, valueEnd - valueStart)
    this.endBlock(output.sealLarge(head, value, valueStart, valueEnd))
  }

  private endBlock(extent: Extent): void {
    const { block, index } = this
    index.addBlock(extent.offset, block.count)
    assert(index.blockCount < BLOCK_COUNT_MAX, 'a block number has 22 bits')
    if (block.count > this.entriesMax) this.entriesMax = block.count
    block.clear()
  }
}

function doubled(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
