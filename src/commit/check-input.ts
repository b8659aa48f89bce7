/**
 * What: checks of keys and values that callers give, before anything changes.
 * Thread: main. No state.
 */
import {
  bytesLength, copyView, hasMemory, invalidArgument, isByteView, KEY_BYTES_MAX, POSITION_BYTES_MAX, VALUE_BYTES_MAX,
  VarveError, viewLength,
} from '../base/index.js'

/**
 * Checks a key and returns its length in bytes: exact for a view, which is measured once, and an upper bound for a
 * string. Throws INVALID_ARGUMENT for anything but a string or a Uint8Array that has its memory, and KEY_TOO_LARGE.
 */
export function checkKey(key: unknown): number {
  if (typeof key === 'string') {
    const room = key.length * 3
    if (room > KEY_BYTES_MAX && bytesLength(key) > KEY_BYTES_MAX) throw keyTooLarge(bytesLength(key))
    return room
  }
  if (!isByteView(key)) throw wrongType('key', key)
  const length = viewLength(key)
  if (length > KEY_BYTES_MAX) throw keyTooLarge(length)
  if (length === 0) checkMemory('key', key)
  return length
}

/** Checks a value as `checkKey` does a key. Throws INVALID_ARGUMENT or VALUE_TOO_LARGE. */
export function checkValue(value: unknown): number {
  if (typeof value === 'string') {
    const room = value.length * 3
    if (room > VALUE_BYTES_MAX && bytesLength(value) > VALUE_BYTES_MAX) throw valueTooLarge(bytesLength(value))
    return room
  }
  if (!isByteView(value)) throw wrongType('value', value)
  const length = viewLength(value)
  if (length > VALUE_BYTES_MAX) throw valueTooLarge(length)
  if (length === 0) checkMemory('value', value)
  return length
}

/** Copies a position. Throws INVALID_ARGUMENT for anything but a Uint8Array with its memory, of at most 4096 bytes. */
export function copyPosition(position: unknown): Uint8Array {
  if (!isByteView(position)) throw invalidArgument('the position must be a Uint8Array')
  const length = viewLength(position)
  if (length > POSITION_BYTES_MAX) {
    throw invalidArgument(`the position has ${length} bytes, the limit is ${POSITION_BYTES_MAX}`)
  }
  if (length === 0) checkMemory('position', position)
  return copyView(position)
}

function wrongType(what: string, given: unknown): VarveError {
  const type = given === null ? 'null' : typeof given
  const message = `the ${what} must be a string or a Uint8Array, not ${type}`
  if (type === 'undefined') return invalidArgument(message)
  return invalidArgument(message, "a view takes other keys and values: db.view({ key: 'utf8', value: 'json' })")
}

function keyTooLarge(bytes: number): VarveError {
  return new VarveError('KEY_TOO_LARGE', `the key has ${bytes} bytes, the limit is ${KEY_BYTES_MAX}`)
}

function valueTooLarge(bytes: number): VarveError {
  return new VarveError('VALUE_TOO_LARGE', `the value has ${bytes} bytes, the limit is ${VALUE_BYTES_MAX}`)
}

/** Throws when the view has lost its memory. It then has length 0, which must not be taken for an empty value. */
function checkMemory(what: string, view: Uint8Array): void {
  if (!hasMemory(view)) throw invalidArgument(`the memory of the ${what} was transferred away or cut off`)
}
