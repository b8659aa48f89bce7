/**
 * What: background work as plain data, and the two contracts around it.
 *
 * A job function is a generator that yields when it may pause: in a worker thread it runs to its end,
 * on the main thread it runs in time slices. It does blocking I/O through the Vfs of its thread and
 * shares no state: plain data and shared memory in, plain data out.
 */
import { VarveError } from '../base/index.js'
import type { Clock } from '../base/index.js'

/** A piece of background work. */
export interface Job<Input = unknown> {
  /** Name of its function in the job table. */
  kind: string
  /** What the function gets; it crosses threads by structured clone. */
  input: Input
  /**
   * A higher priority goes first, 0 when absent; jobs of one priority go in the order they were submitted. At its
   * pauses a job lets those of higher priority go first.
   */
  priority?: number
  /**
   * True: the job is part of a call that somebody waits for, and may run in one thread more than the executor has,
   * where there is a processor for it.
   */
  isExtra?: boolean | undefined
}

export function priorityOf(job: Job): number {
  return job.priority ?? 0
}

/**
 * Does a job, and yields where it may pause: at least every millisecond or so of work. The context is what its
 * thread has.
 */
export type JobFunction<Input, Output, Context> =
  (input: Input, context: Context) => Generator<undefined, Output, unknown>

/** Functions by the kinds of their jobs. */
export type JobTable<Context> = Record<string, JobFunction<never, unknown, Context>>

/**
 * Runs jobs. A job that throws rejects with the same error (VarveError keeps code, file and offset). A worker that dies
 * rejects its job with VarveError 'INTERNAL' (`hint`: 'worker lost') and is replaced; the submitter decides whether to
 * try again.
 */
export interface Executor {
  /** The number of threads besides the caller's; 0 runs jobs on the caller's thread, in time slices. */
  readonly workerCount: number
  /** Resolves with what the job gives. */
  submit<Output>(job: Job): Promise<Output>
  /**
   * Delivers results that have arrived without a turn of the event loop, for callers that must not wait for it:
   * `deliver` functions given to `submitPolled` run inside this call. With `waitMs` it waits at most that long for a
   * first result. Returns how many were delivered. An in-thread executor runs its oldest job to its end.
   */
  poll(waitMs: number): number
  /** Submits a job whose result is given to `deliver` as soon as it is seen, by the loop or by `poll`. */
  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void
  /** The number of jobs submitted and not finished. */
  readonly activeCount: number
  /** True once `close` was called: from then on nothing may be submitted, not even inside `deliver`. */
  readonly isClosed: boolean
  /** Fails what has not begun with VarveError 'ABORTED', waits for running jobs, ends the threads. */
  close(): Promise<void>
}

/** Makes an executor that runs the jobs of one database in place of threads; each job gets `context`. */
export type ExecutorFactory = <Context>(jobs: JobTable<Context>, context: Context, clock: Clock) => Executor

/** What an executor reports to its owner. It is called at once, so it must not run user code. */
export type ExecutorEvent =
  /** A thread ended by itself; `jobKind` is what it was doing. */
  | { type: 'workerLost'; jobKind: string | null; error: unknown }
  /** Threads are forbidden here (permission model, sandbox): jobs run on this thread. */
  | { type: 'workersRefused'; error: unknown }

/** The outcome of a job: what it gave, or what it threw. */
export type JobResult<Output> = { ok: true; output: Output } | { ok: false; error: unknown }

/** Makes the generator of a job, not yet advanced. */
export function beginJob<Context>(
  jobs: JobTable<Context>, job: Job, context: Context,
): Generator<undefined, unknown, unknown> {
  const run = Object.hasOwn(jobs, job.kind) ? jobs[job.kind] : undefined
  if (run === undefined) throw new VarveError('INTERNAL', `no job of kind ${job.kind}`)
  return run(job.input as never, context)
}

/** Implements `Executor.submit` with `submitPolled`, which alone an executor has to make. */
export function submitAwaited<Output>(executor: Pick<Executor, 'submitPolled'>, job: Job): Promise<Output> {
  return new Promise((resolve, reject) => {
    executor.submitPolled<Output>(job, (result) => (result.ok ? resolve(result.output) : reject(result.error)))
  })
}

export function abortedJob(job: Job): VarveError {
  return new VarveError('ABORTED', `the executor was closed before job ${job.kind} began`)
}

export function closedExecutor(): VarveError {
  return new VarveError('CLOSED', 'the executor is closed')
}
