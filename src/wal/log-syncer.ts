/**
 * What: makes written logs durable, oldest first, one sync in flight, off the thread.
 * Owns: which logs still have unsynced bytes, who waits for which sequence number, the timer.
 * Does not own: the meaning of a failure; it reports it once and does nothing any more.
 * Thread: main.
 * Invariants: WAL-3 a sequence number counts as durable only after a sync that was submitted after its
 * bytes were written, and after every older log was synced to its end. WAL-4 a failed sync is never
 * repeated. WAL-5 with bytes unsynced, a sync starts after at most syncIntervalMs or syncBytes.
 */
import { assert, KeptAlive, VarveError } from '../base/index.js'
import type { Clock, FileNum, SeqNum, Timer } from '../base/index.js'
import { StageTimes } from '../stats/index.js'
import type { LogFile } from './log-file.js'

export interface LogSyncerOptions {
  clock: Clock
  syncIntervalMs: number
  syncBytes: number
  /** Called once, with the failed log; the owner stops all writing. */
  onFailure: (error: unknown, log: LogFile) => void
  /** Called after each sync that succeeded. */
  onSynced?: (log: LogFile, durationMs: number) => void
}

interface Waiter {
  seqNum: SeqNum
  resolve: () => void
  reject: (error: unknown) => void
}

export class LogSyncer {
  private readonly options: LogSyncerOptions
  /** Logs that are not known synced to their end, oldest first; the last one may be the current log. */
  private readonly logs: LogFile[] = []
  private waiters: Waiter[] = []
  private readonly keptAlive: KeptAlive
  private timer: Timer | null = null
  private running: Promise<void> | null = null
  private failure: VarveError | null = null
  /** The place that sync marks speak of: everything up to here is synced. */
  markLog: FileNum = 0
  markBytes = 0
  durableSeqNum: SeqNum
  /** The times of the syncs that succeeded. */
  readonly syncTimes = new StageTimes()

  constructor(durableSeqNum: SeqNum, options: LogSyncerOptions) {
    this.durableSeqNum = durableSeqNum
    this.options = options
    this.keptAlive = new KeptAlive(options.clock)
  }

  /** A log takes frames from now on. Its name and header are durable. */
  add(log: LogFile): void {
    this.logs.push(log)
  }

  get unsyncedBytes(): number {
    let bytes = 0
    for (const log of this.logs) bytes += log.unsyncedBytes
    return bytes
  }

  /** After each write: starts or schedules the background sync. Cheap. */
  noteWritten(log: LogFile): void {
    if (this.running !== null || this.failure !== null) return // looked at again when the sync ends
    if (log.unsyncedBytes >= this.options.syncBytes || this.waiters.length > 0) this.start()
    else if (this.timer === null) this.startTimer()
  }

  private startTimer(): void {
    this.timer = this.options.clock.after(this.options.syncIntervalMs, () => {
      this.timer = null
      this.start()
    })
  }

  /** The log is sealed: its last sync starts at once. */
  noteSealed(): void {
    this.start()
  }

  /** Resolves when everything up to `seqNum` survives power loss. Requires: it is written. */
  waitFor(seqNum: SeqNum): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure)
    if (seqNum <= this.durableSeqNum) return Promise.resolve()
    const waiting = new Promise<void>((resolve, reject) => this.waiters.push({ seqNum, resolve, reject }))
    this.keptAlive.set(true)
    this.start()
    return waiting
  }

  /** Blocking: syncs everything written so far, on this thread. Throws COMMIT_UNKNOWN when a sync fails. */
  syncNow(): void {
    if (this.failure !== null) throw this.failure
    for (const log of [...this.logs]) {
      if (!this.isPending(log)) continue
      const [end, seqNum] = [log.writtenEnd, log.writtenSeqNum]
      if (log.unsyncedBytes > 0) {
        const startMs = this.options.clock.nowMs()
        try {
          checkUncut(log)
          log.fillAhead()
          log.file.dataSyncSync()
        } catch (error) {
          throw this.fail(error, log)
        }
        this.noteSync(log, this.options.clock.nowMs() - startMs)
      }
      this.noteDurable(log, end, seqNum)
    }
  }

  /** The log's entries are in synced tables: it needs no sync any more. Requires: it is the oldest. */
  drop(log: LogFile): void {
    const index = this.logs.indexOf(log)
    if (index < 0) return
    assert(index === 0, 'logs are dropped oldest first')
    this.logs.shift()
    this.durableSeqNum = Math.max(this.durableSeqNum, log.writtenSeqNum)
    this.wakeWaiters()
  }

  /** Waits for a sync in flight; starts none. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** No more syncs; the timer is gone. */
  stop(error: VarveError): void {
    this.timer?.cancel()
    this.timer = null
    this.failure ??= error
    this.rejectWaiters(this.failure)
  }

  private start(): void {
    if (this.running !== null || this.failure !== null) return
    this.timer?.cancel()
    this.timer = null
    this.running = this.run().finally(() => {
      this.running = null
      this.goOn()
    })
  }

  /** What was written during a sync is not covered by it. */
  private goOn(): void {
    if (this.failure !== null) return
    const { unsyncedBytes } = this
    const isAwaited = this.waiters.length > 0 && this.nextLog !== null
    if (isAwaited || unsyncedBytes >= this.options.syncBytes) this.start()
    else if (unsyncedBytes > 0 && this.timer === null) this.startTimer()
  }

  /** One round: every log up to what is written as its turn comes. */
  private async run(): Promise<void> {
    for (;;) {
      const log = this.nextLog
      if (log === null) return
      const [end, seqNum] = [log.writtenEnd, log.writtenSeqNum]
      if (log.unsyncedBytes > 0) {
        const startMs = this.options.clock.nowMs()
        try {
          checkUncut(log)
          if (this.waiters.length > 0) log.fillAhead()
          await log.file.dataSync()
        } catch (error) {
          this.fail(error, log)
          return
        }
        if (this.failure !== null) return
        this.noteSync(log, this.options.clock.nowMs() - startMs)
      }
      this.noteDurable(log, end, seqNum)
      if (!log.isSealed) return
    }
  }

  /**
   * The oldest log, when its sync, its end, or its part in what is durable is still to be noted. Never a
   * later one: nothing is written there before the oldest is sealed.
   */
  private get nextLog(): LogFile | null {
    const log = this.logs[0]
    if (log === undefined) return null
    return this.isPending(log) ? log : null
  }

  private isPending(log: LogFile): boolean {
    return log.unsyncedBytes > 0 || log.isSealed || log.syncedSeqNum > this.durableSeqNum
  }

  private noteSync(log: LogFile, durationMs: number): void {
    this.syncTimes.record(durationMs)
    this.options.onSynced?.(log, durationMs)
  }

  private noteDurable(log: LogFile, end: number, seqNum: SeqNum): void {
    const index = this.logs.indexOf(log)
    if (index < 0) return // a blocking sync came first
    if (end > log.syncedEnd) log.syncedEnd = end
    if (seqNum > log.syncedSeqNum) log.syncedSeqNum = seqNum
    if (index === 0) {
      this.durableSeqNum = Math.max(this.durableSeqNum, log.syncedSeqNum)
      this.markLog = log.fileNum
      this.markBytes = log.syncedEnd
    }
    if (log.isSealed && log.unsyncedBytes === 0 && index === 0) this.logs.shift()
    this.wakeWaiters()
  }

  private wakeWaiters(): void {
    if (this.waiters.length === 0) return
    const waiting: Waiter[] = []
    for (const waiter of this.waiters) {
      if (waiter.seqNum <= this.durableSeqNum) waiter.resolve()
      else waiting.push(waiter)
    }
    this.waiters = waiting
    this.keptAlive.set(waiting.length > 0)
  }

  /** A sync failed, here or elsewhere: from now on nothing counts as durable. Returns what waiters get. */
  fail(error: unknown, log: LogFile): VarveError {
    log.hasFailed = true
    this.timer?.cancel()
    this.timer = null
    if (this.failure === null) {
      this.failure = new VarveError('COMMIT_UNKNOWN', `sync of ${log.name} failed: what it held may be lost`, {
        cause: error,
        file: log.name,
        hint: 'close and reopen the database, then check the last writes',
      })
      this.options.onFailure(error, log)
    }
    this.rejectWaiters(this.failure)
    return this.failure
  }

  private rejectWaiters(error: VarveError): void {
    const waiters = this.waiters
    this.waiters = []
    this.keptAlive.set(false)
    for (const waiter of waiters) waiter.reject(error)
  }
}

/** WAL-1: a log whose write failed, and that could not be cut back, is not touched again. */
function checkUncut({ hasFailed, name }: LogFile): void {
  if (hasFailed) throw new VarveError('IO_ERROR', `an earlier write of ${name} failed`, { file: name })
}
