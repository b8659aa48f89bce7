/**
 * What: the segments that the catalog lists or is about to list: how many bytes each has or has reserved, which queue
 * it stands in, and how it is read.
 * Owns: the readers. Does not own: segments that take records (segment-stream.ts, main-segment.ts), the sum of the
 * bytes (blob-space.ts), the order in which segments go (blob-queues.ts).
 * Thread: main.
 * Invariants: BC-3 bytes are counted from before they are written until their file is gone.
 */
import { assert, compareBytes, errnoOf, fileSeed, runAsync, VarveError } from '../base/index.js'
import type { Clock, FileHeader, FileOrigin } from '../base/index.js'
import { FilePool, FileSystemError, PooledFile, unlinkFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { BlobQueues } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import { cacheFileName } from './cache-names.js'
import type { SegmentQueue } from './catalog-format.js'
import type { FoundSegment } from './found-content.js'
import { SegmentHolds } from './segment-holds.js'
import type { Hold } from './segment-holds.js'
import { readSegment, readSegmentHeader } from './segment-scan.js'
import type { FooterEntry } from './segment-footer.js'

/** Segments that may be open for reads at once. */
const OPEN_MAX = 512

interface ListedSegment {
  bytes: number
  /** Its entries while they are in memory, since it takes records or has failed. */
  entries: readonly FooterEntry[] | null
  reader: SegmentReader | null
}

/** An open segment to read from. */
export interface SegmentReader {
  readonly file: PooledFile
  readonly seed: number
}

export interface SegmentSetOptions {
  clock: Clock
  vfs: Vfs
  dir: string
  origin: FileOrigin
  space: BlobSpace
  queues: BlobQueues
}

export class SegmentSet {
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly origin: FileOrigin
  private readonly pool: FilePool
  private readonly segments = new Map<number, ListedSegment>()
  /** Segments that were removed and are read from. */
  private readonly held = new Map<number, ListedSegment>()
  private readonly holds: SegmentHolds
  private readonly unlinkings = new Set<Promise<void>>()
  private readonly space: BlobSpace
  private readonly queues: BlobQueues

  constructor({ vfs, dir, origin, space, queues, clock }: SegmentSetOptions) {
    this.holds = new SegmentHolds(clock)
    this.space = space
    this.queues = queues
    this.vfs = vfs
    this.dir = dir
    this.origin = origin
    this.pool = new FilePool({ max: OPEN_MAX, openFilesMax: vfs.openFilesMax })
  }

  get count(): number {
    return this.segments.size
  }

  /** Adds a segment of an earlier process, which takes nothing any more. */
  add(segment: number, { queue, bytes, expiresMs, wasKept }: FoundSegment): void {
    this.reserve(segment, queue, bytes)
    this.queues.seal(segment, expiresMs, wasKept)
  }

  /** Counts a segment of an earlier process that takes records again, with all that it may become. */
  reserve(segment: number, queue: SegmentQueue, bytes: number): void {
    assert(this.space.tryReserveForMoves(bytes), 'BC-3: what an open finds fits')
    this.begin(segment, queue, bytes)
  }

  /** Adds a segment that is about to be made. Requires: its bytes are reserved. */
  begin(segment: number, queue: SegmentQueue, bytes: number): void {
    this.segments.set(segment, { bytes, entries: null, reader: null })
    this.queues.add(segment, queue === 'young' ? 'young' : 'main', bytes)
  }

  /** Lends the entries of a segment that takes records. */
  lend(segment: number, entries: readonly FooterEntry[]): void {
    this.segments.get(segment)!.entries = entries
  }

  /** Notes that a segment was sealed with these bytes, and when the last of its blobs expires: it may go. */
  seal(segment: number, bytes: number, expiresMs: number): void {
    const listed = this.segments.get(segment)
    if (listed === undefined) return
    const surplus = listed.bytes - bytes
    listed.bytes = bytes
    listed.entries = null
    this.queues.grow(segment, -surplus)
    this.queues.seal(segment, expiresMs)
    this.space.release('segment', surplus)
  }

  /** Counts more bytes of a segment. Requires: they are reserved. Where it is gone already they come back. */
  grow(segment: number, bytes: number): void {
    const listed = this.segments.get(segment)
    if (listed === undefined) return this.space.release('segment', bytes)
    listed.bytes += bytes
    this.queues.grow(segment, bytes)
  }

  /** Notes that a segment has failed: it takes nothing any more, and may go. */
  fail(segment: number): void {
    if (this.segments.has(segment)) this.queues.seal(segment)
  }

  /** Gives the segments with larger numbers than this, in their order. */
  after(segment: number): number[] {
    return [...this.segments.keys()].filter((each) => each > segment).sort((a, b) => a - b)
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

  /** Removes what there is of a segment that could not be made. */
  async abandon(segment: number): Promise<void> {
    if (!this.segments.has(segment)) return
    this.queues.remove(segment)
    await this.remove(segment)
  }

  /**
   * Removes the file of a segment that no durable catalog lists. Its bytes count until it is gone; where it cannot be
   * removed now, until the next open removes it.
   */
  async remove(segment: number): Promise<void> {
    const listed = this.segments.get(segment)
    if (listed === undefined) return
    this.segments.delete(segment)
    if (!this.holds.isHeld(segment)) {
      if (await this.unlink(segment, listed)) this.space.release('segment', listed.bytes)
      return
    }
    this.held.set(segment, listed)
    this.space.change('segment', 'held', listed.bytes)
    this.holds.whenFree(segment, () => {
      const unlinking = this.unlinkHeld(segment, listed).finally(() => this.unlinkings.delete(unlinking))
      this.unlinkings.add(unlinking)
    })
    while (this.space.heldExcess > 0 && this.holds.breakIdlest());
  }

  private async unlinkHeld(segment: number, listed: ListedSegment): Promise<void> {
    this.held.delete(segment)
    if (await this.unlink(segment, listed)) this.space.release('held', listed.bytes)
  }

  private async unlink(segment: number, { reader }: ListedSegment): Promise<boolean> {
    await reader?.file.close()
    try {
      await runAsync(unlinkFile(this.vfs, this.vfs.join(this.dir, cacheFileName('segment', segment))))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') return false
    }
    return true
  }

  /** Holds a segment for reads that go on for longer; null when it is gone. */
  hold(segment: number, onBroken: () => void): Hold | null {
    return this.segments.has(segment) ? this.holds.take(segment, onBroken) : null
  }

  /** Gives a reader of a segment that is held, or there; null when it is gone. Rejects when it cannot be opened. */
  async heldReader(segment: number): Promise<SegmentReader | null> {
    const reader = await this.reader(segment)
    const held = this.held.get(segment)
    if (reader !== null || held === undefined) return reader
    if (held.reader !== null) return held.reader
    const opened = await this.openReader(segment)
    if (held.reader === null) return (held.reader = opened)
    await opened.file.close()
    return held.reader
  }

  /** Breaks off all who hold a segment. */
  async endHolds(): Promise<void> {
    this.holds.close()
    while (this.unlinkings.size > 0) await Promise.all(this.unlinkings)
  }

  async close(): Promise<void> {
    for (const { reader } of [...this.segments.values(), ...this.held.values()]) await reader?.file.close()
  }
}
