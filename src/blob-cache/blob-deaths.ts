/**
 * What: which records are dead, and how that is told: by a kill, by a purge mark, by their time.
 * Owns: the purge marks that are in force. Does not own: the queue of kills, the index.
 * Thread: main.
 * Invariants: BC-5 whoever kills a record kills the copy that is being made of it too, next to it in the queue, so that
 * no crash finds the one dead and the other alive.
 */
import type { Clock } from '../base/index.js'
import type { BlobIndex } from './blob-index.js'
import type { HashedKey } from './blob-hash.js'
import type { RecordPlace } from './record-facts.js'
import type { Kill } from './catalog-format.js'
import type { KillQueue, SafeBytes } from './kill-queue.js'
import { isOfMemory } from './memory-segments.js'
import { PurgeMarks } from './purge-marks.js'
import type { PurgeMark } from './purge-marks.js'
import type { SegmentFile } from './segment-file.js'
import type { FooterEntry } from './segment-footer.js'
import type { RecordHeader } from './segment-format.js'

export interface BlobDeathsOptions {
  index: BlobIndex
  kills: KillQueue
  clock: Clock
  /** Purges before the open that may cover records yet. */
  marks: readonly PurgeMark[]
  /** The copy that is being made of a record, or null. */
  twinOf: (segment: number, recordNum: number) => Kill | null
  /** Called when a kill was queued that may be written. */
  onQueued: () => void
}

export class BlobDeaths {
  readonly marks = new PurgeMarks()
  private readonly options: BlobDeathsOptions

  constructor(options: BlobDeathsOptions) {
    this.options = options
    for (const { namespace, seqNum } of options.marks) this.marks.add(namespace, seqNum)
  }

  /** Queues a kill, and that of the copy that is being made of the record. */
  kill(kill: Kill, needs: SafeBytes | null): void {
    if (isOfMemory(kill.segment)) return
    const { kills, twinOf } = this.options
    kills.push(kill, needs)
    const twin = twinOf(kill.segment, kill.recordNum)
    if (twin !== null) kills.push(twin, needs)
  }

  /** Queues the kill of what has this key now, if there is something. */
  killOld({ low, high }: HashedKey, needs: SafeBytes | null): void {
    const { index, onQueued } = this.options
    const slot = index.find(low, high)
    if (slot < 0) return
    this.kill({ low, high, segment: index.segmentAt(slot), recordNum: index.recordNumAt(slot) }, needs)
    onQueued()
  }

  /** Takes a record out of the index, if it is still there, and kills it. */
  killDead(
    { low, high }: Pick<HashedKey, 'low' | 'high'>, { segment, recordNum }: Pick<RecordPlace, 'segment' | 'recordNum'>,
  ): void {
    if (this.options.index.removeIf(low, high, segment, recordNum)) this.kill({ low, high, segment, recordNum }, null)
  }

  /** Kills what a failed segment had not synced. */
  killLost({ segment, syncedEnd, entries }: Pick<SegmentFile, 'segment' | 'syncedEnd' | 'entries'>): void {
    for (const entry of entries) {
      if (entry.offset + entry.bytes > syncedEnd) this.killDead(entry, { segment, recordNum: entry.recordNum })
    }
  }

  /** Tells of a record whether it is not to be given any more. */
  goneReason(
    { namespace, seqNum, expiresMs }: Pick<RecordHeader, 'namespace' | 'seqNum' | 'expiresMs'>,
  ): 'expired' | 'purged' | null {
    if (this.marks.covers({ namespace, seqNum })) return 'purged'
    return expiresMs > 0 && expiresMs <= this.options.clock.wallMs() ? 'expired' : null
  }

  /** Tells of a footer's entry whether its blob is not to be given any more. */
  isGone({ expires, seqNum, namespace }: Pick<FooterEntry, 'expires' | 'seqNum' | 'namespace'>): boolean {
    return this.goneReason({ namespace, seqNum, expiresMs: expires * 1000 }) !== null
  }
}
