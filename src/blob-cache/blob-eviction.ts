/**
 * What: what has to be done so that a blob cache has room: which segment leaves, whether its blobs are moved on, and
 * which of them. Pure: whoever asks does it, and says when it is done.
 * Owns: which removals are under way, and how much room is kept for moves.
 * Keeps true (BC-7): while somebody waits for room, a removal is under way, or the next step is one, or it says what
 * keeps it: an open segment to seal, a reader or a stream that holds the rest. A removal ends by itself: what is moved
 * has room of its own, and waits for nothing but the disk.
 */
import type { Clock } from '../base/index.js'
import type { BlobQueues, QueueName, Victim } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import type { SegmentsAhead } from './segments-ahead.js'

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
/** While somebody waits at most so many are kept, one after the other. */
const KEPT_IN_A_ROW_MAX = 4
/** The clock of the wall is believed while it agrees with the other one as well as this. */
const CLOCK_SLACK_MS = 60_000

const REST: EvictionStep = { kind: 'rest' }

export interface EvictorOptions {
  readonly queues: BlobQueues
  readonly space: BlobSpace
  readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>
  readonly segmentBytes: number
  /** How many segments are made ahead. */
  readonly ahead: Pick<SegmentsAhead, 'count'>
}

export class BlobEvictor {
  private readonly queues: BlobQueues
  private readonly space: BlobSpace
  private readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>
  private readonly segmentBytes: number
  private readonly ahead: Pick<SegmentsAhead, 'count'>
  private readonly openedAt: { readonly wallMs: number; readonly nowMs: number }
  /** Bytes of the segments that leave, by what is done with them. */
  private readonly moving = new Map<number, number>()
  private readonly dropping = new Map<number, number>()
  private keptInARow = 0
  /** Bytes that may be moved now. */
  private movable: number

  constructor({ queues, space, clock, segmentBytes, ahead }: EvictorOptions) {
    this.ahead = ahead
    this.queues = queues
    this.space = space
    this.clock = clock
    this.segmentBytes = segmentBytes
    space.moveBytes = segmentBytes
    this.movable = space.maxBytes * SAVED_SHARE
    this.openedAt = { wallMs: clock.wallMs(), nowMs: clock.nowMs() }
  }

  /** True while a segment is leaving. */
  get isBusy(): boolean {
    return this.moving.size + this.dropping.size > 0
  }

  /**
   * Says what to do next: one move at a time, until there is room for those who wait and for the next segments, so that
   * nobody waits for them. It is asked again after each reservation, each end of a removal, and each wait.
   */
  next(): EvictionStep {
    const { waitingBytes, freeBytes } = this.space
    const roomAhead = this.ahead.count * this.segmentBytes
    if (this.moving.size > 0 || freeBytes + sumOf(this.dropping) >= roomAhead + waitingBytes) return REST
    return this.start()
  }

  /**
   * Says that a blob was put: something may be moved for it, and there must be room to move it one day, before its
   * victim is gone.
   */
  notePut(bytes: number): void {
    this.space.moveBytes = Math.max(this.space.moveBytes, bytes)
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
    const mayKeep = this.space.waitingBytes === 0 || this.keptInARow < KEPT_IN_A_ROW_MAX
    if (mayKeep && !victim.wasKept && hit > victim.bytes * KEPT_SHARE_MIN) return 'keep'
    return new MovePlan(bytesByVisits, this.movable)
  }

  /** Says that nothing of a victim is moved: its removal waits for nothing, and the next one may begin. */
  drops(segment: number): void {
    this.dropping.set(segment, this.moving.get(segment)!)
    this.moving.delete(segment)
  }

  /** Says that a segment is gone. Requires: its bytes were released, or are held by readers. */
  gone(segment: number): void {
    this.keptInARow = 0
    this.queues.remove(segment)
    this.end(segment)
  }

  /** Says that a segment is kept as it is, and goes to the end of the main queue. */
  kept(segment: number): void {
    this.keptInARow++
    this.queues.keep(segment)
    this.end(segment)
  }

  /** Says that a removal failed. */
  failed(segment: number): void {
    this.queues.stay(segment)
    this.end(segment)
  }

  private start(): EvictionStep {
    const victim = this.queues.victim(this.trustedWallMs())
    if (victim === null) {
      const open = this.space.waitingBytes > 0 && !this.isBusy ? this.queues.oldestOpen() : null
      return open === null ? REST : { kind: 'seal', segment: open }
    }
    // A disk that turned out to be full takes no copies.
    const isMoved = !victim.isExpired && this.space.withheldBytes === 0
    const leaving = isMoved ? this.moving : this.dropping
    leaving.set(victim.segment, victim.bytes)
    return { kind: 'remove', victim, isMoved }
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
  /** True when there is nothing to move. */
  readonly isEmpty: boolean
  /** Bytes that may be moved yet, by the visits of their blobs. */
  private readonly left: number[]

  constructor(bytesByVisits: readonly number[], bytesMax: number) {
    this.left = bytesByVisits.map(() => 0)
    let rest = Math.max(0, bytesMax)
    for (let visits = bytesByVisits.length - 1; visits > 0; visits--) {
      this.left[visits] = Math.min(rest, bytesByVisits[visits]!)
      rest -= this.left[visits]!
    }
    this.isEmpty = this.left.every((bytes) => bytes === 0)
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
