/**
 * What: where new records go: into young segments, or, when their keys were dropped a short while ago and there is room
 * for it, into a segment of such ones, which has main's place in the queue. And how safe the records are.
 * Owns: the slabs, the segments that take new records, which of them may not be synced yet, their syncs.
 * Does not own: what follows from a failure (store-retreat.ts).
 * Thread: main.
 * Invariants: BC-7 a segment of returned keys never makes anybody wait: where there is none, young ones take all.
 * BC-9 a put is acknowledged when its bytes are as safe as it asked for.
 */
import { keepAliveUntil, Turns, VarveError } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { CallSpeed } from '../vfs/index.js'
import type { BlobQueues } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import type { SafeFile } from './durability.js'
import type { Durability, PutResult, SafePoint } from './durability.js'
import { FileSyncer } from './file-syncer.js'
import type { LargeSegment } from './large-segment.js'
import { LargeSegments } from './large-segments.js'
import type { RecoveredCache } from './recovery.js'
import type { ReservedPlace, SegmentFile } from './segment-file.js'
import type { SegmentsAhead } from './segments-ahead.js'
import { snapshotBytes } from './snapshot-format.js'
import { SegmentStream } from './segment-stream.js'
import type { SegmentStreamOptions } from './segment-stream.js'
import { WriteMeter } from './write-meter.js'

/**
 * Puts that are answered without a turn of the loop go on for so long. To make, seal and remove a segment takes some
 * twenty turns, one behind the other, and puts wait for that when it takes longer than they fill one.
 */
const TURN_MS_MAX = 0.4

type StreamParts = Pick<SegmentStreamOptions,
  'vfs' | 'dir' | 'origin' | 'segmentBytes' | 'slabs' | 'segments' | 'catalog' | 'allocate'>

export interface SegmentStreamsOptions extends StreamParts {
  space: BlobSpace
  queues: BlobQueues
  clock: Clock
  ahead: SegmentsAhead
  /** Called when room is wanted, or may be there now. */
  lookForRoom: () => void
  /** Called after each write of a segment, good or not: bytes are safe that were not, or there is a place. */
  onProgress: () => void
  /** Called when bytes became safe by a sync. */
  onSynced: () => void
  /** Called when there is a place for records again. */
  onRoom: () => void
  /** Called with a segment that has failed: it takes nothing any more. */
  onFailed: (file: SegmentFile | LargeSegment) => void
  /** Called when no segment can be made for those who wait. */
  onFailure: (error: unknown) => void
}

export class SegmentStreams {
  readonly meter: WriteMeter
  /** Segments for blobs that are larger than a slab takes. */
  readonly large: LargeSegments
  private readonly options: SegmentStreamsOptions
  private readonly syncer: FileSyncer
  private readonly young: SegmentStream
  private readonly returned: SegmentStream
  /** Segments whose bytes may not all be synced. */
  private readonly unsafe = new Set<SafeFile>()

  constructor(options: SegmentStreamsOptions) {
    this.options = options
    const { clock, space, segmentBytes, lookForRoom } = options
    const meter = this.meter = new WriteMeter(clock)
    this.syncer = new FileSyncer(clock, () => this.options.onSynced(), meter.sync)
    const shared = {
      ...options,
      meter, turns: new Turns(clock, TURN_MS_MAX), speed: new CallSpeed(),
      onMade: (file: SafeFile) => this.unsafe.add(file),
      onProgress: (file: SafeFile) => this.onProgress(file),
      onSealed: (file: SafeFile) => this.onSealed(file),
      onFailed: (file: SegmentFile | LargeSegment) => this.onFailed(file),
    }
    this.large = new LargeSegments(shared)
    this.young = new SegmentStream({ ...shared, queue: 'young', reserveRoom: () => this.reserveRoom() })
    this.returned = new SegmentStream({
      ...shared, queue: 'returned', ahead: null,
      reserveRoom: async () => {
        if (!space.tryReserve('segment', segmentBytes)) throw noRoom(segmentBytes)
      },
      onRoom: lookForRoom,
      onFailure: () => undefined,
    })
  }

  /** Bytes of the slabs in use. */
  get slabBytes(): number {
    return this.options.slabs.usedBytes
  }

  /**
   * Takes up the segments of an earlier process, and goes on with those that were less than half full. From then on
   * room is kept for the snapshot that the close leaves.
   */
  takeUp({ index, segments, current, resting }: RecoveredCache): void {
    const { segments: listed, space } = this.options
    const open = new Map(resting.map((found) => [found.state.segment, found]))
    for (const [segment, found] of segments) {
      const openNow = open.get(segment)
      if (openNow !== undefined) this.large.goOn(openNow, found.bytes)
      else if (segment !== current?.state.segment) listed.add(segment, found)
    }
    if (current !== null) this.young.goOn(current)
    space.snapshotBytes = () => snapshotBytes({ items: index.count, segments: listed.count, blocks: index.pageCount })
  }

  /** Gives a place for a record, and its segment; null when there is none now. */
  reserve(
    recordBytes: number, keyBytes: number, isReturning: boolean,
  ): { file: SegmentFile; place: ReservedPlace } | null {
    const place = isReturning ? this.returned.reserve(recordBytes, keyBytes) : null
    return place ?? this.young.reserve(recordBytes, keyBytes)
  }

  /** Resolves when there is room for a segment; others go for it. Rejects when none can be made. */
  private reserveRoom(): Promise<void> {
    const { space, segmentBytes, lookForRoom } = this.options
    return new Promise((resolve, reject) => {
      space.reserve(segmentBytes, (isGranted) => (isGranted ? resolve() : reject(noRoom(segmentBytes))))
      lookForRoom()
    })
  }

  private onProgress(file: SafeFile): void {
    this.syncer.noteWritten(file)
    this.options.onProgress()
  }

  private onSealed(file: SafeFile): void {
    this.unsafe.delete(file)
    this.options.lookForRoom()
  }

  private onFailed(file: SegmentFile | LargeSegment): void {
    this.unsafe.delete(file)
    this.options.segments.fail(file.segment)
    this.options.onFailed(file)
    this.onProgress(file)
    void file.close()
  }

  /** Seals a segment before it is full. False when it is none of these. */
  sealNow(segment: number): boolean {
    return this.young.sealNow(segment) || this.returned.sealNow(segment) || this.large.sealNow(segment)
  }

  /** Tells what became of a put, when its bytes are as safe as it asked for. */
  async acknowledge({ file, end }: SafePoint, durability: Durability): Promise<PutResult> {
    try {
      if (durability === 'written') await keepAliveUntil(this.options.clock, file.written(end))
      if (durability === 'synced') await this.synced(file, end)
      return { stored: true }
    } catch {
      return { stored: false, reason: 'degraded' }
    }
  }

  /** Resolves when the first `end` bytes survive power loss. Rejects when a write or a sync of the file failed. */
  synced(file: SafeFile, end: number): Promise<void> {
    return this.syncer.waitFor(file, end)
  }

  /** Resolves when all that is reserved now is synced. Rejects when some of it is lost. */
  async sync(): Promise<void> {
    await Promise.all([...this.unsafe].map((file) => this.syncAll(file)))
  }

  /** Resolves when all that is reserved now is synced, or lost. */
  async makeSafe(): Promise<void> {
    await Promise.allSettled([...this.unsafe].map((file) => this.syncAll(file)))
  }

  private async syncAll(file: SafeFile): Promise<void> {
    const end = file.reservedEnd
    await file.written(end)
    await this.syncer.waitFor(file, end)
  }

  /** Ends writing. Requires: nothing is reserved any more, and all is synced. */
  async close(): Promise<void> {
    await this.young.close()
    await this.returned.close()
    await this.large.close()
  }
}

function noRoom(bytes: number): VarveError {
  return new VarveError('NO_SPACE', `there is no room for ${bytes} bytes within maxBytes`)
}
