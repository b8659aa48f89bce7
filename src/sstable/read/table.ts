/**
 * What: an open table: point reads, and iterators over it.
 * Owns: filter or point hash in memory; index and places in the block cache are with its blocks (table-blocks.ts).
 * Does not own: the file handle and the count of users (what opened the table closes it), nor the cache.
 * Thread: main, or a worker with its own cache. Reads block.
 */
import {
  addedSeqNum, checkMayWrite, corruption, EntryKind, FEATURES_OFFSET, NUMBER_MAX, readHashSeed,
} from '../../base/index.js'
import type { HashSeed, InternalIterator, KeyHash, PointResult, SeqNum, Steps, TableFacts } from '../../base/index.js'
import { MARK_POINT } from '../../cache/index.js'
import type { BlockCache } from '../../cache/index.js'
import type { Spans } from '../../iterator/index.js'
import { BlockReader } from '../block/block-reader.js'
import { FOUND, NO_ENTRY, OTHER_KEY, PointEntries } from '../block/point-entries.js'
import type { BloomFilter } from '../lookup/bloom-filter.js'
import type { PointHash } from '../lookup/point-hash.js'
import type { PrefixFilter } from '../lookup/prefix-filter.js'
import type { TableIndex } from '../lookup/table-index.js'
import { featuresPlace, saysRows, SectionSlot } from '../table-format.js'
import { TableBlocks } from './table-blocks.js'
import { TableIterators } from './table-iterator.js'
import { checkFacts, checkSize, readLookups, readParts, renumbered } from './table-open.js'
import type { PartChoice, TableFile, TableParts } from './table-open.js'

export interface TableOpenOptions extends TableFile {
  databaseId: Uint8Array
  /** The facts that the manifest has. */
  facts: TableFacts
  cache: BlockCache
  /** Gives the iterators over it; by default the table has its own. */
  iterators?: TableIterators
  /** What finds a key without the index: 'pointHash' by default, or the filter where the file has none. */
  lookup?: Lookup
  /** True when its database is open for writing: a table that asks more of a writer is refused. */
  isForWriting?: boolean
  /** Called when a dropped index was read again for a call that goes on. */
  onIndexRead?: () => void
}

/** One version of a key in a table. */
export interface TableVersion extends PointResult {
  seqNum: SeqNum
  /** The number of its block, from 0. */
  block: number
  /** Where the block starts in the file. */
  offset: number
}

/** What a table has in memory, besides its index, to find a key or to know that it is not there. */
export type Lookup = 'pointHash' | 'filter' | 'none'

/**
 * Opens a table and reads no data block. Throws CORRUPTION when the file is not good or not the one of `facts`, and
 * UNSUPPORTED_FORMAT when it has something that this version does not know.
 */
export function* openTable(options: TableOpenOptions): Steps<Table> {
  const { facts, databaseId, name, isForWriting = false } = options
  checkSize(options, facts)
  const parts = yield* readParts(options, choiceOf(options.lookup ?? 'pointHash'), addedSeqNum(facts))
  checkFacts(parts, facts, databaseId)
  if (isForWriting) {
    checkMayWrite(parts.header.features, { file: name, offset: FEATURES_OFFSET })
    checkMayWrite(parts.footer.features, featuresPlace(facts.bytes, name))
  }
  return new Table(parts, options)
}

function choiceOf(lookup: Lookup): PartChoice {
  return { pointHash: lookup === 'pointHash', filter: lookup === 'none' ? 'never' : 'without point hash' }
}

/** Memory outside of the cache that a table has loaded. */
export interface LoadedBytes {
  index: number
  filter: number
  pointHash: number
}

export class Table {
  facts: TableFacts
  /** The number of all entries of a table that was made outside; 0 for any other. */
  private addedSeqNum: SeqNum
  private readonly parts: Pick<TableParts, 'source' | 'footer' | 'properties'>
  private readonly blocks: TableBlocks
  private readonly iterators: TableIterators
  private filter: BloomFilter | null
  private pointHash: PointHash | null
  /** Says that no key of a range is there; null when it is not loaded or the file has none. */
  prefixFilter: PrefixFilter | null
  private readonly hashSeed: HashSeed
  /** Its range tombstones; null when there are none. */
  spans: Spans | null

  constructor(
    parts: TableParts, { facts, cache, onIndexRead, iterators = new TableIterators() }: TableOpenOptions,
  ) {
    const { largestSeqNum, entryCount } = facts
    this.facts = facts
    this.parts = { source: parts.source, footer: parts.footer, properties: parts.properties }
    this.addedSeqNum = addedSeqNum(facts)
    const added = this.addedSeqNum
    this.blocks = new TableBlocks(parts, cache, { onIndexRead, largestSeqNum, entryCount, addedSeqNum: added })
    this.iterators = iterators
    this.filter = parts.filter
    this.pointHash = parts.pointHash
    this.prefixFilter = parts.prefixFilter
    this.hashSeed = readHashSeed(parts.properties.hashSeed)
    this.spans = parts.spans
    this.keepShapes()
  }

  /** Gives a table from outside the number of its entries. Requires: nobody has read it yet. */
  takeNumber(facts: TableFacts): void {
    const added = addedSeqNum(facts)
    this.spans = renumbered(this.spans, added - this.addedSeqNum)
    this.facts = facts
    this.addedSeqNum = added
    this.blocks.addedSeqNum = added
  }

  get loadedBytes(): LoadedBytes {
    const { blocks, filter, pointHash, prefixFilter, spans } = this
    return {
      index: 1000 + blocks.indexBytes + TableBlocks.memoryBytes(blocks.count) + (spans?.memoryBytes ?? 0),
      filter: (filter?.memoryBytes ?? 0) + (prefixFilter?.memoryBytes ?? 0),
      pointHash: pointHash === null
        ? 0 : pointHash.memoryBytes + this.shapeBytes,
    }
  }

  /** The index; when it was dropped it is read again. */
  private get index(): TableIndex {
    return this.blocks.index
  }

  get lookup(): Lookup {
    if (this.pointHash !== null) return 'pointHash'
    return this.filter === null ? 'none' : 'filter'
  }

  /** Estimates the memory that a lookup takes; 0 when the file has none. */
  lookupBytes(lookup: Lookup): number {
    if (lookup === 'none') return 0
    const { sections } = this.parts.footer
    const { bytes } = sections[SectionSlot[lookup]]!
    const prefixBytes = bytes > 0 ? sections[SectionSlot.prefixFilter]!.bytes : 0
    return bytes + prefixBytes + (lookup === 'pointHash' && bytes > 0 ? this.shapeBytes : 0)
  }

  /** The part of its blocks that are in the cache, from 0 to 1: how much it is read. */
  get cachedPart(): number {
    return this.blocks.cachedCount / this.blocks.count
  }

  /** How often its blocks were read since it was opened: found in the cache, and from the file. */
  get reads(): { hits: number; misses: number } {
    return this.blocks.reads
  }

  /**
   * Loads a lookup in place of the one that is there: the same answers, in other time. After an error all is as it
   * was.
   */
  *loadLookup(lookup: Lookup): Steps<void> {
    const { filter, pointHash, prefixFilter } = yield* readLookups(this.parts, choiceOf(lookup))
    this.filter = filter
    this.pointHash = pointHash
    this.prefixFilter = prefixFilter
    this.keepShapes()
  }

  dropLookup(): void {
    this.filter = null
    this.pointHash = null
    this.prefixFilter = null
    this.keepShapes()
  }

  /** Memory of the shapes of blocks, of which a table with rows keeps none. */
  private get shapeBytes(): number {
    return saysRows(this.parts.footer) ? 0 : PointEntries.memoryBytes(this.blocks.count)
  }

  /** Keeps shapes exactly while there is a point hash, since only its places are read by them. */
  private keepShapes(): void {
    this.blocks.entries.keepShapes(this.pointHash?.isRows === false)
  }

  /** Drops the index; a read that needs it reads it again. Iterators stay good. */
  dropIndex(): void {
    this.blocks.dropIndex()
  }

  /**
   * Finds the newest version of key[0, end) with a sequence number ≤ `snapshot`; gives false when there is none. What a
   * range tombstone of the table hides is found as a tombstone, also where there is no version. `keyHash` has begun
   * with this key.
   * The value in `out` is lent until the next read of any table with this cache.
   */
  get(key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult, keyHash: KeyHash): boolean {
    const { spans } = this
    // A reader below the one number of all entries sees none; the file's own numbers would tell it otherwise.
    if (snapshot < this.addedSeqNum) return false
    const cover = spans === null ? 0 : spans.coverAt(key, 0, end, snapshot)
    if (cover === 0) return this.find(key, end, snapshot, out, keyHash)
    if (this.find(key, end, snapshot, out, keyHash) && this.getByIndex(key, end, snapshot, out, cover)) return true
    out.kind = EntryKind.tombstone
    return true
  }

  private find(key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult, keyHash: KeyHash): boolean {
    const { pointHash, filter } = this
    if (pointHash !== null || filter !== null) {
      const hash = keyHash.of(key, 0, end, this.hashSeed)
      if (pointHash !== null) return this.getByHash(pointHash, hash, key, end, snapshot, out)
      if (!filter!.mayContain(hash)) return false
    }
    return this.getByIndex(key, end, snapshot, out)
  }

  /**
   * Estimates the bytes of the file that keys below `key` take, in whole blocks and with their share of the rest.
   * It reads no data block.
   */
  approximateBytesBelow(key: Uint8Array): number {
    const { index } = this
    const below = index.bytes(0, index.find(key, 0, key.length, NUMBER_MAX))
    return Math.round((below / index.bytes(0, index.blockCount)) * this.facts.bytes)
  }

  /** Every version of a key and the block in which it stands, newest first. The values are copies. */
  versionsOf(key: Uint8Array): TableVersion[] {
    const { index, blocks } = this
    const versions: TableVersion[] = []
    const reader = new BlockReader()
    let block = index.find(key, 0, key.length, Infinity)
    for (; block < blocks.count; block++) {
      blocks.read(reader, block)
      let i = reader.lowerBound(key, 0, key.length, Infinity)
      for (; i < reader.count && reader.keyEquals(i, key, 0, key.length); i++) {
        const valueBytes = reader.bytes.slice(reader.valueStart(i), reader.valueEnd(i))
        versions.push({
          block, offset: index.offset(block), seqNum: reader.seqNumAt(i), kind: reader.kindAt(i),
          valueBytes, valueStart: 0, valueEnd: valueBytes.length,
        })
      }
      if (i < reader.count) break
    }
    return versions
  }

  /** The blocks in order: how many bytes of the file each takes, and a key that is not below any of its keys. */
  *blockSizes(): Generator<{ bound: Uint8Array; bytes: number; entries: number }> {
    const { index } = this
    const { keyBytes, keyStarts, counts } = index
    for (let i = 0; i < index.blockCount; i++) {
      yield { bound: keyBytes.slice(keyStarts[i], keyStarts[i + 1]), bytes: index.bytes(i), entries: counts[i]! }
    }
  }

  /** Gives an iterator over all versions of all keys. It must be closed, since it keeps its block in the cache. */
  iterator(): InternalIterator {
    return this.iterators.over(this.blocks)
  }

  /** Takes the table's blocks out of the cache. Iterators stay good as long as the file is open. */
  close(): void {
    this.blocks.close()
  }

  private getByHash(
    pointHash: PointHash, hash: number,
    key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult,
  ): boolean {
    const { slots, placeBits, placeMask, entryBits, isRows } = pointHash
    const reader = this.iterators.pointReader
    const tag = hash << placeBits
    let slot = pointHash.home(hash)
    for (let left = slots.length; left > 0; left--) {
      const word = slots[slot]!
      if (word === 0) return false
      if ((word ^ tag) >>> placeBits === 0) {
        const place = (word & placeMask) - 1
        const number = place >>> entryBits
        const low = place & ((1 << entryBits) - 1)
        if (number >= this.blocks.count) throw this.badPointHash()
        const answer = isRows
          ? this.blocks.readRow(reader, number, low, key, end, snapshot, out)
          : this.blocks.readPoint(reader, number, low, key, end, snapshot, out)
        // Reading the index may have dropped this point hash, to stay in the memory budget: then the index decides.
        if (this.pointHash !== pointHash) return this.getByIndex(key, end, snapshot, out)
        if (answer === NO_ENTRY) throw this.badPointHash()
        if (answer !== OTHER_KEY) return answer === FOUND || this.getByIndex(key, end, snapshot, out)
      }
      if (++slot === slots.length) slot = 0
    }
    throw this.badPointHash()
  }

  /** Finds a version as `get` does, if its number is not below `cover`: a range tombstone hides older ones. */
  private getByIndex(key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult, cover = -1): boolean {
    const number = this.index.find(key, 0, end, snapshot)
    if (number === this.blocks.count) return false
    const reader = this.iterators.pointReader
    this.blocks.open(reader, number, MARK_POINT)
    const i = reader.lowerBound(key, 0, end, snapshot)
    // Behind the last entry: the bound is a separator, and the next block begins with a greater key.
    if (i === reader.count || !reader.keyEquals(i, key, 0, end) || reader.seqNumAt(i) < cover) return false
    out.kind = reader.kindAt(i)
    out.valueBytes = reader.bytes
    out.valueStart = reader.valueStart(i)
    out.valueEnd = reader.valueEnd(i)
    return true
  }

  private badPointHash(): Error {
    const { name } = this.parts.source
    const { offset } = this.parts.footer.sections[SectionSlot.pointHash]!
    return corruption(name, offset, 'the point hash names no entry or is full')
  }
}
