/**
 * What: collects what finds the keys of a table without its index, and writes filter and point hash.
 * Owns: which of the two are written. Does not own: the memory of hashes and places, which serves many tables.
 * Thread: any, no sharing. Nothing is allocated per key.
 * Invariants: TAB-1 filter or point hash is there, and what is there covers every user key.
 */
import { assert, PrefixExtractor } from '../../base/index.js'
import type { HashSeed } from '../../base/index.js'
import type { BlockBuilder } from '../block/block-builder.js'
import type { BuildBuffer } from '../block/build-buffer.js'
import { ROW_START_BITS } from '../block/row-format.js'
import { encodeFilter } from '../lookup/bloom-filter.js'
import { encodePointHash, placeOf, placesFit } from '../lookup/point-hash.js'
import { SectionSlot } from '../table-format.js'
import type { Extent } from '../table-format.js'
import { PrefixCollector } from './prefix-collector.js'
import type { TableWriter } from './table-writer.js'

const FILTER_BITS_PER_KEY = 10
/** About what a key takes in a point hash. */
const POINT_HASH_BYTES_PER_KEY = 6

export interface LookupOptions {
  /** True to write a point hash, as by default. */
  pointHash?: boolean
  /** Bits of filter for each key; 10 by default. With 0 there is a filter only where there is no point hash. */
  filterBitsPerKey?: number
  /** Name of the rule for a prefix filter (base/prefix-extractor.ts); empty, the default, for none. */
  prefixExtractor?: string
}

export class LookupBuilder {
  /** Count of the keys so far. */
  keyCount = 0
  private readonly memory: BuildBuffer
  private readonly isPointHashed: boolean
  private readonly filterBits: number
  /** The first key of the block that is being collected, counted from the start of the table. */
  private blockFirst = 0
  private blockCount = 0
  /** The highest low bits of a place: the number of an entry in its block, or where a row starts. */
  private lowMax = 0
  private readonly seed: HashSeed
  private readonly prefixes: PrefixCollector | null

  constructor(memory: BuildBuffer, seed: HashSeed, options: LookupOptions) {
    const { pointHash = true, filterBitsPerKey = FILTER_BITS_PER_KEY, prefixExtractor = '' } = options
    this.memory = memory
    this.seed = seed
    this.isPointHashed = pointHash
    this.filterBits = filterBitsPerKey
    const extractor = PrefixExtractor.named(prefixExtractor)
    this.prefixes = extractor === null ? null : new PrefixCollector(extractor, seed)
  }

  /** Name of the rule of the prefix filter that is written; empty for none. */
  get prefixRule(): string {
    return this.prefixes?.extractor.name ?? ''
  }

  /** Estimates the bytes of all sections. */
  get bytesEstimated(): number {
    const perKey = (this.isPointHashed ? POINT_HASH_BYTES_PER_KEY : 0) + this.filterBits / 8
    return Math.ceil(this.keyCount * perKey + (this.prefixes?.count ?? 0) * FILTER_BITS_PER_KEY / 8)
  }

  /** Adds the staged key of the block that is being collected: its newest version is the entry that comes next. */
  add(block: BlockBuilder): void {
    const { memory } = this
    const keyCount = this.keyCount++
    if (keyCount === memory.hashes.length) memory.growHashes()
    memory.hashes[keyCount] = block.stagedHash(this.seed)
    memory.places[keyCount] = placeOf(this.blockCount, block.count)
    this.prefixes?.add(block)
  }

  /** Ends a block of `count` entries. When it has rows, `rowStarts` says where they start, in units. */
  endBlock(count: number, rowStarts: Uint16Array | null): void {
    const { memory: { places }, blockCount, keyCount } = this
    if (rowStarts !== null) {
      const first = placeOf(blockCount, 0)
      for (let i = this.blockFirst; i < keyCount; i++) places[i] = placeOf(blockCount, rowStarts[places[i]! - first]!)
    }
    const lowMax = rowStarts === null ? count - 1 : rowStarts[count - 1]!
    assert(lowMax < 2 ** ROW_START_BITS, 'rows start in the first 64 KiB')
    if (lowMax > this.lowMax) this.lowMax = lowMax
    this.blockFirst = keyCount
    this.blockCount = blockCount + 1
  }

  /** Writes the sections, with pauses. `isRows` says that some blocks have rows. */
  *write(output: TableWriter, sections: Extent[], isRows: boolean): Generator<undefined, void, unknown> {
    const { memory, keyCount, lowMax } = this
    const isPointHashed = this.isPointHashed && placesFit(this.blockCount, lowMax)
    const filterBits = this.filterBits || (isPointHashed ? 0 : FILTER_BITS_PER_KEY)
    if (filterBits > 0) {
      sections[SectionSlot.filter] = output.section(yield* encodeFilter(memory.hashes, keyCount, filterBits))
    }
    if (!isPointHashed) return
    sections[SectionSlot.pointHash] = output.section(yield* encodePointHash(memory, keyCount, lowMax, isRows))
  }

  /** Writes the prefix filter, if there is to be one. */
  *writePrefixFilter(output: TableWriter, sections: Extent[]): Generator<undefined, void, unknown> {
    const { prefixes } = this
    if (prefixes === null) return
    const filter = yield* encodeFilter(prefixes.hashes, prefixes.count, FILTER_BITS_PER_KEY)
    sections[SectionSlot.prefixFilter] = output.section(filter)
  }
}
