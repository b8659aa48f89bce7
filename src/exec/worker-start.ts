/**
 * What: picks the executor that this platform and these components allow.
 */
import type { Clock } from '../base/index.js'
import { InThreadExecutor } from './in-thread-executor.js'
import type { OwnContext } from './in-thread-executor.js'
import type { Executor, ExecutorEvent, JobTable } from './job.js'
import { WorkerExecutor } from './worker-executor.js'

export interface ExecutorOptions<Context> {
  /** The number of threads; 0 means none. */
  workerCount: number
  jobs: JobTable<Context>
  /** The context of jobs that run on this thread. */
  context: Context
  /** Makes a context for each job on this thread instead, where some work can only be awaited. */
  ownContext?: (() => OwnContext<Context>) | null
  /** Plain data from which a worker makes its own context; null when that cannot cross threads. */
  contextSpec: unknown
  clock: Clock
  /** CommonJS text of the worker's entry. */
  source: string
  onEvent?: (event: ExecutorEvent) => void
}

/** Makes an executor with threads where they are asked for and possible, else one with slices on this thread. */
export function makeExecutor<Context>(options: ExecutorOptions<Context>): Executor {
  const { workerCount, jobs, context, ownContext, contextSpec, clock, source, onEvent } = options
  if (workerCount > 0 && contextSpec !== null) {
    try {
      return new WorkerExecutor({ workerCount, source, contextSpec, clock, onEvent })
    } catch (error) {
      onEvent?.({ type: 'workersRefused', error })
    }
  }
  return new InThreadExecutor(jobs, context, clock, ownContext)
}
