/**
 * What: work that goes on over several jobs, told from top to bottom: a generator that yields whatever it waits for. It
 * continues inside the answer, so a caller that blocks and takes the answers itself (`Executor.poll`) drives it too; a
 * promise would wait for a turn of the event loop.
 * Thread: main.
 * Design: docs/design/0010-installs-are-jobs.md.
 */
import type { Executor, Job, JobResult } from './job.js'

/** Something to wait for: it calls `resume` with its answer exactly once, at once or later. */
export type Wait = (resume: (answer: unknown) => void) => void

/** Work that yields what it waits for, and in the end gives a `T`. */
export type Procedure<T> = Generator<Wait, T, unknown>

/** Begins a procedure. It should not throw: an error would reach the code that gave the last answer. */
export function drive(procedure: Procedure<void>): void {
  advance(procedure, undefined)
}

/** Takes answers that come at once in a loop, so that many of them need no deep stack. */
function advance(procedure: Procedure<void>, firstAnswer: unknown): void {
  let answer = firstAnswer
  for (let turn = procedure.next(answer); turn.done !== true; turn = procedure.next(answer)) {
    let isWaiting = false
    let hasAnswer = false
    turn.value((given) => {
      if (isWaiting) {
        advance(procedure, given)
        return
      }
      answer = given
      hasAnswer = true
    })
    isWaiting = !hasAnswer
    if (isWaiting) return
  }
}

/** Drives a procedure and gives a promise of its result, for callers that may wait for the event loop. */
export function finished<T>(procedure: Procedure<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    function* told(): Procedure<void> {
      try {
        resolve(yield* procedure)
      } catch (error) {
        reject(error)
      }
    }
    drive(told())
  })
}

/** Waits until `begin` calls back, and gives what it called back with. */
export function* waitFor<T>(begin: (resume: (answer: T) => void) => void): Procedure<T> {
  return (yield begin as Wait) as T
}

/** Waits for a job and gives its outcome. */
export function* jobResult<Output>(
  executor: Pick<Executor, 'submitPolled'>, job: Job,
): Procedure<JobResult<Output>> {
  return yield* waitFor<JobResult<Output>>((resume) => executor.submitPolled<Output>(job, resume))
}

/** Waits for a job and gives its output; throws what the job threw. */
export function* runJob<Output>(executor: Pick<Executor, 'submitPolled'>, job: Job): Procedure<Output> {
  const result = yield* jobResult<Output>(executor, job)
  if (!result.ok) throw result.error
  return result.output
}
