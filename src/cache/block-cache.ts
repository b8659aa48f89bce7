/**
 * What: a byte-bounded cache of blocks, shared by all tables of a database: chunks of memory that blocks
 * are read into.
 * Owns: the chunks, which blocks stay in them, and the counts of hits, misses and evictions.
 * Does not own: reading and checking a block (sstable). It sees bytes only.
 * Thread: one. A reservation is good until the next one.
 * Invariants: a pinned block stays where it is; frames[i] is 0 or says where that block stands.
 *
 * Why chunks and not an object for each block: a random read costs one cache miss for every object on
 * its way, and a new buffer costs as much as reading it (docs/design/0006-table-block.md). Why safe: what
 * stays over the next call (an iterator's block) is pinned, all else is lent until the next read.
 *
 * A hit must cost nothing: each table has one frame number for each block (CacheSlots), and a hit is a
 * load from there and a store of a mark. Eviction is a clock: a hand moves through the chunks, takes one
 * off the mark of each block it meets, evicts what had none, and stops where a run is free. A scan brings
 * blocks in without a mark, a point read with one, a hit sets two: so a scan over everything replaces
 * its own blocks first.
 */
import { KiB, MiB } from '../base/index.js'

/** Marks that a block starts with, and the mark that every hit sets. */
export const MARK_SCAN = 0
export const MARK_POINT = 1
export const MARK_HIT = 2

/** Space is given out in granules: blocks of 8 KiB lose little, and there is little to keep for each. */
const GRANULE_SHIFT = 10
const GRANULE_BYTES = KiB
/** Granules of a chunk: memory is taken in steps of 1 MiB, as it is needed. */
const CHUNK_SHIFT = 10
const CHUNK_GRANULES = MiB / GRANULE_BYTES
/** A block larger than this part of the capacity is not kept: one value must not empty the cache. */
const BLOCK_PART_MAX = 1 / 8

/** The frames of the blocks of one table. Hot paths read `frames` and set `marks` themselves. */
export class CacheSlots {
  /** Frame of block i: see BlockCache.chunkOf and baseOf; 0: it is not there. */
  readonly frames: Uint32Array
  readonly marks: Uint8Array
  isAttached = true

  constructor(count: number) {
    this.frames = new Uint32Array(count)
    this.marks = new Uint8Array(count)
  }
}

class CacheChunk {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  /** By first granule of a block; length 0 says that a granule is free or inside a block. */
  readonly lengths: Uint16Array
  readonly pins: Uint32Array
  readonly indexes: Uint32Array
  readonly owners: (CacheSlots | null)[]

  constructor(granules: number) {
    this.bytes = new Uint8Array(granules * GRANULE_BYTES)
    this.words = new Uint32Array(this.bytes.buffer)
    this.lengths = new Uint16Array(granules)
    this.pins = new Uint32Array(granules)
    this.indexes = new Uint32Array(granules)
    this.owners = new Array<CacheSlots | null>(granules).fill(null)
  }
}

export class BlockCache {
  readonly capacityBytes: number
  usedBytes = 0
  blockCount = 0
  hitCount = 0
  missCount = 0
  evictionCount = 0

  private readonly chunks: CacheChunk[] = []
  private readonly chunkCountMax: number
  private readonly chunkGranules: number
  /** Where the search for room goes on. */
  private handChunk = -1
  private hand: number

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
    this.chunkGranules = Math.min(CHUNK_GRANULES, Math.floor(capacityBytes / GRANULE_BYTES))
    this.chunkCountMax = Math.floor(capacityBytes / (this.chunkGranules * GRANULE_BYTES))
    this.hand = this.chunkGranules
  }

  /** Memory taken from the system so far. */
  get allocatedBytes(): number {
    return this.chunks.length * this.chunkGranules * GRANULE_BYTES
  }

  /** The memory that a frame lies in. */
  chunkOf(frame: number): CacheChunk {
    return this.chunks[frame - 1 >>> CHUNK_SHIFT]
  }

  /** Where in it the block starts: a multiple of 1 KiB. */
  baseOf(frame: number): number {
    return (frame - 1 & CHUNK_GRANULES - 1) << GRANULE_SHIFT
  }

  /** Frames for `count` blocks of a new table. */
  attach(count: number): CacheSlots {
    return new CacheSlots(count)
  }

  /** Forgets all blocks of a table; pinned ones stay in place until unpinned. Idempotent. */
  detach(slots: CacheSlots): void {
    slots.isAttached = false
    for (let i = 0; i < slots.frames.length; i++) {
      const frame = slots.frames[i]
      if (frame === 0) continue
      const chunk = this.chunkOf(frame)
      const granule = this.baseOf(frame) >>> GRANULE_SHIFT
      slots.frames[i] = 0
      chunk.owners[granule] = null
      if (chunk.pins[granule] === 0) this.free(chunk, granule)
    }
  }

  /** A frame with room for a block, evicting others. 0: it is too large, or everything is pinned. */
  reserve(bytes: number): number {
    const needed = granulesOf(bytes)
    if (bytes > this.capacityBytes * BLOCK_PART_MAX || needed > this.chunkGranules) return 0
    let start = this.hand
    let run = 0
    // Marks are at most MARK_HIT: after so many rounds only pinned blocks are left.
    for (let rounds = 0; run < needed;) {
      const granule = start + run
      if (granule === this.chunkGranules) {
        if (this.nextChunk() && ++rounds > MARK_HIT + 2) return 0
        start = 0
        run = 0
        continue
      }
      const chunk = this.chunks[this.handChunk]
      const length = chunk.lengths[granule]
      if (length === 0) run++
      else if (this.evict(chunk, granule)) run += length
      else {
        start = granule + length
        run = 0
      }
    }
    this.hand = start + needed
    return (this.handChunk << CHUNK_SHIFT) + start + 1
  }

  /** The reserved room at `frame` now holds a good block. */
  insert(slots: CacheSlots, index: number, frame: number, bytes: number, mark: number): void {
    const chunk = this.chunkOf(frame)
    const granule = this.baseOf(frame) >>> GRANULE_SHIFT
    chunk.lengths[granule] = granulesOf(bytes)
    chunk.owners[granule] = slots
    chunk.indexes[granule] = index
    slots.frames[index] = frame
    slots.marks[index] = mark
    this.usedBytes += chunk.lengths[granule] * GRANULE_BYTES
    this.blockCount++
  }

  /** The block at `frame` stays there until as many `unpin`. */
  pin(frame: number): void {
    this.chunkOf(frame).pins[this.baseOf(frame) >>> GRANULE_SHIFT]++
  }

  unpin(frame: number): void {
    const chunk = this.chunkOf(frame)
    const granule = this.baseOf(frame) >>> GRANULE_SHIFT
    if (--chunk.pins[granule] === 0 && chunk.owners[granule] === null) this.free(chunk, granule)
  }

  /** Moves the hand to the next chunk, a new one while there is capacity. True when it begins again. */
  private nextChunk(): boolean {
    this.handChunk++
    if (this.handChunk < this.chunks.length) return false
    if (this.chunks.length < this.chunkCountMax) {
      this.chunks.push(new CacheChunk(this.chunkGranules))
      return false
    }
    this.handChunk = 0
    return true
  }

  /** True when the block is gone; otherwise it is one step nearer to it. */
  private evict(chunk: CacheChunk, granule: number): boolean {
    if (chunk.pins[granule] > 0) return false
    const slots = chunk.owners[granule]!
    const index = chunk.indexes[granule]
    if (slots.marks[index] > 0) {
      slots.marks[index]--
      return false
    }
    slots.frames[index] = 0
    chunk.owners[granule] = null
    this.evictionCount++
    this.free(chunk, granule)
    return true
  }

  private free(chunk: CacheChunk, granule: number): void {
    this.usedBytes -= chunk.lengths[granule] * GRANULE_BYTES
    chunk.lengths[granule] = 0
    this.blockCount--
  }
}

function granulesOf(bytes: number): number {
  return (bytes + GRANULE_BYTES - 1) >>> GRANULE_SHIFT
}
