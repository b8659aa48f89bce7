/**
 * What: the list of keys that a caller gives, read once: reading may run code of the caller (getters, proxies, codecs),
 * so all of it is read before any key is looked for.
 */
import { invalidArgument, unreadableArgument } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'

/** A list of the caller's keys, checked. Throws INVALID_ARGUMENT, KEY_TOO_LARGE. */
export function takeKeys(keys: readonly Bytes[]): Bytes[] {
  return takeKeyArray(keys, (key) => key as Bytes)
}

/** Gives a list of keys in the form that `stored` gives each, checked. Throws INVALID_ARGUMENT, KEY_TOO_LARGE. */
export function takeKeyArray(keys: readonly unknown[], stored: (key: unknown) => Bytes): Bytes[] {
  const own: Bytes[] = []
  try {
    if (!Array.isArray(keys)) throw invalidArgument('keys must be an array')
    const { length } = keys
    for (let i = 0; i < length; i++) {
      const key = stored(keys[i])
      checkKey(key) // checked at once: an array may claim a length that it does not have
      own.push(key)
    }
  } catch (error) {
    throw unreadableArgument('keys', error)
  }
  // Reading the list may have run code that detached the memory of a key; a string has no such memory.
  for (const key of own) if (typeof key !== 'string') checkKey(key)
  return own
}
