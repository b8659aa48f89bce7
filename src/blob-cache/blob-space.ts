/**
 * What: the disk space of a blob cache, counted before it is used. Pure: it has no files.
 * Owns: what each use has reserved, and who waits for room.
 * Keeps true (BC-3): everything reserved, files that are removed but still open included, is at most `maxBytes`, after
 * each call. Those who wait are answered in the order in which they came. Only room for new blobs is waited for; all
 * others are refused at once and make do: a move, which has some room to itself, drops its blob; a snapshot is left
 * out.
 */
import { assert } from '../base/index.js'

/**
 * What bytes are for: a segment; a stream that is under way; the catalog; a snapshot of the index; a segment that was
 * removed while somebody still reads it.
 */
export type SpaceUse = 'segment' | 'stream' | 'catalog' | 'snapshot' | 'held'

export interface SpaceOptions {
  readonly maxBytes: number
  /** Bytes that only the catalog may use, whether it needs them or not: a removal must be written when all is full. */
  readonly catalogBytes: number
}

/** Streams have at most this part of the cache. They cannot be evicted, so they would take all of it. */
const STREAM_SHARE = 0.25
/** Readers of removed segments may hold this part of the cache before one of them is broken off. */
const HELD_SHARE = 0.1

interface Waiting {
  readonly bytes: number
  readonly use: 'segment' | 'stream'
  readonly answer: (isGranted: boolean) => void
}

export class BlobSpace {
  readonly maxBytes: number
  private readonly catalogBytes: number
  private readonly used: Record<SpaceUse, number> = { segment: 0, stream: 0, catalog: 0, snapshot: 0, held: 0 }
  private usedNow = 0
  private withheldNow = 0
  /** Bytes that only moves may use: there is room for what was read, however many puts wait. */
  moveBytes = 0
  private waiting: Waiting[] = []
  private waitingNow = 0
  /** Gives the bytes that a snapshot of the index would have now. Only it may use them, so a full cache has one too. */
  snapshotBytes: () => number = () => 0

  constructor({ maxBytes, catalogBytes }: SpaceOptions) {
    this.maxBytes = maxBytes
    this.catalogBytes = catalogBytes
  }

  get usedBytes(): number {
    return this.usedNow
  }

  usedBy(use: SpaceUse): number {
    return this.used[use]
  }

  /** Bytes that those want who wait. */
  get waitingBytes(): number {
    return this.waitingNow
  }

  /** How many bytes are free for all but catalog, snapshot and moves; below 0 when these need more than there is. */
  get freeBytes(): number {
    return this.unusedBytes - this.moveBytes
  }

  /** How many bytes nothing but catalog and snapshot has. */
  get unusedBytes(): number {
    return this.freeForSnapshot - Math.max(0, this.snapshotBytes() - this.used.snapshot)
  }

  private get freeForSnapshot(): number {
    return this.maxBytes - this.usedNow - this.withheldNow - Math.max(0, this.catalogBytes - this.used.catalog)
  }

  /** Bytes that the disk turned out not to have: nobody gets them, and what has them now has to go. */
  get withheldBytes(): number {
    return this.withheldNow
  }

  set withheldBytes(bytes: number) {
    this.withheldNow = bytes
    this.wake()
  }

  /** Bytes of removed segments that have to come back: readers of them are to be broken off, the idlest first. */
  get heldExcess(): number {
    return Math.max(0, this.used.held - this.maxBytes * HELD_SHARE)
  }

  /** Reserves bytes if there is room, and nobody waits for it. Nothing is done otherwise. */
  tryReserve(use: SpaceUse, bytes: number): boolean {
    if (use === 'catalog') {
      if (this.usedNow + bytes > this.maxBytes) return false
    } else {
      const free = use === 'snapshot' ? this.freeForSnapshot : this.freeBytes
      if (this.waiting.length > 0 || bytes > free) return false
      if (use === 'stream' && this.isStreamShareFull(bytes)) return false
    }
    this.add(use, bytes)
    return true
  }

  /** True when streams have so much that these bytes are too many for them. */
  private isStreamShareFull(bytes: number): boolean {
    return this.used.stream + bytes > this.maxBytes * STREAM_SHARE
  }

  /** Reserves bytes for a segment that takes what is moved, or that an open has found. */
  tryReserveForMoves(bytes: number): boolean {
    if (bytes > this.unusedBytes) return false
    this.add('segment', bytes)
    return true
  }

  /**
   * Reserves bytes for a segment, or a stream, when there is room, and answers then; false says that nobody will. A
   * stream waits for segments to go, never for other streams: above their share it is refused.
   */
  reserve(bytes: number, answer: (isGranted: boolean) => void, use: Waiting['use'] = 'segment'): void {
    const most = this.maxBytes - this.catalogBytes - this.moveBytes
    if (bytes > most || (use === 'stream' && this.isStreamShareFull(bytes))) return answer(false)
    this.waiting.push({ bytes, use, answer })
    this.waitingNow += bytes
    this.wake()
  }

  /** Gives bytes back. Whoever can go on then is answered. */
  release(use: SpaceUse, bytes: number): void {
    this.add(use, -bytes)
    this.wake()
  }

  /** Says that bytes are used for something else now: a removed segment that is held, a stream that is complete. */
  change(from: SpaceUse, to: SpaceUse, bytes: number): void {
    this.add(from, -bytes)
    this.add(to, bytes)
  }

  /** Tells all who wait that they get nothing: the cache closes, or goes on in memory. */
  refuseAll(): void {
    const all = this.waiting
    this.waiting = []
    this.waitingNow = 0
    for (const { answer } of all) answer(false)
  }

  private wake(): void {
    for (let first = this.waiting[0]; first !== undefined && first.bytes <= this.freeBytes; first = this.waiting[0]) {
      this.waiting.shift()
      const { use, bytes } = first
      this.waitingNow -= bytes
      const isGranted = use === 'segment' || !this.isStreamShareFull(bytes)
      if (isGranted) this.add(use, bytes)
      first.answer(isGranted)
    }
  }

  private add(use: SpaceUse, bytes: number): void {
    this.used[use] += bytes
    this.usedNow += bytes
    assert(this.used[use] >= 0, 'nobody gives back more than he has')
    assert(this.usedNow <= this.maxBytes, 'the cache has at most the bytes that it may have')
  }
}
