/**
 * What: one worker thread as the main thread sees it.
 * Owns: the Worker, its port, which job it runs.
 * Does not own: the queue, and what happens with an answer (worker-executor.ts).
 * Thread: main.
 * States: idle ⇄ busy → ended
 * Invariants: at most one request is unanswered; the thread keeps the process alive only while busy.
 */
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { PendingJob } from './job-queue.js'
import { encodeError } from './error-transfer.js'
import type { WorkerAnswer, WorkerRequest, WorkerStart } from './worker-messages.js'

export interface WorkerThreadOptions {
  /** CommonJS text of the worker's entry. */
  source: string
  name: string
  contextSpec: unknown
  signal: Int32Array
  onAnswer: (thread: WorkerThread, answer: WorkerAnswer) => void
  /** The thread is gone; what it had answered before can still be taken with `receive`. */
  onExit: (thread: WorkerThread, error: unknown) => void
}

export class WorkerThread {
  running: PendingJob | null = null
  private readonly port: MessagePort
  private readonly worker: Worker
  private error: unknown = null

  /** Throws what the platform throws when it forbids threads. */
  constructor(options: WorkerThreadOptions) {
    const { port1, port2 } = new MessageChannel()
    const { signal, contextSpec, onAnswer, onExit } = options
    this.port = port1
    try {
      this.worker = new Worker(options.source, {
        eval: true,
        name: options.name,
        // No execArgv: an empty one would start a thread outside the program's permission model.
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
      onExit(this, this.error ?? new Error(`the thread ended with exit code ${code}`))
    })
    port1.on('message', (answer: WorkerAnswer) => onAnswer(this, answer))
    port1.on('messageerror', (error) => onAnswer(this, { ok: false, error: encodeError(error) }))
    this.unref()
  }

  /** Requires: idle. Throws when the input cannot be cloned; then nothing was sent. */
  send(item: PendingJob): void {
    this.port.postMessage({ kind: item.job.kind, input: item.job.input } satisfies WorkerRequest)
    this.running = item
    this.worker.ref()
    this.port.ref()
  }

  /** An answer that has arrived and that the event loop has not delivered yet. */
  receive(): WorkerAnswer | null {
    try {
      const received = receiveMessageOnPort(this.port)
      return received === undefined ? null : (received.message as WorkerAnswer)
    } catch (error) {
      return { ok: false, error: encodeError(error) }
    }
  }

  /** The answer to the running job was taken. */
  settled(): void {
    this.running = null
    this.unref()
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
