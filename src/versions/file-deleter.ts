/**
 * What: removes files that no version needs, as soon as no long call holds them.
 * Owns: the names that wait, retries; which removals no sync of the directory has made durable yet.
 * Does not own: the decision that no version needs a file; who holds it (file-holds.ts).
 * Thread: main; unlinks run as jobs.
 * Invariants: ERR-3 nothing is deleted after a failure that makes the disk's state uncertain. TAB-2 a table is among
 * `tableNums` from the moment on in which it is to go until its removal is durable. HOLD-1 what is held waits.
 */
import { fileNumOf, parseFileName, Waiters } from '../base/index.js'
import type { Clock, FileNum, Timer } from '../base/index.js'
import { drive, jobResult } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'
import { FileHolds } from './file-holds.js'

const RETRY_MS = 10_000
/** An unlink is short, so it need not wait for builds. */
const UNLINK_PRIORITY = 1

export interface FileDeleterOptions {
  executor: Executor
  dir: string
  clock: Clock
  holds?: FileHolds
}

export class FileDeleter {
  private readonly executor: Executor
  private readonly dir: string
  private readonly clock: Clock
  private readonly mayDelete: () => boolean
  private readonly holds: FileHolds
  private waiting: string[] = []
  /** Tables among what waits, or is being removed, or was removed without a sync of the directory since. */
  private readonly tables = new Map<string, FileNum>()
  /** Those of them that are removed. */
  private readonly removedTables = new Set<string>()
  private isRunning = false
  private retryTimer: Timer | null = null
  private readonly idleWaiters = new Waiters()
  deletedCount = 0

  constructor(
    { executor, dir, clock, holds = new FileHolds(clock) }: FileDeleterOptions, mayDelete: () => boolean,
  ) {
    this.executor = executor
    this.dir = dir
    this.clock = clock
    this.mayDelete = mayDelete
    this.holds = holds
    holds.onReleased = () => this.run()
  }

  add(names: readonly string[]): void {
    this.waiting.push(...names)
    this.announce(names)
    this.run()
  }

  /** Names that will be added: from now on what is written knows that the tables among them do not count. */
  announce(names: readonly string[]): void {
    for (const name of names) {
      const parsed = parseFileName(name)
      if (parsed?.kind === 'table') this.tables.set(name, parsed.fileNum)
    }
  }

  get waitingCount(): number {
    return this.waiting.length
  }

  /** Tables whose removal is not known to be durable. */
  tableNums(): FileNum[] {
    return [...this.tables.values()]
  }

  /** A sync of the directory begins. To be called when it has succeeded: what was removed before stays removed. */
  syncingDirectory(): () => void {
    const removed = [...this.removedTables]
    return () => {
      for (const name of removed) {
        this.removedTables.delete(name)
        this.tables.delete(name)
      }
    }
  }

  /** Resolves when no unlink is in flight. */
  idle(): Promise<void> {
    return this.idleWaiters.until(() => !this.isRunning)
  }

  stop(): void {
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.waiting = []
  }

  private run(): void {
    if (this.isRunning || this.waiting.length === 0 || this.retryTimer !== null) return
    const names = this.waiting.filter((name) => !this.holds.isHeld(fileNumOf(parseFileName(name))))
    if (names.length > 0 && this.mayDelete()) drive(this.unlink(names))
  }

  private *unlink(names: string[]): Procedure<void> {
    const going = new Set(names)
    this.waiting = this.waiting.filter((name) => !going.has(name))
    this.isRunning = true
    const job = { kind: 'unlinkFiles', input: { dir: this.dir, names }, priority: UNLINK_PRIORITY }
    const result = yield* jobResult<string[]>(this.executor, job)
    this.isRunning = false
    const stayed = result.ok ? result.output : names
    this.deletedCount += names.length - stayed.length
    for (const name of names) if (this.tables.has(name) && !stayed.includes(name)) this.removedTables.add(name)
    if (stayed.length > 0) {
      this.waiting.push(...stayed)
      this.retryTimer = this.clock.after(RETRY_MS, () => {
        this.retryTimer = null
        this.run()
      })
    }
    this.idleWaiters.wake()
    this.run()
  }
}
