/**
 * What: removes files that no version needs.
 * Owns: the names that wait, retries. Does not own: the decision that nobody needs a file.
 * Thread: main; unlinks run as jobs.
 * Invariants: ERR-3 nothing is deleted after a failure that makes the disk's state uncertain.
 */
import { Waiters } from '../base/index.js'
import type { Clock, Timer } from '../base/index.js'
import { drive, jobResult } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'

const RETRY_MS = 10_000
/** An unlink is short, so it need not wait for builds. */
const UNLINK_PRIORITY = 1

export class FileDeleter {
  private readonly executor: Executor
  private readonly dir: string
  private readonly clock: Clock
  private readonly mayDelete: () => boolean
  private waiting: string[] = []
  private isRunning = false
  private retryTimer: Timer | null = null
  private readonly idleWaiters = new Waiters()
  deletedCount = 0

  constructor(executor: Executor, dir: string, clock: Clock, mayDelete: () => boolean) {
    this.executor = executor
    this.dir = dir
    this.clock = clock
    this.mayDelete = mayDelete
  }

  add(names: readonly string[]): void {
    this.waiting.push(...names)
    this.run()
  }

  get waitingCount(): number {
    return this.waiting.length
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
    if (this.mayDelete()) drive(this.unlinkWaiting())
  }

  private *unlinkWaiting(): Procedure<void> {
    const names = this.waiting
    this.waiting = []
    this.isRunning = true
    const job = { kind: 'unlinkFiles', input: { dir: this.dir, names }, priority: UNLINK_PRIORITY }
    const result = yield* jobResult<string[]>(this.executor, job)
    this.isRunning = false
    const stayed = result.ok ? result.output : names
    this.deletedCount += names.length - stayed.length
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
