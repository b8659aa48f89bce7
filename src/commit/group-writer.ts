/**
 * What: writes what is encoded to the logs, publishes it in order, and answers the callers.
 * Owns: the current write buffer and the sealed ones that are not written yet, the groups of async
 * callers, one a buffer, the write in the thread pool, what is visible.
 * Does not own: encoding and rotation (commit-pipeline.ts), syncs (wal/log-syncer.ts), what follows from
 * a failure (engine/health.ts).
 * Thread: main.
 * Invariants: COM-3 visible in sequence order, only when in the log. COM-5 what is encoded behind a
 * failed write fails with it. COM-7 every caller is answered, once.
 */
import { ioError, keepAliveUntil, MiB, VarveError } from '../base/index.js'
import type { Clock, SeqNum, Turns } from '../base/index.js'
import type { LogSyncer } from '../wal/index.js'
import type { WriteBuffer } from './write-buffer.js'

/** Larger groups go through the thread pool, so that one call does not hold the event loop. */
const POOL_WRITE_BYTES_MIN = MiB

export interface GroupWriterHost {
  /** Throws the reason when writes are refused. */
  checkWritable(): void
  /** Entries of this buffer are visible. */
  onPublished(buffer: WriteBuffer): void
  /** Every encoded byte of a sealed buffer is in its log, or void. */
  onSettled(buffer: WriteBuffer): void
  /** Nothing behind the last published frame was applied; `cut` tells whether the log was cut there. */
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

interface Group {
  promise: Promise<void>
  resolve: () => void
  reject: (error: unknown) => void
}

/** A buffer that takes no more batches, and the callers whose bytes in it are not written yet. */
interface SealedBuffer {
  buffer: WriteBuffer
  group: Group | null
}

function newGroup(): Group {
  const group = {} as Group
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
  /** Takes the batches; replaced at rotation. */
  buffer: WriteBuffer
  /** Sealed buffers with bytes that are not written yet, oldest first. */
  private unsettled: SealedBuffer[] = []
  /** The callers whose bytes in `buffer` are not written yet. */
  private group: Group | null = null
  private isScheduled = false
  /** A write in the thread pool; everything behind it waits. */
  private poolWrite: Promise<void> | null = null
  /** The callers whose bytes that write carries. */
  private poolGroup: Group | null = null
  visibleSeqNum: SeqNum
  /** The external position of the last published batch that carried one. */
  position: Uint8Array | null
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

  /** What is encoded up to `seqNum` goes out with the open group; settles when it is written, or synced. */
  join(sync: boolean, seqNum: SeqNum): Promise<void> {
    const group = (this.group ??= newGroup())
    this.schedule()
    return sync ? group.promise.then(() => this.syncer.waitFor(seqNum)) : group.promise
  }

  /** The buffer takes no more batches: it is settled when all of it is written. */
  seal(sealed: WriteBuffer): void {
    if (sealed.isWritten) {
      this.settle(sealed)
      return
    }
    this.unsettled.push({ buffer: sealed, group: this.group })
    this.group = null
  }

  private settle(buffer: WriteBuffer): void {
    buffer.log.isSealed = true
    if (!buffer.log.hasFailed) this.syncer.noteSealed()
    this.host.onSettled(buffer)
  }

  private schedule(): void {
    if (this.isScheduled || this.poolWrite !== null) return
    this.isScheduled = true
    queueMicrotask(this.runGroup)
  }

  private readonly runGroup = (): void => {
    // Who writes 1 KiB has spent some microseconds on it.
    if (this.turns.isOver(1 + (this.unwrittenBytes() >>> 9))) {
      this.turns.defer(this.runGroupNow)
      return
    }
    this.runGroupNow()
  }

  private readonly runGroupNow = (): void => {
    this.isScheduled = false
    if (this.poolWrite !== null || !this.hasUnwritten) return
    if (this.unwrittenBytes() >= POOL_WRITE_BYTES_MIN) {
      this.startPoolWrite()
      return
    }
    try {
      this.commitNow()
    } catch {
      // The group was rejected where the failure was met.
    }
  }

  private get hasUnwritten(): boolean {
    return this.group !== null || this.unsettled.length > 0
  }

  private unwrittenBytes(): number {
    let bytes = this.buffer.encodedEnd - this.buffer.log.writtenEnd
    for (const { buffer } of this.unsettled) bytes += buffer.encodedEnd - buffer.log.writtenEnd
    return bytes
  }

  /** Writes and publishes everything that is encoded, also what a pool write is still busy with. */
  commitNow(): void {
    while (this.unsettled.length > 0) {
      const { buffer, group } = this.unsettled[0]!
      this.writeBuffer(buffer)
      this.unsettled.shift()
      this.answer(group)
      this.settle(buffer)
    }
    this.writeBuffer(this.buffer)
    this.counters.groups++
    const { group } = this
    this.group = null
    this.answer(group)
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

  private publish(buffer: WriteBuffer): void {
    const { log } = buffer
    buffer.memtable.insertFrames(log.writtenEnd)
    this.visibleSeqNum = log.writtenSeqNum
    if (buffer.memtable.position !== null) this.position = buffer.memtable.position
    this.syncer.noteWritten(log)
    this.host.onPublished(buffer)
  }

  /** The buffer of this group is written, and so is everything before it. */
  private answer(group: Group | null): void {
    const { poolGroup } = this
    this.poolGroup = null
    poolGroup?.resolve()
    group?.resolve()
  }

  private startPoolWrite(): void {
    this.counters.poolWrites++
    const sealed = this.unsettled[0]
    const buffer = sealed?.buffer ?? this.buffer
    const group = sealed === undefined ? this.group : sealed.group
    const { log, slab } = buffer
    const [start, end, seqNum] = [log.writtenEnd, buffer.encodedEnd, buffer.encodedSeqNum]
    slab.hold()
    this.poolGroup = group
    if (sealed !== undefined) sealed.group = null
    else this.group = null
    this.poolWrite = keepAliveUntil(this.clock, log.writeRange(buffer.bytes, start, end)).then(
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
    // What was encoded meanwhile follows without another wait.
    this.runGroupNow()
  }

  private endPoolWrite(buffer: WriteBuffer, end: number, seqNum: SeqNum): void {
    const { log } = buffer
    if (log.writtenEnd >= end) return // a Sync call wrote the same bytes meanwhile
    this.counters.bytes += end - log.writtenEnd
    log.writtenEnd = end
    log.writtenSeqNum = seqNum
    this.publish(buffer)
    this.poolGroup?.resolve()
    this.poolGroup = null
    if (this.unsettled[0]?.buffer === buffer && buffer.isWritten) {
      this.unsettled.shift()
      this.settle(buffer)
    }
  }

  /** Nothing behind the last published frame is applied: cut the log there, refuse everyone behind. */
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

  /** The log failed elsewhere, with its sync: what is encoded for it is not written any more. */
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

  /** Everything encoded and not written is void, its callers hear why. Returns the sealed buffers. */
  private voidEncoded(refusal: unknown): WriteBuffer[] {
    const behind = [...this.unsettled.splice(0), { buffer: this.buffer, group: this.group }]
    const { poolGroup } = this
    this.group = null
    this.poolGroup = null
    poolGroup?.reject(refusal)
    for (const { buffer, group } of behind) {
      buffer.log.hasFailed = true
      buffer.voidUnwritten()
      group?.reject(refusal)
    }
    return behind.slice(0, -1).map(({ buffer }) => buffer)
  }

  /** True when the log durably ends at its last published frame. */
  private cutLog({ log }: WriteBuffer): boolean {
    try {
      log.file.truncateSync(log.writtenEnd)
    } catch {
      return false
    }
    try {
      log.file.dataSyncSync()
    } catch (error) {
      this.syncer.fail(error, log) // the next sync might say "ok" about what this one lost
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
      else await (this.unsettled[0]?.group ?? this.group)?.promise.catch(() => undefined)
    }
  }
}

function commitUnknown({ log }: WriteBuffer, cause: unknown): VarveError {
  return new VarveError('COMMIT_UNKNOWN', `write of ${log.name} failed, and it could not be cut back`, {
    cause, file: log.name, hint: 'reopen the database, then check the last writes',
  })
}
