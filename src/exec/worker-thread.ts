/**
 * What: one worker thread as the main thread sees it.
 * Owns: the Worker, its port, which requests it has not answered.
 * Does not own: which requests it gets, and what happens with an answer (worker-pool.ts).
 * Thread: main.
 * States: idle ⇄ busy → ended.
 * Invariants: the thread never keeps the process alive; a caller that waits for an answer does (base/keep-alive.ts).
 */
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { WorkerAnswer, WorkerRequest, WorkerStart } from './worker-messages.js'

/**
 * The young generation of a worker's heap, in MiB: jobs make little garbage, and the default of 48 would be filled only
 * because it may be.
 */
const YOUNG_MIB_MAX = 6

/** The code of a thread, and the data that it starts with. */
export interface ThreadSpec {
  /** CommonJS text of the worker's entry. */
  source: string
  /** Plain data for the worker's entry. */
  contextSpec: unknown
}

/** What a thread is given to do. */
export interface ThreadRequest {
  readonly kind: string
  readonly input: unknown
  readonly priority: number
  /** True: it may run in one thread more than its executor has (job.ts). */
  readonly isExtra?: boolean | undefined
}

export interface ThreadOwner<Request extends ThreadRequest> {
  /** Called when the event loop delivers an answer. */
  onAnswer(thread: WorkerThread<Request>, answer: WorkerAnswer): void
  /** Called when the thread is gone; answers that it gave before can still be taken with `receive`. */
  onExit(thread: WorkerThread<Request>, error: unknown): void
}

let startedCount = 0

export class WorkerThread<Request extends ThreadRequest> {
  /** Requests that are not answered yet, in the order in which they were sent. */
  private readonly sent: { id: number; request: Request }[] = []
  private nextId = 1
  private readonly port: MessagePort
  private readonly worker: Worker
  private error: unknown = null

  /** Starts a thread. `signal` counts the answers. Throws what the platform throws when it forbids threads. */
  constructor({ source, contextSpec }: ThreadSpec, signal: Int32Array, owner: ThreadOwner<Request>) {
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    try {
      this.worker = new Worker(source, {
        eval: true,
        name: `varve-${++startedCount}`,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB_MAX },
        // `execArgv` is not set: an empty one would start a thread outside the program's permission model.
        workerData: { port: port2, signal, contextSpec } satisfies WorkerStart,
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
      owner.onExit(this, this.error ?? new Error(`the thread ended with exit code ${code}`))
    })
    port1.on('message', (answer: WorkerAnswer) => owner.onAnswer(this, answer))
    port1.on('messageerror', (error) => this.giveUp(error))
    this.worker.unref()
    port1.unref()
  }

  get isIdle(): boolean {
    return this.sent.length === 0
  }

  /** The requests that it has not answered yet. */
  get requests(): Request[] {
    return this.sent.map(({ request }) => request)
  }

  /** Sends a request. Throws when the input cannot be cloned; then nothing was sent. */
  send(request: Request): void {
    const { kind, input, priority } = request
    const id = this.nextId++
    this.port.postMessage({ kind, input, priority, id } satisfies WorkerRequest)
    this.sent.push({ id, request })
  }

  /** Takes an answer that has arrived and that the event loop has not delivered yet. */
  receive(): WorkerAnswer | null {
    try {
      const received = receiveMessageOnPort(this.port)
      return received === undefined ? null : (received.message as WorkerAnswer)
    } catch (error) {
      this.giveUp(error)
      return null
    }
  }

  /** Finds the request that an answer belongs to. */
  settle({ id }: WorkerAnswer): Request | null {
    const at = this.sent.findIndex((each) => each.id === id)
    if (at < 0) return null
    return this.sent.splice(at, 1)[0]!.request
  }

  /** Takes the requests that the thread did not answer before it ended. */
  takeUnanswered(): Request[] {
    this.port.close()
    return this.sent.splice(0).map(({ request }) => request)
  }

  async terminate(): Promise<void> {
    await this.worker.terminate()
  }

  /**
   * Gives up the thread after an answer that cannot be read: nobody knows whose it was, so all its requests are lost.
   */
  private giveUp(error: unknown): void {
    this.error ??= error
    void this.terminate()
  }
}
