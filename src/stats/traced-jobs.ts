/**
 * What: makes long calls tell of themselves: the platform's channel `varve:job`, while somebody listens, and listeners
 * inside of the process, which OpenTelemetry hangs itself into and which need no channels.
 * Owns: those listeners. Thread: main.
 */
import { callContained, systemClock } from '../base/index.js'
import { isTraced, JOB_CHANNELS, tracePromise } from './trace.js'
import type { TraceContext } from './trace.js'

/** What subscribers of `varve:job` get. */
export interface JobCallContext extends TraceContext {
  /** When the call began, on the clock of `performance.now()`. */
  readonly startMs: number
  /** How long it took; absent until it has settled. */
  durationMs?: number
}

/** A long call that has settled. */
export interface SettledJob {
  /** The open database that the call is about, or the directory as it was given. */
  readonly subject: unknown
  /** The directory. */
  readonly db: string
  /** The name of the method. */
  readonly op: string
  readonly durationMs: number
  /** What it failed with; undefined when it did not. */
  readonly error: unknown
}

export type JobListener = (job: SettledJob) => void

type Method = (this: unknown, ...args: unknown[]) => unknown

const listeners = new Set<JobListener>()

/** Adds a listener of all long calls that begin from now on, and gives the function that removes it. */
export function listenToJobs(listener: JobListener): () => void {
  const own: JobListener = (job) => callContained(() => listener(job), () => undefined)
  listeners.add(own)
  return () => void listeners.delete(own)
}

/** Replaces methods of a class or a prototype that give promises; `subjectOf` says what a call is about. */
export function traceJobs(
  holder: object, names: readonly string[], subjectOf: (owner: unknown, first: unknown) => unknown,
): void {
  for (const name of names) {
    const method = (holder as Record<string, unknown>)[name] as Method
    const traced = function traced(this: unknown, first: unknown, second: unknown, third: unknown): unknown {
      const channels = isTraced(JOB_CHANNELS) ? JOB_CHANNELS : null
      if (channels === null && listeners.size === 0) return method.call(this, first, second, third)
      const subject = subjectOf(this, first)
      const context: JobCallContext = { db: locationOf(subject), op: name, startMs: systemClock.nowMs() }
      const call = (): Promise<unknown> => timed(context, subject, () => method.call(this, first, second, third))
      return channels === null ? call() : tracePromise(channels, context, call, () => undefined)
    }
    Object.defineProperty(traced, 'name', { value: name })
    Object.defineProperty(traced, 'length', { value: method.length })
    Object.defineProperty(holder, name, { value: traced, writable: true, configurable: true })
  }
}

function locationOf(subject: unknown): string {
  const location = typeof subject === 'object' ? (subject as { location?: unknown } | null)?.location : subject
  return typeof location === 'string' ? location : ''
}

/** Makes a call and tells of its end. Who listened when it began hears of it, unless he has gone since. */
async function timed(context: JobCallContext, subject: unknown, call: () => unknown): Promise<unknown> {
  const told = [...listeners]
  const tell = (error: unknown): void => {
    const { db, op, startMs } = context
    const durationMs = systemClock.nowMs() - startMs
    context.durationMs = durationMs
    for (const listener of told) if (listeners.has(listener)) listener({ subject, db, op, durationMs, error })
  }
  try {
    const result = await call()
    tell(undefined)
    return result
  } catch (error) {
    tell(error)
    throw error
  }
}
