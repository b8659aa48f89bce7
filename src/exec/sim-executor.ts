/**
 * What: an executor that behaves as threads do, on one thread and in one order for each seed: jobs run
 * interleaved, and what they give arrives late and in any order.
 * Owns: the generators of jobs that have begun, results on their way.
 * Thread: main.
 * Invariants: a job never runs or is answered inside `submit`; each is answered once.
 */
import { SeededRandom, Waiters } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { JobQueue } from './job-queue.js'
import type { PendingJob } from './job-queue.js'
import { abortedJob, beginJob, closedExecutor, priorityOf, submitAwaited } from './job.js'
import type { Executor, ExecutorFactory, Job, JobResult, JobTable } from './job.js'

/** Options of `simExecutor`. */
export interface SimExecutorOptions {
  /** The seed decides the order of everything. */
  seed: number
  /** Jobs that run at the same time; default 3, so that two flushes are built at once. */
  workerCount?: number
}

/** Makes executors for `components.executor`. */
export function simExecutor(options: SimExecutorOptions): ExecutorFactory {
  return (jobs, context, clock) => new SimExecutor(jobs, context, clock, options)
}

interface RunningJob extends PendingJob {
  /** The running job; null until a thread has begun it. */
  generator: Generator<undefined, unknown, unknown> | null
}

interface ArrivingResult {
  deliver: PendingJob['deliver']
  result: JobResult<unknown>
}

export class SimExecutor<Context> implements Executor {
  readonly workerCount: number
  isClosed = false
  private readonly jobs: JobTable<Context>
  private readonly context: Context
  private readonly clock: Clock
  private readonly random: SeededRandom
  private readonly queue = new JobQueue<PendingJob>()
  private readonly running: RunningJob[] = []
  private readonly arriving: ArrivingResult[] = []
  private isTurnDue = false
  /** True while a job's own code is on the stack. */
  private isInJob = false
  private readonly whenIdle = new Waiters()

  constructor(jobs: JobTable<Context>, context: Context, clock: Clock, options: SimExecutorOptions) {
    this.jobs = jobs
    this.context = context
    this.clock = clock
    this.workerCount = options.workerCount ?? 3
    this.random = new SeededRandom(options.seed, 'executor')
  }

  get activeCount(): number {
    return this.queue.length + this.running.length + this.arriving.length
  }

  submit<Output>(job: Job): Promise<Output> {
    return submitAwaited(this, job)
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    if (this.isClosed) throw closedExecutor()
    this.queue.push({ job, priority: priorityOf(job), deliver: deliver as PendingJob['deliver'] })
    this.scheduleTurn()
  }

  /** With `waitMs` it lets the threads go on until something arrives, however long that takes. */
  poll(waitMs: number): number {
    if (this.isInJob) return 0
    let deliveredCount = 0
    while (this.arriving.length > 0 && this.random.chance(0.5)) deliveredCount += this.deliverOne()
    while (waitMs > 0 && deliveredCount === 0 && this.activeCount > 0) deliveredCount = this.act()
    return deliveredCount
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const { job, deliver } of this.queue.removeAll(() => true)) deliver({ ok: false, error: abortedJob(job) })
    if (this.activeCount > 0) await this.whenIdle.next()
  }

  private scheduleTurn(): void {
    if (this.isTurnDue) return
    this.isTurnDue = true
    this.clock.defer(() => {
      this.isTurnDue = false
      try {
        this.act()
      } finally {
        if (this.activeCount > 0) this.scheduleTurn()
      }
    })
  }

  /** Gives free threads their jobs; then one thing happens, or nothing, as when no thread gets the processor. */
  private act(): number {
    while (this.running.length < this.workerCount && this.queue.length > 0) {
      this.running.push({ ...this.queue.shift()!, generator: null })
    }
    const choice = this.random.below(8)
    if (choice < 2) return this.arriving.length > 0 ? this.deliverOne() : 0
    if (choice < 7 && this.running.length > 0) this.advanceOne()
    return 0
  }

  /** Runs one job to its next pause point. */
  private advanceOne(): void {
    const at = this.random.below(this.running.length)
    const item = this.running[at]!
    let result: JobResult<unknown>
    this.isInJob = true
    try {
      item.generator ??= beginJob(this.jobs, item.job, this.context)
      const turn = item.generator.next()
      if (turn.done !== true) return
      result = { ok: true, output: turn.value }
    } catch (error) {
      result = { ok: false, error }
    } finally {
      this.isInJob = false
    }
    this.running.splice(at, 1)
    this.arriving.push({ deliver: item.deliver, result })
  }

  private deliverOne(): number {
    const [{ deliver, result }] = this.arriving.splice(this.random.below(this.arriving.length), 1) as [ArrivingResult]
    if (this.activeCount === 0) this.whenIdle.wake()
    deliver(result)
    return 1
  }
}
