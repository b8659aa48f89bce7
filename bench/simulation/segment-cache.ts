/**
 * What: the blob cache as it runs, without its files: index, ghosts, queues, space and eviction of src/blob-cache, fed
 * with segments that are lists of records. A removal for which blobs are moved takes as long as so many bytes are put.
 * Owns: the simulated segments.
 */
import { KiB, systemClock } from '../../src/base/index.js'
import type { HashSeed } from '../../src/base/index.js'
import { BlobEvictor, visitsAfterMove } from '../../src/blob-cache/blob-eviction.js'
import type { EvictionStep } from '../../src/blob-cache/blob-eviction.js'
import { hashKey } from '../../src/blob-cache/blob-hash.js'
import { BlobIndex } from '../../src/blob-cache/blob-index.js'
import { BlobQueues } from '../../src/blob-cache/blob-queues.js'
import type { QueueName, Victim } from '../../src/blob-cache/blob-queues.js'
import { BlobSpace } from '../../src/blob-cache/blob-space.js'
import type { SimulatedCache } from './item-caches.js'

export interface SegmentCacheOptions {
  readonly maxBytes: number
  readonly youngShare: number
  /** Segments that fit into the cache. */
  readonly segmentCount: number
  readonly hasGhosts: boolean
  /** The time that a removal with moved blobs takes, in segments that are put meanwhile. */
  readonly lagSegments: number
}

interface Segment {
  readonly number: number
  readonly low: number[]
  readonly high: number[]
  readonly bytes: number[]
  writtenBytes: number
  reservedBytes: number
}

/** The file header, and what the catalog has at least. */
const HEADER_BYTES = 128
const CATALOG_SHARE = 1 / 256
/** A record has a header, a key, a checksum for each 256 KiB, an entry in the footer. */
const RECORD_BYTES = 72 + 40 + 2 * 16
/** An open segment reserves space in so many steps. */
const RESERVED_STEPS = 8
/** Larger blobs than this part of a segment stand in segments of their own, since they are streamed. */
const LARGE_SHARE = 1 / 8
const SEED: HashSeed = { low: 1, high: 2 }

export class SegmentCache implements SimulatedCache {
  writtenBytes = 0
  evictedCount = 0
  usedBytesMost = 0
  private readonly options: SegmentCacheOptions
  private readonly segmentBytes: number
  private readonly index = new BlobIndex()
  private readonly queues: BlobQueues
  private readonly space: BlobSpace
  private readonly evictor: BlobEvictor
  private readonly segments = new Map<number, Segment>()
  /** The open segments, by what is written to them. */
  private readonly open = new Map<string, Segment>()
  private lastNumber = 0
  private putBytes = 0
  /** Segments whose blobs are moved, and which go when so many bytes were put. */
  private readonly leaving: { readonly segment: Segment; readonly atBytes: number }[] = []
  private readonly hash = new Uint32Array(2)
  private readonly key = new Uint8Array(4)

  constructor(options: SegmentCacheOptions) {
    this.options = options
    const { maxBytes, youngShare, segmentCount } = options
    this.segmentBytes = Math.floor(maxBytes / segmentCount)
    this.queues = new BlobQueues({
      maxBytes, youngShare, segmentBytes: this.segmentBytes, itemCount: () => this.index.count,
    })
    this.space = new BlobSpace({ maxBytes, catalogBytes: maxBytes * CATALOG_SHARE })
    this.evictor = new BlobEvictor({
      queues: this.queues, space: this.space, clock: systemClock, segmentBytes: this.segmentBytes, ahead: { count: 1 },
    })
  }

  ask(blob: number, bytes: number): boolean {
    new DataView(this.key.buffer).setUint32(0, blob, true)
    hashKey(this.key, 0, this.key.length, SEED, this.hash)
    const [low, high] = [this.hash[0]!, this.hash[1]!]
    const slot = this.index.find(low, high)
    if (slot >= 0) {
      this.index.visit(slot)
      return true
    }
    const size = bytes + RECORD_BYTES + 4 * Math.ceil(bytes / (256 * KiB))
    const queue = this.queues.hasGhost(low, high) ? 'main' : 'young'
    const name = `${queue}${bytes > this.segmentBytes * LARGE_SHARE ? ' large' : ''}`
    const segment = this.roomFor(name, queue, size, (wanted) => this.waitFor(wanted))!
    this.append(segment, low, high, size, 0, undefined)
    this.evictor.notePut(size)
    this.putBytes += size
    const isDue = (): boolean => this.leaving.length > 0 && this.leaving[0]!.atBytes <= this.putBytes
    while (isDue()) this.finish(this.leaving.shift()!.segment)
    this.evict()
    return false
  }

  /** Gives the open segment of a name with room for `size`, or a new one; undefined when no room is to be had. */
  private roomFor(name: string, queue: QueueName, size: number, want: (bytes: number) => boolean): Segment | undefined {
    let segment = this.open.get(name)
    const isFull = segment !== undefined && segment.writtenBytes + size > this.segmentBytes && segment.low.length > 0
    if (segment !== undefined && isFull) this.seal(name, segment)
    if (segment === undefined || isFull) segment = this.openSegment(name, queue)
    const missing = segment.writtenBytes + size - segment.reservedBytes
    if (missing <= 0) return segment
    const step = this.segmentBytes / RESERVED_STEPS
    const wanted = Math.ceil(missing / step) * step
    if (!want(wanted)) return undefined
    // Room is made by sealing, too: what was open may not be.
    if (this.open.get(name) !== segment) {
      this.space.release('segment', wanted)
      return this.roomFor(name, queue, size, want)
    }
    segment.reservedBytes += wanted
    this.queues.grow(segment.number, wanted)
    return segment
  }

  private openSegment(name: string, queue: QueueName): Segment {
    const number = ++this.lastNumber
    const segment = { number, low: [], high: [], bytes: [], writtenBytes: HEADER_BYTES, reservedBytes: 0 }
    this.segments.set(number, segment)
    this.open.set(name, segment)
    this.queues.add(number, queue, 0)
    return segment
  }

  private seal(name: string, segment: Segment): void {
    this.open.delete(name)
    const surplus = segment.reservedBytes - segment.writtenBytes
    this.queues.grow(segment.number, -surplus)
    this.queues.seal(segment.number)
    segment.reservedBytes -= surplus
    this.space.release('segment', surplus)
  }

  private waitFor(bytes: number): boolean {
    let isGranted = this.space.tryReserve('segment', bytes)
    if (isGranted) return true
    this.space.reserve(bytes, (granted) => (isGranted = granted))
    while (!isGranted) {
      const step = this.evictor.next()
      if (step.kind !== 'rest') this.take(step)
      else if (this.leaving.length > 0) this.finish(this.leaving.shift()!.segment)
      else throw new Error('somebody waits, and nothing is to be done')
    }
    return true
  }

  private evict(): void {
    this.usedBytesMost = Math.max(this.usedBytesMost, this.space.usedBytes)
    for (let step = this.evictor.next(); step.kind !== 'rest'; step = this.evictor.next()) this.take(step)
  }

  private take(step: EvictionStep): void {
    if (step.kind === 'remove') return this.removeVictim(step.victim, step.isMoved)
    if (step.kind === 'rest') return
    const [name, segment] = [...this.open].find(([, { number }]) => number === step.segment)!
    this.seal(name, segment)
  }

  private removeVictim(victim: Victim, isMoved: boolean): void {
    const segment = this.segments.get(victim.segment)!
    const plan = isMoved ? this.evictor.plan(victim, this.bytesByVisits(segment)) : undefined
    if (plan === 'keep') return this.evictor.kept(victim.segment)
    for (let record = 0; record < segment.low.length; record++) {
      const slot = this.slotOf(segment, record)
      if (slot < 0) continue
      const visits = this.index.visitsAt(slot)
      const bytes = segment.bytes[record]!
      if (plan?.takes(visits, bytes) === true && this.move(segment, record, victim.queue, visits)) continue
      this.index.removeIf(segment.low[record]!, segment.high[record]!, segment.number, record)
      if (victim.queue === 'young' && this.options.hasGhosts) {
        this.queues.addGhost(segment.low[record]!, segment.high[record]!, bytes)
      }
    }
    this.evictedCount++
    const { lagSegments } = this.options
    if (!isMoved || lagSegments === 0) return this.finish(segment)
    this.leaving.push({ segment, atBytes: this.putBytes + lagSegments * this.segmentBytes })
  }

  private finish(segment: Segment): void {
    this.segments.delete(segment.number)
    this.evictor.gone(segment.number)
    this.space.release('segment', segment.reservedBytes)
  }

  private bytesByVisits(segment: Segment): number[] {
    const bytes = [0, 0, 0, 0]
    for (let record = 0; record < segment.low.length; record++) {
      const slot = this.slotOf(segment, record)
      if (slot >= 0) bytes[this.index.visitsAt(slot)]! += segment.bytes[record]!
    }
    return bytes
  }

  private slotOf(segment: Segment, record: number): number {
    return this.index.findIf(segment.low[record]!, segment.high[record]!, segment.number, record)
  }

  /** Moves a record on, if there is room: a move never waits. */
  private move(from: Segment, record: number, queue: QueueName, visits: number): boolean {
    const bytes = from.bytes[record]!
    const to = this.roomFor('moved', 'main', bytes, (wanted) => this.space.tryReserveForMoves(wanted))
    if (to === undefined) return false
    this.append(to, from.low[record]!, from.high[record]!, bytes, visitsAfterMove(queue, visits), { from, record })
    this.evictor.noteMoved(bytes)
    return true
  }

  private append(
    to: Segment, low: number, high: number, bytes: number, visits: number,
    moved: { readonly from: Segment; readonly record: number } | undefined,
  ): void {
    const [offset, record] = [Math.ceil(to.writtenBytes / 8) * 8, to.low.length]
    if (moved === undefined) this.index.set(low, high, to.number, offset % 2 ** 32, bytes, record, visits)
    else {
      this.index.moveIf(low, high, moved.from.number, moved.record, to.number, offset % 2 ** 32, record, visits)
    }
    to.low.push(low)
    to.high.push(high)
    to.bytes.push(bytes)
    to.writtenBytes += bytes
    this.writtenBytes += bytes
  }
}
