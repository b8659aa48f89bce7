/**
 * What: the one way by which segments go, whatever the reason: kills before it, the removal in the catalog, then its
 * entries in the index, then the file.
 * Owns: the removal under way. Thread: main.
 * Invariants: BC-2 entries of a segment leave the index when its removal is durable, not before: until then a kill of
 * them is still queued by whoever overwrites them. BC-3 room is made before it is used. BC-5 all kills that were queued
 * before a removal are durable with it. BC-12 nothing else removes a segment.
 */
import { VarveError } from '../base/index.js'
import type { BlobIndex } from './blob-index.js'
import { ChangeTag } from './catalog-format.js'
import type { CatalogWriter } from './catalog-writer.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

export interface SegmentRemoverOptions {
  maxBytes: number
  index: BlobIndex
  segments: SegmentSet
  slabs: SlabSupply
  catalog: CatalogWriter
  /** Resolves when everything that is reserved now is as safe as it will be. */
  makeSafe: () => Promise<void>
}

export class SegmentRemover {
  /** Segments that were removed to make room, and their bytes. */
  evictedSegments = 0
  evictedBytes = 0
  private readonly options: SegmentRemoverOptions
  private last: Promise<void> = Promise.resolve()

  constructor(options: SegmentRemoverOptions) {
    this.options = options
  }

  /** Bytes that segments may have: catalogs take the rest. */
  private get bytesMax(): number {
    return this.options.maxBytes - this.options.catalog.catalog.roomBytes
  }

  /** Removes the oldest segments until one of these bytes fits, and counts it. Rejects when that is not possible. */
  async reserve(segment: number, bytes: number): Promise<void> {
    const { segments } = this.options
    while (segments.usedBytes + bytes > this.bytesMax) {
      const { oldest, usedBytes } = segments
      if (oldest === null) {
        throw new VarveError('NO_SPACE', `${bytes} bytes do not fit beside ${usedBytes} within maxBytes`)
      }
      await this.remove(oldest)
      this.evictedSegments++
      this.evictedBytes += usedBytes - segments.usedBytes
    }
    segments.reserve(segment, bytes)
  }

  /** Removes a segment and what is in it. Requires: it takes nothing any more. */
  remove(segment: number): Promise<void> {
    const removal = this.last.then(() => this.removeNow(segment))
    this.last = removal.catch(() => undefined)
    return removal
  }

  private async removeNow(segment: number): Promise<void> {
    const { index, segments, slabs, catalog, makeSafe } = this.options
    const entries = await segments.entriesOf(segment).catch(() => null)
    await makeSafe()
    await catalog.submit([{ tag: ChangeTag.removeSegment, segment }], true)
    if (entries === null) this.forgetAll(segment)
    else for (const { low, high, recordNum } of entries) index.removeIf(low, high, segment, recordNum)
    slabs.forget(segment)
    await segments.remove(segment)
  }

  /** Takes all entries of a segment out of the index, where its footer cannot be read. */
  private forgetAll(segment: number): void {
    const { index } = this.options
    for (let page = 0; page < index.pageCount; page++) {
      const found: { low: number; high: number; recordNum: number }[] = []
      index.forEachInPage(page, (slot) => {
        if (index.segmentAt(slot) !== segment) return
        found.push({ low: index.lowAt(slot), high: index.highAt(slot), recordNum: index.recordNumAt(slot) })
      })
      for (const { low, high, recordNum } of found) index.removeIf(low, high, segment, recordNum)
    }
  }

  /** Resolves when no removal is under way. */
  idle(): Promise<void> {
    return this.last
  }
}
