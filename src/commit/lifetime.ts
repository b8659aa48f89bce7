/**
 * What: how long values live, as callers say it, and when they expire by that.
 * Thread: main.
 * Invariants: TTL-6 the time of expiry is fixed when the call is made.
 */
import { invalidArgument, NUMBER_MAX } from '../base/index.js'

/** How long a value lives. Without, it lives as long as the option `ttl` of `Varve.open` says. */
export interface Lifetime {
  /**
   * Milliseconds from the call on after which the value has expired: it is not there for any read, and nothing older
   * is. An integer ≥ 1; null for a value that never expires, whatever the option of `Varve.open` says.
   */
  ttl?: number | null | undefined
  /** When the value expires, in milliseconds since 1970, in place of `ttl`. A value may have expired already. */
  expiresAt?: number | undefined
}

/** What tells the time from which lifetimes count. */
interface TimeSource {
  nowMs(): number
}

export class Lifetimes {
  /** The lifetime of values about which nothing is said; null for ever. */
  private readonly ttlByDefault: number | null
  private readonly time: TimeSource
  /** True once a value was given an expiry. */
  isUsed = false

  constructor(ttlByDefault: number | null, time: TimeSource) {
    this.ttlByDefault = ttlByDefault
    this.time = time
  }

  /** The time of a call for all that it writes, which is looked at when it is needed. */
  callTime(): TimeSource {
    return new CallTime(this.time)
  }

  /** When a value expires of which nothing is said, in milliseconds since 1970; 0 for never. */
  expiryByDefaultMs(time: TimeSource = this.time): number {
    return this.ttlByDefault === null ? 0 : this.after(this.ttlByDefault, time)
  }

  /** When a value expires, in milliseconds since 1970; 0 for never. Throws INVALID_ARGUMENT. */
  expiryMs({ ttl, expiresAt }: Lifetime, time: TimeSource = this.time): number {
    if (expiresAt === undefined) {
      if (ttl === undefined) return this.expiryByDefaultMs(time)
      return ttl === null ? 0 : this.after(checkTtl(ttl, 'ttl'), time)
    }
    if (ttl !== undefined) throw invalidArgument('options ttl and expiresAt exclude each other')
    if (typeof expiresAt !== 'number' || !Number.isSafeInteger(expiresAt) || expiresAt < 0) {
      throw invalidArgument('option expiresAt must be an integer from 0 to 2^53 - 1, in milliseconds since 1970')
    }
    this.isUsed = true
    // In an entry 0 would say that it never expires.
    return Math.max(1, expiresAt)
  }

  private after(ttl: number, time: TimeSource): number {
    const expiryMs = Math.floor(time.nowMs()) + ttl
    if (expiryMs > NUMBER_MAX) throw invalidArgument(`option ttl, ${ttl} ms, ends beyond 2^53 - 1 ms since 1970`)
    this.isUsed = true
    return expiryMs
  }
}

/** Where there is no database to write to values live for ever. */
export const FOREVER = new Lifetimes(null, { nowMs: () => 0 })

class CallTime implements TimeSource {
  private readonly source: TimeSource
  private ms = 0

  constructor(source: TimeSource) {
    this.source = source
  }

  nowMs(): number {
    if (this.ms === 0) this.ms = this.source.nowMs()
    return this.ms
  }
}

/** Checks a lifetime in milliseconds. Throws INVALID_ARGUMENT. */
export function checkTtl(ttl: unknown, name: string): number {
  if (typeof ttl === 'number' && Number.isSafeInteger(ttl) && ttl >= 1) return ttl
  throw invalidArgument(`option ${name} must be an integer from 1 to 2^53 - 1, in milliseconds, or null for never`)
}
