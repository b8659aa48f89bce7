/** An executor whose jobs end when a test says so; `run` really runs them. */
import type { Executor, Job, JobResult, JobTable } from '../../../src/exec/index.js'

interface HeldJob {
  job: Job
  deliver: (result: JobResult<never>) => void
}

export class HandExecutor implements Executor {
  readonly workerCount: number
  isClosed = false
  /** Jobs under way, oldest first. */
  readonly jobs: HeldJob[] = []
  private readonly table: JobTable<unknown>
  private readonly context: unknown

  constructor(table: JobTable<unknown> = {}, context: unknown = {}, workerCount = 1) {
    this.workerCount = workerCount
    this.table = table
    this.context = context
  }

  get activeCount(): number {
    return this.jobs.length
  }

  submit<Output>(job: Job): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.submitPolled<Output>(job, (result) => (result.ok ? resolve(result.output) : reject(result.error)))
    })
  }

  submitPolled<Output>(job: Job, deliver: (result: JobResult<Output>) => void): void {
    if (this.isClosed) throw new Error('the executor is closed')
    this.jobs.push({ job, deliver: deliver as HeldJob['deliver'] })
  }

  poll(): number {
    return 0
  }

  async close(): Promise<void> {}

  /** Takes the first job that passes the test out of the queue. */
  take(test: (job: Job) => boolean): HeldJob {
    const at = this.jobs.findIndex(({ job }) => test(job))
    if (at < 0) throw new Error('no such job is under way')
    return this.jobs.splice(at, 1)[0]!
  }

  /** Runs job number `at` and answers it. */
  run(at = 0): void {
    const { job, deliver } = this.jobs.splice(at, 1)[0]!
    const steps = this.table[job.kind]!(job.input as never, this.context)
    for (;;) {
      const turn = steps.next()
      if (turn.done !== true) continue
      deliver({ ok: true, output: turn.value as never })
      return
    }
  }

  /** Lets the oldest job fail. */
  fail(error: unknown): void {
    this.jobs.shift()!.deliver({ ok: false, error })
  }
}
