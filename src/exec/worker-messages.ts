/**
 * What: what the main thread and a worker say to each other.
 *
 * A worker has one port. The main thread sends requests; the worker posts one answer to each, then adds 1 to signal[0]
 * and notifies it. So a reader that loads the signal before it looks at the port, and then waits for the signal to
 * change from that value, cannot miss an answer, with or without a turn of the event loop.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorData } from './error-transfer.js'

export interface WorkerRequest {
  kind: string
  input: unknown
  priority: number
  /** The number that connects an answer to its request. */
  id: number
}

/** How a job ended, as plain data. */
export type JobAnswer = { ok: true; output: unknown } | { ok: false; error: ErrorData }

export type WorkerAnswer = JobAnswer & { id: number }

/** The data that a thread is started with: its `workerData`. */
export interface WorkerStart {
  port: MessagePort
  signal: Int32Array
  /** Plain data from which the worker's entry makes the context of jobs. */
  contextSpec: unknown
}
