/**
 * What: one open segment: takes records into slabs, writes them in pieces straight from there, and ends with a footer.
 * Owns: the open file, how far it is reserved, written and synced, and what stands in it.
 * Does not own: when it is synced (file-syncer.ts), what follows from a failure (its owner), the slabs' memory.
 * Thread: main.
 * States: open → sealed → closed; open → failed → closed. After the first failed write or sync nothing is written.
 * Invariants: BC-2 what is reserved has its bytes in memory until they are written. BC-6 record numbers rise; nothing
 * is reserved or written behind a footer. BC-10 the handle of a failed segment sees only close.
 */
import { assert, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, KiB, MiB } from '../base/index.js'
import type { FileHeader, Steps, Turns } from '../base/index.js'
import { openFile, syncFile, writeFully } from '../vfs/index.js'
import type { CallSpeed, Vfs, VfsFile } from '../vfs/index.js'
import { cacheFileName } from './cache-names.js'
import type { DeadRecords } from './catalog-state.js'
import type { SyncedFile } from './file-syncer.js'
import { encodeFooter, footerBytes } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'
import type { SlabPart, SlabSupply } from './slab-supply.js'
import type { WriteMeter } from './write-meter.js'

const PIECE_BYTES_MAX = 4 * MiB
/** Pieces of one file that are written at once: the next one is on its way while the disk works on the first. */
const IN_FLIGHT_MAX = 2
/**
 * Pieces of up to so many bytes are written at once, blocking, while that is fast: a tenth of a millisecond. The way
 * through the thread pool costs more than half of that, and two switches of threads.
 */
const SPOT_BYTES_MAX = 256 * KiB

/** A place for one record. */
export interface ReservedPlace {
  bytes: Uint8Array
  /** Where it stands in `bytes`. */
  at: number
  /** Where it stands in the file. */
  offset: number
  recordNum: number
}

interface Piece {
  part: SlabPart
  start: number
  end: number
  isDone: boolean
}

interface Waiter {
  end: number
  resolve: () => void
  reject: (error: unknown) => void
}

export interface SegmentFileOptions {
  file: VfsFile
  header: FileHeader
  slabs: SlabSupply
  meter: WriteMeter
  turns: Turns
  /** How fast writes are that block. */
  speed: CallSpeed
  /** The file never becomes larger. */
  bytesMax: number
  /** Called after each write, good or not. */
  onWritten: (file: SegmentFile) => void
  /** Called once, when a write or a sync failed. */
  onFailed: (file: SegmentFile) => void
}

export class SegmentFile implements SyncedFile {
  readonly segment: number
  readonly name: string
  readonly file: VfsFile
  readonly header: FileHeader
  readonly seed: number
  /** What stands in it, in order of offsets. */
  readonly entries: FooterEntry[] = []
  reservedEnd = FILE_HEADER_BYTES
  writtenEnd = FILE_HEADER_BYTES
  syncedEnd = FILE_HEADER_BYTES
  failure: unknown = null
  private readonly options: SegmentFileOptions
  private part: SlabPart | null = null
  private parts: SlabPart[] = []
  private nextRecordNum = 0
  private keyBytes = 0
  private submittedEnd = FILE_HEADER_BYTES
  private pieces: Piece[] = []
  private waiters: Waiter[] = []
  private isScheduled = false
  private isSealed = false

  constructor(options: SegmentFileOptions) {
    this.options = options
    this.header = options.header
    this.segment = options.header.fileNum
    this.name = cacheFileName('segment', this.segment)
    this.file = options.file
    this.seed = fileSeed(options.header)
  }

  /** Goes on behind what an earlier process wrote. Requires: the file ends at `end`, and is synced. */
  goOn(entries: readonly FooterEntry[], end: number, nextRecordNum: number): void {
    for (const entry of entries) this.note(entry)
    this.reservedEnd = this.submittedEnd = this.writtenEnd = this.syncedEnd = end
    this.nextRecordNum = nextRecordNum
  }

  /** True when a record of these bytes, with its entry in the footer, is more than the segment has room for. */
  isFullFor(recordBytes: number, keyBytes: number): boolean {
    const footer = footerBytes(this.entries.length + 1, this.keyBytes + keyBytes)
    return this.reservedEnd + recordBytes + footer > this.options.bytesMax
  }

  /** True when an eighth of the room is used, so that the next segment should be made. */
  get isBegun(): boolean {
    return this.reservedEnd * 8 > this.options.bytesMax
  }

  /** True when half of the room is used. */
  get isHalfFull(): boolean {
    return this.reservedEnd * 2 > this.options.bytesMax
  }

  /**
   * Gives a place for a record, which the caller fills before anything else happens; null when there is no slab now.
   * Requires: not `isFullFor`, and no more bytes than a slab has.
   */
  reserve(bytes: number): ReservedPlace | null {
    assert(!this.isSealed && this.failure === null, 'BC-6: nothing is added to a segment that is sealed or failed')
    let { part } = this
    if (part === null || part.end - part.start + bytes > part.slab.capacity) {
      const next = this.options.slabs.take(this.segment, this.reservedEnd)
      if (next === null) return null
      this.endPart()
      part = this.part = next
      this.parts.push(next)
    }
    const offset = this.reservedEnd
    this.reservedEnd += bytes
    part.end += bytes
    return { bytes: part.slab.bytes, at: offset - part.start, offset, recordNum: this.nextRecordNum++ }
  }

  private endPart(): void {
    if (this.part === null) return
    this.part.isFull = true
    this.part = null
  }

  /** Notes a record in the place that was reserved last, and has it written with those that follow at once. */
  add(entry: FooterEntry): void {
    this.note(entry)
    if (this.isScheduled) return
    this.isScheduled = true
    queueMicrotask(this.run)
  }

  private readonly run = (): void => {
    const { turns } = this.options
    // A record of 1 KiB has taken about two microseconds.
    if (turns.isOver(1 + ((this.reservedEnd - this.submittedEnd) >>> 9))) turns.defer(this.runNow)
    else this.runNow()
  }

  private readonly runNow = (): void => {
    this.isScheduled = false
    this.pump()
  }

  private note(entry: FooterEntry): void {
    this.entries.push(entry)
    this.keyBytes += entry.key.length
  }

  private pump(): void {
    while (this.failure === null && this.pieces.length < IN_FLIGHT_MAX && this.submittedEnd < this.reservedEnd) {
      const isAlone = this.pieces.length === 0
      const part = this.parts.find(({ end }) => end > this.submittedEnd)!
      const start = this.submittedEnd
      const end = Math.min(part.end, start + PIECE_BYTES_MAX)
      const piece = { part, start, end, isDone: false }
      this.submittedEnd = end
      this.pieces.push(piece)
      part.slab.hold()
      if (isAlone && this.mayBlock(end - start)) this.writeNow(piece)
      else void this.write(piece)
    }
  }

  private mayBlock(bytes: number): boolean {
    const { speed, turns } = this.options
    return bytes <= SPOT_BYTES_MAX && !speed.mustWait(turns)
  }

  private writeNow(piece: Piece): void {
    const { part: { slab, start: partStart }, start, end } = piece
    const { meter, speed, turns } = this.options
    const startMs = meter.begin()
    try {
      for (let at = start; at < end;) at += this.file.writeSync(slab.bytes, at - partStart, end - at, at)
      piece.isDone = true
      meter.wrote(startMs, end - start)
      speed.note(startMs, turns, end - start)
    } catch (error) {
      this.fail(error)
    }
    this.endPiece(piece)
    this.options.onWritten(this)
  }

  private async write(piece: Piece): Promise<void> {
    const { part: { slab, start: partStart }, start, end } = piece
    const { meter } = this.options
    const startMs = meter.begin()
    try {
      for (let at = start; at < end && this.failure === null;) {
        at += await this.file.write(slab.bytes, at - partStart, end - at, at)
      }
      piece.isDone = true
      meter.wrote(startMs, end - start)
    } catch (error) {
      this.fail(error)
    }
    this.endPiece(piece)
    this.pump()
    this.options.onWritten(this)
  }

  private endPiece(piece: Piece): void {
    piece.part.slab.release()
    if (this.failure !== null) this.pieces = this.pieces.filter((each) => each !== piece && !each.isDone)
    else while (this.pieces[0]?.isDone === true) this.writtenEnd = this.pieces.shift()!.end
    this.settle()
  }

  /** Lets go what is written, and answers those who wait for it. */
  private settle(): void {
    for (const part of this.parts) {
      const isWritten = part.end <= this.writtenEnd
      part.isDone = isWritten || (this.failure !== null && this.pieces.every((piece) => piece.part !== part))
    }
    this.parts = this.parts.filter((part) => !part.isFull || !part.isDone)
    const waiting: Waiter[] = []
    for (const waiter of this.waiters) {
      if (waiter.end <= this.writtenEnd) waiter.resolve()
      else if (this.failure !== null) waiter.reject(this.failure)
      else waiting.push(waiter)
    }
    this.waiters = waiting
  }

  /** Resolves when the first `end` bytes are in the file. Rejects when they never will be. */
  written(end: number): Promise<void> {
    if (end <= this.writtenEnd) return Promise.resolve()
    if (this.failure !== null) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => this.waiters.push({ end, resolve, reject }))
  }

  /** Notes that a write or sync failed: nothing more is written. */
  fail(error: unknown): void {
    if (this.failure !== null) return
    this.failure = error
    this.endPart()
    this.settle()
    this.options.onFailed(this)
  }

  /**
   * Writes the footer behind the last record; syncs it too. Gives the bytes of the file. From the call on nothing is
   * added. Rejects when that failed; then the segment has failed too.
   */
  async seal(dead: DeadRecords): Promise<number> {
    const { meter } = this.options
    this.isSealed = true
    this.endPart()
    const end = this.reservedEnd
    await this.written(end)
    const entries = this.entries.map((entry) => (dead.has(entry.recordNum) ? { ...entry, isDead: true } : entry))
    const footer = encodeFooter(entries, end, this.seed)
    const startMs = meter.begin()
    try {
      for (let at = 0; at < footer.length;) at += await this.file.write(footer, at, footer.length - at, end + at)
      await this.file.dataSync()
    } catch (error) {
      this.fail(error)
      throw error
    }
    meter.sealed(startMs, footer.length)
    this.syncedEnd = end
    this.settle()
    return end + footer.length
  }

  async close(): Promise<void> {
    this.endPart()
    this.settle()
    await this.file.close().catch(() => undefined)
  }
}

/** Makes the file of a new segment, whose header is durable. Its name is durable after the caller's directory sync. */
export function* createSegmentFile(vfs: Vfs, dir: string, header: FileHeader): Steps<VfsFile> {
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  encodeFileHeader(header, bytes)
  const file = yield* openFile(vfs, vfs.join(dir, cacheFileName('segment', header.fileNum)), 'create')
  try {
    yield* writeFully(file, bytes, 0, bytes.length, 0)
    yield* syncFile(file)
    return file
  } catch (error) {
    file.closeSync()
    throw error
  }
}
