/**
 * What: an open segment for large blobs, which takes one at a time, straight into its file. The header of a record is
 * written last: before that a scan finds zeros there, and nothing of the blob counts.
 * Owns: the open file, how far it is bound, written and synced, and what stands in it. Does not own: who writes to it
 * (large-segments.ts), when it is synced (file-syncer.ts).
 * Thread: main. One blob at a time.
 * States: open → sealed → closed; open → failed → closed. After the first failed write or sync nothing is written.
 * Invariants: BC-6 record numbers rise; nothing is written behind a footer. BC-10 the handle of a failed segment sees
 * only close.
 */
import { assert, FILE_HEADER_BYTES, fileSeed } from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'
import { cacheFileName } from './cache-names.js'
import type { DeadRecords } from './catalog-state.js'
import type { SafeFile } from './durability.js'
import { encodeFooter, footerBytes } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'
import type { WriteMeter } from './write-meter.js'

export interface LargeSegmentOptions {
  file: VfsFile
  header: FileHeader
  meter: WriteMeter
  /** Called after each record, good or not. */
  onWritten: (file: LargeSegment) => void
  /** Called once, when a write or a sync failed. */
  onFailed: (file: LargeSegment) => void
}

export class LargeSegment implements SafeFile {
  readonly segment: number
  readonly name: string
  readonly file: VfsFile
  readonly seed: number
  /** What stands in it, in order of offsets. */
  readonly entries: FooterEntry[] = []
  reservedEnd = FILE_HEADER_BYTES
  writtenEnd = FILE_HEADER_BYTES
  syncedEnd = FILE_HEADER_BYTES
  failure: unknown = null
  /** The number of the next record. */
  nextRecordNum = 0
  private readonly options: LargeSegmentOptions
  private keyBytes = 0
  private binding: Promise<void> | null = null
  /** Calls of the file under way. */
  private readonly underWay = new Set<Promise<unknown>>()
  private isSealed = false

  constructor(options: LargeSegmentOptions) {
    this.options = options
    this.file = options.file
    this.segment = options.header.fileNum
    this.name = cacheFileName('segment', this.segment)
    this.seed = fileSeed(options.header)
  }

  /** Goes on behind what an earlier process wrote. Requires: the file ends at `end`, and is synced. */
  goOn(entries: readonly FooterEntry[], end: number, nextRecordNum: number): void {
    for (const entry of entries) this.note(entry)
    this.reservedEnd = this.writtenEnd = this.syncedEnd = end
    this.nextRecordNum = nextRecordNum
  }

  private note(entry: FooterEntry): void {
    this.entries.push(entry)
    this.keyBytes += entry.key.length
  }

  /** Bytes that a record takes, with what the footer becomes longer. */
  bytesFor(recordBytes: number, keyBytes: number): number {
    const { entries: { length }, keyBytes: known } = this
    return recordBytes + footerBytes(length + 1, known + keyBytes) - footerBytes(length, known)
  }

  /** Writes bytes[0, length) behind the bound records. Rejects when that failed: then the segment has failed. */
  async write(bytes: Uint8Array, length: number, offset: number): Promise<void> {
    assert(!this.isSealed && offset >= this.reservedEnd, 'BC-6: nothing that stands is written again')
    const { meter } = this.options
    const startMs = meter.begin()
    try {
      for (let at = 0; at < length;) {
        if (this.failure !== null) throw this.failure
        at += await this.watched(this.file.write(bytes, at, length - at, offset + at))
      }
      meter.wrote(startMs, length)
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  /**
   * Adds a record of which all is written but `head`, its first bytes. It has its place when this returns; the promise
   * resolves when the head is written, or has failed.
   */
  bind(entry: FooterEntry, head: Uint8Array): Promise<void> {
    assert(entry.offset === this.reservedEnd && this.binding === null, 'one blob at a time')
    const writing = this.write(head, head.length, entry.offset)
    this.note(entry)
    this.nextRecordNum = entry.recordNum + 1
    this.reservedEnd = entry.offset + entry.bytes
    const { reservedEnd } = this
    this.binding = writing.then(() => {
      this.writtenEnd = reservedEnd
    }).finally(() => {
      this.binding = null
      this.options.onWritten(this)
    })
    return this.binding.catch(() => undefined)
  }

  /** Resolves when the first `end` bytes are in the file. Rejects when they never will be. */
  written(end: number): Promise<void> {
    if (end <= this.writtenEnd) return Promise.resolve()
    return this.failure === null ? this.binding! : Promise.reject(this.failure)
  }

  /** Takes away what stands behind the last record. False when that failed: then the segment has failed. */
  async cut(): Promise<boolean> {
    if (this.failure !== null) return false
    try {
      await this.watched(this.file.truncate(this.reservedEnd))
      return true
    } catch (error) {
      this.fail(error)
      return false
    }
  }

  private async watched<T>(call: Promise<T>): Promise<T> {
    this.underWay.add(call)
    try {
      return await call
    } finally {
      this.underWay.delete(call)
    }
  }

  /**
   * Ends a segment that somebody may still write to, without a footer: he is told `reason`. Resolves when nothing of it
   * is written or cut off any more: from then on it is another's.
   */
  async stop(reason: unknown): Promise<void> {
    this.failure ??= reason
    while (this.underWay.size > 0) await Promise.allSettled(this.underWay)
    await this.close()
  }

  fail(error: unknown): void {
    if (this.failure !== null) return
    this.failure = error
    this.options.onFailed(this)
  }

  /** Writes the footer, and syncs all. Gives the bytes of the file. Rejects when that failed; then the segment has. */
  async seal(dead: DeadRecords): Promise<number> {
    this.isSealed = true
    const { reservedEnd: end, options: { meter } } = this
    try {
      await this.written(end)
      const entries = this.entries.map((entry) => (dead.has(entry.recordNum) ? { ...entry, isDead: true } : entry))
      const footer = encodeFooter(entries, end, this.seed)
      const startMs = meter.begin()
      for (let at = 0; at < footer.length;) at += await this.file.write(footer, at, footer.length - at, end + at)
      await this.file.dataSync()
      meter.sealed(startMs, footer.length)
      this.syncedEnd = end
      return end + footer.length
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  async close(): Promise<void> {
    await this.file.close().catch(() => undefined)
  }
}
