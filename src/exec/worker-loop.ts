/**
 * What: the whole life of a worker thread: takes requests, runs their jobs, answers each.
 * Owns: the jobs that have begun, and which of them runs: the most urgent one; equally urgent ones take turns.
 * Thread: worker.
 */
import os from 'node:os'
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/index.js'
import { encodeError } from './error-transfer.js'
import { beginJob } from './job.js'
import type { JobTable } from './job.js'
import type { JobAnswer, WorkerAnswer, WorkerRequest, WorkerStart } from './worker-messages.js'

/** The niceness of a worker: where the program wants the same processor, the worker gets about a tenth. */
const WORKER_NICENESS = 10
/** A turn is long enough to use what the job has in the processor's caches, and short beside any job worth a thread. */
const TURN_MS = 20

/** Serves jobs for ever; the worker's entry calls it once. What `makeContext` throws ends the thread. */
export function serveJobs<Context>(
  jobs: JobTable<Context>, makeContext: (contextSpec: unknown) => Context,
): void {
  const { port, signal, contextSpec } = workerData as WorkerStart
  yieldToCaller()
  const loop = new JobLoop(jobs, makeContext(contextSpec), {
    next: () => receiveMessageOnPort(port)?.message as WorkerRequest | undefined,
    answer(answer) {
      try {
        port.postMessage(answer)
      } catch (error) {
        // The output cannot be cloned; the error's data always can.
        port.postMessage({ ok: false, error: encodeError(error), id: answer.id } satisfies WorkerAnswer)
      }
      Atomics.add(signal, 0, 1)
      Atomics.notify(signal, 0)
    },
  })
  port.on('message', (request: WorkerRequest) => loop.run(request))
}

interface Port {
  /** Gives the next request that has arrived. */
  next(): WorkerRequest | undefined
  answer(answer: WorkerAnswer): void
}

interface RunningJob {
  readonly id: number
  readonly priority: number
  readonly generator: Generator<undefined, unknown, unknown>
}

class JobLoop<Context> {
  private readonly jobs: JobTable<Context>
  private readonly context: Context
  private readonly port: Port
  /** The most urgent job first; among equally urgent ones, the first has the turn. */
  private readonly running: RunningJob[] = []
  /** The job that has the turn, and until when it has it. */
  private turnId = 0
  private turnEndMs = 0

  constructor(jobs: JobTable<Context>, context: Context, port: Port) {
    this.jobs = jobs
    this.context = context
    this.port = port
  }

  /** Runs this job, and jobs that arrive meanwhile, to their ends. */
  run(request: WorkerRequest): void {
    this.begin(request)
    for (let job = this.running[0]; job !== undefined; job = this.running[0]) {
      const answer = advance(job)
      if (answer !== null) {
        this.running.splice(this.running.indexOf(job), 1)
        this.port.answer({ ...answer, id: job.id })
      }
      for (let next = this.port.next(); next !== undefined; next = this.port.next()) this.begin(next)
      if (answer === null) this.passTurn(job)
    }
  }

  private begin(request: WorkerRequest): void {
    const { id, priority } = request
    try {
      this.add({ id, priority, generator: beginJob(this.jobs, request, this.context) })
    } catch (error) {
      this.port.answer({ ok: false, error: encodeError(error), id })
    }
  }

  /** Puts a job behind those that are as urgent. */
  private add(job: RunningJob): void {
    const at = this.running.findIndex(({ priority }) => priority < job.priority)
    this.running.splice(at < 0 ? this.running.length : at, 0, job)
  }

  private passTurn(job: RunningJob): void {
    if (this.running[0] !== job || this.running[1]?.priority !== job.priority) return
    const nowMs = systemClock.nowMs()
    if (this.turnId !== job.id) {
      this.turnId = job.id
      this.turnEndMs = nowMs + TURN_MS
    } else if (nowMs >= this.turnEndMs) {
      this.running.shift()
      this.add(job)
    }
  }
}

/** Runs a job to its next pause; gives its answer, or null when it goes on. */
function advance({ generator }: RunningJob): JobAnswer | null {
  try {
    const turn = generator.next()
    return turn.done === true ? { ok: true, output: turn.value } : null
  } catch (error) {
    return { ok: false, error: encodeError(error) }
  }
}

/**
 * Lets the program's own thread go first where there are fewer processors than threads. On Linux niceness belongs to a
 * thread; elsewhere it would slow the whole process.
 */
function yieldToCaller(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(0, WORKER_NICENESS)
  } catch {
    // Where this is forbidden, threads compete as equals.
  }
}
