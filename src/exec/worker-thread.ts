/**
 * What: one worker thread as the main thread sees it.
 * Owns: the Worker, its port, which jobs it runs.
 * Does not own: the queue, and what happens with an answer (worker-executor.ts).
 * Thread: main.
 * States: idle ⇄ busy → ended
 * Invariants: at most two requests are unanswered, one of them urgent; the thread keeps the process alive
 * only while one is.
 */
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { priorityOf } from './job.js'
import type { Job } from './job.js'
import type { PendingJob } from './job-queue.js'
import { encodeError } from './error-transfer.js'
import type { WorkerAnswer, WorkerRequest, WorkerStart } from './worker-messages.js'

/** Jobs make little garbage: the default of 48 MiB a thread would only be filled because it may be. */
const YOUNG_MIB_MAX = 6

/** What a thread is for: two with the same may stand in for each other. */
export interface ThreadSpec {
  /** CommonJS text of the worker's entry. */
  source: string
  /** Plain data. */
  contextSpec: unknown
}

/** Who uses a thread; one database after another. */
export interface ThreadOwner {
  onAnswer(thread: WorkerThread, answer: WorkerAnswer): void
  /** The thread is gone; what it had answered before can still be taken with `receive`. */
  onExit(thread: WorkerThread, error: unknown): void
}

/** Counts the answers of all threads that were started here; see worker-messages.ts. */
export const answerSignal = new Int32Array(new SharedArrayBuffer(4))

let startedCount = 0

export class WorkerThread {
  /** Not answered yet; each stands back for the next one, which has a higher priority. */
  private readonly sent: { id: number; item: PendingJob }[] = []
  private nextId = 1
  private readonly port: MessagePort
  private readonly worker: Worker
  private error: unknown = null
  readonly spec: ThreadSpec
  owner: ThreadOwner

  /** Throws what the platform throws when it forbids threads. */
  constructor(spec: ThreadSpec, owner: ThreadOwner) {
    const { port1, port2 } = new MessageChannel()
    const { source, contextSpec } = spec
    this.spec = spec
    this.owner = owner
    this.port = port1
    try {
      this.worker = new Worker(source, {
        eval: true,
        name: `varve-${++startedCount}`,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB_MAX },
        // No execArgv: an empty one would start a thread outside the program's permission model.
        workerData: { port: port2, signal: answerSignal, contextSpec } satisfies WorkerStart,
        transferList: [port2],
      })
    } catch (error) {
      port1.close()
      throw error
    }
    this.worker.on('error', (error) => {
      this.error = error
    })
    this.worker.on('exit', (code) => {
      this.owner.onExit(this, this.error ?? new Error(`the thread ended with exit code ${code}`))
    })
    port1.on('message', (answer: WorkerAnswer) => this.owner.onAnswer(this, answer))
    port1.on('messageerror', (error) => this.owner.onAnswer(this, this.unreadable(error)))
    this.unref()
  }

  get isIdle(): boolean {
    return this.sent.length === 0
  }

  /** True when it is idle, or what it runs stands back for this job. */
  mayTake(job: Job): boolean {
    const last = this.sent.at(-1)
    return last === undefined || priorityOf(last.item.job) < priorityOf(job)
  }

  /** Requires: `mayTake`. Throws when the input cannot be cloned; then nothing was sent. */
  send(item: PendingJob): void {
    const { kind, input } = item.job
    const id = this.nextId++
    this.port.postMessage({ kind, input, id } satisfies WorkerRequest)
    this.sent.push({ id, item })
    this.worker.ref()
    this.port.ref()
  }

  /** An answer that has arrived and that the event loop has not delivered yet. */
  receive(): WorkerAnswer | null {
    try {
      const received = receiveMessageOnPort(this.port)
      return received === undefined ? null : (received.message as WorkerAnswer)
    } catch (error) {
      return this.unreadable(error)
    }
  }

  /** An answer that cannot be read is taken for that of the job that would answer first. */
  private unreadable(error: unknown): WorkerAnswer {
    return { ok: false, error: encodeError(error), id: this.sent.at(-1)?.id ?? 0 }
  }

  /** The job that this answers, or null when it was answered already. */
  settle(id: number): PendingJob | null {
    const at = this.sent.findIndex((each) => each.id === id)
    if (at < 0) return null
    const { item } = this.sent.splice(at, 1)[0]!
    if (this.isIdle) this.unref()
    return item
  }

  /** The thread is gone: takes what it did not answer. */
  takeUnanswered(): PendingJob[] {
    return this.sent.splice(0).map(({ item }) => item)
  }

  closePort(): void {
    this.port.close()
  }

  async terminate(): Promise<void> {
    await this.worker.terminate()
  }

  private unref(): void {
    this.worker.unref()
    this.port.unref()
  }
}
