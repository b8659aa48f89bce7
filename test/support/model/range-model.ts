/** The answers that a database must give: a sorted map, what of it has expired, and ranges over it by definition. */
import { compareBytes } from '../../../src/base/index.js'
import type { SeededRandom } from '../../../src/base/index.js'
import type { KeyBounds, RangeOptions } from '../../../src/index.js'

export class MapModel {
  /** The time at which it is read; a copy stays at its own. */
  timeMs = 0
  /** Entries by key as latin1 text. */
  private readonly entries = new Map<string, string>()
  /** When those of the entries expire that do. */
  private readonly expiries = new Map<string, number>()

  constructor(from?: MapModel) {
    if (from === undefined) return
    this.timeMs = from.timeMs
    this.entries = new Map(from.entries)
    this.expiries = new Map(from.expiries)
  }

  /** Puts a value that lives this long, or for ever. */
  put(key: Uint8Array, value: Uint8Array, ttl: number | null = null): void {
    this.entries.set(latin1(key), latin1(value))
    this.expire(latin1(key), ttl)
  }

  /** Gives the value that is there another expiry. False when there is none. */
  touch(key: Uint8Array, ttl: number | null): boolean {
    const isThere = this.isSeen(latin1(key))
    if (isThere) this.expire(latin1(key), ttl)
    return isThere
  }

  private expire(key: string, ttl: number | null): void {
    if (ttl === null) this.expiries.delete(key)
    else this.expiries.set(key, this.timeMs + ttl)
  }

  private isSeen(key: string): boolean {
    return this.entries.has(key) && (this.expiries.get(key) ?? Infinity) > this.timeMs
  }

  /** When the value of the key expires; null for never. */
  expiryOf(key: Uint8Array): number | null {
    return this.expiries.get(latin1(key)) ?? null
  }

  del(key: Uint8Array): void {
    this.entries.delete(latin1(key))
  }

  get(key: Uint8Array): string | undefined {
    return this.isSeen(latin1(key)) ? this.entries.get(latin1(key)) : undefined
  }

  delRange(range: KeyBounds): void {
    for (const key of this.entries.keys()) if (isInside(Buffer.from(key, 'latin1'), range)) this.entries.delete(key)
  }

  /** Gives `key=value` of a range, in its order. */
  range({ reverse, limit, ...range }: RangeOptions): string[] {
    const isGiven = (key: string): boolean => this.isSeen(key) && isInside(Buffer.from(key, 'latin1'), range)
    const keys = [...this.entries.keys()].filter(isGiven)
    keys.sort((a, b) => compareBytes(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')))
    if (reverse === true) keys.reverse()
    const count = limit === undefined || limit < 0 ? Infinity : limit
    return keys.slice(0, count).map((key) => `${key}=${this.entries.get(key)}`)
  }
}

function isInside(key: Uint8Array, { gt, gte, lt, lte, prefix }: KeyBounds): boolean {
  return (gt === undefined || compareBytes(key, asBytes(gt)) > 0) &&
    (gte === undefined || compareBytes(key, asBytes(gte)) >= 0) &&
    (lt === undefined || compareBytes(key, asBytes(lt)) < 0) &&
    (lte === undefined || compareBytes(key, asBytes(lte)) <= 0) &&
    (prefix === undefined || latin1(key).startsWith(latin1(asBytes(prefix))))
}

const asBytes = (data: string | Uint8Array) => (typeof data === 'string' ? new TextEncoder().encode(data) : data)

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** Draws a short key of few letters: equal ones, prefixes of each other, the empty key, 0x00 and 0xFF. */
export function randomKey(random: SeededRandom): Uint8Array {
  return Uint8Array.from({ length: random.below(5) }, () => random.pick([0x00, 0x61, 0x62, 0xff]))
}

/** Draws any combination of bounds, direction and limit. */
export function randomRange(random: SeededRandom): RangeOptions {
  const range: RangeOptions = {}
  for (const name of ['gt', 'gte', 'lt', 'lte', 'prefix'] as const) {
    if (random.chance(0.25)) range[name] = random.chance(0.2) ? 'a' : randomKey(random)
  }
  if (random.chance(0.5)) range.reverse = random.chance(0.7)
  if (random.chance(0.4)) range.limit = random.pick([0, 1, 2, 7, 1000, -1, Infinity])
  return range
}

/** Draws the bounds of a range that is deleted: often narrow, sometimes all keys, sometimes none. */
export function randomBounds(random: SeededRandom): KeyBounds {
  const { reverse, limit, ...bounds } = randomRange(random)
  if (random.chance(0.3)) return bounds
  const [a, b] = [randomKey(random), randomKey(random)]
  const [lower, upper] = compareBytes(a, b) <= 0 ? [a, b] : [b, a]
  return random.chance(0.5) ? { gte: lower, lt: upper } : { gt: lower, lte: upper }
}
