/**
 * What: leaves a snapshot of the index at a clean close, so that the next open reads no footer: the file first, then
 * the group of the catalog that says that it counts. It is a hint: it is not synced, and where it cannot be written it
 * is left out, which fails nothing.
 * Memory: 1 MiB, and a page. Thread: main. It gives way after each page or some.
 * Invariants: BC-2 all segments that the index points to are listed. BC-3 its bytes are reserved before they are
 * written. BC-5 a snapshot is named only behind all kills; a group behind it ends it.
 */
import { encodeFileHeader, FILE_HEADER_BYTES, fileSeed, MiB, newFileHeader, runAsync } from '../base/index.js'
import type { FileHeader, FileOrigin } from '../base/index.js'
import { openFile, unlinkFile, writeFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'
import type { BlobIndex } from './blob-index.js'
import type { BlobQueues } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import type { LockedDirectory } from './cache-directory.js'
import { cacheFileName } from './cache-names.js'
import { ChangeTag } from './catalog-format.js'
import type { CatalogWriter } from './catalog-writer.js'
import type { IndexPage } from './index-page.js'
import type { KillQueue } from './kill-queue.js'
import { encodeBlock, encodeSnapshotEnd, snapshotBytes } from './snapshot-format.js'
import type { SnapshotSegment } from './snapshot-format.js'

/** With more purge marks than this none is left: an open from footers makes records dead of them. */
const MARKS_MAX = 1024
/** Bytes that are gathered before they are written. */
const GATHERED_BYTES = MiB

/** What a snapshot is made of. */
export interface SnapshotParts {
  place: LockedDirectory
  origin: FileOrigin
  index: BlobIndex
  queues: BlobQueues
  kills: KillQueue
  space: BlobSpace
  catalog: CatalogWriter
  /** Gives the next file number. */
  allocate: () => number
}

/** Leaves a snapshot, where it can be. Requires: nothing binds any more, and what was put is as safe as it will be. */
export async function leaveSnapshot(parts: SnapshotParts): Promise<void> {
  const { index, kills, space, catalog, catalog: { catalog: { state } } } = parts
  const killsEnd = kills.end
  if (kills.length > 0 || state.marks.list().length > MARKS_MAX) return
  const bytes = snapshotBytes({ items: index.count, segments: state.segments.size, blocks: index.pageCount })
  if (!space.tryReserve('snapshot', bytes)) return
  const writing = new SnapshotWriting(parts, bytes)
  if (!(await writing.run())) return
  await catalog.idle()
  // What was killed meanwhile is in the snapshot yet.
  if (kills.end === killsEnd) await catalog.submit([writing.change]).catch(() => undefined)
}

class SnapshotWriting {
  private readonly parts: SnapshotParts
  private readonly header: FileHeader
  private readonly path: string
  private readonly reservedBytes: number
  private readonly seed: number
  /** Items that the index has in each segment. */
  private readonly items = new Map<number, number>()
  private gathered: Uint8Array
  /** Bytes that are gathered, and those that were written before them. */
  private gatheredEnd = FILE_HEADER_BYTES
  private written = 0

  constructor(parts: SnapshotParts, bytes: number) {
    const { place: { vfs, dir }, origin, allocate, index } = parts
    this.parts = parts
    this.reservedBytes = bytes
    this.header = newFileHeader('varvebix', origin, allocate())
    this.seed = fileSeed(this.header)
    this.path = vfs.join(dir, cacheFileName('index', this.header.fileNum))
    const pageBytes = index.pagesInOrder().reduce((most, page) => Math.max(most, page.bytes), 0)
    this.gathered = new Uint8Array(Math.min(bytes, GATHERED_BYTES + pageBytes))
    encodeFileHeader(this.header, this.gathered)
  }

  /** The change that says that the snapshot counts. */
  get change() {
    const { header: { fileNum, salt }, written } = this
    return { tag: ChangeTag.index, fileNum, bytes: written, salt }
  }

  /** Writes the file. False when that could not be: then there is none. */
  async run(): Promise<boolean> {
    const { place: { vfs }, space } = this.parts
    let file: VfsFile | null = null
    try {
      file = await runAsync(openFile(vfs, this.path, 'create'))
      if (await this.write(file)) return true
    } catch {
      // The next open reads footers.
    } finally {
      await file?.close().catch(() => undefined)
    }
    const isGone = file === null || await runAsync(unlinkFile(vfs, this.path)).then(() => true, () => false)
    if (isGone) space.release('snapshot', this.reservedBytes)
    return false
  }

  private async write(file: VfsFile): Promise<boolean> {
    const { index } = this.parts
    const pages = index.pagesInOrder()
    let items = 0
    for (const page of pages) {
      this.gather(page)
      items += page.count
      if (this.gatheredEnd >= GATHERED_BYTES) await this.flush(file, this.gathered, this.gatheredEnd)
    }
    const segments = this.segments()
    if (segments === null) return false
    await this.flush(file, this.gathered, this.gatheredEnd)
    const end = encodeSnapshotEnd(segments, { items, offset: this.written, blocks: pages.length }, this.seed)
    await this.flush(file, end, end.length)
    return true
  }

  private gather(page: IndexPage): void {
    const { items } = this
    this.gatheredEnd = encodeBlock(page, this.gathered, this.gatheredEnd, this.written + this.gatheredEnd, this.seed)
    page.forEach((slot) => {
      const segment = page.segmentAt(slot)
      items.set(segment, (items.get(segment) ?? 0) + 1)
    })
  }

  private async flush(file: VfsFile, bytes: Uint8Array, length: number): Promise<void> {
    await runAsync(writeFully(file, bytes, 0, length, this.written))
    this.written += length
    this.gatheredEnd = 0
  }

  /** Gives the segments, in the order in which they go. Null when the index points to others than the catalog lists. */
  private segments(): SnapshotSegment[] | null {
    const { queues, catalog: { catalog: { state } } } = this.parts
    const segments: SnapshotSegment[] = []
    for (const queue of ['young', 'main'] as const) {
      for (const { segment, expiresMs, wasKept } of queues.list(queue)) {
        const listed = state.segments.get(segment)
        if (listed === undefined) return null
        const items = this.items.get(segment) ?? 0
        segments.push({ segment, isMain: queue === 'main', wasKept, bytes: listed.sealedBytes, items, expiresMs })
        this.items.delete(segment)
      }
    }
    return segments.length === state.segments.size && this.items.size === 0 ? segments : null
  }
}
