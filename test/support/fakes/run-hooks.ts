/** Executors of the simulation whose compaction runs a test looks at, changes or fails before they begin. */
import type { Clock } from '../../../src/base/index.js'
import type { ExecutorFactory, JobFunction, JobTable } from '../../../src/exec/index.js'
import type { CompactionRunInput } from '../../../src/run/index.js'
import { simExecutor } from '../../../src/testing.js'

/** Makes an executor whose runs `change` may change; what it throws is the job's error. */
export function withRuns(change: (input: CompactionRunInput) => CompactionRunInput, seed = 1): ExecutorFactory {
  return <Context>(jobs: JobTable<Context>, context: Context, clock: Clock) => {
    const run = jobs['compactionRun']! as JobFunction<CompactionRunInput, unknown, Context>
    const compactionRun: typeof run = function* (input, given) {
      return yield* run(change(input), given)
    }
    return simExecutor({ seed })({ ...jobs, compactionRun }, context, clock)
  }
}

/** An executor with small outputs: they end after a block or two, until there are four. */
export const smallOutputs: ExecutorFactory = withRuns((input) => ({ ...input, tableBytes: 600 }))

/** A gate that holds runs at their beginning while it is closed: all of them, or those that move values. */
export class RunGate {
  isClosed = false
  isForMoves = false
  readonly executor: ExecutorFactory

  constructor(seed = 1) {
    this.executor = <Context>(jobs: JobTable<Context>, context: Context, clock: Clock) => {
      const run = jobs['compactionRun']!
      const isHeld = (input: unknown) =>
        this.isClosed && !(this.isForMoves && (input as CompactionRunInput).moves === null)
      const compactionRun: typeof run = function* (input, given) {
        while (isHeld(input)) yield
        return yield* run(input, given)
      }
      return simExecutor({ seed })({ ...jobs, compactionRun }, context, clock)
    }
  }
}
