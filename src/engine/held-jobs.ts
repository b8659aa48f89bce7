/**
 * What: jobs that touch the directory do it as its holder: in a worker they get the holder's view of the file system
 * (vfs/held-vfs.ts), and when a job finds the directory lost, the engine hears of it before the job's owner does. Both
 * ends stand here, so that no job and no submitter has to think of it.
 * Thread: `HeldExecutor` main, `asHolder` any.
 */
import { VarveError } from '../base/index.js'
import { submitAwaited } from '../exec/index.js'
import type { Executor, Job, JobFunction, JobResult } from '../exec/index.js'
import { heldVfsFromSpec } from '../vfs/index.js'
import type { HoldSpec, Vfs } from '../vfs/index.js'

interface HeldInput {
  dir: string
  hold?: HoldSpec | undefined
}

export class HeldExecutor implements Executor {
  private readonly inner: Executor
  private readonly hold: HoldSpec | null
  /** Called when a job found the directory lost. */
  onLost: ((error: VarveError) => void) | null = null

  constructor(inner: Executor, hold: HoldSpec | null) {
    this.inner = inner
    this.hold = hold
  }

  get workerCount(): number {
    return this.inner.workerCount
  }

  get activeCount(): number {
    return this.inner.activeCount
  }

  get isClosed(): boolean {
    return this.inner.isClosed
  }

  submit<Output>(job: Job): Promise<Output> {
    return submitAwaited(this, job)
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    this.inner.submitPolled<Output>(this.held(job), (result) => {
      if (!result.ok && VarveError.is(result.error) && result.error.code === 'LOCKED') this.onLost?.(result.error)
      deliver(result)
    })
  }

  poll(waitMs: number): number {
    return this.inner.poll(waitMs)
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  private held(job: Job): Job {
    const { hold } = this
    if (hold === null || (job.input as Partial<HeldInput> | null)?.dir === undefined) return job
    return { ...job, input: { ...(job.input as HeldInput), hold } }
  }
}

/** Gives a job the file system of the directory's holder. */
export function asHolder<Input extends { dir: string }, Output, Context extends { vfs: Vfs }>(
  run: JobFunction<Input, Output, Context>,
): JobFunction<Input, Output, Context> {
  return (input, context) => {
    const { hold } = input as HeldInput
    if (hold === undefined || context.vfs.isHeld === true) return run(input, context)
    return run(input, { ...context, vfs: heldVfsFromSpec(context.vfs, hold) })
  }
}
