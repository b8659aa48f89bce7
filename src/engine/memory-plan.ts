/**
 * What: how the memory budget is divided, from the options that were given (docs/design/0018-memory-budget.md).
 * Pure; no state.
 *
 *   write part    (immutablesMax + 1) slabs, and the indexes of their memtables: one with small entries is full
 *                 when its index is
 *   the rest      the block cache, and of each table: index, and point hash or filter. Tables go first; the
 *                 cache gives way down to its least; from there on tables are used without their point hash.
 */
import {
  GiB, invalidArgument, KiB, MiB, WRITE_BUFFER_BYTES_DEFAULT, WRITE_BUFFER_BYTES_MIN,
} from '../base/index.js'

export interface MemoryOptions {
  memoryBudget: number
  writeBufferSize: number
  blockCacheSize: number
}

type GivenSizes = { [name in keyof MemoryOptions]: number | undefined }

/** The least for a budget that is not given. */
const BUDGET_DEFAULT_MIN = 256 * MiB
/** The part of a given budget that is for writes, when no size is given for it. */
const WRITE_PART = 5 / 8
/** The part of its slab that the index of a memtable takes. Entries of 100 bytes take 0.2, of 1 KiB 0.04. */
const INDEX_PART = 1 / 4
/** The least for an index: an empty one takes 161 KiB. */
const INDEX_BYTES_MIN = 192 * KiB
/** The cache's part of the memory that the process may use, when neither its size nor a budget is given. */
const CACHE_PART = 1 / 16
const CACHE_DEFAULT_MIN = 96 * MiB
const CACHE_DEFAULT_MAX = GiB
/** What tables have besides a cache of a given size, when no budget is given. */
const TABLES_DEFAULT = 32 * MiB
/** The cache gives way down to this part of its size, but not below a chunk. */
const CACHE_PART_MIN = 1 / 8
const CACHE_BYTES_MIN = MiB
const WAITING_BYTES_MIN = 16 * MiB
const AHEAD_BYTES_MAX = 16 * MiB

/** Bytes set aside for writes. */
export function writePart(immutablesMax: number, writeBufferSize: number): number {
  return Math.ceil((immutablesMax + 1) * writeBufferSize * (1 + INDEX_PART))
}

/** Bytes of the write part for the index of each memtable, and never less than the smallest index takes. */
export function indexShare(writeBufferSize: number): number {
  return Math.max(INDEX_BYTES_MIN, Math.ceil(writeBufferSize * INDEX_PART))
}

/**
 * Bytes that writes which wait for room may take: as much again as all the rest. A small budget leaves them room for
 * the writes that a program has under way which awaits every hundredth one.
 */
export function waitingBytesMax({ memoryBudget }: MemoryOptions): number {
  return Math.max(memoryBudget, WAITING_BYTES_MIN)
}

/** The bytes that the cache keeps whatever the tables need. */
export function cacheBytesMin(blockCacheSize: number): number {
  return Math.min(blockCacheSize, Math.max(blockCacheSize * CACHE_PART_MIN, CACHE_BYTES_MIN))
}

/** The most that walks may read ahead: a part of what the cache keeps, which gives way for it. */
export function aheadBytesMax(blockCacheSize: number): number {
  return Math.min(AHEAD_BYTES_MAX, cacheBytesMin(blockCacheSize) / 2)
}

/** The bytes that cache and tables have when the options name none, in a process that may use `memoryBytes`. */
function cacheByDefault(memoryBytes: number): number {
  return Math.min(CACHE_DEFAULT_MAX, Math.max(CACHE_DEFAULT_MIN, Math.floor(memoryBytes * CACHE_PART / MiB) * MiB))
}

/**
 * Divides the budget. Sizes that are given count; what is not given follows `memoryBytes`, the memory that the process
 * may use. Throws INVALID_ARGUMENT when sizes do not fit into a budget that is given.
 */
export function planMemory(immutablesMax: number, given: GivenSizes, memoryBytes: number): MemoryOptions {
  const { memoryBudget: budget, blockCacheSize: cache } = given
  const fallback = budget === undefined ? WRITE_BUFFER_BYTES_DEFAULT : slabFor(budget, immutablesMax)
  const writeBufferSize = Math.ceil((given.writeBufferSize ?? fallback) / 8) * 8
  const writes = writePart(immutablesMax, writeBufferSize)
  if (budget === undefined) {
    const reads = cache === undefined ? cacheByDefault(memoryBytes) : cache + TABLES_DEFAULT
    const memoryBudget = Math.max(BUDGET_DEFAULT_MIN, writes + reads)
    return { memoryBudget, writeBufferSize, blockCacheSize: cache ?? memoryBudget - writes }
  }
  const least = writes + (cache ?? 0)
  if (least > budget) {
    const parts = [`writes ${inKiB(writes)}`, ...(cache === undefined ? [] : [`blockCacheSize ${inKiB(cache)}`])]
    const sizes = `${immutablesMax + 1} buffers of ${inKiB(writeBufferSize)} and their indexes`
    throw invalidArgument(
      `option memoryBudget is ${inKiB(budget)}, too small for what else was asked for: ${parts.join(' + ')} (${sizes})`,
    )
  }
  return { memoryBudget: budget, writeBufferSize, blockCacheSize: cache ?? budget - writes }
}

function slabFor(budget: number, immutablesMax: number): number {
  const bytes = Math.floor((budget * WRITE_PART) / writePart(immutablesMax, 8)) * 8
  return Math.max(WRITE_BUFFER_BYTES_MIN, Math.min(WRITE_BUFFER_BYTES_DEFAULT, bytes))
}

function inKiB(bytes: number): string {
  return `${Math.ceil(bytes / KiB)} KiB`
}
