/**
 * What: keeps slabs, memtables, tables and the block cache together under the memory budget.
 * Owns: no memory; the decision what gives way. Does not own: the plan (memory-plan.ts).
 * Thread: main. It is called when a memtable, a table or a version came or went.
 * Invariants: BUD-1 all parts together are under the budget, but for an XL batch, a batch of very many entries, and
 * slabs that long lists of reads hold.
 */
import type { BlockCache } from '../cache/index.js'
import type { Memtable } from '../memtable/index.js'
import type { ReadState } from '../read/index.js'
import type { SlabPool } from '../slab/index.js'
import type { OpenTables } from '../tables/index.js'
import { aheadBytesMax, cacheBytesMin, indexShare, writePart } from './memory-plan.js'
import type { ResolvedOptions } from './options.js'

/** Bytes that tables may take before parts of them go. */
export function tableBytesMax(options: ResolvedOptions): number {
  return options.memoryBudget - writesOf(options) - cacheBytesMin(options.blockCacheSize)
}

/** A read-only database reserves nothing for writes. */
function writesOf({ readOnly, immutablesMax, writeBufferSize }: ResolvedOptions): number {
  return readOnly ? 0 : writePart(immutablesMax, writeBufferSize)
}

export class MemoryBudget {
  private readonly options: ResolvedOptions
  private readonly cache: BlockCache
  private readonly tables: OpenTables
  private readonly pool: SlabPool
  /** Pieces of values that are being streamed. */
  streamBytes = 0
  /** The bytes for writes when they were last looked at. */
  private writes: number

  constructor(options: ResolvedOptions, cache: BlockCache, tables: OpenTables, pool: SlabPool) {
    this.options = options
    this.cache = cache
    this.tables = tables
    this.pool = pool
    this.writes = writesOf(options)
    const { memoryLimit, valueLogs: { ahead } } = tables
    memoryLimit.onGrown = () => this.fitCache()
    ahead.bytesMax = aheadBytesMax(options.blockCacheSize)
    ahead.onGrown = () => this.fitCache()
  }

  /**
   * Bytes that the index of one more memtable may take beside these: twice its share, as far as they leave it. 0 when
   * they leave less than its share: then it must wait until one of them is flushed.
   */
  indexBytesBeside(memtables: readonly Memtable[]): number {
    const { immutablesMax, writeBufferSize } = this.options
    const share = indexShare(writeBufferSize)
    let left = (immutablesMax + 1) * share
    for (const { indexBytes } of memtables) left -= indexBytes
    return left < share ? 0 : Math.min(2 * share, left)
  }

  /** Bytes that the index of the next memtable may take beside these: at least its share. */
  nextIndexBytes(memtables: readonly Memtable[]): number {
    return this.indexBytesBeside(memtables) || indexShare(this.options.writeBufferSize)
  }

  /**
   * Fits the cache to what is left. Slabs that long lists of reads or large batches hold above the write part take from
   * the cache too.
   */
  fit({ memtables }: ReadState): void {
    const { options, pool, tables } = this
    tables.memoryLimit.fit()
    tables.valueLogs.ahead.lookAtPeak()
    let writes = pool.usedBytes + pool.freeBytes + this.streamBytes
    for (const { indexBytes } of memtables) writes += indexBytes
    this.writes = Math.max(writes, writesOf(options))
    this.fitCache()
  }

  /** Gives the cache what is left. */
  private fitCache(): void {
    const { cache, options: { blockCacheSize, memoryBudget }, tables, writes } = this
    const left = Math.max(cacheBytesMin(blockCacheSize), memoryBudget - writes - tables.memoryLimit.sumBytes)
    // What was read ahead may come and go many times a second: the cache gives way once, for the most of it.
    cache.setCapacity(Math.min(blockCacheSize, left - tables.valueLogs.ahead.peakBytes))
  }
}
