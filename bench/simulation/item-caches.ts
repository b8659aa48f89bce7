/**
 * What: caches that evict blob by blob, whose holes cost nothing: FIFO, CLOCK, SIEVE, S3-FIFO. No disk works like that;
 * they tell what a cache on segments is measured against.
 */

/** A cache as the simulator sees it. A miss is followed by a put of that blob. */
export interface SimulatedCache {
  /** Asks for a blob, and puts it when it is not there. Tells whether it was. */
  ask(blob: number, bytes: number): boolean
  /** Bytes that were written so far: what was put, and what was written again. */
  readonly writtenBytes: number
  /** How many blobs, or segments, were evicted so far. */
  readonly evictedCount: number
  /** The most bytes that were used at one time. */
  readonly usedBytesMost: number
}

export const ITEM_POLICIES = ['FIFO', 'CLOCK', 'SIEVE', 'S3-FIFO'] as const
export type ItemPolicy = (typeof ITEM_POLICIES)[number]

export function itemCache(policy: ItemPolicy, maxBytes: number): SimulatedCache {
  switch (policy) {
    case 'FIFO': return new QueueCache(maxBytes, 0)
    case 'CLOCK': return new QueueCache(maxBytes, 1)
    case 'SIEVE': return new SieveCache(maxBytes)
    case 'S3-FIFO': return new TwoQueueCache(maxBytes)
  }
}

interface Item {
  readonly bytes: number
  visits: number
}

/** What all of them count. */
abstract class ItemCache implements SimulatedCache {
  writtenBytes = 0
  evictedCount = 0
  usedBytesMost = 0
  protected readonly maxBytes: number

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  abstract ask(blob: number, bytes: number): boolean

  protected notePut(bytes: number, usedBytes: number): void {
    this.writtenBytes += bytes
    this.usedBytesMost = Math.max(this.usedBytesMost, usedBytes)
  }
}

/** FIFO, and CLOCK: an item that was hit goes to the end instead. */
class QueueCache extends ItemCache {
  private readonly items = new Map<number, Item>()
  private readonly visitsMax: number
  private bytes = 0

  constructor(maxBytes: number, visitsMax: number) {
    super(maxBytes)
    this.visitsMax = visitsMax
  }

  ask(blob: number, bytes: number): boolean {
    const item = this.items.get(blob)
    if (item !== undefined) {
      item.visits = this.visitsMax
      return true
    }
    while (this.bytes + bytes > this.maxBytes && this.items.size > 0) {
      const [oldest, found] = this.items.entries().next().value!
      this.items.delete(oldest)
      if (found.visits-- > 0) {
        this.items.set(oldest, found)
        continue
      }
      this.bytes -= found.bytes
      this.evictedCount++
    }
    this.bytes += bytes
    this.items.set(blob, { bytes, visits: 0 })
    this.notePut(bytes, this.bytes)
    return false
  }
}

interface SieveItem extends Item {
  readonly blob: number
  newer: SieveItem | undefined
  older: SieveItem | undefined
}

/** SIEVE: a hand goes from old to new; what was hit stays where it is, what was not goes. */
class SieveCache extends ItemCache {
  private readonly items = new Map<number, SieveItem>()
  private bytes = 0
  private newest: SieveItem | undefined
  private oldest: SieveItem | undefined
  private hand: SieveItem | undefined

  ask(blob: number, bytes: number): boolean {
    const found = this.items.get(blob)
    if (found !== undefined) {
      found.visits = 1
      return true
    }
    while (this.bytes + bytes > this.maxBytes && this.items.size > 0) this.evict()
    this.bytes += bytes
    const item: SieveItem = { blob, bytes, visits: 0, newer: undefined, older: this.newest }
    if (this.newest !== undefined) this.newest.newer = item
    this.newest = item
    this.oldest ??= item
    this.items.set(blob, item)
    this.notePut(bytes, this.bytes)
    return false
  }

  private evict(): void {
    this.evictedCount++
    let item = this.hand ?? this.oldest!
    while (item.visits > 0) {
      item.visits = 0
      item = item.newer ?? this.oldest!
    }
    this.hand = item.newer
    if (item.newer === undefined) this.newest = item.older
    else item.newer.older = item.older
    if (item.older === undefined) this.oldest = item.newer
    else item.older.newer = item.newer
    this.items.delete(item.blob)
    this.bytes -= item.bytes
  }
}

const YOUNG_SHARE = 0.1
const VISITS_MAX = 3

/** S3-FIFO: a tenth for new items; what was hit there, or came back soon, goes to the main queue. */
class TwoQueueCache extends ItemCache {
  private readonly young = new Map<number, Item>()
  private readonly main = new Map<number, Item>()
  private readonly ghosts = new Map<number, number>()
  private youngBytes = 0
  private mainBytes = 0
  private ghostBytes = 0

  ask(blob: number, bytes: number): boolean {
    const item = this.young.get(blob) ?? this.main.get(blob)
    if (item !== undefined) {
      item.visits = Math.min(VISITS_MAX, item.visits + 1)
      return true
    }
    const isOver = (): boolean => this.youngBytes + this.mainBytes + bytes > this.maxBytes
    while (isOver() && this.young.size + this.main.size > 0) this.evict()
    if (this.ghosts.delete(blob)) {
      this.ghostBytes -= bytes
      this.main.set(blob, { bytes, visits: 0 })
      this.mainBytes += bytes
    } else {
      this.young.set(blob, { bytes, visits: 0 })
      this.youngBytes += bytes
    }
    this.notePut(bytes, this.youngBytes + this.mainBytes)
    return false
  }

  private evict(): void {
    this.evictedCount++
    const isYoung = this.main.size === 0 || (this.young.size > 0 && this.youngBytes > YOUNG_SHARE * this.maxBytes)
    const [blob, item] = (isYoung ? this.young : this.main).entries().next().value!
    if (isYoung) {
      this.young.delete(blob)
      this.youngBytes -= item.bytes
      if (item.visits === 0) return this.remember(blob, item.bytes)
      item.visits = 0
    } else {
      this.main.delete(blob)
      this.mainBytes -= item.bytes
      if (item.visits === 0) return
      item.visits--
    }
    this.main.set(blob, item)
    this.mainBytes += item.bytes
  }

  private remember(blob: number, bytes: number): void {
    this.ghosts.set(blob, bytes)
    this.ghostBytes += bytes
    while (this.ghostBytes > (1 - YOUNG_SHARE) * this.maxBytes) {
      const [oldest, oldestBytes] = this.ghosts.entries().next().value!
      this.ghosts.delete(oldest)
      this.ghostBytes -= oldestBytes
    }
  }
}
