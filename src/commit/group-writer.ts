/**
 * What: writes encoded batches to the logs, publishes them in order, and answers the callers.
 * Owns: the current write buffer and the sealed ones that are not written yet, the groups of async callers whose
 * bytes are not written yet, the write in the thread pool, what is visible.
 * Does not own: encoding and rotation (commit-pipeline.ts), syncs (wal/log-syncer.ts), what follows from
 * a failure (engine/health.ts).
 * Thread: main.
 * Invariants: COM-3 entries become visible in sequence order, and only when they are in the log. COM-5 batches
 * encoded behind a failed write fail with it. COM-7 every caller is answered, once.
 */
import { ioError, keepAliveUntil, MiB, VarveError } from '../base/index.js'
import type { Clock, SeqNum, Turns } from '../base/index.js'
import { SampledLatency } from '../stats/index.js'
import { inPool } from '../vfs/index.js'
import type { LogSyncer } from '../wal/index.js'
import type { WriteBuffer } from './write-buffer.js'

/** From here on what is to be written goes through the thread pool, so that one call does not hold the event loop. */
const POOL_WRITE_BYTES_MIN = 2 * MiB
/**
 * A group of this many bytes takes no more callers. Groups go through the thread pool one by one, so those that are
 * written encode their next batches while the next group is written.
 */
const GROUP_BYTES = MiB

export interface GroupWriterHost {
  /** Throws the reason when writes are refused. */
  checkWritable(): void
  /** Called when entries of this buffer have become visible. */
  onPublished(buffer: WriteBuffer): void
  /** Called when every encoded byte of a sealed buffer is in its log, or void. */
  onSettled(buffer: WriteBuffer): void
  /** Called when a write failed. Nothing behind the last published frame was applied; `cut`: the log ends there. */
  onWriteFailure(error: unknown, buffer: WriteBuffer, cut: boolean): void
}

export interface GroupWriterOptions {
  syncer: LogSyncer
  turns: Turns
  clock: Clock
  host: GroupWriterHost
  /** The sequence number of the entry before the first one to be written. */
  lastSeqNum: SeqNum
  /** The external position of the last batch that carried one. */
  position: Uint8Array | null
}

/** Callers who are answered together, when all of the buffer up to `end` is written. */
interface Group {
  promise: Promise<void>
  resolve: () => void
  reject: (error: unknown) => void
  readonly buffer: WriteBuffer
  readonly start: number
  end: number
  /** Sequence number of the last entry below `end`. */
  seqNum: SeqNum
  /** When it was opened; -1: it is not measured. */
  readonly openedMs: number
}

function newGroup(buffer: WriteBuffer, start: number, openedMs: number): Group {
  const group = { buffer, start, end: start, seqNum: 0, openedMs } as Group
  group.promise = new Promise<void>((resolve, reject) => {
    group.resolve = resolve
    group.reject = reject
  })
  return group
}

export class GroupWriter {
  private readonly host: GroupWriterHost
  private readonly syncer: LogSyncer
  private readonly turns: Turns
  private readonly clock: Clock
  /** The buffer that takes batches. A rotation replaces it. */
  buffer: WriteBuffer
  /** Sealed buffers with bytes that are not written yet, oldest first. */
  private unsettled: WriteBuffer[] = []
  /** The callers whose bytes are not written yet, and no write is busy with, in their order. */
  private groups: Group[] = []
  private isScheduled = false
  /** The write in the thread pool, if there is one. Everything behind it waits. */
  private poolWrite: Promise<void> | null = null
  /** The callers whose bytes the write in the thread pool carries. */
  private poolGroup: Group | null = null
  visibleSeqNum: SeqNum
  /** The external position of the last published batch that carried one. */
  position: Uint8Array | null
  readonly latency = new SampledLatency(16)
  readonly counters = { batches: 0, entries: 0, groups: 0, poolWrites: 0, bytes: 0 }

  constructor(first: WriteBuffer, options: GroupWriterOptions) {
    const { syncer, turns, clock, host, lastSeqNum, position } = options
    this.buffer = first
    this.visibleSeqNum = lastSeqNum
    this.position = position
    this.syncer = syncer
    this.turns = turns
    this.clock = clock
    this.host = host
  }

  /** Joins the open group with entries up to `seqNum`. Settles when they are written, or synced if `sync` is set. */
  join(sync: boolean, seqNum: SeqNum): Promise<void> {
    const group = this.openGroup()
    group.end = group.buffer.encodedEnd
    group.seqNum = seqNum
    this.schedule()
    return sync ? group.promise.then(() => this.syncer.waitFor(seqNum)) : group.promise
  }

  private openGroup(): Group {
    const { buffer, groups } = this
    const last = groups[groups.length - 1]
    if (last !== undefined && last.buffer === buffer && last.end - last.start < GROUP_BYTES) return last
    const start = last?.buffer === buffer ? last.end : buffer.log.writtenEnd
    const group = newGroup(buffer, start, this.latency.isDue() ? this.clock.nowMs() : -1)
    groups.push(group)
    return group
  }

  /** Called when a buffer takes no more batches. It is settled when all of it is written, and its callers answered. */
  seal(sealed: WriteBuffer): void {
    // Who writes nothing, an empty batch, waits for an answer all the same.
    const isAwaited = this.groups.some(({ buffer }) => buffer === sealed)
    if (sealed.isWritten && !isAwaited) this.settle(sealed)
    else this.unsettled.push(sealed)
  }

  /** Settles sealed buffers of which nothing is left to be written. */
  private settleWritten(): void {
    while (this.unsettled[0]?.isWritten === true) {
      const buffer = this.unsettled.shift()!
      this.answer(buffer)
      this.settle(buffer)
    }
  }

  private settle(buffer: WriteBuffer): void {
    buffer.log.seal()
    if (!buffer.log.hasFailed) this.syncer.noteSealed()
    this.host.onSettled(buffer)
  }

  private schedule(): void {
    if (this.isScheduled || this.poolWrite !== null) return
    this.isScheduled = true
    queueMicrotask(this.runGroup)
  }

  private readonly runGroup = (): void => {
    // Encoding 1 KiB has taken about two microseconds.
    if (this.turns.isOver(1 + (this.unwrittenBytes() >>> 9))) {
      this.turns.defer(this.runGroupNow)
      return
    }
    this.runGroupNow()
  }

  private readonly runGroupNow = (): void => {
    this.isScheduled = false
    if (this.poolWrite !== null) return
    this.settleWritten()
    if (!this.hasUnwritten) return
    if (this.unwrittenBytes() >= POOL_WRITE_BYTES_MIN) {
      this.startPoolWrite()
      return
    }
    try {
      this.commitNow()
    } catch {
      // The code that met the failure has rejected the group.
    }
  }

  private get hasUnwritten(): boolean {
    return this.groups.length > 0 || this.unsettled.length > 0
  }

  private unwrittenBytes(): number {
    let bytes = this.buffer.encodedEnd - this.buffer.log.writtenEnd
    for (const { encodedEnd, log } of this.unsettled) bytes += encodedEnd - log.writtenEnd
    return bytes
  }

  /** Writes and publishes everything that is encoded, also the bytes that a pool write is still busy with. */
  commitNow(): void {
    const openedMs = this.groups.length === 0 && this.latency.isDue() ? this.clock.nowMs() : -1
    try {
      this.commitEncoded()
      this.note(openedMs)
    } catch (error) {
      this.note(openedMs, error)
      throw error
    }
  }

  private note(openedMs: number, error?: unknown): void {
    if (openedMs >= 0) this.latency.record(this.clock.nowMs() - openedMs, error)
  }

  private resolve({ resolve, openedMs }: Group): void {
    resolve()
    this.note(openedMs)
  }

  private commitEncoded(): void {
    while (this.unsettled.length > 0) {
      const buffer = this.unsettled[0]!
      this.writeBuffer(buffer)
      this.unsettled.shift()
      this.answer(buffer)
      this.settle(buffer)
    }
    this.writeBuffer(this.buffer)
    this.counters.groups++
    this.answer(this.buffer)
  }

  private writeBuffer(buffer: WriteBuffer): void {
    const { log, encodedEnd } = buffer
    if (encodedEnd === log.writtenEnd || !buffer.isUsed) return
    if (log.hasFailed) throw this.refuse(buffer)
    this.counters.bytes += encodedEnd - log.writtenEnd
    try {
      log.writeSync(buffer.bytes, encodedEnd, buffer.encodedSeqNum)
    } catch (error) {
      throw this.fail(buffer, error)
    }
    this.publish(buffer)
  }

  /**
   * Writes a note of tables from outside, which nobody sees before `publishNote`. Requires: everything else that is
   * encoded is written, and nothing is encoded before that call.
   */
  writeNote(): void {
    const { buffer } = this
    const { log, encodedEnd } = buffer
    if (log.hasFailed) throw this.refuse(buffer)
    this.counters.bytes += encodedEnd - log.writtenEnd
    try {
      log.writeSync(buffer.bytes, encodedEnd, buffer.encodedSeqNum)
    } catch (error) {
      throw this.fail(buffer, error)
    }
    this.syncer.noteWritten(log)
  }

  /** From now on readers see what has the note's sequence number. */
  publishNote(): void {
    this.publish(this.buffer)
  }

  private publish(buffer: WriteBuffer): void {
    const { log } = buffer
    buffer.memtable.insertFrames(log.writtenEnd)
    this.visibleSeqNum = log.writtenSeqNum
    if (buffer.memtable.position !== null) this.position = buffer.memtable.position
    this.syncer.noteWritten(log)
    this.host.onPublished(buffer)
  }

  /** Answers the groups of a buffer. Requires: it is written, and so is everything before it. */
  private answer(buffer: WriteBuffer): void {
    const { poolGroup, groups } = this
    this.poolGroup = null
    if (poolGroup !== null) this.resolve(poolGroup)
    while (groups[0]?.buffer === buffer) this.resolve(groups.shift()!)
  }

  /** Begins to write the first group in the thread pool. */
  private startPoolWrite(): void {
    this.counters.poolWrites++
    const buffer = this.unsettled[0] ?? this.buffer
    const { log, slab } = buffer
    const group = this.groups[0]?.buffer === buffer ? this.groups.shift()! : null
    const start = log.writtenEnd
    const { end, seqNum } = group ?? { end: buffer.encodedEnd, seqNum: buffer.encodedSeqNum }
    slab.hold()
    this.poolGroup = group
    this.poolWrite = keepAliveUntil(this.clock, writeInPool(buffer, start, end)).then(
      () => this.finishPoolWrite(buffer, end, seqNum, null),
      (error: unknown) => this.finishPoolWrite(buffer, end, seqNum, { error }),
    )
  }

  private finishPoolWrite(
    buffer: WriteBuffer, end: number, seqNum: SeqNum, failure: { error: unknown } | null,
  ): void {
    this.poolWrite = null
    buffer.slab.release()
    const { log } = buffer
    if (log.hasFailed) {
      if (this.poolGroup !== null) this.refuse(buffer)
    } else if (failure !== null) {
      this.fail(buffer, failure.error)
    } else {
      this.endPoolWrite(buffer, end, seqNum)
    }
    // Batches that were encoded meanwhile follow without another wait.
    this.runGroupNow()
  }

  private endPoolWrite(buffer: WriteBuffer, end: number, seqNum: SeqNum): void {
    const { log } = buffer
    if (log.writtenEnd >= end) return // A Sync call wrote the same bytes meanwhile.
    this.counters.bytes += end - log.writtenEnd
    log.writtenEnd = end
    log.writtenSeqNum = seqNum
    this.publish(buffer)
    if (this.poolGroup !== null) this.resolve(this.poolGroup)
    this.poolGroup = null
    this.settleWritten()
  }

  /** Cuts the log behind the last published frame after a failed write, and refuses all callers behind it. */
  private fail(failed: WriteBuffer, error: unknown): VarveError {
    const wasInFlight = this.poolWrite !== null
    failed.log.hasFailed = true
    const cut = !wasInFlight && this.cutLog(failed)
    const refusal = cut ? ioError(error, 'write of', failed.log.name) : commitUnknown(failed, error)
    const sealed = this.voidEncoded(refusal)
    this.host.onWriteFailure(error, failed, cut)
    for (const buffer of sealed) this.settle(buffer)
    return refusal
  }

  /** Refuses what is encoded for a log whose sync failed, since it must not be written any more. */
  private refuse(buffer: WriteBuffer): unknown {
    const refusal = this.poolGroup === null ? this.refusalNow(buffer) : commitUnknown(buffer, null)
    for (const sealed of this.voidEncoded(refusal)) this.settle(sealed)
    return refusal
  }

  private refusalNow(buffer: WriteBuffer): unknown {
    try {
      this.host.checkWritable()
    } catch (error) {
      return error
    }
    return new VarveError('INTERNAL', `${buffer.log.name} failed and nobody was told`)
  }

  /** Makes everything encoded and not written void, and rejects its callers. Returns the sealed buffers. */
  private voidEncoded(refusal: unknown): WriteBuffer[] {
    const sealed = this.unsettled.splice(0)
    const { poolGroup } = this
    this.poolGroup = null
    for (const buffer of [...sealed, this.buffer]) {
      buffer.log.hasFailed = true
      buffer.voidUnwritten()
    }
    for (const { reject, openedMs } of [...(poolGroup === null ? [] : [poolGroup]), ...this.groups.splice(0)]) {
      reject(refusal)
      this.note(openedMs, refusal)
    }
    return sealed
  }

  /** Cuts the log at its last published frame; true when it durably ends there. */
  private cutLog({ log }: WriteBuffer): boolean {
    try {
      log.file.truncateSync(log.writtenEnd)
    } catch {
      return false
    }
    try {
      log.dataSyncSync()
    } catch (error) {
      this.syncer.fail(error, log) // The next sync might succeed without the bytes that this one lost.
      return false
    }
    log.syncedEnd = log.writtenEnd
    log.syncedSeqNum = log.writtenSeqNum
    return true
  }

  /** Resolves when nothing encoded is unwritten and no write is in flight. */
  async idle(): Promise<void> {
    while (this.poolWrite !== null || this.hasUnwritten) {
      if (this.poolWrite !== null) await this.poolWrite
      else await this.groups[0]?.promise.catch(() => undefined)
    }
  }
}

/** Waits for its turn among all that is large in the thread pool: a sync always finds a thread. */
function writeInPool({ log, bytes }: WriteBuffer, start: number, end: number): Promise<void> {
  return inPool(async () => {
    if (!log.hasFailed) await log.writeRange(bytes, start, end)
  })
}

function commitUnknown({ log }: WriteBuffer, cause: unknown): VarveError {
  return new VarveError('COMMIT_UNKNOWN', `write of ${log.name} failed, and it could not be cut back`, {
    cause, file: log.name, hint: 'reopen the database, then check the last writes',
  })
}
