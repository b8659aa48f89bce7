/**
 * What: what has to be done so that a blob cache has room: which segment leaves, whether its blobs are moved on, and
 * which of them. Pure: whoever asks does it, and says when it is done.
 * Owns: which removals are under way.
 * Keeps true (BC-7): while somebody waits for room, a removal is under way, or the next step is one, or it says what
 * keeps it: an open segment to seal, a reader or a stream that holds the rest. A removal for somebody who waits moves
 * nothing, so it ends by itself.
 */
import type { Clock } from '../base/index.js'
import type { BlobQueues, QueueName, Victim } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'

export type EvictionStep =
  /** Nothing is to be done now. */
  | { readonly kind: 'rest' }
  /** The segment leaves; `isMoved` says whether blobs with a visit are moved on before. */
  | { readonly kind: 'remove'; readonly victim: Victim; readonly isMoved: boolean }
  /** Somebody waits, and only open segments are left: this one is to be sealed. */
  | { readonly kind: 'seal'; readonly segment: number }

/** Bytes that may be moved for each byte that is put; when they are used up, blobs are dropped though they were hit. */
const MOVED_PER_PUT = 0.33
/** What may be moved is saved up to this part of the cache. */
const SAVED_SHARE = 1 / 8
/** A victim of which more than this part was hit is kept as it is, once: that writes nothing. */
const KEPT_SHARE_MIN = 0.7
/** The clock of the wall is believed while it agrees with the other one as well as this. */
const CLOCK_SLACK_MS = 60_000

const REST: EvictionStep = { kind: 'rest' }

export interface EvictorOptions {
  readonly queues: BlobQueues
  readonly space: BlobSpace
  readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>
  readonly segmentBytes: number
}

export class BlobEvictor {
  private readonly queues: BlobQueues
  private readonly space: BlobSpace
  private readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>
  private readonly segmentBytes: number
  /** The largest blob that was put, or a segment if that is larger. */
  private largestBytes: number
  private readonly openedAt: { readonly wallMs: number; readonly nowMs: number }
  /** Bytes of the segments that leave, by what is done with them. */
  private readonly moving = new Map<number, number>()
  private readonly dropping = new Map<number, number>()
  /** Bytes that may be moved now. */
  private movable: number

  constructor({ queues, space, clock, segmentBytes }: EvictorOptions) {
    this.queues = queues
    this.space = space
    this.clock = clock
    this.segmentBytes = segmentBytes
    this.largestBytes = segmentBytes
    this.movable = space.maxBytes * SAVED_SHARE
    this.openedAt = { wallMs: clock.wallMs(), nowMs: clock.nowMs() }
  }

  /** True while a segment is leaving. */
  get isBusy(): boolean {
    return this.moving.size + this.dropping.size > 0
  }

  /**
   * Bytes of room that are made ahead: for the next segment, so that nobody waits for it, and for what is moved, which
   * must have place before its victim is gone. Without room for the largest blob, large ones would never be moved.
   */
  private get roomAhead(): number {
    return this.segmentBytes + this.largestBytes
  }

  /** Says what to do next. It is asked again after each reservation, each end of a removal, and each wait. */
  next(): EvictionStep {
    const { waitingBytes, freeBytes } = this.space
    const coming = sumOf(this.dropping)
    if (waitingBytes > 0 && waitingBytes > freeBytes + coming) return this.start(false)
    if (this.moving.size > 0 || freeBytes + coming >= this.roomAhead + waitingBytes) return REST
    return this.start(waitingBytes === 0)
  }

  /** Says that a blob was put: something may be moved for it, and there must be room to move it one day. */
  notePut(bytes: number): void {
    this.largestBytes = Math.max(this.largestBytes, bytes)
    this.movable = Math.min(this.space.maxBytes * SAVED_SHARE, this.movable + bytes * MOVED_PER_PUT)
  }

  /** Says that a blob was moved. */
  noteMoved(bytes: number): void {
    this.movable -= bytes
  }

  /**
   * Says which blobs of a victim are moved on, or that it is kept as it is. Requires: `bytesByVisits` has the bytes of
   * the blobs that the index still finds there and that are not expired, by their visits.
   */
  plan(victim: Victim, bytesByVisits: readonly number[]): MovePlan | 'keep' {
    const hit = bytesByVisits.slice(1).reduce((sum, bytes) => sum + bytes, 0)
    if (!victim.wasKept && hit > victim.bytes * KEPT_SHARE_MIN) return 'keep'
    return new MovePlan(bytesByVisits, this.movable)
  }

  /** Says that a segment is gone. Requires: its bytes were released, or are held by readers. */
  gone(segment: number): void {
    this.queues.remove(segment)
    this.end(segment)
  }

  /** Says that a segment is kept as it is, and goes to the end of the main queue. */
  kept(segment: number): void {
    this.queues.keep(segment)
    this.end(segment)
  }

  /** Says that a removal failed. */
  failed(segment: number): void {
    this.queues.stay(segment)
    this.end(segment)
  }

  private start(isMoved: boolean): EvictionStep {
    const victim = this.queues.victim(this.trustedWallMs())
    if (victim === null) {
      const open = this.space.waitingBytes > 0 && !this.isBusy ? this.queues.oldestOpen() : null
      return open === null ? REST : { kind: 'seal', segment: open }
    }
    const willMove = isMoved && !victim.isExpired
    const leaving = willMove ? this.moving : this.dropping
    leaving.set(victim.segment, victim.bytes)
    return { kind: 'remove', victim, isMoved: willMove }
  }

  private end(segment: number): void {
    this.moving.delete(segment)
    this.dropping.delete(segment)
  }

  /** Gives the time by which blobs are expired; a clock that jumped forward must not empty the cache. */
  private trustedWallMs(): number {
    const wallMs = this.clock.wallMs()
    const expectedMs = this.openedAt.wallMs + (this.clock.nowMs() - this.openedAt.nowMs)
    return wallMs - expectedMs > CLOCK_SLACK_MS ? -Infinity : wallMs
  }
}

/** Which blobs of a victim are moved on: those that were hit, and if that is too much, those that were hit most. */
export class MovePlan {
  /** Bytes that may be moved yet, by the visits of their blobs. */
  private readonly left: number[]

  constructor(bytesByVisits: readonly number[], bytesMax: number) {
    this.left = bytesByVisits.map(() => 0)
    let rest = Math.max(0, bytesMax)
    for (let visits = bytesByVisits.length - 1; visits > 0; visits--) {
      this.left[visits] = Math.min(rest, bytesByVisits[visits]!)
      rest -= this.left[visits]!
    }
  }

  /** Tells whether a blob is moved, and counts it then. */
  takes(visits: number, bytes: number): boolean {
    if (visits === 0 || bytes > this.left[visits]!) return false
    this.left[visits]! -= bytes
    return true
  }
}

/** Gives the visits that a moved blob has at its new place: main ones lose one, so that they leave one day. */
export function visitsAfterMove(queue: QueueName, visits: number): number {
  return queue === 'main' ? visits - 1 : 0
}

function sumOf(bytes: ReadonlyMap<number, number>): number {
  let sum = 0
  for (const each of bytes.values()) sum += each
  return sum
}
