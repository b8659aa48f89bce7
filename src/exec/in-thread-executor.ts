/**
 * What: runs jobs on the caller's thread, in time slices, for sandboxes without threads, for simulation
 * and for a Vfs that cannot cross threads.
 * Owns: the generators of jobs that have begun, and jobs that are done but for what must be awaited.
 * Thread: main.
 * Invariants: a job never runs inside `submit`; each slice goes on with the first job in the queue, so a
 * job of higher priority suspends a lower one at its next pause point.
 */
import { Waiters } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { JobQueue } from './job-queue.js'
import type { PendingJob } from './job-queue.js'
import { abortedJob, beginJob, closedExecutor, priorityOf, submitAwaited } from './job.js'
import type { Executor, Job, JobResult, JobTable } from './job.js'

/** A slice is short enough that timers and sockets of the program are not late by a frame. */
const SLICE_MS = 2

/** The context of one job, where some of the job's work can only be awaited. */
export interface OwnContext<Context> {
  context: Context
  /** Runs between the end of the job and its answer; what it rejects with is the job's error. */
  end(hasSucceeded: boolean): Promise<void>
}

interface SlicedJob<Context> extends PendingJob {
  generator: Generator<undefined, unknown, unknown> | null
  own: OwnContext<Context> | null
}

export class InThreadExecutor<Context> implements Executor {
  readonly workerCount = 0
  private readonly jobs: JobTable<Context>
  private readonly context: Context
  private readonly clock: Clock
  private readonly ownContext: (() => OwnContext<Context>) | null
  private readonly queue = new JobQueue<SlicedJob<Context>>()
  private endingCount = 0
  private sliceDue = false
  /** True while a job's own code is on the stack. */
  private isInJob = false
  isClosed = false
  private readonly whenIdle = new Waiters()

  /** With `ownContext` each job gets a context of its own; without, all share `context`. */
  constructor(
    jobs: JobTable<Context>, context: Context, clock: Clock, ownContext: (() => OwnContext<Context>) | null = null,
  ) {
    this.jobs = jobs
    this.context = context
    this.clock = clock
    this.ownContext = ownContext
  }

  get activeCount(): number {
    return this.queue.length + this.endingCount
  }

  submit<Output>(job: Job): Promise<Output> {
    return submitAwaited(this, job)
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    if (this.isClosed) throw closedExecutor()
    this.queue.push({
      job, priority: priorityOf(job), deliver: deliver as PendingJob['deliver'], generator: null, own: null,
    })
    this.scheduleSlice()
  }

  poll(_waitMs: number): number {
    const item = this.queue.first
    if (item === undefined || this.isInJob) return 0
    while (!this.advance(item));
    return item.own === null ? 1 : 0
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const item of this.queue.removeAll((item) => item.generator === null)) {
      item.deliver({ ok: false, error: abortedJob(item.job) })
    }
    if (this.activeCount > 0) await this.whenIdle.next()
  }

  private scheduleSlice(): void {
    if (this.sliceDue) return
    this.sliceDue = true
    this.clock.deferWork(() => this.runSlice())
  }

  private runSlice(): void {
    this.sliceDue = false
    const end = this.clock.nowMs() + SLICE_MS
    try {
      for (let item = this.queue.first; item !== undefined; item = this.queue.first) {
        this.advance(item)
        if (this.clock.nowMs() >= end) break
      }
    } finally {
      if (this.queue.length > 0) this.scheduleSlice()
    }
  }

  /** Runs the job to its next pause point; true when it has ended. */
  private advance(item: SlicedJob<Context>): boolean {
    let result: JobResult<unknown>
    this.isInJob = true
    try {
      item.generator ??= beginJob(this.jobs, item.job, this.contextOf(item))
      const turn = item.generator.next()
      if (turn.done !== true) return false
      result = { ok: true, output: turn.value }
    } catch (error) {
      result = { ok: false, error }
    } finally {
      this.isInJob = false
    }
    this.queue.remove(item)
    if (item.own === null) this.answer(item, result)
    else this.endOwn(item, item.own, result)
    return true
  }

  private contextOf(item: SlicedJob<Context>): Context {
    if (this.ownContext === null) return this.context
    item.own = this.ownContext()
    return item.own.context
  }

  private endOwn(item: SlicedJob<Context>, own: OwnContext<Context>, result: JobResult<unknown>): void {
    this.endingCount++
    const answer = (final: JobResult<unknown>): void => {
      this.endingCount--
      this.answer(item, final)
    }
    own.end(result.ok).then(() => answer(result), (error: unknown) => answer({ ok: false, error }))
  }

  private answer(item: SlicedJob<Context>, result: JobResult<unknown>): void {
    if (this.activeCount === 0) this.whenIdle.wake()
    item.deliver(result)
  }
}
