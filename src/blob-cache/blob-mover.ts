/**
 * What: copies blobs of a victim into main segments before it goes, checked and made anew for their place.
 * Owns: the main segment that takes copies, those that are full and not yet sealed in the catalog, the buffer.
 * Does not own: what is moved (blob-eviction.ts), the removal of the victim (segment-remover.ts).
 * Thread: main. One move at a time.
 * Invariants: BC-3 room is reserved before it is used. BC-5 copies count only up to the limit that the group of a
 * removal states; nothing else writes main segments, and none is written by two processes. BC-7 a move waits for
 * nothing but the disk: what finds no room is left where it is, and goes with the victim.
 */
import { FILE_HEADER_BYTES, KiB, MiB, runAsync } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import { visitsAfterMove } from './blob-eviction.js'
import type { BlobEvictor, MovePlan } from './blob-eviction.js'
import type { BlobIndex } from './blob-index.js'
import { BlobMove } from './blob-move.js'
import type { Victim } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import { ChangeTag } from './catalog-format.js'
import type { Change, Kill } from './catalog-format.js'
import { LargeCopy } from './large-copy.js'
import { MainSegment } from './main-segment.js'
import {
  emptyRecordHeader, isKeyGood, isValueGood, readRecordHeader, recordBytes, sealRecord,
} from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import { footerBytes, lastExpiryMs } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'
import { makeSegment } from './segment-making.js'
import type { SegmentParts } from './segment-making.js'
import type { SegmentReader } from './segment-set.js'

/** Records are read together, as many as stand close to each other. */
const RUN_BYTES_MAX = MiB
/** What is not wanted between two records is read with them if it is not more. */
const GAP_BYTES_MAX = 32 * KiB

/** Records of a victim that are moved, and read together. */
interface Run {
  readonly entries: FooterEntry[]
  readonly start: number
  end: number
}

export interface BlobMoverOptions extends SegmentParts {
  segmentBytes: number
  /** Larger records are copied piece by piece. */
  wholeBytesMax: number
  index: BlobIndex
  space: BlobSpace
  evictor: BlobEvictor
  /** Gives the next file number. */
  allocate: () => number
  /** Gives the highest sequence number that was given. */
  seqNum: () => SeqNum
  /** Queues a kill. */
  kill: (kill: Kill) => void
  /** Tells of a record whether it is not to be given any more. */
  goneReason: (header: RecordHeader) => string | null
  /** Called when the bytes of a record are not what was written. */
  onCorrupt: (entry: FooterEntry, segment: number) => void
}

export class BlobMover {
  movedItems = 0
  movedLargeItems = 0
  movedBytes = 0
  /** Bytes that were written to main segments: records, and of those that are sealed also header and footer. */
  writtenBytes = 0
  private readonly options: BlobMoverOptions
  private target: MainSegment | null = null
  /** Main segments with a footer that the catalog does not call sealed yet, and their bytes. */
  private readonly full = new Map<MainSegment, number>()
  private move: BlobMove | null = null
  /** The segment that is sealed before it is full, 0: none. */
  private sealing = 0
  private buffer = new Uint8Array(0)
  private readonly header = emptyRecordHeader()

  constructor(options: BlobMoverOptions) {
    this.options = options
  }

  /** The copy that is under way of a record: who kills the one kills the other. Null when there is none. */
  twinOf(segment: number, recordNum: number): Kill | null {
    return this.move?.twinOf(segment, recordNum) ?? null
  }

  /**
   * Copies what the plan takes of a victim, and syncs it. Gives the changes that make the copies count, which belong
   * into the group that removes the victim. `end` is called with its outcome.
   */
  async copy(victim: Victim, entries: readonly FooterEntry[], plan: MovePlan): Promise<readonly Change[]> {
    const move = this.move = new BlobMove(victim.segment)
    const reader = await this.options.segments.reader(victim.segment).catch(() => null)
    if (reader === null) return []
    for (const run of this.runsOf(victim, entries, plan)) {
      const isLarge = run.end - run.start > this.options.wholeBytesMax
      if (isLarge) {
        if (!(await this.copyLarge(move, reader, run.entries[0]!, victim.queue))) break
      } else if (!(await this.copyRun(move, reader, run, victim.queue))) break
    }
    await this.attempt(move, (target) => target.sync())
    return this.changes()
  }

  /** The records that the plan takes, in runs that are read together; a large one is alone. */
  private runsOf(victim: Victim, entries: readonly FooterEntry[], plan: MovePlan): Run[] {
    const { index, wholeBytesMax } = this.options
    const bytesMax = Math.min(RUN_BYTES_MAX, wholeBytesMax)
    const runs: Run[] = []
    let run: Run | null = null
    for (const entry of entries) {
      const slot = this.slotOf(victim.segment, entry)
      if (slot < 0 || !plan.takes(index.visitsAt(slot), entry.bytes)) continue
      const end = entry.offset + entry.bytes
      const isNear = run !== null && entry.offset - run.end <= GAP_BYTES_MAX && end - run.start <= bytesMax
      if (run === null || !isNear) {
        run = { entries: [], start: entry.offset, end }
        runs.push(run)
      }
      run.entries.push(entry)
      run.end = end
    }
    return runs
  }

  /** Copies the records of a run that are good, and there yet. False when there is no room for them. */
  private async copyRun(move: BlobMove, reader: SegmentReader, run: Run, queue: Victim['queue']): Promise<boolean> {
    const { index, onCorrupt, goneReason } = this.options
    const length = await this.read(reader, run)
    for (const entry of run.entries) {
      const at = entry.offset - run.start
      const isGood = this.isGood(at, length, entry, reader.seed)
      // Where nothing could be read that says nothing of the bytes.
      if (!isGood && length > 0) onCorrupt(entry, move.victim)
      if (!isGood || goneReason(this.header) !== null) continue
      const target = await this.roomFor(move, entry)
      if (target === null) return false
      const slot = this.slotOf(move.victim, entry)
      if (slot < 0) continue
      const visits = visitsAfterMove(queue, index.visitsAt(slot))
      await this.append(move, target, { from: entry, at, visits })
    }
    return true
  }

  private slotOf(segment: number, { low, high, recordNum }: FooterEntry): number {
    return this.options.index.findIf(low, high, segment, recordNum)
  }

  /** Reads a run into the buffer. Gives how many bytes there were, 0 when they could not be read. */
  private async read({ file }: SegmentReader, { start, end }: Run): Promise<number> {
    const length = end - start
    if (this.buffer.length < length) this.buffer = new Uint8Array(length)
    return runAsync(readFully(file, this.buffer, length, start)).catch(() => 0)
  }

  /** True when a record stands at `at` of the buffer, which has `length` bytes, as it was written. Reads its header. */
  private isGood(at: number, length: number, { bytes, offset, recordNum }: FooterEntry, seed: number): boolean {
    const { buffer, header } = this
    const end = at + bytes
    return end <= length && readRecordHeader(buffer, at, end, offset, seed, header) && header.recordNum === recordNum &&
      recordBytes(header) === bytes && isKeyGood(buffer, at, offset, seed, header) &&
      isValueGood(buffer, at, offset, seed, header)
  }

  /** Copies a large record piece by piece. False when there is no room for it. */
  private async copyLarge(
    move: BlobMove, reader: SegmentReader, from: FooterEntry, queue: Victim['queue'],
  ): Promise<boolean> {
    const target = await this.roomFor(move, from)
    if (target === null) return false
    const copy = new LargeCopy(reader, target, from)
    const outcome = await this.attempt(move, () => copy.write())
    if (outcome === null) return true
    const slot = this.slotOf(move.victim, from)
    const isThere = slot >= 0 && this.options.goneReason(copy.header) === null
    if (outcome === 'corrupt') this.options.onCorrupt(from, move.victim)
    if (outcome !== 'good' || !isThere) await this.attempt(move, () => target.cut())
    else {
      const visits = visitsAfterMove(queue, this.options.index.visitsAt(slot))
      const { head, to } = copy.bind(this.options.seqNum(), visits)
      move.add(from, to, target.segment)
      target.add(to)
      this.noteMoved(from)
      this.movedLargeItems++
      await this.attempt(move, () => target.write(head, head.length, to.offset))
    }
    return true
  }

  private noteMoved({ bytes }: FooterEntry): void {
    this.options.evictor.noteMoved(bytes)
    this.movedItems++
    this.movedBytes += bytes
    this.writtenBytes += bytes
  }

  /** Gives the main segment with room for a record, or null when there is none. */
  private async roomFor(move: BlobMove, { bytes, key }: FooterEntry): Promise<MainSegment | null> {
    if (this.target?.isFullFor(bytes, key.length) === true) {
      await this.attempt(move, async (target) => {
        this.full.set(target, await this.finish(target))
        await target.close()
        this.target = null
      })
    }
    return (this.target ??= await this.make(FILE_HEADER_BYTES + bytes + footerBytes(1, key.length)))
  }

  private async finish(target: MainSegment): Promise<number> {
    const bytes = await target.finish()
    this.writtenBytes += FILE_HEADER_BYTES + bytes - target.end
    return bytes
  }

  private async make(bytesMin: number): Promise<MainSegment | null> {
    const { segments, space, allocate } = this.options
    const bytes = Math.max(this.options.segmentBytes, bytesMin)
    if (!space.tryReserveForMoves(bytes)) return null
    const segment = allocate()
    try {
      const { file, header } = await makeSegment(this.options, { segment, queue: 'main', bytes })
      const made = new MainSegment(file, header, bytes)
      segments.lend(segment, made.entries)
      return made
    } catch {
      return null
    }
  }

  /** Makes the record at `at` of the buffer one of the target's. */
  private async append(
    move: BlobMove, target: MainSegment, { from, at, visits }: { from: FooterEntry; at: number; visits: number },
  ): Promise<void> {
    const { end: offset, segment } = target
    const recordNum = target.entries.length
    const header: RecordHeader = Object.assign(this.header, { recordNum, checkedSeqNum: this.options.seqNum() })
    sealRecord(this.buffer, at, offset, target.seed, header)
    const to = { ...from, offset, recordNum, visits, isDead: false }
    move.add(from, to, segment)
    this.noteMoved(from)
    await this.attempt(move, () => target.append(this.buffer.subarray(at), to))
  }

  /**
   * Does something with the target, and gives what came of it; null where that failed: nothing more is written to it
   * then, and its new copies are none.
   */
  private async attempt<T>(move: BlobMove, act: (target: MainSegment) => Promise<T>): Promise<T | null> {
    const { target } = this
    if (target === null) return null
    try {
      return await act(target)
    } catch {
      this.target = null
      this.full.delete(target)
      move.forget(target.segment)
      this.options.segments.fail(target.segment)
      await target.close()
      return null
    }
  }

  private changes(): Change[] {
    const changes = [...this.full].flatMap(([segment, bytes]) => sealChanges(segment, bytes))
    const { target } = this
    if (target !== null) changes.push({ tag: ChangeTag.limit, segment: target.segment, bytes: target.end })
    return changes
  }

  /** Says whether the group with the changes is durable. */
  end(isDurable: boolean): void {
    const { move } = this
    this.move = null
    if (isDurable) {
      move?.apply(this.options.index)
      for (const [segment, bytes] of this.full) this.noteSealed(segment, bytes)
    } else for (const kill of move?.takeBack() ?? []) this.options.kill(kill)
  }

  private noteSealed(segment: MainSegment, bytes: number): void {
    if (this.full.delete(segment)) this.options.segments.seal(segment.segment, bytes, lastExpiryMs(segment.entries))
  }

  /** Seals the segment before it is full. False when it is another one. Requires: no move is under way. */
  sealNow(segment: number, onSealed: () => void): boolean {
    if (this.target?.segment === segment) {
      this.sealing = segment
      void this.close().then(() => {
        this.sealing = 0
        onSealed()
      })
    }
    return this.sealing === segment
  }

  /** Ends the main segment. Requires: no move is under way. */
  async close(): Promise<void> {
    const { target } = this
    if (target === null) return
    this.target = null
    try {
      const bytes = await this.finish(target)
      await target.close()
      // Copies of a removal that failed are killed before, so all of the segment may count.
      await this.options.catalog.submit(sealChanges(target, bytes), true)
      this.full.set(target, bytes)
      this.noteSealed(target, bytes)
    } catch {
      await target.close()
      this.options.segments.fail(target.segment)
    }
  }
}

/** The changes that make all of a segment count, for good. */
function sealChanges({ segment, end }: MainSegment, bytes: number): Change[] {
  return [{ tag: ChangeTag.limit, segment, bytes: end }, { tag: ChangeTag.sealSegment, segment, bytes }]
}
