/**
 * What: what an open has found in the segments that the catalog lists, before it decides what becomes of them: the
 * index, and of each segment how many bytes it has, when the last of its blobs expires, and where it stands.
 * Owns: the index, and the open files of segments that were not sealed. Changes: the state of the catalog.
 * Thread: main.
 */
import { ioError, isOutOfFiles, VarveError } from '../base/index.js'
import type { FileHeader, SeqNum, Turns } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'
import { BlobIndex } from './blob-index.js'
import type { SegmentQueue } from './catalog-format.js'
import type { CatalogState, SegmentState } from './catalog-state.js'
import type { SegmentContent } from './segment-scan.js'

/** Entries between two looks at the clock: some tens of microseconds. */
export const ENTRIES_PER_LOOK = 128

/** Where an open found its index: in the snapshot that a clean close left, or in the segments. */
export type IndexFrom = 'snapshot' | 'segments'

/** A segment that counts. */
export interface FoundSegment {
  queue: SegmentQueue
  /** Bytes of the file, or those that it is going to have. */
  bytes: number
  expiresMs: number
  /** True when it was kept as a whole once already. */
  wasKept: boolean
}

/** A segment that was not sealed, read and synced. */
export interface FoundOpenSegment {
  state: SegmentState
  file: VfsFile
  header: FileHeader
  content: SegmentContent
}

export class FoundContent {
  readonly index: BlobIndex
  readonly indexFrom: IndexFrom
  /** In the order in which they go. */
  readonly segments = new Map<number, FoundSegment>()
  /** Those that were not sealed, in the order in which they were made. */
  readonly open: FoundOpenSegment[] = []
  /** The highest sequence number that was found. */
  seqNum: SeqNum
  /** Segments that were listed and could not be read, or had to go. */
  droppedCount = 0
  private readonly state: CatalogState

  /** With the index of a snapshot, or an empty one. */
  constructor(state: CatalogState, snapshot: BlobIndex | null = null) {
    this.state = state
    this.index = snapshot ?? new BlobIndex()
    this.indexFrom = snapshot === null ? 'segments' : 'snapshot'
    this.seqNum = state.seqNum
  }

  /** Takes a segment out of the catalog. Requires: nothing in the index stands in it. */
  drop(segment: number): void {
    this.droppedCount++
    this.state.segments.delete(segment)
    this.segments.delete(segment)
  }

  /** Drops a segment whose entries are known. */
  forget({ content: { entries }, state: { segment } }: FoundOpenSegment): void {
    for (const { low, high, recordNum } of entries) this.index.removeIf(low, high, segment, recordNum)
    this.drop(segment)
  }

  /** Drops segments, and looks for their entries everywhere in the index, once for all of them. */
  async forgetAll(segments: ReadonlySet<number>, turns: Turns): Promise<void> {
    const { index } = this
    for (let page = 0; segments.size > 0 && page < index.pageCount; page++) {
      const found: [number, number, number, number][] = []
      index.forEachInPage(page, (slot) => {
        const segment = index.segmentAt(slot)
        if (segments.has(segment)) found.push([index.lowAt(slot), index.highAt(slot), segment, index.recordNumAt(slot)])
      })
      for (const [i, [low, high, segment, recordNum]] of found.entries()) {
        index.removeIf(low, high, segment, recordNum)
        if (i % ENTRIES_PER_LOOK === 0 && turns.isOverNow()) await turns.next()
      }
      if (turns.isOverNow()) await turns.next()
    }
    for (const segment of segments) this.drop(segment)
  }

  async close(): Promise<void> {
    for (const { file } of this.open) await file.close().catch(() => undefined)
  }
}

/** Throws an error that says nothing about the file, so that nothing may be dropped for it. */
export function throwUnlessBad(error: unknown, name: string): void {
  const isNewer = VarveError.is(error) && error.code === 'UNSUPPORTED_FORMAT'
  if (isNewer || isOutOfFiles(error)) throw ioError(error, 'open', name)
}
