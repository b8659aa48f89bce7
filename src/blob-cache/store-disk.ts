/**
 * What: what a store has on its disk: the catalog, the segments that take blobs and those that are full, and the way
 * in which room is made for more.
 * Owns: these parts, each of which owns its files. Wires them: whoever uses room looks whether more is wanted, and
 * whoever makes some tells those who wait. Does not own: the index, what follows from failures (store-retreat.ts).
 * Thread: main.
 */
import type { Clock, FileOrigin } from '../base/index.js'
import type { BlobDeaths } from './blob-deaths.js'
import { BlobEvictor } from './blob-eviction.js'
import { BlobMover } from './blob-mover.js'
import { BlobQueues } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import type { LockedDirectory } from './cache-directory.js'
import { rollCatalog } from './catalog-roll.js'
import { CatalogWriter } from './catalog-writer.js'
import type { KillQueue } from './kill-queue.js'
import type { LargeSegment } from './large-segment.js'
import type { RecoveredCache } from './recovery.js'
import type { SegmentFile } from './segment-file.js'
import { SegmentRemover } from './segment-remover.js'
import { SegmentSet } from './segment-set.js'
import { SegmentsAhead } from './segments-ahead.js'
import { SegmentStreams } from './segment-streams.js'
import type { SlabSupply } from './slab-supply.js'
import type { StoreNumbers } from './store-numbers.js'
import type { StoreSettings } from './store-settings.js'

/** The part of the cache that young segments have. */
const YOUNG_SHARE = 0.05

export interface StoreDiskOptions {
  place: LockedDirectory
  recovered: RecoveredCache
  settings: StoreSettings
  clock: Clock
  slabs: SlabSupply
  numbers: StoreNumbers
  kills: KillQueue
  deaths: BlobDeaths
  /** Larger records are large blobs. */
  recordBytesMax: number
  /** Tries again to give those a place who wait for one. */
  bindWaiting: () => void
  /** Called when no segment can be made for those who wait. */
  onNoPlace: (error: unknown) => void
  /** Called with a segment that has failed: it takes nothing any more. */
  onSegmentFailed: (file: SegmentFile | LargeSegment) => void
  /** Called when a group of the catalog could not be written; the next one may be. */
  onTrouble: (error: unknown) => void
  /** Called once, when nothing more becomes durable. */
  onFailure: (error: unknown) => void
}

export class StoreDisk {
  readonly space: BlobSpace
  readonly queues: BlobQueues
  readonly evictor: BlobEvictor
  readonly segments: SegmentSet
  readonly catalog: CatalogWriter
  readonly mover: BlobMover
  readonly remover: SegmentRemover
  readonly streams: SegmentStreams
  /** What the files that are made say of their origin. */
  readonly origin: FileOrigin
  private readonly ahead = new SegmentsAhead()
  private readonly options: StoreDiskOptions

  constructor(options: StoreDiskOptions) {
    this.options = options
    const { place: { vfs, dir }, recovered: { space, index, origin }, settings, clock } = options
    const { maxBytes, segmentBytes } = settings
    this.space = space
    this.origin = origin
    const queues = this.queues = new BlobQueues({
      maxBytes, youngShare: YOUNG_SHARE, segmentBytes, itemCount: () => index.count,
    })
    this.evictor = new BlobEvictor({ queues, space, clock, segmentBytes, ahead: this.ahead })
    this.segments = new SegmentSet({ vfs, dir, origin, space, queues, clock })
    this.catalog = this.makeCatalog()
    this.mover = this.makeMover()
    this.remover = this.makeRemover()
    this.streams = this.makeStreams()
  }

  private makeCatalog(): CatalogWriter {
    const { place, recovered: { catalog, origin }, numbers, kills, onTrouble, onFailure } = this.options
    const { space } = this
    return new CatalogWriter({
      catalog, kills, onTrouble, onFailure,
      numbers: () => numbers,
      check: () => place.vfs.check(),
      roll: (from) => {
        return rollCatalog(from, { place, origin, space, seqNum: numbers.seqNum, fileNum: numbers.nextFileNum() })
      },
    })
  }

  private makeMover(): BlobMover {
    const { place: { vfs, dir }, recovered: { index, origin }, settings, numbers, deaths } = this.options
    const { segments, space, evictor, catalog } = this
    return new BlobMover({
      vfs, dir, origin, segmentBytes: settings.segmentBytes, index, segments, space, evictor, catalog,
      wholeBytesMax: this.options.recordBytesMax,
      allocate: () => numbers.nextFileNum(),
      seqNum: () => numbers.seqNum,
      kill: (kill) => deaths.kill(kill, null),
      goneReason: (header) => deaths.goneReason(header),
      onCorrupt: ({ low, high, recordNum }, segment) => deaths.killDead({ low, high }, { segment, recordNum }),
    })
  }

  private makeRemover(): SegmentRemover {
    const { recovered: { index }, clock, slabs, kills } = this.options
    const { segments, queues, space, evictor, catalog, mover } = this
    return new SegmentRemover({
      clock, index, segments, slabs, queues, space, evictor, catalog, mover,
      makeSafe: () => (kills.safeEnd < kills.end ? this.streams.makeSafe() : Promise.resolve()),
      sealOpen: (each) => this.streams.sealNow(each) || mover.sealNow(each, () => this.remover.look()),
    })
  }

  private makeStreams(): SegmentStreams {
    const { place: { vfs, dir }, recovered: { origin }, settings, clock, slabs, numbers } = this.options
    const { bindWaiting, onSegmentFailed, onNoPlace } = this.options
    const { segments, catalog, space, queues, remover, ahead } = this
    return new SegmentStreams({
      vfs, dir, origin, segmentBytes: settings.segmentBytes, slabs, segments, catalog, space, queues, clock, ahead,
      allocate: () => numbers.nextFileNum(),
      lookForRoom: () => remover.look(),
      onProgress: () => {
        catalog.look()
        bindWaiting()
      },
      onSynced: () => catalog.look(),
      onRoom: bindWaiting,
      onFailed: onSegmentFailed,
      onFailure: onNoPlace,
    })
  }

  /** Resolves when all that has its place, and all kills, survive a power loss. Rejects when some of it does not. */
  async sync(): Promise<void> {
    await this.streams.sync()
    await this.catalog.killed()
  }
}
