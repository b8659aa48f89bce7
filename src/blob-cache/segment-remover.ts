/**
 * What: the one way by which segments go, whatever the reason: what is worth it is copied, then kills, the limits of
 * the copies and the removal in one group of the catalog, then the entries in the index, then the file. Asks the
 * evictor what is next.
 * Owns: the removals under way. Does not own: which segment goes (blob-eviction.ts), the copies (blob-mover.ts).
 * Thread: main. Removals are independent of each other: one that drops never waits for one that moves.
 * Invariants: BC-2 entries of a segment leave the index when its removal is durable, not before: until then a kill of
 * them is still queued by whoever overwrites them. BC-5 all kills that were queued before a removal are durable with
 * it. BC-7 who waits for room is refused when nothing is under way that makes some. BC-12 nothing else removes a
 * segment.
 */
import type { Clock } from '../base/index.js'
import { StageTimes } from '../stats/index.js'
import type { BlobEvictor, MovePlan } from './blob-eviction.js'
import type { BlobIndex } from './blob-index.js'
import type { BlobMover } from './blob-mover.js'
import type { BlobQueues, Victim } from './blob-queues.js'
import type { BlobSpace } from './blob-space.js'
import { ChangeTag } from './catalog-format.js'
import type { Change } from './catalog-format.js'
import type { CatalogWriter } from './catalog-writer.js'
import type { FooterEntry } from './segment-footer.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

export interface SegmentRemoverOptions {
  clock: Clock
  index: BlobIndex
  segments: SegmentSet
  slabs: SlabSupply
  queues: BlobQueues
  space: BlobSpace
  evictor: BlobEvictor
  mover: Pick<BlobMover, 'copy' | 'end'>
  catalog: Pick<CatalogWriter, 'submit'>
  /** Resolves when the bytes that kills wait for are as safe as they will be. */
  makeSafe: () => Promise<void>
  /** Seals an open segment before it is full; false when that cannot be. */
  sealOpen: (segment: number) => boolean
}

export class SegmentRemover {
  /** Segments that were removed to make room, and their bytes. */
  evictedSegments = 0
  evictedBytes = 0
  /** Blobs that went with them. */
  evictedItems = 0
  /** Whole removals, and the copying in them. */
  readonly times = new StageTimes()
  readonly moveTimes = new StageTimes()
  /** Hears of each key that a removed segment had, and that is not there any more. */
  onGone: ((key: Uint8Array) => void) | null = null
  private readonly options: SegmentRemoverOptions
  private readonly removals = new Set<Promise<void>>()
  private isEnding = false

  constructor(options: SegmentRemoverOptions) {
    this.options = options
  }

  /** Begins what has to be done for room. Called when somebody waits for it, and when some was used or came back. */
  look(): void {
    const { evictor, space, sealOpen } = this.options
    if (this.isEnding) return space.refuseAll()
    for (let step = evictor.next(); step.kind !== 'rest'; step = evictor.next()) {
      if (step.kind === 'seal') {
        if (!sealOpen(step.segment)) space.refuseAll()
        return
      }
      this.begin(step.victim, step.isMoved)
    }
    if (space.waitingBytes > 0 && !evictor.isBusy) space.refuseAll()
  }

  private begin(victim: Victim, isMoved: boolean): void {
    const removal: Promise<void> = this.remove(victim, isMoved).then((isDone) => {
      this.removals.delete(removal)
      // After a failure whoever needs room next begins anew.
      if (isDone) this.look()
      else this.options.space.refuseAll()
    })
    this.removals.add(removal)
  }

  /** Removes a segment, or keeps it. Tells whether that could be done. */
  private async remove(victim: Victim, isMoved: boolean): Promise<boolean> {
    const { segments, evictor, clock } = this.options
    const { segment } = victim
    const startMs = clock.nowMs()
    const entries = await segments.entriesOf(segment).catch(() => null)
    const wanted = isMoved && entries !== null ? evictor.plan(victim, this.bytesByVisits(segment, entries)) : null
    if (wanted === 'keep') {
      evictor.kept(segment)
      return true
    }
    const plan = wanted?.isEmpty === true ? null : wanted
    if (isMoved && plan === null) {
      evictor.drops(segment)
      this.look()
    }
    const changes = plan === null ? [] : await this.move(victim, entries!, plan)
    const isDurable = await this.writeRemoval(segment, changes)
    if (plan !== null) this.options.mover.end(isDurable)
    if (!isDurable) {
      evictor.failed(segment)
      return false
    }
    this.forget(victim, entries)
    this.evictedSegments++
    this.evictedBytes += victim.bytes
    await segments.remove(segment)
    evictor.gone(segment)
    this.times.record(clock.nowMs() - startMs)
    return true
  }

  private async move(victim: Victim, entries: readonly FooterEntry[], plan: MovePlan): Promise<readonly Change[]> {
    const { clock, mover } = this.options
    const startMs = clock.nowMs()
    const changes = await mover.copy(victim, entries, plan)
    this.moveTimes.record(clock.nowMs() - startMs)
    return changes
  }

  private async writeRemoval(segment: number, changes: readonly Change[]): Promise<boolean> {
    const { catalog, makeSafe } = this.options
    await makeSafe()
    return catalog.submit([...changes, { tag: ChangeTag.removeSegment, segment }], true).then(() => true, () => false)
  }

  private bytesByVisits(segment: number, entries: readonly FooterEntry[]): number[] {
    const { index } = this.options
    const bytes = [0, 0, 0, 0]
    for (const { low, high, recordNum, bytes: recordBytes } of entries) {
      const slot = index.findIf(low, high, segment, recordNum)
      if (slot >= 0) bytes[index.visitsAt(slot)]! += recordBytes
    }
    return bytes
  }

  /** Takes what was not moved out of the index. Requires: the removal is durable. */
  private forget({ segment, queue }: Victim, entries: readonly FooterEntry[] | null): void {
    const { index, queues, slabs } = this.options
    if (entries === null) this.forgetAll(segment)
    else {
      for (const { low, high, recordNum, bytes, key } of entries) {
        if (index.removeIf(low, high, segment, recordNum)) {
          this.evictedItems++
          if (queue === 'young') queues.addGhost(low, high, bytes)
        }
        if (index.find(low, high) < 0) this.onGone?.(key)
      }
    }
    slabs.forget(segment)
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

  /** Begins nothing any more, and tells all who wait for room. */
  stop(): void {
    this.isEnding = true
    this.options.space.refuseAll()
  }

  /** Begins nothing any more, tells all who wait for room, and resolves when no removal is under way. */
  async end(): Promise<void> {
    this.stop()
    while (this.removals.size > 0) await Promise.all(this.removals)
  }
}
