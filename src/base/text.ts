/**
 * What: keys and values given as strings, written as UTF-8 without a copy in between.
 * A lone surrogate becomes U+FFFD, as TextEncoder defines.
 */
import { toHex } from './bytes.js'
import { copyView, viewLength } from './given-bytes.js'

/**
 * What callers may give as a key or a value: a string, which is stored as UTF-8 with U+FFFD for a lone surrogate, or
 * the bytes of a `Uint8Array`. A `Buffer` is one.
 */
export type Bytes = string | Uint8Array

const textEncoder = new TextEncoder()
/** Below this many characters a loop over ASCII beats the call into the platform. */
const LOOP_LENGTH_MAX = 48

/** Writes `text` at bytes[at…]; returns the count of bytes. Requires: there is room for 3 bytes a character. */
export function writeText(text: string, bytes: Uint8Array, at: number): number {
  const length = text.length
  if (length <= LOOP_LENGTH_MAX && writeAscii(text, bytes, at)) return length
  return textEncoder.encodeInto(text, bytes.subarray(at, at + length * 3)).written
}

/** Writes `text` if it is ASCII alone; false when it is not. */
function writeAscii(text: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    bytes[at + i] = code
  }
  return true
}

/** The length of `text` as UTF-8. */
function textBytes(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    if (code < 0x800) bytes += 1
    else if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}

/** An upper bound of the length in bytes, found without a look at the characters. */
export function bytesBound(data: Bytes): number {
  return typeof data === 'string' ? data.length * 3 : viewLength(data)
}

/** The exact length in bytes. */
export function bytesLength(data: Bytes): number {
  return typeof data === 'string' ? textBytes(data) : viewLength(data)
}

/** Gives a copy as bytes. */
export function copyBytes(data: Bytes): Uint8Array {
  if (typeof data !== 'string') return copyView(data)
  if (data.length <= LOOP_LENGTH_MAX) {
    const bytes = new Uint8Array(data.length)
    if (writeAscii(data, bytes, 0)) return bytes
  }
  return textEncoder.encode(data)
}

/** More bytes of a key are not shown. */
const KEY_BYTES_SHOWN = 64

/** Shows the beginning of a key: as text where it can be printed, in hex otherwise. */
export function shownKey(key: Bytes): string {
  const bytes = copyBytes(key)
  const shown = bytes.subarray(0, KEY_BYTES_SHOWN)
  const rest = bytes.length > KEY_BYTES_SHOWN ? '…' : ''
  const isText = shown.every((byte) => byte >= 0x20 && byte < 0x7f)
  return isText ? `${JSON.stringify(String.fromCharCode(...shown))}${rest}` : `0x${toHex(shown)}${rest}`
}
