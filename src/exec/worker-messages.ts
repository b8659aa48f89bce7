/**
 * What: what the main thread and a worker say to each other.
 *
 * A worker has one port. The main thread sends a request when the worker is idle, or runs only jobs of
 * lower priority, which stand back for it; the worker posts one answer to each, then
 * adds 1 to signal[0] and notifies it. So whoever reads the signal before looking at the port, and waits
 * for that value to change, cannot miss an answer, with or without a turn of the event loop.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorData } from './error-transfer.js'

export interface WorkerRequest {
  kind: string
  input: unknown
  /** Tells the answers apart. */
  id: number
}

export type WorkerAnswer =
  | { ok: true; output: unknown; id: number }
  | { ok: false; error: ErrorData; id: number }

/** The `workerData` of a thread. */
export interface WorkerStart {
  port: MessagePort
  signal: Int32Array
  /** From which the worker's entry makes the context of jobs. */
  contextSpec: unknown
}
