/**
 * What: an executor whose jobs outlive a moment without file descriptors. A job that failed because it could open
 * nothing gets descriptors that tables can do without; a job that may be done twice is done again, later, and its
 * submitter hears nothing of it. (Others are tried again by their owners, under new names.)
 * Owns: the jobs that wait. Thread: main.
 * Invariants: ERR-4 a missing descriptor is no failed sync, and ends nothing.
 */
import { isOutOfFiles } from '../base/index.js'
import type { Clock, Timer } from '../base/index.js'
import { submitAwaited } from '../exec/index.js'
import type { Executor, Job, JobResult } from '../exec/index.js'
import { giveBackFiles } from '../vfs/index.js'

/**
 * Jobs that may be done twice. They write and sync the same again: a group at its offset, whole files, a directory; a
 * file that is gone stays gone.
 */
const REPEATABLE: ReadonlySet<string> = new Set(['appendGroup', 'syncFiles', 'unlinkFiles'])
const BACKOFF_FIRST_MS = 20
const BACKOFF_MAX_MS = 1000
/** A job is tried again this often during a close: for about three seconds. */
const LAST_TRIES = 8

interface WaitingJob {
  timer: Timer
  dueMs: number
  submit(): void
}

export class PatientExecutor implements Executor {
  private readonly inner: Executor
  private readonly clock: Clock
  private readonly waiting = new Set<WaitingJob>()
  private triesLeft = Infinity
  /** Called when a job could open nothing, and waits. */
  onShort: (error: unknown) => void = () => undefined
  /** Called when nothing waits any more. */
  onMended: () => void = () => undefined

  constructor(inner: Executor, clock: Clock) {
    this.inner = inner
    this.clock = clock
  }

  get workerCount(): number {
    return this.inner.workerCount
  }

  get activeCount(): number {
    return this.inner.activeCount + this.waiting.size
  }

  get isClosed(): boolean {
    return this.inner.isClosed
  }

  submit<Output>(job: Job): Promise<Output> {
    return submitAwaited(this, job)
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    this.attempt(job, deliver, 0)
  }

  private attempt<Output>(job: Job, deliver: (result: JobResult<Output>) => void, tries: number): void {
    this.inner.submitPolled<Output>(job, (result) => {
      if (!result.ok && isOutOfFiles(result.error)) {
        giveBackFiles()
        if (REPEATABLE.has(job.kind) && this.triesLeft-- > 0) {
          this.wait(() => this.attempt(job, deliver, tries + 1), tries)
          this.onShort(result.error)
          return
        }
      }
      if (tries > 0 && this.waiting.size === 0) this.onMended()
      deliver(result)
    })
  }

  private wait(submit: () => void, tries: number): void {
    const delayMs = Math.min(BACKOFF_FIRST_MS * 2 ** tries, BACKOFF_MAX_MS)
    const timer = this.clock.after(delayMs, () => this.again(waiting))
    const waiting = { timer, dueMs: this.clock.nowMs() + delayMs, submit }
    this.waiting.add(waiting)
  }

  private again(waiting: WaitingJob): void {
    if (!this.waiting.delete(waiting)) return
    waiting.timer.cancel()
    waiting.submit()
  }

  /** Tries the waiting jobs again too, for a caller that blocks and so lets no timer come. */
  poll(waitMs: number): number {
    const nowMs = this.clock.nowMs()
    for (const waiting of [...this.waiting]) if (waiting.dueMs <= nowMs) this.again(waiting)
    return this.inner.poll(waitMs)
  }

  /** Ends the patience: from now on jobs are done again a few times only. */
  hurry(): void {
    this.triesLeft = Math.min(this.triesLeft, LAST_TRIES)
  }

  close(): Promise<void> {
    this.triesLeft = 0
    for (const waiting of [...this.waiting]) this.again(waiting)
    return this.inner.close()
  }
}
