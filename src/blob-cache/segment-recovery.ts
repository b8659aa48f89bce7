/**
 * What: makes the index of the listed segments alone: sealed ones by their footers, others read record by record. Of
 * each key the newest record counts that nothing killed and no mark covers; the others are dead in the catalog then.
 * A segment that cannot be read, or is another file, is dropped.
 * Memory: the index, 8 bytes for each record while it runs, and one footer.
 * Thread: main. It gives way to others now and then.
 * Invariants: BC-5 what lost is dead.
 */
import { compareBytes, runAsync } from '../base/index.js'
import type { FileHeader, SeqNum, Turns } from '../base/index.js'
import { openFile } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'
import type { LockedDirectory } from './cache-directory.js'
import { cacheFileName } from './cache-names.js'
import { RECORD_NUM_MAX } from './catalog-state.js'
import type { CatalogState, SegmentState } from './catalog-state.js'
import { ENTRIES_PER_LOOK, FoundContent, throwUnlessBad } from './found-content.js'
import type { FoundOpenSegment } from './found-content.js'
import { emptyFooterEntry, lastExpiryMs } from './segment-footer.js'
import type { Footer, FooterEntry } from './segment-footer.js'
import { readFooter, readSegmentHeader, scanSegment } from './segment-scan.js'
import type { SegmentContent } from './segment-scan.js'

/** A listed segment that is open, with a good header that is its own. */
interface OpenedSegment {
  readonly file: VfsFile
  readonly header: FileHeader
}

/** Opens a listed segment, to write if it was not sealed. Rejects when it is missing, or another file. */
async function openListed(
  { dir, vfs }: LockedDirectory, { segment, salt, sealedBytes }: SegmentState,
): Promise<OpenedSegment> {
  const name = cacheFileName('segment', segment)
  const file = await runAsync(openFile(vfs, vfs.join(dir, name), sealedBytes === 0 ? 'write' : 'read'))
  try {
    const header = await runAsync(readSegmentHeader(file, name))
    if (header.fileNum !== segment || compareBytes(header.salt, salt) !== 0) throw new TypeError('another file')
    return { file, header }
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
}

/** Reads a segment that was not sealed: its file stays open. Rejects when it cannot be read. */
export async function readOpenSegment(place: LockedDirectory, state: SegmentState): Promise<FoundOpenSegment> {
  const { file, header } = await openListed(place, state)
  try {
    return { state, file, header, content: await runAsync(scanSegment(file, header, state.limit)) }
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
}

/** Makes what the listed segments hold of the segments themselves. Segments that cannot be read leave the state. */
export async function contentOfSegments(
  place: LockedDirectory, state: CatalogState, turns: Turns,
): Promise<FoundContent> {
  const found = new FoundContent(state)
  try {
    await new SegmentRecovery(place, state, turns, found).run()
    return found
  } catch (error) {
    await found.close()
    throw error
  }
}

class SegmentRecovery {
  private readonly place: LockedDirectory
  private readonly state: CatalogState
  private readonly turns: Turns
  private readonly found: FoundContent
  /** The sequence numbers of all records, by segment and record number. */
  private readonly seqNums = new Map<number, Float64Array>()

  constructor(place: LockedDirectory, state: CatalogState, turns: Turns, found: FoundContent) {
    this.place = place
    this.state = state
    this.turns = turns
    this.found = found
  }

  async run(): Promise<void> {
    for (const segment of [...this.state.segments.values()].sort((a, b) => a.segment - b.segment)) {
      try {
        await (segment.sealedBytes === 0 ? this.readOpen(segment) : this.readSealed(segment))
      } catch (error) {
        throwUnlessBad(error, cacheFileName('segment', segment.segment))
        this.found.drop(segment.segment)
      }
    }
  }

  private async readOpen(segment: SegmentState): Promise<void> {
    const open = await readOpenSegment(this.place, segment)
    this.found.open.push(open)
    await this.enterEntries(segment, open.content, open.file)
  }

  private async readSealed(segment: SegmentState): Promise<void> {
    const { file, header } = await openListed(this.place, segment)
    try {
      const footer = await runAsync(readFooter(file, header))
      if (footer !== null) await this.enterFooter(segment, footer, file)
      else await this.enterEntries(segment, await runAsync(scanSegment(file, header, segment.limit)), file)
    } finally {
      await file.close()
    }
  }

  private async enterFooter(segment: SegmentState, footer: Footer, file: VfsFile): Promise<void> {
    const { count, tail: { latestExpiry } } = footer
    const isForever = count > 0 && latestExpiry === 0
    this.begin(segment, footer.lastRecordNum, isForever ? Infinity : latestExpiry * 1000, file)
    const entry = emptyFooterEntry()
    for (let i = 0; i < count; i++) {
      footer.read(i, entry)
      this.enter(segment, entry)
      if (i % ENTRIES_PER_LOOK === 0 && this.turns.isOverNow()) await this.turns.next()
    }
  }

  private async enterEntries(segment: SegmentState, { entries }: SegmentContent, file: VfsFile): Promise<void> {
    this.begin(segment, entries.at(-1)?.recordNum ?? -1, lastExpiryMs(entries), file)
    for (const [i, entry] of entries.entries()) {
      this.enter(segment, entry)
      if (i % ENTRIES_PER_LOOK === 0 && this.turns.isOverNow()) await this.turns.next()
    }
  }

  private begin({ segment, queue }: SegmentState, lastRecordNum: number, expiresMs: number, file: VfsFile): void {
    if (lastRecordNum > RECORD_NUM_MAX) throw new TypeError('more records than a segment has room for')
    this.seqNums.set(segment, new Float64Array(lastRecordNum + 1))
    this.found.segments.set(segment, { queue, bytes: file.sizeSync(), expiresMs, wasKept: false })
  }

  /** Puts an entry into the index, unless it is dead or loses against a newer one; the loser is killed. */
  private enter({ segment, dead }: SegmentState, entry: FooterEntry): void {
    const { low, high, seqNum, offset, bytes, recordNum, visits } = entry
    const { state, found, found: { index } } = this
    if (seqNum > found.seqNum) found.seqNum = seqNum
    if (dead.has(recordNum)) return
    if (state.marks.covers(entry)) {
      dead.add(recordNum)
      return
    }
    this.seqNums.get(segment)![recordNum] = seqNum
    const slot = index.find(low, high)
    if (slot >= 0) {
      const other = { segment: index.segmentAt(slot), recordNum: index.recordNumAt(slot) }
      const loser = this.isNewer(seqNum, segment, other) ? other : { segment, recordNum }
      state.segments.get(loser.segment)?.dead.add(loser.recordNum)
      if (loser !== other) return
    }
    index.set(low, high, segment, offset, bytes, recordNum, visits)
  }

  private isNewer(seqNum: SeqNum, segment: number, other: { segment: number; recordNum: number }): boolean {
    const otherSeqNum = this.seqNums.get(other.segment)![other.recordNum]!
    return seqNum > otherSeqNum || (seqNum === otherSeqNum && segment > other.segment)
  }
}
