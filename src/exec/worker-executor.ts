/**
 * What: runs the jobs of one database in the worker threads of the process.
 * Owns: the database's seat in the pool, and that each job is answered exactly once: by the event loop, by `poll`, or
 * by the end of its thread.
 * Does not own: threads, and which jobs they get (worker-pool.ts); what jobs do, and retries.
 * Thread: main.
 * States: open → closing (running jobs go on) → closed.
 */
import { VarveError, Waiters } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { decodeError } from './error-transfer.js'
import { abortedJob, closedExecutor, priorityOf, submitAwaited } from './job.js'
import type { Executor, ExecutorEvent, Job, JobResult } from './job.js'
import type { JobAnswer } from './worker-messages.js'
import { sharedPool } from './worker-pool.js'
import type { PoolSeat } from './worker-pool.js'
import type { ThreadRequest, ThreadSpec } from './worker-thread.js'

/** The executor's thread: `source` calls `serveJobs`, and makes the context of jobs from `contextSpec`. */
export interface WorkerExecutorOptions extends ThreadSpec {
  /** The number of threads that it may use at once. */
  workerCount: number
  clock: Clock
  onEvent?: ((event: ExecutorEvent) => void) | undefined
}

interface SubmittedJob extends ThreadRequest {
  readonly deliver: (result: JobResult<unknown>) => void
}

export class WorkerExecutor implements Executor {
  readonly workerCount: number
  private readonly options: WorkerExecutorOptions
  private readonly seat: PoolSeat
  isClosed = false
  private hasLeft = false
  private readonly whenIdle = new Waiters()

  /** Takes a seat in the pool. Throws when the platform forbids threads. */
  constructor(options: WorkerExecutorOptions) {
    this.options = options
    this.workerCount = options.workerCount
    this.seat = sharedPool(options).join({
      threadsMax: options.workerCount,
      onAnswer: (job, answer) => this.finish(job as SubmittedJob, resultOf(answer)),
      onLost: (jobs, error) => this.onLost(jobs as SubmittedJob[], error),
    })
  }

  get activeCount(): number {
    return this.seat.activeCount
  }

  submit<Output>(job: Job): Promise<Output> {
    return submitAwaited(this, job)
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    if (this.isClosed) throw closedExecutor()
    const { kind, input, isExtra } = job
    const submitted = { kind, input, isExtra, priority: priorityOf(job), deliver: deliver as SubmittedJob['deliver'] }
    this.seat.submit(submitted)
  }

  poll(waitMs: number): number {
    const { seat, options: { clock } } = this
    const end = clock.nowMs() + waitMs
    for (;;) {
      // The signal must be read before the ports: see worker-messages.ts.
      const signal = Atomics.load(seat.signal, 0)
      const delivered = seat.receive()
      if (delivered > 0 || seat.activeCount === 0) return delivered
      const left = end - clock.nowMs()
      if (!(left > 0)) return 0
      Atomics.wait(seat.signal, 0, signal, left)
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const job of this.seat.withdraw() as SubmittedJob[]) job.deliver({ ok: false, error: abortedJob(job) })
    if (this.activeCount > 0) await this.whenIdle.next()
    if (!this.hasLeft) this.seat.leave()
    this.hasLeft = true
  }

  private finish({ deliver }: SubmittedJob, result: JobResult<unknown>): void {
    if (this.isClosed && this.activeCount === 0) this.whenIdle.wake()
    deliver(result)
  }

  private onLost(jobs: SubmittedJob[], error: unknown): void {
    this.options.onEvent?.({ type: 'workerLost', jobKind: jobs.at(-1)!.kind, error })
    for (const job of jobs) this.finish(job, { ok: false, error: lostWorker(job, error) })
  }
}

function resultOf(answer: JobAnswer): JobResult<unknown> {
  return answer.ok ? { ok: true, output: answer.output } : { ok: false, error: decodeError(answer.error) }
}

function lostWorker(job: Job, cause: unknown): VarveError {
  return new VarveError('INTERNAL', `the thread that ran job ${job.kind} is gone`, {
    cause,
    hint: 'worker lost',
  })
}
