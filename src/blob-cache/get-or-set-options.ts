/**
 * What: the options of `getOrSet`, read once and checked before anything else happens.
 * Thread: main. Code of the caller runs where options are read.
 */
import { invalidArgument, takeOptions } from '../base/index.js'
import type { Durability } from './durability.js'
import { checkDurability } from './put-options.js'
import type { BlobWriteOptions } from './put-options.js'
import type { GetOrSetFacts } from './get-or-set.js'

const NAMES = ['ttl', 'staleWhileRevalidate', 'staleIfError', 'namespace', 'durability', 'signal']

/** Options of `getOrSet`. What is stale is given by `get` too, until its time is over. */
export interface BlobGetOrSetOptions extends BlobWriteOptions {
  /** Milliseconds for which what was loaded is fresh; by default for ever. */
  ttl?: number
  /** Milliseconds behind `ttl` in which the old value is given at once, while it is loaded anew; default 0. */
  staleWhileRevalidate?: number
  /** Milliseconds behind `ttl` in which the old value is given when the load fails; default 0. */
  staleIfError?: number
  /** A name under which the blob can be purged. */
  namespace?: string
  /** Ends the wait of this caller. The load is aborted when nobody waits for it any more. */
  signal?: AbortSignal
}

/** Reads the options. Throws INVALID_ARGUMENT. */
export function takeGetOrSetOptions(
  options: BlobGetOrSetOptions, load: unknown, durability: Durability,
): Omit<GetOrSetFacts, 'namespace'> & { namespace: string | undefined } {
  const given = takeOptions('getOrSet', NAMES, options, (o) => ({
    ttl: o.ttl, staleWhileRevalidate: o.staleWhileRevalidate, staleIfError: o.staleIfError, namespace: o.namespace,
    durability: o.durability, signal: o.signal,
  }))
  if (typeof load !== 'function') throw invalidArgument('load must be a function')
  const { signal, namespace, ttl = Infinity, staleWhileRevalidate = 0, staleIfError = 0 } = given
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument('option signal must be an AbortSignal')
  }
  return {
    ttl: checkMs(ttl, 'ttl'),
    staleWhileRevalidate: checkMs(staleWhileRevalidate, 'staleWhileRevalidate'),
    staleIfError: checkMs(staleIfError, 'staleIfError'),
    durability: checkDurability(given.durability === undefined ? durability : given.durability),
    namespace, signal,
  }
}

function checkMs(value: number, name: string): number {
  if (typeof value === 'number' && value >= 0) return value
  throw invalidArgument(`option ${name} must be a number of 0 or more`)
}
