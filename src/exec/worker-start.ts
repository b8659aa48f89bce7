/**
 * What: picks the executor that this platform and these components allow.
 */
import type { Clock } from '../base/index.js'
import { InThreadExecutor } from './in-thread-executor.js'
import type { OwnContext } from './in-thread-executor.js'
import type { Executor, ExecutorEvent, JobTable } from './job.js'
import { WorkerExecutor } from './worker-executor.js'

export interface ExecutorOptions<Context> {
  /** 0: no threads. */
  workerCount: number
  jobs: JobTable<Context>
  /** What jobs on this thread get. */
  context: Context
  /** Makes one for each job on this thread instead, where some work can only be awaited. */
  ownContext?: (() => OwnContext<Context>) | null
  /** From which a worker makes its own context; null when that cannot cross threads. */
  contextSpec: unknown
  clock: Clock
  /** CommonJS text of the worker's entry. */
  source: string
  onEvent?: (event: ExecutorEvent) => void
}

/** Threads where asked for and possible, else slices on this thread. */
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
