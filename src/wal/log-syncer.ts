/**
 * What: makes written logs durable, oldest first, one sync in flight, off the thread.
 * Owns: the logs that still have unsynced bytes, the callers that wait for sequence numbers, the timer.
 * Does not own: what follows from a failure. It reports one and does nothing any more.
 * Thread: main.
 * Invariants: WAL-3 a sequence number counts as durable only after a sync that was submitted after its
 * bytes were written, and after every older log was synced to its end. WAL-4 a failed sync is never
 * repeated. WAL-5 with bytes unsynced, a sync starts after at most syncIntervalMs or syncBytes.
 */
import { assert, KeptAlive, VarveError } from '../base/index.js'
import type { Clock, FileNum, SeqNum, Timer } from '../base/index.js'
import { LatencyHistogram, StageTimes } from '../stats/index.js'
import type { LogFile } from './log-file.js'

export interface LogSyncerOptions {
  clock: Clock
  syncIntervalMs: number
  syncBytes: number
  /** False: this thread cannot sync a file itself. */
  mayBlock?: boolean
  /** Called once, with the failed log. The owner stops all writing. */
  onFailure: (error: unknown, log: LogFile) => void
  /** Called after each sync that succeeded. */
  onSynced?: (log: LogFile, durationMs: number) => void
}

/**
 * What came of waiting for the last sync of a log. 'later': nobody can say while a caller blocks this thread, since the
 * answer of a sync of this log that is in flight comes with a turn of the event loop. 'never': syncing has ended, or
 * the log is needed no longer.
 */
export type LastSync = 'done' | 'later' | 'never'

interface LogWaiter {
  log: LogFile
  /** Bytes of the log that are to be synced. */
  end: number
  tell: (lastSync: LastSync) => void
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
  private logWaiters: LogWaiter[] = []
  /** The log whose sync is in flight off the thread. */
  private logInFlight: LogFile | null = null
  /** The log of which a blocked caller was told 'later', until that sync has ended. */
  private stuckLog: LogFile | null = null
  private readonly keptAlive: KeptAlive
  private timer: Timer | null = null
  private running: Promise<void> | null = null
  private failure: VarveError | null = null
  /** The log that sync marks speak of. Everything up to the mark's bytes in it is synced. */
  markLog: FileNum = 0
  markBytes = 0
  durableSeqNum: SeqNum
  /** The times of the syncs that succeeded. */
  readonly syncTimes = new StageTimes()
  readonly latency = new LatencyHistogram()

  constructor(durableSeqNum: SeqNum, options: LogSyncerOptions) {
    this.durableSeqNum = durableSeqNum
    this.options = options
    this.keptAlive = new KeptAlive(options.clock)
  }

  /** Adds a log that takes frames from now on. Requires: its name and header are durable. */
  add(log: LogFile): void {
    this.logs.push(log)
  }

  /** True as long as the log is to be synced to its end. */
  has(log: LogFile): boolean {
    return this.logs.includes(log)
  }

  get unsyncedBytes(): number {
    let bytes = 0
    for (const log of this.logs) bytes += log.unsyncedBytes
    return bytes
  }

  /** Called after each write: starts or schedules the background sync. It is cheap. */
  noteWritten(log: LogFile): void {
    if (this.running !== null || this.failure !== null) return // The end of the sync looks at it again.
    if (log.unsyncedBytes >= this.options.syncBytes || this.waiters.length > 0) this.start()
    else if (this.timer === null) this.startTimer()
  }

  private startTimer(): void {
    this.timer = this.options.clock.after(this.options.syncIntervalMs, () => {
      this.timer = null
      this.start()
    })
  }

  /** Called when the current log was sealed: its last sync starts at once. */
  noteSealed(): void {
    this.start()
  }

  /** Resolves when all entries up to `seqNum` survive power loss. Requires: they are written. */
  waitFor(seqNum: SeqNum): Promise<void> {
    return new Promise((resolve, reject) => {
      this.tellDurable(seqNum, (error) => (error === null ? resolve() : reject(error)))
    })
  }

  /** Tells what `waitFor` waits for, or the error, as soon as it is known, also while a caller blocks this thread. */
  tellDurable(seqNum: SeqNum, tell: (error: unknown) => void): void {
    if (this.failure !== null || seqNum <= this.durableSeqNum) {
      tell(this.failure)
      return
    }
    this.waiters.push({ seqNum, resolve: () => tell(null), reject: tell })
    this.keptAlive.set(true)
    this.start()
  }

  /**
   * Tells when the first `end` bytes of a sealed log are synced; 'never' when the log is dropped before. There is no
   * second sync of them: the first one to fail is the only one that would say so. What stands behind them need not be
   * waited for.
   */
  whenSynced(log: LogFile, end: number, tell: (lastSync: LastSync) => void): void {
    assert(log.isSealed, 'only a sealed log has a last sync')
    if (log.syncedEnd >= end || this.failure !== null) {
      tell(log.syncedEnd >= end ? 'done' : 'never')
      return
    }
    this.logWaiters.push({ log, end, tell })
    this.start()
  }

  /**
   * Called by a caller that blocks this thread: does the last syncs that somebody waits for now. A log whose sync is in
   * flight gets no second one, since not every system tells each handle of an error (WAL-8) and an edit can do without:
   * those who wait for it are told 'later'.
   */
  syncBlocked(): void {
    for (const { log, tell } of this.logWaiters.splice(0)) {
      if (this.failure !== null) {
        tell('never')
      } else if (log === this.logInFlight || this.options.mayBlock === false) {
        this.stuckLog = log
        tell('later')
      } else {
        tell(this.attemptSync(log) ? 'done' : 'never')
      }
    }
  }

  private attemptSync(log: LogFile): boolean {
    try {
      this.syncLog(log)
      return true
    } catch {
      return false // the owner was told
    }
  }

  /** Bytes of a sealed log that are synced by the time an edit may name them, as far as anybody can say now. */
  promisedBytes(log: LogFile): number {
    const { stuckLog, options } = this
    const isStuck = log === stuckLog || (stuckLog !== null && options.mayBlock === false)
    return isStuck ? log.syncedEnd : log.writtenEnd
  }

  private tellSynced(): void {
    if (this.logWaiters.length === 0) return
    const waiting = this.logWaiters
    this.logWaiters = waiting.filter(({ log, end }) => log.syncedEnd < end)
    for (const { log, end, tell } of waiting) if (log.syncedEnd >= end) tell('done')
  }

  private tellNever(): void {
    for (const { tell } of this.logWaiters.splice(0)) tell('never')
  }

  /** Syncs everything written so far, blocking this thread. Throws COMMIT_UNKNOWN when a sync fails. */
  syncNow(): void {
    if (this.failure !== null) throw this.failure
    for (const log of [...this.logs]) if (this.isPending(log)) this.syncLog(log)
  }

  /** Syncs a log as far as it is written, blocking this thread. Throws COMMIT_UNKNOWN. */
  private syncLog(log: LogFile): void {
    const [end, seqNum] = [log.writtenEnd, log.writtenSeqNum]
    if (log.unsyncedBytes > 0) {
      const startMs = this.options.clock.nowMs()
      try {
        checkUncut(log)
        log.fillAhead()
        log.dataSyncSync()
      } catch (error) {
        throw this.fail(error, log)
      }
      this.noteSync(log, this.options.clock.nowMs() - startMs)
    }
    this.noteDurable(log, end, seqNum)
  }

  /** Drops a log that needs no sync any more, since its entries are in synced tables. Requires: it is the oldest. */
  drop(log: LogFile): void {
    const index = this.logs.indexOf(log)
    if (index < 0) return
    assert(index === 0, 'logs are dropped oldest first')
    this.logs.shift()
    this.durableSeqNum = Math.max(this.durableSeqNum, log.writtenSeqNum)
    this.wakeWaiters()
    const waiting = this.logWaiters
    this.logWaiters = waiting.filter((waiter) => waiter.log !== log)
    for (const waiter of waiting) if (waiter.log === log) waiter.tell('never')
  }

  /** Waits for a sync of this log in flight, also of one that was dropped: nobody else would hear that it fails. */
  async rested(log: LogFile): Promise<void> {
    while (this.logInFlight === log && this.running !== null) await this.running
  }

  /** Waits for a sync in flight, but starts none. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** Stops the timer and all further syncs. Waiting callers are rejected with `error`. */
  stop(error: VarveError): void {
    this.timer?.cancel()
    this.timer = null
    this.failure ??= error
    this.rejectWaiters(this.failure)
    this.tellNever()
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

  /** Goes on after a sync, which does not cover bytes that were written while it ran. */
  private goOn(): void {
    if (this.failure !== null) return
    const { unsyncedBytes } = this
    const isAwaited = this.waiters.length + this.logWaiters.length > 0 && this.nextLog !== null
    if (isAwaited || unsyncedBytes >= this.options.syncBytes) this.start()
    else if (unsyncedBytes > 0 && this.timer === null) this.startTimer()
  }

  /** Syncs the logs one after another, each up to what is written when its turn comes. */
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
          this.logInFlight = log
          if (this.options.mayBlock === false || log.readyForPoolSync()) await log.file.dataSync()
          else log.dataSyncSync()
        } catch (error) {
          this.fail(error, log)
          return
        } finally {
          this.logInFlight = null
          this.stuckLog = null
        }
        if (this.failure !== null) return
        this.noteSync(log, this.options.clock.nowMs() - startMs)
      }
      this.noteDurable(log, end, seqNum)
      if (!log.isSealed) return
    }
  }

  /**
   * The oldest log if it has something to sync, to end or to note as durable, or null. It is never a
   * later one, since nothing is written there before the oldest is sealed.
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
    this.latency.record(durationMs)
    this.options.onSynced?.(log, durationMs)
  }

  private noteDurable(log: LogFile, end: number, seqNum: SeqNum): void {
    const index = this.logs.indexOf(log)
    if (end > log.syncedEnd) log.syncedEnd = end
    if (index < 0) return // A blocking sync came first, or the log was dropped meanwhile.
    if (seqNum > log.syncedSeqNum) log.syncedSeqNum = seqNum
    if (index === 0) {
      this.durableSeqNum = Math.max(this.durableSeqNum, log.syncedSeqNum)
      this.markLog = log.fileNum
      this.markBytes = log.syncedEnd
    }
    if (log.isSealed && log.unsyncedBytes === 0 && index === 0) this.logs.shift()
    this.wakeWaiters()
    this.tellSynced()
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

  /** Notes a failed sync: from now on nothing more becomes durable. Returns the error that waiting callers get. */
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
    this.tellNever()
    return this.failure
  }

  private rejectWaiters(error: VarveError): void {
    const waiters = this.waiters
    this.waiters = []
    this.keptAlive.set(false)
    for (const waiter of waiters) waiter.reject(error)
  }
}

/** Throws for a log whose write failed and that could not be cut back, since it is not touched again (WAL-1). */
function checkUncut({ hasFailed, name }: LogFile): void {
  if (hasFailed) throw new VarveError('IO_ERROR', `an earlier write of ${name} failed`, { file: name })
}
