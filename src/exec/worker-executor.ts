/**
 * What: runs jobs in worker threads.
 * Owns: its threads until it is closed, the queue in front of them, and that each job is answered exactly
 * once, by the event loop, by `poll`, or by the end of its thread.
 * Does not own: what jobs do, and retries.
 * Thread: main.
 * States: open → closing (running jobs go on) → closed
 * Invariants: a job is told 'worker lost' only when its thread has ended and touches nothing any more.
 */
import { VarveError } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { decodeError } from './error-transfer.js'
import { keepIdleThread, takeIdleThread } from './idle-threads.js'
import { JobQueue } from './job-queue.js'
import type { PendingJob } from './job-queue.js'
import { abortedJob, closedExecutor } from './job.js'
import type { Executor, ExecutorEvent, Job, JobResult } from './job.js'
import type { WorkerAnswer } from './worker-messages.js'
import { answerSignal, WorkerThread } from './worker-thread.js'
import type { ThreadOwner, ThreadSpec } from './worker-thread.js'

/** `source` calls `serveJobs`, and makes the context of jobs from `contextSpec`. */
export interface WorkerExecutorOptions extends ThreadSpec {
  workerCount: number
  clock: Clock
  onEvent?: ((event: ExecutorEvent) => void) | undefined
}

export class WorkerExecutor implements Executor {
  readonly workerCount: number
  private readonly options: WorkerExecutorOptions
  /** The signal's value when all ports were last looked at. */
  private signalSeen = 0
  private readonly queue = new JobQueue<PendingJob>()
  private readonly threads: WorkerThread[] = []
  private runningCount = 0
  /** Jobs that could not be sent; told in a turn of their own or by `poll`, never inside `submit`. */
  private refused: { item: PendingJob; error: unknown }[] = []
  isClosed = false
  private whenIdle: (() => void)[] = []

  /** Takes or starts the first thread; throws when the platform forbids threads. */
  constructor(options: WorkerExecutorOptions) {
    this.options = options
    this.workerCount = options.workerCount
    this.startThread()
  }

  get activeCount(): number {
    return this.queue.length + this.runningCount + this.refused.length
  }

  submit<Output>(job: Job): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.submitPolled<Output>(job, (result) => {
        if (result.ok) resolve(result.output)
        else reject(result.error)
      })
    })
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    if (this.isClosed) throw closedExecutor()
    this.queue.push({ job, deliver: deliver as PendingJob['deliver'] })
    this.dispatch()
  }

  poll(waitMs: number): number {
    const { clock } = this.options
    const end = clock.nowMs() + waitMs
    for (;;) {
      // Read before the ports are: see worker-messages.ts.
      const signal = Atomics.load(answerSignal, 0)
      let delivered = this.tellRefused()
      if (signal !== this.signalSeen) {
        this.signalSeen = signal
        for (const thread of [...this.threads]) while (this.receive(thread)) delivered++
      }
      if (delivered > 0 || this.runningCount === 0) return delivered
      const left = end - clock.nowMs()
      if (!(left > 0)) return 0
      Atomics.wait(answerSignal, 0, signal, left)
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const item of this.queue.removeAll(() => true)) {
      item.deliver({ ok: false, error: abortedJob(item.job) })
    }
    if (this.runningCount > 0) await new Promise<void>((resolve) => this.whenIdle.push(resolve))
    await Promise.all(this.threads.splice(0).map((thread) => keepIdleThread(thread, this.options.clock)))
  }

  /** Gives the first jobs of the queue to threads that may take them, adding threads up to the limit. */
  private dispatch(): void {
    while (this.queue.length > 0) {
      const thread = this.threadFor(this.queue.first!.job)
      if (thread === null) return
      const item = this.queue.shift()!
      if (thread instanceof WorkerThread) this.send(thread, item)
      else this.refuse(item, lostWorker(item.job, thread.error))
    }
  }

  /** Null when all are busy; the error when there is none and none can be started. */
  private threadFor(job: Job): WorkerThread | { error: unknown } | null {
    for (const thread of this.threads) if (thread.isIdle) return thread
    if (this.threads.length < this.workerCount) {
      try {
        return this.startThread()
      } catch (error) {
        if (this.threads.length === 0) return { error }
      }
    }
    return this.threads.find((thread) => thread.mayTake(job)) ?? null
  }

  private startThread(): WorkerThread {
    const owner: ThreadOwner = {
      onAnswer: (thread, answer) => this.settle(thread, answer),
      onExit: (thread, error) => this.threadEnded(thread, error),
    }
    const { source, contextSpec } = this.options
    const spec = { source, contextSpec }
    const thread = takeIdleThread(spec) ?? new WorkerThread(spec, owner)
    thread.owner = owner
    this.threads.push(thread)
    return thread
  }

  private send(thread: WorkerThread, item: PendingJob): void {
    try {
      thread.send(item)
      this.runningCount++
    } catch (error) {
      this.refuse(item, error)
    }
  }

  private refuse(item: PendingJob, error: unknown): void {
    this.refused.push({ item, error })
    this.options.clock.defer(() => this.tellRefused())
  }

  private tellRefused(): number {
    const refused = this.refused.splice(0)
    for (const { item, error } of refused) item.deliver({ ok: false, error })
    return refused.length
  }

  private receive(thread: WorkerThread): boolean {
    if (thread.isIdle) return false
    const answer = thread.receive()
    if (answer === null) return false
    this.settle(thread, answer)
    return true
  }

  private settle(thread: WorkerThread, answer: WorkerAnswer): void {
    const item = thread.settle(answer.id)
    if (item === null) return
    this.finish(item, answer.ok ? { ok: true, output: answer.output } : { ok: false, error: decodeError(answer.error) })
  }

  /** Threads are given their next jobs before the result is told: that may take a while. */
  private finish(item: PendingJob, result: JobResult<unknown>): void {
    this.runningCount--
    this.dispatch()
    if (this.isClosed && this.runningCount === 0) for (const resolve of this.whenIdle.splice(0)) resolve()
    item.deliver(result)
  }

  private threadEnded(thread: WorkerThread, error: unknown): void {
    this.threads.splice(this.threads.indexOf(thread), 1)
    while (this.receive(thread)); // what it had answered counts
    thread.closePort()
    const lost = thread.takeUnanswered()
    if (this.isClosed && lost.length === 0) return
    this.options.onEvent?.({ type: 'workerLost', jobKind: lost.at(-1)?.job.kind ?? null, error })
    for (const item of lost) this.finish(item, { ok: false, error: lostWorker(item.job, error) })
    this.dispatch()
  }
}

function lostWorker(job: Job, cause: unknown): VarveError {
  return new VarveError('INTERNAL', `the thread that ran job ${job.kind} is gone`, {
    cause,
    hint: 'worker lost',
  })
}
