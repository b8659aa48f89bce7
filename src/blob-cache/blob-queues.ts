/**
 * What: which segment of the blob cache goes next. Segments stand in two queues, as blobs do in S3-FIFO: young ones
 * have new blobs, main ones those that were hit. Pure: it knows segments by their number, and no files.
 * Owns: the order of segments in both queues, which of them are leaving, and the ghosts.
 * Keeps true: only sealed segments leave; a segment leaves once. docs/design/0034-blob-eviction.md has the figures.
 */
import { assert } from '../base/index.js'
import { BlobGhosts } from './blob-ghosts.js'

export type QueueName = 'young' | 'main'

export interface QueueOptions {
  /** Bytes that the cache may have on disk. */
  readonly maxBytes: number
  /** The part of them that is for young segments. */
  readonly youngShare: number
  readonly segmentBytes: number
  /** Gives how many items the index has: there are not more ghosts than that. */
  readonly itemCount: () => number
}

export interface Victim {
  readonly segment: number
  readonly queue: QueueName
  readonly bytes: number
  /** True when all that it has is expired, so that nothing is moved. */
  readonly isExpired: boolean
  /** True when it was kept as a whole once already. */
  readonly wasKept: boolean
}

/** The young queue is given this many segments: one that is filled, one that waits, one that leaves. */
const YOUNG_SEGMENTS_MIN = 3

interface Segment {
  bytes: number
  isSealed: boolean
  isLeaving: boolean
  /** True while somebody writes to it, who cannot be made to stop. */
  isLent: boolean
  /** The time at which the last of its blobs expires; Infinity when one never does. */
  expiresMs: number
  wasKept: boolean
}

export class BlobQueues {
  private readonly young = new Map<number, Segment>()
  private readonly main = new Map<number, Segment>()
  private readonly ghosts: BlobGhosts
  private readonly itemCount: () => number
  private readonly youngBytesMax: number
  private youngBytes = 0
  /** Blobs that came back after they were dropped from young. */
  ghostHits = 0

  constructor({ maxBytes, youngShare, segmentBytes, itemCount }: QueueOptions) {
    this.youngBytesMax = Math.max(youngShare * maxBytes, YOUNG_SEGMENTS_MIN * segmentBytes)
    this.ghosts = new BlobGhosts(Math.max(0, maxBytes - this.youngBytesMax))
    this.itemCount = itemCount
  }

  /** Ghosts that are remembered, with those that came back since. */
  get ghostCount(): number {
    return this.ghosts.count
  }

  /** Bytes of memory that ghosts take. */
  get ghostBytes(): number {
    return this.ghosts.bytes
  }

  /** Puts a segment behind the others of its queue. */
  add(segment: number, queue: QueueName, bytes: number): void {
    assert(!this.young.has(segment) && !this.main.has(segment), 'a segment is in one queue, once')
    const state = { bytes, isSealed: false, isLeaving: false, isLent: false, expiresMs: Infinity, wasKept: false }
    this[queue].set(segment, state)
    if (queue === 'young') this.youngBytes += bytes
  }

  /** Says that a segment has more bytes of the disk, or fewer, reserved ones included. */
  grow(segment: number, bytes: number): void {
    this.stateOf(segment).bytes += bytes
    if (this.young.has(segment)) this.youngBytes += bytes
  }

  /**
   * Says that nothing is added to a segment any more, and when the last of its blobs expires; of one of an earlier
   * process also whether it was kept as a whole once already.
   */
  seal(segment: number, expiresMs = Infinity, wasKept = false): void {
    Object.assign(this.stateOf(segment), { isSealed: true, expiresMs, wasKept })
  }

  /** Takes a segment out, when it is gone. */
  remove(segment: number): void {
    const { bytes } = this.stateOf(segment)
    if (this.young.delete(segment)) this.youngBytes -= bytes
    else this.main.delete(segment)
  }

  /** Gives the segments of a queue, in the order in which they go. */
  *list(queue: QueueName): Generator<{ segment: number } & Pick<Segment, 'expiresMs' | 'wasKept'>> {
    for (const [segment, { expiresMs, wasKept }] of this[queue]) yield { segment, expiresMs, wasKept }
  }

  /** How many segments a queue has, and their bytes, reserved ones included. */
  summaryOf(queue: QueueName): { segments: number; bytes: number } {
    let bytes = 0
    for (const state of this[queue].values()) bytes += state.bytes
    return { segments: this[queue].size, bytes }
  }

  bytesOf(segment: number): number {
    return this.stateOf(segment).bytes
  }

  /**
   * Gives the segment that goes next, which is leaving then, or null when no sealed one is left: one whose blobs all
   * expired before `nowMs`, else the oldest young one while young ones have more than their part, else the oldest
   * main one. With -Infinity nothing is expired.
   */
  victim(nowMs: number): Victim | null {
    const first = this.youngBytes > this.youngBytesMax ? 'young' : 'main'
    const found = this.oldest('young', nowMs) ?? this.oldest('main', nowMs)
      ?? this.oldest(first, Infinity) ?? this.oldest(first === 'young' ? 'main' : 'young', Infinity)
    if (found === null) return null
    const { segment, queue } = found
    const state = this.stateOf(segment)
    state.isLeaving = true
    return { segment, queue, bytes: state.bytes, isExpired: state.expiresMs <= nowMs, wasKept: state.wasKept }
  }

  /** Keeps a whole segment that was leaving: it goes to the end of the main queue, without a byte being written. */
  keep(segment: number): void {
    const state = this.stateOf(segment)
    assert(state.isLeaving, 'only a leaving segment is kept')
    Object.assign(state, { isLeaving: false, wasKept: true })
    if (this.young.delete(segment)) this.youngBytes -= state.bytes
    else this.main.delete(segment)
    this.main.set(segment, state)
  }

  /** Says that a removal failed: the segment may be chosen again. */
  stay(segment: number): void {
    this.stateOf(segment).isLeaving = false
  }

  /**
   * Says whether an open segment is lent to somebody: then it cannot be sealed. When it is given back it goes to the
   * end of its queue: a blob that took long to come is a new one only now.
   */
  lend(segment: number, isLent: boolean): void {
    const queue = this.young.has(segment) ? this.young : this.main
    const state = queue.get(segment)
    if (state === undefined) return
    state.isLent = isLent
    if (isLent) return
    queue.delete(segment)
    queue.set(segment, state)
  }

  /** Gives the oldest segment that is not sealed and not lent, which has to be sealed when nothing else can go. */
  oldestOpen(): number | null {
    for (const queue of [this.young, this.main]) {
      for (const [segment, { isSealed, isLent, bytes }] of queue) {
        if (!isSealed && !isLent && bytes > 0) return segment
      }
    }
    return null
  }

  /** Remembers a blob that was dropped from a young segment without a visit. */
  addGhost(low: number, _high: number, bytes: number): void {
    this.ghosts.add(low, bytes, this.itemCount())
  }

  /** Tells whether a blob was dropped a short while ago, and forgets it then. */
  hasGhost(low: number, _high: number): boolean {
    const isGhost = this.ghosts.take(low)
    if (isGhost) this.ghostHits++
    return isGhost
  }

  private oldest(queue: QueueName, expiredMs: number): { segment: number; queue: QueueName } | null {
    for (const [segment, state] of this[queue]) {
      const isOld = expiredMs === Infinity || state.expiresMs <= expiredMs
      if (state.isSealed && !state.isLeaving && isOld) return { segment, queue }
    }
    return null
  }

  private stateOf(segment: number): Segment {
    const state = this.young.get(segment) ?? this.main.get(segment)
    assert(state !== undefined, 'the segment is in a queue')
    return state
  }
}
