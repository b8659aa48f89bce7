/**
 * What: the segments that the catalog lists or is about to list: how many bytes each has or has reserved, and how they
 * are read.
 * Owns: the readers, and the sum of the bytes. Does not own: segments that take records (segment-stream.ts).
 * Thread: main.
 * Invariants: BC-3 bytes are counted from before they are written until their file is gone.
 */
import { compareBytes, errnoOf, fileSeed, ioError, runAsync, VarveError } from '../base/index.js'
import type { FileHeader, FileOrigin } from '../base/index.js'
import { FilePool, FileSystemError, PooledFile, unlinkFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { cacheFileName } from './cache-names.js'
import { readSegment, readSegmentHeader } from './segment-scan.js'
import type { FooterEntry } from './segment-footer.js'

/** Segments that may be open for reads at once. */
const OPEN_MAX = 512

interface ListedSegment {
  bytes: number
  /** Its entries while they are in memory, since it takes records or has failed. */
  entries: readonly FooterEntry[] | null
  /** True when it takes nothing any more, so that it may go. */
  mayGo: boolean
  reader: SegmentReader | null
}

/** An open segment to read from. */
export interface SegmentReader {
  readonly file: PooledFile
  readonly seed: number
}

export class SegmentSet {
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly origin: FileOrigin
  private readonly pool: FilePool
  private readonly segments = new Map<number, ListedSegment>()
  private usedBytesNow = 0

  constructor(vfs: Vfs, dir: string, origin: FileOrigin) {
    this.vfs = vfs
    this.dir = dir
    this.origin = origin
    this.pool = new FilePool({ max: OPEN_MAX, openFilesMax: vfs.openFilesMax })
  }

  get count(): number {
    return this.segments.size
  }

  /** Bytes of all segments, reserved ones included. */
  get usedBytes(): number {
    return this.usedBytesNow
  }

  /** Adds a segment that takes nothing any more. */
  add(segment: number, bytes: number): void {
    this.segments.set(segment, { bytes, entries: null, mayGo: true, reader: null })
    this.usedBytesNow += bytes
  }

  /** Counts a segment that is about to be made, with all that it may become. */
  reserve(segment: number, bytes: number): void {
    this.add(segment, bytes)
    this.segments.get(segment)!.mayGo = false
  }

  /** Lends the entries of a segment that takes records. */
  lend(segment: number, entries: readonly FooterEntry[]): void {
    this.segments.get(segment)!.entries = entries
  }

  /** Notes that a segment was sealed with these bytes. */
  seal(segment: number, bytes: number): void {
    const listed = this.segments.get(segment)
    if (listed === undefined) return
    this.usedBytesNow += bytes - listed.bytes
    listed.bytes = bytes
    listed.entries = null
    listed.mayGo = true
  }

  /** Notes that a segment has failed: it takes nothing any more. */
  fail(segment: number): void {
    const listed = this.segments.get(segment)
    if (listed !== undefined) listed.mayGo = true
  }

  /** The segment that was made first of those that may go, or null. */
  get oldest(): number | null {
    let oldest: number | null = null
    for (const [segment, { mayGo }] of this.segments) {
      if (mayGo && (oldest === null || segment < oldest)) oldest = segment
    }
    return oldest
  }

  /** Gives what stands in a segment. Rejects when that cannot be read. */
  async entriesOf(segment: number): Promise<readonly FooterEntry[]> {
    const known = this.segments.get(segment)?.entries
    if (known !== null && known !== undefined) return known
    const name = cacheFileName('segment', segment)
    let file: VfsFile | null = null
    try {
      file = await this.vfs.open(this.vfs.join(this.dir, name), 'read')
      const header = await runAsync(readSegmentHeader(file, name))
      return (await runAsync(readSegment(file, header, Infinity))).entries
    } finally {
      await file?.close().catch(() => undefined)
    }
  }

  /** Gives a reader of the segment, or null when it is gone. Rejects when it cannot be opened. */
  async reader(segment: number): Promise<SegmentReader | null> {
    const listed = this.segments.get(segment)
    if (listed === undefined) return null
    if (listed.reader !== null) return listed.reader
    const reader = await this.openReader(segment)
    const now = this.segments.get(segment)
    if (now !== listed || listed.reader !== null) {
      await reader.file.close()
      return now?.reader ?? null
    }
    listed.reader = reader
    return reader
  }

  private async openReader(segment: number): Promise<SegmentReader> {
    const { vfs, dir, pool } = this
    const name = cacheFileName('segment', segment)
    let identity: string | null = null
    const file = new PooledFile({
      vfs, path: vfs.join(dir, name), pool,
      check: (opened) => {
        if (opened.identitySync() !== identity) throw new FileSystemError('ENOENT', 'open', name)
      },
      reopenError: (error) => error,
    })
    await file.open()
    try {
      identity = (await vfs.stat(file.path))?.identity ?? null
      return { file, seed: await this.seedOf(file, segment, name) }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  private async seedOf(file: PooledFile, segment: number, name: string): Promise<number> {
    const header: FileHeader = await runAsync(readSegmentHeader(file, name))
    const isOurs = header.fileNum === segment && compareBytes(header.databaseId, this.origin.databaseId) === 0
    if (!isOurs) throw new VarveError('CORRUPTION', `${name} is another file`, { file: name })
    return fileSeed(header)
  }

  /** Removes the file of a segment that no durable catalog lists. Its bytes count until it is gone. */
  async remove(segment: number): Promise<void> {
    const listed = this.segments.get(segment)
    if (listed === undefined) return
    this.segments.delete(segment)
    await listed.reader?.file.close()
    const name = cacheFileName('segment', segment)
    try {
      await runAsync(unlinkFile(this.vfs, this.vfs.join(this.dir, name)))
    } catch (error) {
      // The next open removes it. Until then its bytes stay counted.
      if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'removing', name)
    }
    this.usedBytesNow -= listed.bytes
  }

  async close(): Promise<void> {
    for (const { reader } of this.segments.values()) await reader?.file.close()
  }
}
