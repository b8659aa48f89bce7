/**
 * What: the whole life of a worker thread: takes requests, runs their jobs, answers each.
 * Owns: the jobs that have begun, and whose turn it is: the most urgent one's; equals take turns.
 * Thread: worker.
 */
import os from 'node:os'
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/index.js'
import { encodeError } from './error-transfer.js'
import { beginJob } from './job.js'
import type { JobTable } from './job.js'
import type { JobAnswer, WorkerAnswer, WorkerRequest, WorkerStart } from './worker-messages.js'

/** The niceness of a worker: where both want the processor, it gets about a tenth. */
const WORKER_NICENESS = 10
/** Long enough that what one job has in the processor's caches is used, short beside any job worth a thread. */
const TURN_MS = 20

/** To be called once by the worker's entry. What `makeContext` throws ends the thread. */
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
  /** The next request that has arrived. */
  next(): WorkerRequest | undefined
  answer(answer: WorkerAnswer): void
}

interface RunningJob {
  readonly id: number
  readonly priority: number
  readonly steps: Generator<undefined, unknown, unknown>
}

class JobLoop<Context> {
  private readonly jobs: JobTable<Context>
  private readonly context: Context
  private readonly port: Port
  /** The most urgent first; the first of its equals has the turn. */
  private readonly running: RunningJob[] = []
  /** Whose turn it is among equals, and until when. */
  private turnId = 0
  private turnEndMs = 0

  constructor(jobs: JobTable<Context>, context: Context, port: Port) {
    this.jobs = jobs
    this.context = context
    this.port = port
  }

  /** Runs this job, and what arrives meanwhile, to their ends. */
  run(request: WorkerRequest): void {
    this.begin(request)
    for (let job = this.running[0]; job !== undefined; job = this.running[0]) {
      const answer = step(job)
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
      this.add({ id, priority, steps: beginJob(this.jobs, request, this.context) })
    } catch (error) {
      this.port.answer({ ok: false, error: encodeError(error), id })
    }
  }

  /** Behind its equals. */
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

/** To its next pause; null when it goes on. */
function step({ steps }: RunningJob): JobAnswer | null {
  try {
    const turn = steps.next()
    return turn.done === true ? { ok: true, output: turn.value } : null
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
