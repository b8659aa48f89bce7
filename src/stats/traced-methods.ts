/**
 * What: makes methods of a class tell the platform's channels of their calls, while somebody listens (trace.ts). It
 * stands around the whole call, before the database's state is looked at: a subscriber may use the database.
 * Thread: main. No state.
 */
import { isTraced, traceBlocking, tracePromise } from './trace.js'
import type { TraceChannels, TraceContext } from './trace.js'

/** What subscribers of `varve:read` and `varve:write` get. */
export interface CallContext extends TraceContext {
  /** Bytes of the key, or of all keys that were asked for; absent where a call has none. */
  keyBytes?: number
  /** Bytes of the value that is written, or that was found; absent where there is none. */
  valueBytes?: number
  /** Operations of a batch, or keys that were asked for. */
  count?: number
}

/** One method: what is done, and what its arguments say of that. The arguments are not checked yet. */
export interface TracedMethod {
  op: string
  describe?: (context: CallContext, first: unknown, second: unknown) => void
  note?: (context: CallContext, result: unknown) => void
}

type Method = (this: unknown, ...args: unknown[]) => unknown

const nothing = (): void => undefined

/**
 * Replaces methods of a prototype: one whose name ends in Sync gives what it found, any other one a promise. Where the
 * platform has no channels they stay as they are.
 */
export function traceMethods<T extends object>(
  prototype: T, channels: TraceChannels | null, place: (owner: T) => string, methods: Record<string, TracedMethod>,
): void {
  if (channels === null) return
  for (const [name, { op, describe = nothing, note = nothing }] of Object.entries(methods)) {
    const method = (prototype as Record<string, unknown>)[name] as Method
    const tellOf = (owner: unknown, args: [unknown, unknown, unknown]): unknown => {
      const context: CallContext = { db: place(owner as T), op }
      describe(context, args[0], args[1])
      if (name.endsWith('Sync')) return traceBlocking(channels, context, () => method.apply(owner, args), note)
      return tracePromise(channels, context, () => method.apply(owner, args) as Promise<unknown>, note)
    }
    // Nothing is made here while nobody listens: the parameters have names, since a list of the rest would be made in
    // each call, and no function stands inside that uses them, since their places would be.
    const traced = function traced(this: unknown, first: unknown, second: unknown, third: unknown): unknown {
      if (isTraced(channels)) return tellOf(this, [first, second, third])
      return method.call(this, first, second, third)
    }
    Object.defineProperty(traced, 'name', { value: name })
    Object.defineProperty(traced, 'length', { value: method.length })
    Object.defineProperty(prototype, name, { value: traced, writable: true, configurable: true })
  }
}
