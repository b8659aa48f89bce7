/**
 * What: turns the bounds of a scan into one half-open range of keys.
 */
import { compareBytes, prefixSuccessor } from '../base/index.js'

/** Bounds of a scan, which its keys satisfy all. An absent one does not bound. */
export interface KeyBounds {
  gt?: Uint8Array | undefined
  gte?: Uint8Array | undefined
  lt?: Uint8Array | undefined
  lte?: Uint8Array | undefined
  prefix?: Uint8Array | undefined
}

export interface KeyRange {
  /** The inclusive lower bound; null when the range begins with the first key. */
  readonly lower: Uint8Array | null
  /** The exclusive upper bound; null when the range ends with the last key. */
  readonly upper: Uint8Array | null
}

export const ALL_KEYS: KeyRange = { lower: null, upper: null }

export function keyRange(bounds: KeyBounds): KeyRange {
  const { gt, gte, lt, lte, prefix } = bounds
  let lower: Uint8Array | null = gte ?? null
  let upper: Uint8Array | null = lt ?? null
  if (gt !== undefined) lower = larger(lower, keySuccessor(gt))
  if (lte !== undefined) upper = smaller(upper, keySuccessor(lte))
  if (prefix !== undefined) {
    lower = larger(lower, prefix)
    const end = prefixSuccessor(prefix)
    if (end !== null) upper = smaller(upper, end)
  }
  return { lower, upper }
}

/** True when no key can be in the range. */
export function isEmptyRange({ lower, upper }: KeyRange): boolean {
  return upper !== null && compareBytes(lower ?? new Uint8Array(0), upper) >= 0
}

/** The smallest key above this one. It may be one byte longer than a stored key can be. */
export function keySuccessor(key: Uint8Array): Uint8Array {
  const successor = new Uint8Array(key.length + 1)
  successor.set(key)
  return successor
}

function larger(a: Uint8Array | null, b: Uint8Array): Uint8Array {
  return a !== null && compareBytes(a, b) > 0 ? a : b
}

function smaller(a: Uint8Array | null, b: Uint8Array): Uint8Array {
  return a !== null && compareBytes(a, b) < 0 ? a : b
}
