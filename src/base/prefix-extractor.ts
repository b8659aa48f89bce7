/**
 * What: which first bytes of a key are its prefix, for prefix filters. A table has the name of the rule that its filter
 * was made with. Names are on disk: do not change what they mean.
 *
 *   bytes:N       the first N bytes; shorter keys have no prefix
 *   until:HEX:N   all up to and with the Nth place where the bytes HEX stand, looked for from the left, each behind the
 *                 one before; keys with fewer have no prefix
 *
 * Thread: any (pure).
 * Invariants: a key that begins with the prefix of another has the same prefix.
 */
import { toHex } from './bytes.js'
import { invalidArgument } from './errors.js'
import { takeOptions } from './given-options.js'

export const PREFIX_BYTES_MAX = 1024
const SEPARATOR_BYTES_MAX = 16
const COUNT_MAX = 64

/** What users give as `prefixFilter`. */
export interface PrefixRule {
  /** The prefix is this many first bytes of a key; 1 to 1024. */
  bytes?: number
  /** The prefix ends behind this text or these bytes; 1 to 16 bytes. */
  until?: string | Uint8Array
  /** It ends where `until` stands for this many times; 1 to 64, default 1. */
  count?: number
}

export class PrefixExtractor {
  readonly name: string
  /** The length of all prefixes; 0 when they end behind a separator. */
  private readonly bytes: number
  private readonly separator: Uint8Array
  private readonly count: number

  private constructor(bytes: number, separator: Uint8Array, count: number) {
    this.bytes = bytes
    this.separator = separator
    this.count = count
    this.name = bytes > 0 ? `bytes:${bytes}` : `until:${toHex(separator)}:${count}`
  }

  /** Reads a name; null when it is not one that this version knows. */
  static named(name: string): PrefixExtractor | null {
    const [, bytes] = /^bytes:([1-9]\d{0,3})$/.exec(name) ?? []
    if (bytes !== undefined && Number(bytes) <= PREFIX_BYTES_MAX) return new PrefixExtractor(Number(bytes), NO_BYTES, 0)
    const [, hex, count] = /^until:((?:[0-9a-f]{2}){1,16}):([1-9]\d?)$/.exec(name) ?? []
    if (hex === undefined || Number(count) > COUNT_MAX) return null
    const separator = Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16))
    return new PrefixExtractor(0, separator, Number(count))
  }

  /** Gives where the prefix of key[start, end) ends; -1 when it has none. */
  end(key: Uint8Array, start: number, end: number): number {
    const { bytes, separator } = this
    if (bytes > 0) return end - start >= bytes ? start + bytes : -1
    const first = separator[0]!
    let left = this.count
    for (let i = start; i <= end - separator.length; i++) {
      if (key[i] !== first || !standsAt(separator, key, i)) continue
      i += separator.length
      if (--left === 0) return i
      i--
    }
    return -1
  }

  /** Gives the bytes of the prefix that all keys of [lower, upper) have; -1 when they may have different ones. */
  commonBytes(lower: Uint8Array, upper: Uint8Array | null): number {
    const end = this.end(lower, 0, lower.length)
    return end >= 0 && isBehindNone(upper, lower, end) ? end : -1
  }
}

/** True when no key below `upper` is behind all that begin with prefix[0, end). Nothing is allocated. */
function isBehindNone(upper: Uint8Array | null, prefix: Uint8Array, end: number): boolean {
  // The first key behind them is the prefix without the bytes 255 at its end, and its last byte then one more.
  let last = end - 1
  while (last >= 0 && prefix[last] === 255) last--
  if (last < 0) return true
  if (upper === null) return false
  for (let i = 0; i < last; i++) {
    if (i === upper.length || upper[i]! < prefix[i]!) return true
    if (upper[i]! > prefix[i]!) return false
  }
  const above = upper.length <= last ? -1 : upper[last]! - prefix[last]!
  return above <= 0 || (above === 1 && upper.length === last + 1)
}

const NO_BYTES = new Uint8Array(0)

function standsAt(separator: Uint8Array, key: Uint8Array, at: number): boolean {
  for (let k = 1; k < separator.length; k++) if (key[at + k] !== separator[k]) return false
  return true
}

/** Gives the name of a rule. Throws INVALID_ARGUMENT. */
export function prefixRuleName(rule: unknown): string {
  const names = ['bytes', 'until', 'count']
  const read = ({ bytes, until, count }: PrefixRule): unknown[] => [bytes, until, count]
  const [bytes, until, count] = takeOptions('prefixFilter', names, rule as PrefixRule, read)
  if ((bytes === undefined) === (until === undefined)) {
    throw invalidArgument('option prefixFilter must have either bytes or until')
  }
  if (bytes !== undefined) {
    if (count !== undefined) throw invalidArgument('option prefixFilter.count goes with until')
    return `bytes:${integerOf(bytes, 'bytes', PREFIX_BYTES_MAX)}`
  }
  const separator = typeof until === 'string' ? new TextEncoder().encode(until) : until
  if (!(separator instanceof Uint8Array) || separator.length === 0 || separator.length > SEPARATOR_BYTES_MAX) {
    throw invalidArgument('option prefixFilter.until must be text or a Uint8Array of 1 to 16 bytes')
  }
  return `until:${toHex(separator)}:${integerOf(count ?? 1, 'count', COUNT_MAX)}`
}

function integerOf(value: unknown, name: string, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value
  throw invalidArgument(`option prefixFilter.${name} must be an integer from 1 to ${max}`)
}
