/**
 * What: the segments of one queue that take new records, one behind the other: the current one takes them, the next
 * ones may be made ahead, the last ones are being sealed.
 * Owns: which segment is current and which are spare. Does not own: who waits for a place (waiting-puts.ts).
 * Thread: main.
 * Invariants: BC-2 a segment takes records only when its file, its name and its line in the catalog are durable. BC-3
 * its whole size is reserved before it is made. BC-7 when there is no place, something is under way that makes one, or
 * `onFailure` was called.
 */
import type { Turns } from '../base/index.js'
import type { CallSpeed } from '../vfs/index.js'
import type { SegmentQueue } from './catalog-format.js'
import type { FoundOpenSegment } from './found-content.js'
import { SegmentFile } from './segment-file.js'
import type { ReservedPlace } from './segment-file.js'
import { makeSegment, sealSegment } from './segment-making.js'
import type { SegmentParts } from './segment-making.js'
import type { SegmentsAhead } from './segments-ahead.js'
import type { SlabSupply } from './slab-supply.js'
import type { WriteMeter } from './write-meter.js'

export interface SegmentStreamOptions extends SegmentParts {
  /** Gives the next file number. */
  allocate: () => number
  queue: SegmentQueue
  /** How many segments are made before the current one is full; null: none. */
  ahead: SegmentsAhead | null
  segmentBytes: number
  slabs: SlabSupply
  meter: WriteMeter
  turns: Turns
  /** How fast writes are that block. */
  speed: CallSpeed
  /** Reserves room for a new segment. Rejects when there is none. */
  reserveRoom: () => Promise<void>
  /** Called with each segment that takes records from now on. */
  onMade: (file: SegmentFile) => void
  /** Called after each write of a segment, good or not, and when it is sealed. */
  onProgress: (file: SegmentFile) => void
  /** Called when all of a segment is synced, with its footer. */
  onSealed: (file: SegmentFile) => void
  /** Called when a segment can be taken that could not before. */
  onRoom: () => void
  /** Called when a segment has failed. */
  onFailed: (file: SegmentFile) => void
  /** Called when no segment can be made now. */
  onFailure: (error: unknown) => void
}

export class SegmentStream {
  private readonly options: SegmentStreamOptions
  private current: SegmentFile | null = null
  private spares: SegmentFile[] = []
  /** What makes segments, with their numbers once they have some. */
  private readonly makings = new Map<Promise<void>, number>()
  private readonly sealing = new Map<Promise<void>, number>()

  constructor(options: SegmentStreamOptions) {
    this.options = options
  }

  /** Goes on with a segment of an earlier process. */
  goOn({ file, header, content, state }: FoundOpenSegment): void {
    const segment = this.makeFile(file, header)
    const lastNum = Math.max(content.entries.at(-1)?.recordNum ?? -1, state.dead.largest)
    segment.goOn(content.entries, content.end, lastNum + 1)
    const { segments, queue, segmentBytes } = this.options
    segments.reserve(segment.segment, queue, segmentBytes)
    segments.lend(segment.segment, segment.entries)
    this.current = segment
  }

  /** Gives a place for a record, and its segment; null when there is none now. */
  reserve(recordBytes: number, keyBytes: number): { file: SegmentFile; place: ReservedPlace } | null {
    if (this.current?.isFullFor(recordBytes, keyBytes) === true) this.rotate()
    const { ahead } = this.options
    this.current ??= this.spares.shift() ?? null
    if (this.current === null) {
      ahead?.noteShort()
      this.make(Math.max(1, ahead?.count ?? 0))
      return null
    }
    // Room for the next segment may be made by sealing this one.
    const file = this.current
    const place = file.reserve(recordBytes)
    if (ahead !== null && file.isBegun) this.make(ahead.count)
    return place === null ? null : { file, place }
  }

  /** Seals a segment before it is full. False when it is none of these. */
  sealNow(segment: number): boolean {
    if (this.current?.segment === segment) this.rotate()
    return [...this.makings.values(), ...this.sealing.values()].includes(segment)
  }

  private rotate(): void {
    const file = this.current!
    this.current = null
    this.sealLater(file)
  }

  private sealLater(file: SegmentFile): void {
    const sealing = this.seal(file).finally(() => this.sealing.delete(sealing))
    this.sealing.set(sealing, file.segment)
  }

  private async seal(file: SegmentFile): Promise<void> {
    const { onProgress, onSealed } = this.options
    if (!(await sealSegment(file, this.options))) return // Its owner was told.
    onSealed(file)
    onProgress(file)
    await file.close()
  }

  /** Makes segments until so many are spare, or under way. */
  private make(count: number): void {
    while (this.spares.length + this.makings.size < count) this.makeLater()
  }

  private makeLater(): void {
    const { onRoom, onFailure, ahead } = this.options
    const making: Promise<void> = this.makeSpare((segment) => void this.makings.set(making, segment)).then(
      () => {
        this.makings.delete(making)
        ahead?.noteMade()
        onRoom()
      },
      (error: unknown) => {
        this.makings.delete(making)
        onFailure(error)
      },
    )
    this.makings.set(making, 0)
  }

  private async makeSpare(onNumber: (segment: number) => void): Promise<void> {
    const { queue, segmentBytes: bytes, segments, allocate, reserveRoom } = this.options
    await reserveRoom()
    const segment = allocate()
    onNumber(segment)
    const { file, header } = await makeSegment(this.options, { segment, queue, bytes })
    const spare = this.makeFile(file, header)
    segments.lend(spare.segment, spare.entries)
    this.spares.push(spare)
  }

  private makeFile(file: SegmentFile['file'], header: SegmentFile['header']): SegmentFile {
    const { slabs, meter, turns, speed, segmentBytes, onMade, onProgress, onFailed } = this.options
    const made = new SegmentFile({
      file, header, slabs, meter, turns, speed, bytesMax: segmentBytes,
      onWritten: onProgress,
      onFailed: (failed) => {
        if (this.current === failed) this.current = null
        this.spares = this.spares.filter((spare) => spare !== failed)
        onFailed(failed)
      },
    })
    onMade(made)
    return made
  }

  /** Resolves when what is being made and sealed is. */
  async idle(): Promise<void> {
    const { makings, sealing } = this
    while (makings.size + sealing.size > 0) await Promise.all([...makings.keys(), ...sealing.keys()])
  }

  /**
   * Ends writing: a segment that is half full is sealed, another one goes on with the next open. Requires: nothing is
   * reserved any more, and all is synced.
   */
  async close(): Promise<void> {
    await this.idle()
    const { current } = this
    if (current?.isHalfFull === true) this.rotate()
    await this.idle()
    await this.current?.close()
    for (const spare of this.spares) await spare.close()
  }
}
