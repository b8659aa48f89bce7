/**
 * What: what the main thread and a worker say to each other.
 *
 * A worker has one port. The main thread sends requests; the worker posts one answer to each, then adds 1 to
 * signal[0] and notifies it. So whoever reads the signal before looking at the port, and waits for that value
 * to change, cannot miss an answer, with or without a turn of the event loop.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorData } from './error-transfer.js'

export interface WorkerRequest {
  kind: string
  input: unknown
  priority: number
  /** Tells the answers apart. */
  id: number
}

/** How a job ended, as plain data. */
export type JobAnswer = { ok: true; output: unknown } | { ok: false; error: ErrorData }

export type WorkerAnswer = JobAnswer & { id: number }

/** The `workerData` of a thread. */
export interface WorkerStart {
  port: MessagePort
  signal: Int32Array
  /** From which the worker's entry makes the context of jobs. */
  contextSpec: unknown
}
