/**
 * What: what an open makes of the segments that it found: those that were not sealed go on, or get the footer that they
 * lack; the oldest ones go when all of them are more than the cache may have.
 * Thread: main.
 */
import { fileSeed, runAsync } from '../base/index.js'
import type { Turns } from '../base/index.js'
import { writeFully } from '../vfs/index.js'
import type { BlobSpace } from './blob-space.js'
import { newCatalogBytes } from './catalog.js'
import type { CatalogState } from './catalog-state.js'
import type { FoundContent, FoundOpenSegment } from './found-content.js'
import { encodeFooter, footerBytes } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'

/** Segments for large blobs that go on. */
const RESTING_MAX = 4

/** Segments that take records again. Their files are open. */
export class GoingOn {
  /** The segment that goes on, or null. */
  current: FoundOpenSegment | null = null
  /** Others that are less than half full: they take large blobs. */
  readonly resting: FoundOpenSegment[] = []
  private readonly found: FoundContent
  private readonly segmentBytes: number

  constructor(found: FoundContent, segmentBytes: number) {
    this.found = found
    this.segmentBytes = segmentBytes
  }

  /**
   * Syncs segments that were not sealed, since what they win is killed in the new catalog, and must not be lost after
   * it. And decides what becomes of them: the newest one that is less than half full goes on, and some more for large
   * blobs; empty ones go, others get the footer that they lack.
   */
  async take(): Promise<void> {
    const { found } = this
    for (const open of found.open.splice(0).reverse()) {
      const { content: { entries }, file, state: { segment } } = open
      const goesOn = this.mayGoOn(open)
      if (entries.length === 0) found.drop(segment)
      else {
        try {
          await endSegment(open, goesOn)
          found.segments.get(segment)!.bytes = goesOn ? open.content.end + footerRoom(entries) : file.sizeSync()
          if (goesOn) this.add(open)
        } catch {
          found.forget(open)
        }
      }
      if (!this.has(open)) await file.close().catch(() => undefined)
    }
  }

  private mayGoOn({ content: { end, entries }, state: { queue } }: FoundOpenSegment): boolean {
    const isFew = this.current === null || this.resting.length < RESTING_MAX
    return isFew && entries.length > 0 && queue === 'young' && end * 2 < this.segmentBytes
  }

  private add(open: FoundOpenSegment): void {
    if (this.current === null) this.current = open
    else this.resting.push(open)
  }

  private has(open: FoundOpenSegment): boolean {
    return this.current === open || this.resting.includes(open)
  }

  /**
   * Drops segments until all fits into the bytes that the cache may have now, oldest first. What their records have won
   * against is dead already.
   */
  async dropSurplus(state: CatalogState, space: BlobSpace, turns: Turns): Promise<void> {
    const { found, segmentBytes, found: { segments } } = this
    const currentNum = this.current?.state.segment
    const bytesOf = (segment: number): number => {
      const { bytes } = segments.get(segment)!
      return segment === currentNum ? Math.max(segmentBytes, bytes) : bytes
    }
    let used = [...segments.keys()].reduce((sum, segment) => sum + bytesOf(segment), 0)
    const most = space.maxBytes - Math.max(space.maxBytes - space.freeBytes, newCatalogBytes(state))
    const surplus = new Set<number>()
    for (const segment of [...segments.keys()].sort((a, b) => a - b)) {
      if (used <= most) break
      if (segment === currentNum) continue
      used -= bytesOf(segment)
      surplus.add(segment)
      await this.closeResting(segment)
    }
    await found.forgetAll(surplus, turns)
    if (used <= most || this.current === null) return
    await this.current.file.close().catch(() => undefined)
    found.forget(this.current)
    this.current = null
  }

  private async closeResting(segment: number): Promise<void> {
    const at = this.resting.findIndex(({ state }) => state.segment === segment)
    if (at >= 0) await this.resting.splice(at, 1)[0]!.file.close().catch(() => undefined)
  }

  async close(): Promise<void> {
    for (const open of [this.current, ...this.resting]) await open?.file.close().catch(() => undefined)
  }
}

async function endSegment(open: FoundOpenSegment, goesOn: boolean): Promise<void> {
  if (open.state.queue === 'main') await open.file.dataSync()
  else await cutAndEnd(open, goesOn)
}

/** Takes away what stands behind the last good record, and writes the footer when the segment does not go on. */
async function cutAndEnd({ state, file, header, content }: FoundOpenSegment, goesOn: boolean): Promise<void> {
  const { entries, end } = content
  await file.truncate(end)
  if (!goesOn) {
    const marked = entries.map((entry) => ({ ...entry, isDead: state.dead.has(entry.recordNum) }))
    const footer = encodeFooter(marked, end, fileSeed(header))
    await runAsync(writeFully(file, footer, 0, footer.length, end))
  }
  await file.dataSync()
  if (!goesOn) state.sealedBytes = file.sizeSync()
}

/** Bytes of the footer that a segment will get. */
function footerRoom(entries: readonly FooterEntry[]): number {
  return footerBytes(entries.length, entries.reduce((sum, { key }) => sum + key.length, 0))
}
