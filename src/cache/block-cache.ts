/**
 * What: a byte-bounded cache of blocks, shared by all tables of a database: chunks of memory that blocks
 * are read into.
 * Owns: the chunks, which blocks stay in them, and the counts of hits, misses and evictions.
 * Does not own: reading and checking a block (sstable). It sees bytes only.
 * Thread: one. A reservation is good until the next one.
 * Invariants: a held block stays where it is; frames[i] is 0 or says where that block stands.
 *
 * Why chunks and not an object for each block: a random read costs one cache miss for every object on
 * its way, and a new buffer costs as much as reading it (docs/design/0006-table-block.md). Why safe: what
 * stays over the next call (an iterator's block) is held, all else is lent until the next read.
 *
 * A hit must cost nothing: each table has one frame number for each block (CacheSlots), and a hit is a
 * load from there and a store of a mark. Eviction is a clock: a hand moves through the chunks, takes one
 * off the mark of each block it meets, evicts what had none, and stops where a run is free. A point read
 * brings blocks in with a mark, a hit sets two.
 *
 * Scans take nothing from what is used: a block that a scan brings in has no mark and only replaces blocks
 * that have none; where there are no such blocks near the hand it is not kept. What is scanned again and
 * again gets in all the same: the cache remembers about when a scan missed a block, and when it misses it
 * again before a capacity's worth of other blocks, the block comes in like that of a point read. That is
 * 2Q's rule (T. Johnson, D. Shasha, VLDB 1994); its queue of ghosts is one number for each block here.
 *
 * Gets bring everything in while there is room. In a full cache a block that a get missed must be missed a second time
 * soon, or be one in many: what is read once does not throw out what is read often, and what does not come in is read
 * into the same memory again and again, or only in part. Figures: docs/design/0039-gets-beyond-the-cache.md.
 */
import { KiB, MiB } from '../base/index.js'
import { AsideBlock, ASIDE_BYTES_MAX } from './aside-block.js'

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
/** A scan's miss looks at this many blocks for room: a small part of the time that reading the block takes. */
const SCAN_LOOKS_MAX = 64
/** Misses measure time in ticks: there are this many while as many bytes are missed as the cache can hold. */
const TICKS_PER_CAPACITY = 8
/** Ticks fit 16 bits; 0 means that this block was not missed yet. */
const TICK_COUNT = 65_535
/** A full cache takes a block that gets miss a second time within so many ticks, begun ones included. */
const SOON_TICKS = 2
/** A full cache takes one in so many of the other blocks that gets miss, so it follows a slow change, too. */
const ADMITTED_ONE_IN = 64

/** A block larger than this part of the capacity is not kept, since one value must not empty the cache. */
const BLOCK_PART_MAX = 1 / 8

/** The frames of the blocks of one table. Hot paths read `frames` and set `marks` themselves. */
export class CacheSlots {
  /** The frame of each block (see BlockCache.chunkOf and baseOf); 0 when it is not there. */
  readonly frames: Uint32Array
  readonly marks: Uint8Array
  /** When block i was last missed, in ticks. */
  readonly missTicks: Uint16Array
  /** The number of blocks that are there. */
  count = 0
  /** Reads of the table that found their block, and that had to read it. */
  hitCount = 0
  missCount = 0
  isAttached = true

  constructor(count: number) {
    this.frames = new Uint32Array(count)
    this.marks = new Uint8Array(count)
    this.missTicks = new Uint16Array(count)
  }
}

class CacheChunk {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  /** The length of the block that begins at each granule; 0 where a granule is free or inside a block. */
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

  get isEmpty(): boolean {
    return this.lengths.every((length) => length === 0)
  }
}

export class BlockCache {
  usedBytes = 0
  blockCount = 0
  missCount = 0
  evictionCount = 0
  /** The block of the last get that was not kept. */
  readonly aside = new AsideBlock()

  /** Tables that are open; each counts its own hits, at the place that a hit looks at anyway. */
  private readonly attached = new Set<CacheSlots>()
  /** Hits in tables that were closed. */
  private pastHitCount = 0
  private readonly chunks: CacheChunk[] = []
  private capacity: number
  /** Chunks at the end beyond this number go as soon as nothing in them is held. */
  private chunkCountMax: number
  private readonly chunkGranules: number
  /** Bytes that were missed. */
  private missedBytes = 0
  /** True when the last block that came in put another one out. */
  private isFull = false
  /** Where the search for room goes on. */
  private handChunk = -1
  private hand: number

  /** Makes an empty cache. `setCapacity` may lower the capacity later; above 1 MiB it may also rise. */
  constructor(capacityBytes: number) {
    this.capacity = capacityBytes
    this.chunkGranules = Math.min(CHUNK_GRANULES, Math.floor(capacityBytes / GRANULE_BYTES))
    this.chunkCountMax = this.chunksIn(capacityBytes)
    this.hand = this.chunkGranules
  }

  get capacityBytes(): number {
    return this.capacity
  }

  get hitCount(): number {
    let sum = this.pastHitCount
    for (const { hitCount } of this.attached) sum += hitCount
    return sum
  }

  /**
   * Sets the most that the cache may take from now on. Memory above it goes at once, except chunks with held blocks:
   * those follow when they are released.
   */
  setCapacity(capacityBytes: number): void {
    this.capacity = capacityBytes
    this.chunkCountMax = this.chunksIn(capacityBytes)
    for (let i = this.chunkCountMax; i < this.chunks.length; i++) this.emptyChunk(this.chunks[i]!)
    this.dropChunks()
  }

  /** Memory taken from the system so far. */
  get allocatedBytes(): number {
    return this.chunks.length * this.chunkGranules * GRANULE_BYTES
  }

  /** The memory that a frame lies in. */
  chunkOf(frame: number): CacheChunk {
    return this.chunks[frame - 1 >>> CHUNK_SHIFT]!
  }

  /** The offset in its chunk where the block starts: a multiple of 1 KiB. */
  baseOf(frame: number): number {
    return (frame - 1 & CHUNK_GRANULES - 1) << GRANULE_SHIFT
  }

  /** Makes the frames for `count` blocks of a new table. */
  attach(count: number): CacheSlots {
    const slots = new CacheSlots(count)
    this.attached.add(slots)
    return slots
  }

  /** Forgets all blocks of a table; held ones stay in place until released. Idempotent. */
  detach(slots: CacheSlots): void {
    if (this.attached.delete(slots)) this.pastHitCount += slots.hitCount
    slots.isAttached = false
    slots.count = 0
    this.aside.forget(slots)
    for (let i = 0; i < slots.frames.length; i++) {
      const frame = slots.frames[i]!
      if (frame === 0) continue
      const chunk = this.chunkOf(frame)
      const granule = this.baseOf(frame) >>> GRANULE_SHIFT
      slots.frames[i] = 0
      chunk.owners[granule] = null
      if (chunk.pins[granule] === 0) this.free(chunk, granule)
    }
  }

  /**
   * The mark for a block that a scan missed: MARK_POINT when it missed it a while ago, but not longer than
   * a capacity of missed blocks ago. Not "just now": that is one scan that comes in small pieces.
   */
  scanMark(slots: CacheSlots, index: number, bytes: number): number {
    const age = this.noteMiss(slots, index, bytes)
    return age > 1 && age <= TICKS_PER_CAPACITY ? MARK_POINT : MARK_SCAN
  }

  /** Says whether a block that a get missed comes in; else it is read into `aside`. */
  admits(slots: CacheSlots, index: number, bytes: number): boolean {
    const age = this.noteMiss(slots, index, bytes)
    if (bytes > ASIDE_BYTES_MAX) return true
    if (!this.mayHold(bytes)) return false
    if (!this.isFull || this.chunks.length < this.chunkCountMax) return true
    return age < SOON_TICKS || this.missCount % ADMITTED_ONE_IN === 0
  }

  private mayHold(bytes: number): boolean {
    return bytes <= this.capacity * BLOCK_PART_MAX && granulesOf(bytes) <= this.chunkGranules && this.chunkCountMax > 0
  }

  /** Gives how many ticks ago the block was missed before, and notes that it is missed now. */
  private noteMiss(slots: CacheSlots, index: number, bytes: number): number {
    this.missedBytes += bytes
    const tick = Math.floor((this.missedBytes * TICKS_PER_CAPACITY) / (this.capacity + 1)) % TICK_COUNT
    const last = slots.missTicks[index]! - 1
    const age = last < 0 ? Infinity : (tick - last + TICK_COUNT) % TICK_COUNT
    if (age > 1) slots.missTicks[index] = tick + 1
    return age
  }

  /**
   * Gives a frame with room for a block that will have `mark`, evicting others. 0: the block is too large, everything
   * is held, or a scan found nothing near that may go.
   */
  reserve(bytes: number, mark: number): number {
    const needed = granulesOf(bytes)
    if (!this.mayHold(bytes)) return 0
    const aging = mark === MARK_SCAN ? 0 : 1
    let looks = mark === MARK_SCAN ? SCAN_LOOKS_MAX : Infinity
    const evictionsBefore = this.evictionCount
    let start = this.hand
    let run = 0
    // Marks are at most MARK_HIT, so after that many rounds only held blocks are left.
    for (let rounds = 0; run < needed;) {
      const granule = start + run
      if (granule === this.chunkGranules) {
        if (this.nextChunk() && ++rounds > MARK_HIT + 2) return 0
        start = 0
        run = 0
        continue
      }
      const chunk = this.chunks[this.handChunk]!
      const length = chunk.lengths[granule]!
      if (length === 0) run++
      else if (this.evict(chunk, granule, aging)) run += length
      else {
        start = granule + length
        run = 0
        if (--looks > 0) continue
        this.hand = start
        return 0
      }
    }
    this.hand = start + needed
    this.isFull = this.evictionCount > evictionsBefore
    return (this.handChunk << CHUNK_SHIFT) + start + 1
  }

  /** Records that the reserved room at `frame` now holds a good block. */
  insert(slots: CacheSlots, index: number, frame: number, bytes: number, mark: number): void {
    const chunk = this.chunkOf(frame)
    const granule = this.baseOf(frame) >>> GRANULE_SHIFT
    chunk.lengths[granule] = granulesOf(bytes)
    chunk.owners[granule] = slots
    chunk.indexes[granule] = index
    slots.frames[index] = frame
    slots.marks[index] = mark
    slots.count++
    this.usedBytes += chunk.lengths[granule] * GRANULE_BYTES
    this.blockCount++
  }

  /** Keeps the block at `frame` where it is until `release` was called as often. */
  hold(frame: number): void {
    this.chunkOf(frame).pins[this.baseOf(frame) >>> GRANULE_SHIFT]!++
  }

  release(frame: number): void {
    const chunk = this.chunkOf(frame)
    const granule = this.baseOf(frame) >>> GRANULE_SHIFT
    if (--chunk.pins[granule]! > 0) return
    if (chunk.owners[granule] === null) this.free(chunk, granule)
    if (this.chunks.length <= this.chunkCountMax) return
    if (frame - 1 >>> CHUNK_SHIFT >= this.chunkCountMax) this.emptyChunk(chunk)
    this.dropChunks()
  }

  private chunksIn(bytes: number): number {
    return this.chunkGranules === 0 ? 0 : Math.floor(bytes / (this.chunkGranules * GRANULE_BYTES))
  }

  /**
   * Moves the hand to the next chunk, a new one while there is capacity. True when the hand begins again at the first.
   */
  private nextChunk(): boolean {
    this.handChunk++
    if (this.handChunk < Math.min(this.chunks.length, this.chunkCountMax)) return false
    if (this.chunks.length < this.chunkCountMax) {
      this.chunks.push(new CacheChunk(this.chunkGranules))
      return false
    }
    this.handChunk = 0
    return true
  }

  /** Takes `aging` off the block's mark. True when the block is gone. */
  private evict(chunk: CacheChunk, granule: number, aging: number): boolean {
    if (chunk.pins[granule]! > 0) return false
    const slots = chunk.owners[granule]!
    const index = chunk.indexes[granule]!
    if (slots.marks[index]! > 0) {
      slots.marks[index]! -= aging
      return false
    }
    this.remove(chunk, granule)
    return true
  }

  private remove(chunk: CacheChunk, granule: number): void {
    const slots = chunk.owners[granule]!
    slots.frames[chunk.indexes[granule]!] = 0
    slots.count--
    chunk.owners[granule] = null
    this.evictionCount++
    this.free(chunk, granule)
  }

  /** Evicts every block of a chunk that is not held. */
  private emptyChunk(chunk: CacheChunk): void {
    for (let granule = 0; granule < this.chunkGranules; granule++) {
      const isThere = chunk.lengths[granule]! > 0
      if (isThere && chunk.pins[granule] === 0) this.remove(chunk, granule)
    }
  }

  /** Drops chunks at the end that are empty: chunks have numbers, so only those can go. */
  private dropChunks(): void {
    const { chunks } = this
    while (chunks.length > this.chunkCountMax && chunks[chunks.length - 1]!.isEmpty) chunks.pop()
    if (this.handChunk < chunks.length && this.handChunk < this.chunkCountMax) return
    this.handChunk = Math.min(chunks.length, this.chunkCountMax) - 1
    this.hand = this.chunkGranules
  }

  private free(chunk: CacheChunk, granule: number): void {
    this.usedBytes -= chunk.lengths[granule]! * GRANULE_BYTES
    chunk.lengths[granule] = 0
    this.blockCount--
  }
}

function granulesOf(bytes: number): number {
  return (bytes + GRANULE_BYTES - 1) >>> GRANULE_SHIFT
}
