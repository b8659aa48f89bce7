/**
 * What: checks of keys and values that callers give, before anything changes.
 * Thread: main. No state.
 */
import { bytesLength, invalidArgument, KEY_BYTES_MAX, VALUE_BYTES_MAX, VarveError } from '../base/index.js'

export const POSITION_BYTES_MAX = 4096

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

/** A copy. Throws INVALID_ARGUMENT for anything but a Uint8Array with its memory, of at most 4096 bytes. */
export function copyPosition(position: unknown): Uint8Array {
  if (!(position instanceof Uint8Array)) throw invalidArgument('the position must be a Uint8Array')
  if (position.length > POSITION_BYTES_MAX) {
    throw invalidArgument(`the position has ${position.length} bytes, the limit is ${POSITION_BYTES_MAX}`)
  }
  if (position.length === 0) checkAttached('position', position)
  return new Uint8Array(position)
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
