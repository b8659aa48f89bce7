/**
 * What: the whole life of a worker thread: take a request, run its job to its end, answer. What comes between
 * two steps of a job is more urgent and goes first.
 * Thread: worker.
 */
import os from 'node:os'
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { encodeError } from './error-transfer.js'
import type { ErrorData } from './error-transfer.js'
import { beginJob } from './job.js'
import type { JobTable } from './job.js'
import type { WorkerAnswer, WorkerRequest, WorkerStart } from './worker-messages.js'

/** Of 10 processor shares that both want, a thread of niceness 10 gets one. */
const WORKER_NICENESS = 10

/** To be called once by the worker's entry. What `makeContext` throws ends the thread. */
export function serveJobs<Context>(
  jobs: JobTable<Context>, makeContext: (contextSpec: unknown) => Context,
): void {
  const { port, signal, contextSpec } = workerData as WorkerStart
  yieldToCaller()
  const context = makeContext(contextSpec)
  const serve = (request: WorkerRequest): void => {
    const { id } = request
    const answer = runJob(jobs, request, context, serveArrived)
    try {
      port.postMessage({ ...answer, id } satisfies WorkerAnswer)
    } catch (error) {
      // The output cannot be cloned; the error's data always can.
      port.postMessage({ ok: false, error: encodeError(error), id } satisfies WorkerAnswer)
    }
    Atomics.add(signal, 0, 1)
    Atomics.notify(signal, 0)
  }
  const serveArrived = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      serve(next.message as WorkerRequest)
    }
  }
  port.on('message', serve)
}

function runJob<Context>(
  jobs: JobTable<Context>, request: WorkerRequest, context: Context, atPause: () => void,
): { ok: true; output: unknown } | { ok: false; error: ErrorData } {
  try {
    const steps = beginJob(jobs, request, context)
    let turn = steps.next()
    while (turn.done !== true) {
      atPause()
      turn = steps.next()
    }
    return { ok: true, output: turn.value }
  } catch (error) {
    return { ok: false, error: encodeError(error) }
  }
}

/**
 * Where there are fewer processors than threads, the program's own thread goes first. On Linux niceness
 * belongs to a thread; elsewhere it would slow the whole process.
 */
function yieldToCaller(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(0, WORKER_NICENESS)
  } catch {
    // Forbidden here: threads compete as equals.
  }
}
