/**
 * What: the channels of the platform on which others hear of calls, events and background work: Node's
 * `diagnostics_channel`, where tools for tracing look. This is the one file that reaches for it; elsewhere nothing is
 * traced.
 * A channel without subscribers costs the question whether it has any. A subscriber that throws does not reach a
 * caller: the platform makes that an uncaught exception of the process.
 * Thread: main.
 */

/** A channel of the platform. */
export interface TraceChannel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

/** The channels of one kind of call: where it begins and ends, where its promise settles, and where it fails. */
export interface TraceChannels {
  readonly start: TraceChannel & { runStores<T>(context: object, call: () => T): T }
  readonly end: TraceChannel
  readonly asyncStart: TraceChannel
  readonly asyncEnd: TraceChannel
  readonly error: TraceChannel
}

/** What subscribers get of a call. There are no keys and no values in it. */
export interface TraceContext {
  /** The directory of the database. */
  readonly db: string
  /** What is done. */
  readonly op: string
  /** What the call failed with, once it has failed. */
  error?: unknown
}

interface Diagnostics {
  channel(name: string): TraceChannel
  tracingChannel(name: string): TraceChannels
}

interface Platform {
  process?: { getBuiltinModule?: (id: string) => unknown }
}

/** Null where the platform has no such channels. */
const diagnostics = (globalThis as Platform).process?.getBuiltinModule?.('node:diagnostics_channel') as
  Diagnostics | undefined

function open(kind: string): TraceChannels | null {
  return diagnostics?.tracingChannel(`varve:${kind}`) ?? null
}

export const READ_CHANNELS = open('read')
export const WRITE_CHANNELS = open('write')
export const FLUSH_CHANNELS = open('flush')
export const COMPACTION_CHANNELS = open('compaction')
/** Long calls: a checkpoint, a verify, an import and the like. */
export const JOB_CHANNELS = open('job')
/** Every event of every database of the process, as `{ db, event }`. */
export const EVENT_CHANNEL = diagnostics?.channel('varve:event') ?? null

/**
 * True when somebody listens to one of the channels. Each is asked: not every version of every platform has one answer
 * for them together.
 */
export function isTraced(channels: TraceChannels | null): channels is TraceChannels {
  return channels !== null && (
    channels.start.hasSubscribers || channels.end.hasSubscribers || channels.asyncStart.hasSubscribers ||
    channels.asyncEnd.hasSubscribers || channels.error.hasSubscribers)
}

/** Makes a call that blocks, and tells of it. What it gives is nobody's but the caller's, and may be anything. */
export function traceBlocking<C extends TraceContext, T>(
  channels: TraceChannels, context: C, call: () => T, note: (context: C, result: unknown) => void,
): T {
  return traceCall(channels, context, () => {
    const result = call()
    note(context, result)
    return result
  })
}

/** Makes a call that gives a promise, and follows it. The caller gets one that settles behind it. */
export function tracePromise<C extends TraceContext>(
  channels: TraceChannels, context: C, call: () => Promise<unknown>, note: (context: C, result: unknown) => void,
): Promise<unknown> {
  return traceCall(channels, context, () => followed(channels, context, call(), note))
}

function traceCall<T>(channels: TraceChannels, context: TraceContext, call: () => T): T {
  return channels.start.runStores(context, () => {
    try {
      return call()
    } catch (error) {
      tellError(channels, context, error)
      throw error
    } finally {
      channels.end.publish(context)
    }
  })
}

async function followed<C extends TraceContext>(
  channels: TraceChannels, context: C, promise: Promise<unknown>, note: (context: C, result: unknown) => void,
): Promise<unknown> {
  try {
    const result = await promise
    note(context, result)
    return result
  } catch (error) {
    tellError(channels, context, error)
    throw error
  } finally {
    channels.asyncStart.publish(context)
    channels.asyncEnd.publish(context)
  }
}

function tellError(channels: TraceChannels, context: TraceContext, error: unknown): void {
  context.error = error
  channels.error.publish(context)
}
