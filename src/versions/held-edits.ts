/**
 * What: fast mode's second half: edits that are installed in memory and not yet durable. In the background it syncs the
 * files of all held edits → the directory → one manifest group with all of them → the manifest.
 * Owns: the held edits, in order, and the timer.
 * Does not own: the versions (version-set.ts), the logs that stay meanwhile (engine.ts).
 * Thread: main; the syncs run as a job.
 * Invariants: FLUSH-10, VLG-2 the manifest never names a file that is not synced, nor a promoted log. FLUSH-11 a log
 * goes only after the edit that replaces it is durable. FLUSH-12 a failure here ends writing: the logs are there.
 */
import { tableFileName, VarveError, vlogFileName, Waiters } from '../base/index.js'
import type { Clock, Timer } from '../base/index.js'
import { drive, runJob, waitFor } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'
import type { VersionEdit } from '../manifest/index.js'
import type { LastSync, LogFile, LogSyncer } from '../wal/index.js'
import type { VersionSet } from './version-set.js'

/** This many held edits are settled without waiting for the timer. */
const HELD_COUNT_MAX = 8

export interface HeldEdit {
  edit: VersionEdit
  /** The log that the edit replaces; null for a compaction's edit. */
  log: LogFile | null
  /** Called when a reopen would find the edit: what it replaces may go. */
  onDurable: () => void
}

export interface HeldEditsOptions {
  dir: string
  clock: Clock
  executor: Executor
  versions: VersionSet
  intervalMs: number
  /** A sync of the directory begins; what it gives is called when that has succeeded. */
  syncingDirectory: () => () => void
  /** Ends when the log pointer may pass these logs. Throws why it may not. */
  syncKept: (logs: readonly LogFile[]) => Procedure<void>
  syncer: Pick<LogSyncer, 'whenSynced'>
  /** Called when a sync or the manifest failed. */
  onFailure(error: unknown): void
}

export class HeldEdits {
  private readonly options: HeldEditsOptions
  private held: HeldEdit[] = []
  private isSettling = false
  private failure: { error: unknown } | null = null
  private timer: Timer | null = null
  private readonly idleWaiters = new Waiters()
  private waiters: { resolve: () => void; reject: (error: unknown) => void }[] = []

  constructor(options: HeldEditsOptions) {
    this.options = options
  }

  get count(): number {
    return this.held.length
  }

  /** Takes an edit that is in the current version, to make it durable soon. */
  add(held: HeldEdit): void {
    this.held.push(held)
    if (this.held.length >= HELD_COUNT_MAX) this.settle()
    else this.startTimer()
  }

  private startTimer(): void {
    this.timer ??= this.options.clock.after(this.options.intervalMs, () => {
      this.timer = null
      this.settle()
    })
  }

  /** Resolves when everything held now is durable. */
  whenSettled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.tellSettled((error) => (error === null ? resolve() : reject(error)))
    })
  }

  /** Tells what `whenSettled` waits for, or the error, as soon as it is known. */
  tellSettled(tell: (error: unknown) => void): void {
    if (this.held.length === 0 || this.failure !== null) {
      tell(this.held.length === 0 ? null : this.failure!.error)
      return
    }
    this.waiters.push({ resolve: () => tell(null), reject: tell })
    this.settle()
  }

  /** Resolves when no settling is under way; starts none. */
  idle(): Promise<void> {
    return this.idleWaiters.until(() => !this.isSettling)
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }

  private settle(): void {
    if (this.isSettling || this.failure !== null || this.held.length === 0) return
    this.stop()
    this.isSettling = true
    drive(this.settleGroup([...this.held]))
  }

  private *settleGroup(group: HeldEdit[]): Procedure<void> {
    const { dir, executor, versions, syncKept, syncingDirectory } = this.options
    const onSynced = syncingDirectory()
    try {
      const input = { dir, names: newFileNames(group) }
      yield* runJob<null>(executor, { kind: 'syncFiles', input, priority: 1 })
      onSynced()
      for (const held of group) yield* this.syncPromoted(held)
      yield* syncKept(group.flatMap(({ log }) => log ?? []))
      yield* versions.appendingHeld(group.map(({ edit }) => edit))
    } catch (error) {
      this.fail(error)
      return
    }
    this.endSettling()
    this.held = this.held.slice(group.length)
    for (const { onDurable } of group) onDurable()
    if (this.held.length === 0) for (const { resolve } of this.waiters.splice(0)) resolve()
    else if (this.waiters.length > 0 || this.held.length >= HELD_COUNT_MAX) this.settle()
    else this.startTimer()
  }

  private *syncPromoted({ edit, log }: HeldEdit): Procedure<void> {
    const promoted = edit.addValueLogs?.find(({ isLog }) => isLog)
    if (log === null || promoted === undefined) return
    for (;;) {
      const lastSync = yield* waitFor<LastSync>((tell) => this.options.syncer.whenSynced(log, promoted.bytes, tell))
      if (lastSync === 'done') return
      if (lastSync === 'never') throw new VarveError('CLOSED', `${log.name} was not synced to its end`)
    }
  }

  private endSettling(): void {
    this.isSettling = false
    this.idleWaiters.wake()
  }

  private fail(error: unknown): void {
    this.failure = { error }
    this.endSettling()
    this.options.onFailure(error)
    for (const { reject } of this.waiters.splice(0)) reject(error)
  }
}

/**
 * Names of tables and value logs that no durable edit named before. Tables that a later edit of the group replaces are
 * among them, since their files exist.
 */
function newFileNames(group: readonly HeldEdit[]): string[] {
  const tables = group.flatMap(({ edit }) => (edit.addTables ?? []).map(({ facts }) => facts.fileNum))
  const valueLogs = group.flatMap(({ edit }) => (edit.addValueLogs ?? []).filter(({ isLog }) => !isLog))
  return [...new Set(tables)].map(tableFileName).concat(valueLogs.map(({ fileNum }) => vlogFileName(fileNum)))
}
