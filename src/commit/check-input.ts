/**
 * What: checks of keys and values that callers give, before anything changes.
 * Thread: main. No state.
 */
import { bytesLength, invalidArgument, KEY_BYTES_MAX, VALUE_BYTES_MAX, VarveError } from '../base/index.js'

/** Throws INVALID_ARGUMENT for anything but a string or a Uint8Array with its memory, KEY_TOO_LARGE. */
export function checkKey(key: unknown): void {
  if (typeof key === 'string') {
    if (key.length * 3 > KEY_BYTES_MAX && bytesLength(key) > KEY_BYTES_MAX) throw keyTooLarge(bytesLength(key))
    return
  }
  if (!(key instanceof Uint8Array)) throw wrongType('key', key)
  if (key.length > KEY_BYTES_MAX) throw keyTooLarge(key.length)
  if (key.length === 0) checkAttached('key', key)
}

/** Throws INVALID_ARGUMENT for anything but a string or a Uint8Array with its memory, VALUE_TOO_LARGE. */
export function checkValue(value: unknown): void {
  if (typeof value === 'string') {
    if (value.length * 3 > VALUE_BYTES_MAX && bytesLength(value) > VALUE_BYTES_MAX) {
      throw valueTooLarge(bytesLength(value))
    }
    return
  }
  if (!(value instanceof Uint8Array)) throw wrongType('value', value)
  if (value.length > VALUE_BYTES_MAX) throw valueTooLarge(value.length)
  if (value.length === 0) checkAttached('value', value)
}

function wrongType(what: string, given: unknown): VarveError {
  const type = given === null ? 'null' : typeof given
  return invalidArgument(`the ${what} must be a string or a Uint8Array, not ${type}`)
}

function keyTooLarge(bytes: number): VarveError {
  return new VarveError('KEY_TOO_LARGE', `the key has ${bytes} bytes, the limit is ${KEY_BYTES_MAX}`)
}

function valueTooLarge(bytes: number): VarveError {
  return new VarveError('VALUE_TOO_LARGE', `the value has ${bytes} bytes, the limit is ${VALUE_BYTES_MAX}`)
}

/** A transferred buffer leaves views of length 0 behind: not the same as an empty value. */
function checkAttached(what: string, view: Uint8Array): void {
  try {
    new Uint8Array(view.buffer, 0, 0)
  } catch {
    throw invalidArgument(`the memory of the ${what} was transferred away`)
  }
}
