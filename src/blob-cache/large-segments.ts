/**
 * What: the open segments for large blobs. Whoever writes one borrows a segment alone, and gives it back: so a slow
 * source keeps nobody else from anything.
 * Owns: which segments are lent and which rest. Does not own: what is written (large-writer.ts).
 * Thread: main.
 * Invariants: BC-3 bytes are reserved before they are written, and come back when a blob is given up. BC-7 nobody waits
 * for a segment that is lent.
 */
import { FILE_HEADER_BYTES } from '../base/index.js'
import type { BlobQueues } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import { PutRefused } from './byte-input.js'
import type { SegmentQueue } from './catalog-format.js'
import { LargeSegment } from './large-segment.js'
import type { FoundOpenSegment } from './found-content.js'
import { footerBytes } from './segment-footer.js'
import { makeSegment, sealSegment } from './segment-making.js'
import type { SegmentParts } from './segment-making.js'
import type { WriteMeter } from './write-meter.js'

/** Files are not longer: places in them have 32 bits. */
const FILE_BYTES_MAX = 2 ** 32 - 8
/** Segments that rest open. */
const RESTING_MAX = 4
/** Bytes of a segment without records. */
const EMPTY_BYTES = FILE_HEADER_BYTES + footerBytes(0, 0)

export type LargeQueue = Exclude<SegmentQueue, 'main'>

export interface LargeSegmentsOptions extends SegmentParts {
  /** Gives the next file number. */
  allocate: () => number
  /** A segment of this many bytes takes no more. */
  segmentBytes: number
  meter: WriteMeter
  queues: BlobQueues
  space: BlobSpace
  /** Called when room was used, or is wanted. */
  lookForRoom: () => void
  /** Called with each segment that takes records from now on. */
  onMade: (file: LargeSegment) => void
  /** Called after each record, good or not, and when a segment is sealed. */
  onProgress: (file: LargeSegment) => void
  /** Called when all of a segment is synced, with its footer. */
  onSealed: (file: LargeSegment) => void
  /** Called when a segment has failed. */
  onFailed: (file: LargeSegment) => void
}

interface Resting {
  readonly file: LargeSegment
  readonly queue: LargeQueue
}

export class LargeSegments {
  private readonly options: LargeSegmentsOptions
  private resting: Resting[] = []
  private readonly making = new Set<number>()
  private readonly lent = new Map<number, Resting>()
  private readonly sealing = new Map<Promise<void>, number>()

  constructor(options: LargeSegmentsOptions) {
    this.options = options
  }

  /** Takes an open segment of an earlier process. */
  goOn({ file, header, content, state: { segment, queue, dead } }: FoundOpenSegment, bytes: number): void {
    const { segments } = this.options
    const made = this.makeFile({ file, header })
    made.goOn(content.entries, content.end, Math.max(content.entries.at(-1)?.recordNum ?? -1, dead.largest) + 1)
    segments.reserve(segment, queue, bytes)
    segments.lend(segment, made.entries)
    this.resting.push({ file: made, queue: queue === 'returned' ? queue : 'young' })
  }

  /** Lends a segment with room for these bytes. Rejects when there is none, and none can be made. */
  async borrow(queue: LargeQueue, bytesMax: number): Promise<LargeSegment> {
    const at = this.resting.findIndex((each) =>
      each.queue === queue && each.file.reservedEnd + bytesMax + EMPTY_BYTES <= FILE_BYTES_MAX)
    const resting = at < 0 ? { file: await this.make(queue), queue } : this.resting.splice(at, 1)[0]!
    const { file } = resting
    if (file.failure !== null) throw file.failure
    this.lent.set(file.segment, resting)
    this.options.queues.lend(file.segment, true)
    return file
  }

  private async make(queue: LargeQueue): Promise<LargeSegment> {
    const { space, segments, allocate } = this.options
    if (!(await this.reserve(EMPTY_BYTES))) throw new PutRefused('busy')
    space.change('stream', 'segment', EMPTY_BYTES)
    const segment = allocate()
    this.making.add(segment)
    const making = makeSegment(this.options, { segment, queue, bytes: EMPTY_BYTES })
    const made = await making.finally(() => this.making.delete(segment))
    const file = this.makeFile(made)
    segments.lend(file.segment, file.entries)
    return file
  }

  private makeFile(parts: Pick<LargeSegment['options'], 'file' | 'header'>): LargeSegment {
    const { meter, onMade, onProgress } = this.options
    const made = new LargeSegment({ ...parts, meter, onWritten: onProgress, onFailed: (file) => this.onFailed(file) })
    onMade(made)
    return made
  }

  private onFailed(file: LargeSegment): void {
    this.resting = this.resting.filter((each) => each.file !== file)
    this.options.onFailed(file)
  }

  /** Reserves bytes for a blob under way. False when there is no room, or streams have their part of it. */
  async reserve(bytes: number): Promise<boolean> {
    const { space, lookForRoom } = this.options
    const isReserved = space.tryReserve('stream', bytes) || new Promise<boolean>((resolve) =>
      space.reserve(bytes, resolve, 'stream'))
    lookForRoom()
    return isReserved
  }

  /** Counts bytes that were reserved for a blob as the segment's, since it is complete; the rest comes back. */
  keep({ segment }: LargeSegment, bytes: number, reserved: number): void {
    const { space, segments } = this.options
    space.change('stream', 'segment', bytes)
    segments.grow(segment, bytes)
    space.release('stream', reserved - bytes)
  }

  /** Gives up a blob under way: what was written of it goes, then its room comes back. */
  async giveUp(file: LargeSegment, reserved: number): Promise<void> {
    const { space, lookForRoom } = this.options
    // What cannot be cut off goes with the segment.
    if (await file.cut()) space.release('stream', reserved)
    else this.keep(file, reserved, reserved)
    this.giveBack(file)
    lookForRoom()
  }

  /** Takes a segment back. Requires: nothing is written to it any more. */
  giveBack(file: LargeSegment): void {
    const resting = this.lent.get(file.segment)!
    this.lent.delete(file.segment)
    this.options.queues.lend(file.segment, false)
    if (file.failure !== null) return
    this.resting.push(resting)
    const isFull = file.reservedEnd >= this.options.segmentBytes
    if (isFull) this.sealLater(file)
    else if (this.resting.length > RESTING_MAX) this.sealLater(this.fullest)
  }

  private get fullest(): LargeSegment {
    return this.resting.reduce((a, b) => (b.file.reservedEnd > a.file.reservedEnd ? b : a)).file
  }

  /** Seals a segment before it is full. False when it is none of these, or is lent. */
  sealNow(segment: number): boolean {
    const resting = this.resting.find(({ file }) => file.segment === segment)
    if (resting !== undefined) this.sealLater(resting.file)
    return this.making.has(segment) || [...this.sealing.values()].includes(segment)
  }

  private sealLater(file: LargeSegment): void {
    this.resting = this.resting.filter((each) => each.file !== file)
    const sealing = this.seal(file).finally(() => this.sealing.delete(sealing))
    this.sealing.set(sealing, file.segment)
  }

  private async seal(file: LargeSegment): Promise<void> {
    const { onSealed, onProgress } = this.options
    if (!(await sealSegment(file, this.options))) return
    onSealed(file)
    onProgress(file)
    await file.close()
  }

  /** Resolves when a record of the segment that ends at `end` can be read from its file; null when it can be now. */
  whenWritten(segment: number, end: number): Promise<void> | null {
    const file = this.lent.get(segment)?.file
    return file === undefined || file.writtenEnd >= end ? null : file.written(end)
  }

  /**
   * Ends writing: segments that are half full are sealed, others go on with the next open, or with the store that takes
   * the place of this one. What is under way yet is given up. Requires: all is synced.
   */
  async close(): Promise<void> {
    await Promise.all([...this.lent.values()].map(({ file }) => file.stop(new PutRefused('degraded'))))
    for (const { file } of [...this.resting]) {
      if (file.reservedEnd * 2 > this.options.segmentBytes) this.sealLater(file)
    }
    while (this.sealing.size > 0) await Promise.all(this.sealing.keys())
    for (const { file } of this.resting) await file.close()
  }
}
