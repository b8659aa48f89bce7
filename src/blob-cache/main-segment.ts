/**
 * What: an open main segment: takes records that are moved, gathers up to 1 MiB of them, writes that, and ends with a
 * footer. It uses no slab, so a move waits for no put.
 * Owns: the open file, what stands in it, and what is gathered. Does not own: up to where it counts (the catalog's
 * limit).
 * Thread: main. One call at a time.
 * States: open → ended; open → failed. Both are closed.
 * Invariants: BC-6 record numbers rise, and nothing is written behind a footer. BC-10 the handle of a failed segment
 * sees only close.
 */
import { FILE_HEADER_BYTES, fileSeed, MiB } from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'
import { encodeFooter, footerBytes } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'

/** Small records are written together, so that each costs no call of its own. */
const GATHERED_BYTES_MAX = MiB

export class MainSegment {
  readonly segment: number
  readonly seed: number
  /** What stands in it, in order of offsets. */
  readonly entries: FooterEntry[] = []
  /** The end of the records. */
  end = FILE_HEADER_BYTES
  private readonly file: VfsFile
  private readonly bytesMax: number
  private keyBytes = 0
  private gathered = new Uint8Array(0)
  private gatheredBytes = 0
  /** Where what is gathered begins in the file. */
  private gatheredStart = 0

  constructor(file: VfsFile, header: FileHeader, bytesMax: number) {
    this.file = file
    this.segment = header.fileNum
    this.seed = fileSeed(header)
    this.bytesMax = bytesMax
  }

  /** True when a record of these bytes, with its entry in the footer, is more than the segment has room for. */
  isFullFor(recordBytes: number, keyBytes: number): boolean {
    const footer = footerBytes(this.entries.length + 1, this.keyBytes + keyBytes)
    return this.end + recordBytes + footer > this.bytesMax
  }

  /** Appends a record, whose place is `end`; it is written with others, before a sync. Rejects when that failed. */
  async append(bytes: Uint8Array, entry: FooterEntry): Promise<void> {
    const { end, gatheredBytes, gatheredStart } = this
    const bytesMax = Math.min(GATHERED_BYTES_MAX, this.bytesMax)
    this.add(entry)
    // A large record may stand between.
    const isNext = gatheredStart + gatheredBytes === end && gatheredBytes + entry.bytes <= bytesMax
    if (!isNext) await this.writeGathered()
    if (entry.bytes > bytesMax) return this.write(bytes, entry.bytes, end)
    if (this.gathered.length === 0) this.gathered = new Uint8Array(bytesMax)
    if (this.gatheredBytes === 0) this.gatheredStart = end
    this.gathered.set(bytes.subarray(0, entry.bytes), this.gatheredBytes)
    this.gatheredBytes += entry.bytes
  }

  private async writeGathered(): Promise<void> {
    const { gathered, gatheredBytes, gatheredStart } = this
    this.gatheredBytes = 0
    if (gatheredBytes > 0) await this.write(gathered, gatheredBytes, gatheredStart)
  }

  /** Makes a record that stands behind all others, or is about to, one of the segment's. */
  add(entry: FooterEntry): void {
    this.entries.push(entry)
    this.keyBytes += entry.key.length
    this.end += entry.bytes
  }

  /** Writes bytes[0, length) at `offset`. Requires: that is behind all records. */
  async write(bytes: Uint8Array, length: number, offset: number): Promise<void> {
    for (let at = 0; at < length;) at += await this.file.write(bytes, at, length - at, offset + at)
  }

  /** Takes away what stands behind the last record. */
  async cut(): Promise<void> {
    await this.file.truncate(this.end)
  }

  async sync(): Promise<void> {
    await this.writeGathered()
    await this.file.dataSync()
  }

  /** Writes the footer, and syncs all. Gives the bytes of the file. */
  async finish(): Promise<number> {
    await this.writeGathered()
    const footer = encodeFooter(this.entries, this.end, this.seed)
    for (let at = 0; at < footer.length;) {
      at += await this.file.write(footer, at, footer.length - at, this.end + at)
    }
    await this.file.dataSync()
    return this.end + footer.length
  }

  async close(): Promise<void> {
    this.gathered = new Uint8Array(0)
    await this.file.close().catch(() => undefined)
  }
}
