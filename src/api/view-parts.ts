/**
 * What: what walks of a view give of an entry: decoded keys, decoded values, or both.
 * Text is made of the stored bytes, without a copy of them. Everything that is needed of an entry is read before code
 * of a codec runs, which may move the walk.
 * Thread: main. No state. Invariants: ENC-2.
 */
import type { UserBytes } from '../base/index.js'
import type { Cursor } from '../read/index.js'
import type { Part } from './ranges.js'
import { rawOf, rawOfOwn } from './view-codec.js'
import type { Format, Raw } from './view-codec.js'
import type { ViewForm } from './view-keys.js'

export function entryPart<K, V>(form: ViewForm<K, V>, copies: UserBytes): Part<[K, V]> {
  const readKey = keyReader(form, copies)
  const readValue = valueReader(form.values, copies)
  const decode = (rawKey: Raw, rawValue: Raw): [K, V] => {
    return [form.decodedKey(rawKey), form.decodedValue(rawValue, () => form.behindPrefix(rawKey))]
  }
  return {
    now(cursor) {
      const rawKey = readKey(cursor)
      return decode(rawKey, readValue(cursor))
    },
    apart(cursor) {
      const rawKey = readKey(cursor)
      return (value) => decode(rawKey, rawOfOwn(form.values, value))
    },
  }
}

export function keyPart<K>(form: ViewForm<K, unknown>, copies: UserBytes): Part<K> {
  const readKey = keyReader(form, copies)
  return { now: (cursor) => form.decodedKey(readKey(cursor)), apart: null }
}

export function valuePart<V>(form: ViewForm<unknown, V>, copies: UserBytes): Part<V> {
  const { values } = form
  const read = valueReader(values, copies)
  if (!values.isCodec) {
    return {
      now: (cursor) => form.decodedValue(read(cursor), () => cursor.key()),
      apart: namedPart(form),
    }
  }
  return {
    now(cursor) {
      const key = cursor.key()
      return form.decodedValue(read(cursor), () => key)
    },
    apart: namedPart(form),
  }
}

function namedPart<V>(form: ViewForm<unknown, V>): (cursor: Cursor) => (value: Uint8Array) => V {
  return (cursor) => {
    const key = cursor.key()
    return (value) => form.decodedValue(rawOfOwn(form.values, value), () => key)
  }
}

function keyReader({ keys, prefix }: ViewForm<unknown, unknown>, copies: UserBytes): (cursor: Cursor) => Raw {
  const copiesOfKeys = keys.isText ? null : copies
  const prefixBytes = prefix.length
  return ({ lent: { keyBytes, keyStart, keyEnd } }) => rawOf(copiesOfKeys, keyBytes, keyStart + prefixBytes, keyEnd)
}

function valueReader(values: Format<unknown>, copies: UserBytes): (cursor: Cursor) => Raw {
  const copiesOfValues = values.isText ? null : copies
  return (cursor) => {
    if (cursor.isApart) return rawOfOwn(values, cursor.value())
    const { valueBytes, valueStart, valueEnd } = cursor.lent
    return rawOf(copiesOfValues, valueBytes, valueStart, valueEnd)
  }
}
