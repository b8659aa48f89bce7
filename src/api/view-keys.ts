/**
 * What: keys, values and ranges of a view in the form that the database has them: a key behind the view's prefix, a
 * range inside of it.
 * Thread: main. No state.
 * Invariants: ENC-1 a view sees and changes exactly the keys that begin with its prefix, whatever bytes follow.
 * ENC-2 code of a codec runs before a call looks at the database, or when all that it is given was copied.
 */
import { bytesBound, copyBytes, takeOptions, writeText } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { BOUND_NAMES, checkKey } from '../commit/index.js'
import type { KeyBounds } from '../commit/index.js'
import type { RangeOptions } from './ranges.js'
import type { ReadOptions } from './read-options.js'
import { keyNotDecoded, keyNotEncoded, valueNotDecoded, valueNotEncoded } from './view-codec.js'
import type { Format, Raw } from './view-codec.js'

/** The keys of a range of a view, whatever their order. Bounds combine: a key must satisfy all of them. */
export interface ViewBounds<K> {
  /** Only keys above this one. */
  gt?: K | undefined
  /** Only this key and those above it. */
  gte?: K | undefined
  /** Only keys below this one. */
  lt?: K | undefined
  /** Only this key and those below it. */
  lte?: K | undefined
  /** Only keys that, encoded, begin with these bytes. They stand behind the prefix of the view. */
  prefix?: Bytes | undefined
}

/** Which entries of a view, in which order, as of when. Without any of it, all from the first key to the last. */
export interface ViewRange<K> extends ViewBounds<K>, ReadOptions {
  /** Goes from the last key to the first; default false. */
  reverse?: boolean | undefined
  /** At most so many entries, an integer ≥ 0; -1 or Infinity for all, the default. */
  limit?: number | undefined
}

const RANGE_NAMES = [...BOUND_NAMES, 'reverse', 'limit', 'snapshot', 'ownBuffers']
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class ViewForm<K, V> {
  readonly prefix: Uint8Array
  readonly keys: Format<K>
  readonly values: Format<V>
  /** The prefix as text, for keys that are text too; null when it is no whole UTF-8. */
  private readonly prefixText: string | null

  constructor(prefix: Uint8Array, keys: Format<K>, values: Format<V>) {
    this.prefix = prefix
    this.keys = keys
    this.values = values
    this.prefixText = wholeText(prefix)
  }

  /** Gives the key as it is stored. Throws INVALID_ARGUMENT. */
  key(key: K): Bytes {
    let encoded: Bytes
    try {
      encoded = this.keys.encode(key)
    } catch (error) {
      throw keyNotEncoded(key, error)
    }
    return this.behindPrefix(encoded)
  }

  /** Gives the bytes behind the prefix. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
  behindPrefix(encoded: Bytes): Bytes {
    const { prefix, prefixText } = this
    if (prefix.length === 0) return encoded
    if (typeof encoded === 'string' && prefixText !== null) return prefixText + encoded
    checkKey(encoded)
    const bytes = new Uint8Array(prefix.length + bytesBound(encoded))
    bytes.set(prefix)
    if (typeof encoded === 'string') return bytes.subarray(0, prefix.length + writeText(encoded, bytes, prefix.length))
    bytes.set(encoded, prefix.length)
    return bytes
  }

  /** Gives the bytes of a value. Throws INVALID_ARGUMENT. */
  value(value: V, storedKey: Bytes): Bytes {
    try {
      return this.values.encode(value)
    } catch (error) {
      throw valueNotEncoded(storedKey, error)
    }
  }

  /** Gives the value that was read; `storedKey` is asked when it cannot be decoded. Throws INVALID_ARGUMENT. */
  decodedValue(raw: Raw, storedKey: () => Bytes): V {
    try {
      return this.values.decode(raw)
    } catch (error) {
      throw valueNotDecoded(storedKey(), error)
    }
  }

  /** Gives the key of which this was read behind the prefix. Throws INVALID_ARGUMENT. */
  decodedKey(raw: Raw): K {
    try {
      return this.keys.decode(raw)
    } catch (error) {
      throw keyNotDecoded(this.behindPrefix(raw), error)
    }
  }

  /** Gives the bounds as those of stored keys. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
  bounds(bounds: ViewBounds<K>): KeyBounds {
    return this.storedBounds(takeOptions('range', BOUND_NAMES, bounds, takeBounds))
  }

  /** Gives the range as one of stored keys; without one, all keys of the view. Throws as `bounds` does. */
  range(range: ViewRange<K> | undefined): RangeOptions | undefined {
    if (range === undefined) return this.prefix.length === 0 ? undefined : { prefix: this.prefix }
    const { reverse, limit, snapshot, ownBuffers, ...bounds } = takeOptions('range', RANGE_NAMES, range, takeRange)
    return { ...this.storedBounds(bounds), reverse, limit, snapshot, ownBuffers }
  }

  private storedBounds({ gt, gte, lt, lte, prefix }: ViewBounds<K>): KeyBounds {
    return {
      gt: this.bound(gt), gte: this.bound(gte), lt: this.bound(lt), lte: this.bound(lte),
      prefix: prefix === undefined ? this.prefix : this.innerPrefix(prefix),
    }
  }

  private bound(key: K | undefined): Uint8Array | undefined {
    if (key === undefined) return undefined
    const stored = this.key(key)
    checkKey(stored)
    return copyBytes(stored)
  }

  /** Gives the prefix of a view or range inside of this one. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
  innerPrefix(prefix: Bytes): Uint8Array {
    checkKey(prefix)
    const inner = this.behindPrefix(prefix)
    checkKey(inner)
    return copyBytes(inner)
  }
}

function takeBounds<K>({ gt, gte, lt, lte, prefix }: ViewBounds<K>): ViewBounds<K> {
  return { gt, gte, lt, lte, prefix }
}

function takeRange<K>(range: ViewRange<K>): ViewRange<K> {
  const { gt, gte, lt, lte, prefix, reverse, limit, snapshot, ownBuffers } = range
  return { gt, gte, lt, lte, prefix, reverse, limit, snapshot, ownBuffers }
}

/** Gives the text of bytes; null when they are no UTF-8, or end within a character. */
function wholeText(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return null
  }
}
