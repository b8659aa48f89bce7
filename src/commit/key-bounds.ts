/**
 * What: bounds of ranges of keys as callers give them, and the bounds that a range tombstone can have.
 * Thread: main. No state.
 */
import { copyBytes, invalidArgument, KEY_BYTES_MAX, prefixSuccessor, takeOptions } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { ALL_KEYS, isEmptyRange, keyRange } from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import { checkKey } from './check-input.js'

/** The keys of a range, whatever their order. Bounds combine: a key must satisfy all of them. */
export interface KeyBounds {
  /** Only keys above this one. */
  gt?: Bytes | undefined
  /** Only this key and those above it. */
  gte?: Bytes | undefined
  /** Only keys below this one. */
  lt?: Bytes | undefined
  /** Only this key and those below it. */
  lte?: Bytes | undefined
  /** Only keys that begin with these bytes. */
  prefix?: Bytes | undefined
}

export const BOUND_NAMES: readonly string[] = ['gt', 'gte', 'lt', 'lte', 'prefix']

/** Reads and checks the bounds of a range; all keys without. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
export function readKeyRange(bounds: KeyBounds | undefined): KeyRange {
  if (bounds === undefined) return ALL_KEYS
  return readBounds(takeOptions('range', BOUND_NAMES, bounds, takeBounds))
}

/** Reads a range as `readKeyRange` does; without one it throws, since all keys must be asked for by name. */
export function readRequiredRange(bounds: KeyBounds): KeyRange {
  if (bounds === undefined) throw invalidArgument('a range is missing; {} is all keys')
  return readKeyRange(bounds)
}

/** Checks bounds that were read before, and copies them. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
export function readBounds({ gt, gte, lt, lte, prefix }: KeyBounds): KeyRange {
  return keyRange({ gt: bound(gt), gte: bound(gte), lt: bound(lt), lte: bound(lte), prefix: bound(prefix) })
}

export function takeBounds({ gt, gte, lt, lte, prefix }: KeyBounds): KeyBounds {
  return { gt, gte, lt, lte, prefix }
}

/** Copies a bound, so that the caller may change the buffer. */
function bound(key: Bytes | undefined): Uint8Array | undefined {
  if (key === undefined) return undefined
  checkKey(key)
  return copyBytes(key)
}

/** The bounds of a range tombstone as its entry has them: key and value. */
export interface TombstoneBounds {
  readonly lower: Uint8Array
  /** Empty: to the last key. */
  readonly upper: Uint8Array
}

const NO_BYTES = new Uint8Array(0)

/** Gives the bounds of the tombstone that deletes the keys of a range; null when no key can be in it. */
export function tombstoneBounds(range: KeyRange): TombstoneBounds | null {
  const lower = range.lower === null ? NO_BYTES : storable(range.lower)
  const upper = range.upper === null ? null : storable(range.upper)
  if (lower === null || isEmptyRange({ lower, upper })) return null
  return { lower, upper: upper ?? NO_BYTES }
}

/**
 * The first key that can be stored at or behind a bound; null when there is none. A bound may be longer than any key:
 * it follows the longest key directly.
 */
function storable(bound: Uint8Array): Uint8Array | null {
  return bound.length <= KEY_BYTES_MAX ? bound : prefixSuccessor(bound.subarray(0, KEY_BYTES_MAX))
}
