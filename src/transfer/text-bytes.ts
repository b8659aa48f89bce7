/**
 * What: bytes as text and back, exactly: UTF-8 that is checked, JSON's escapes, hexadecimal digits, base64. It works on
 * bytes on both sides, so that no character is ever taken for another one.
 * Thread: any (pure).
 */
import { BadBytes } from '../base/index.js'

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE64_DIGITS = Uint8Array.from(BASE64, (digit) => digit.charCodeAt(0))
const BASE64_VALUES = new Int8Array(256).fill(-1)
BASE64_DIGITS.forEach((digit, value) => (BASE64_VALUES[digit] = value))
const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
const HEX_VALUES = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  HEX_VALUES[HEX_DIGITS[value]!] = value
  HEX_VALUES[value.toString(16).toUpperCase().charCodeAt(0)] = value
}
const PAD = 0x3d

/** The number of bytes of the UTF-8 character that begins at bytes[at], or 0 when none does. */
function characterBytes(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0 || at + length > end) return 0
  const second = bytes[at + 1]!
  // Forms that are too long, surrogates, and what lies above U+10FFFF show in the second byte.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  return length
}

/** True when bytes[start, end) are UTF-8, without surrogates. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end;) {
    if (bytes[at]! < 0x80) at++
    else {
      const length = characterBytes(bytes, at, end)
      if (length === 0) return false
      at += length
    }
  }
  return true
}

/** What follows the backslash of a short escape; 0 for none. */
const SHORT_ESCAPES = new Uint8Array(256)
/** What a short escape means; -1 for none. */
const SHORT_MEANINGS = new Int16Array(256).fill(-1)
for (const [letter, byte] of Object.entries({ '"': 0x22, '\\': 0x5c, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  SHORT_ESCAPES[byte] = letter.charCodeAt(0)
  SHORT_MEANINGS[letter.charCodeAt(0)] = byte
}
SHORT_MEANINGS[0x2f] = 0x2f
const LONG_ESCAPE = Uint8Array.from('\\u00', (character) => character.charCodeAt(0))

/** How many bytes these have as the inside of a JSON string; -1 when they are not UTF-8. */
export function jsonBytes(bytes: Uint8Array, start: number, end: number): number {
  let extra = 0
  for (let at = start; at < end;) {
    const byte = bytes[at]!
    if (byte < 0x80) {
      if (byte < 0x20) extra += SHORT_ESCAPES[byte] === 0 ? 5 : 1
      else if (byte === 0x22 || byte === 0x5c) extra++
      at++
    } else {
      const length = characterBytes(bytes, at, end)
      if (length === 0) return -1
      at += length
    }
  }
  return end - start + extra
}

/** Writes bytes[start, end) as the inside of a JSON string at target[to]; gives its end. Requires: they are UTF-8. */
export function putJson(bytes: Uint8Array, start: number, end: number, target: Uint8Array, to: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) target[to++] = byte
    else if (SHORT_ESCAPES[byte] !== 0) {
      target[to++] = 0x5c
      target[to++] = SHORT_ESCAPES[byte]!
    } else {
      target.set(LONG_ESCAPE, to)
      target[to + 4] = HEX_DIGITS[byte >>> 4]!
      target[to + 5] = HEX_DIGITS[byte & 15]!
      to += 6
    }
  }
  return to
}

/**
 * Reads the inside of a JSON string, from bytes[at] to the quote that ends it, into target[to…]; gives where the quote
 * is and where the bytes end. Throws BadBytes.
 */
export function readJson(
  bytes: Uint8Array, at: number, end: number, target: Uint8Array, to: number,
): { quote: number; end: number } {
  const [start, from] = [at, to]
  while (at < end) {
    const byte = bytes[at]!
    if (byte === 0x22) {
      if (!isUtf8(target, from, to)) throw new BadBytes(start, 'a string that is not UTF-8')
      return { quote: at, end: to }
    }
    if (byte < 0x20) throw new BadBytes(at, 'a control character in a string')
    if (byte !== 0x5c) {
      target[to++] = byte
      at++
      continue
    }
    const meaning = at + 1 < end ? SHORT_MEANINGS[bytes[at + 1]!]! : -1
    if (meaning >= 0) {
      target[to++] = meaning
      at += 2
    } else {
      const code = readCodePoint(bytes, at, end)
      to = putCodePoint(code, target, to)
      at += code > 0xffff ? 12 : 6
    }
  }
  throw new BadBytes(start, 'a string without its end')
}

/** Reads \uXXXX, or two of them that are the halves of one character. */
function readCodePoint(bytes: Uint8Array, at: number, end: number): number {
  const unit = readUnit(bytes, at, end)
  if (unit < 0xd800 || unit > 0xdfff) return unit
  const second = unit < 0xdc00 && at + 6 < end ? readUnit(bytes, at + 6, end) : 0
  if (second < 0xdc00 || second > 0xdfff) throw new BadBytes(at, 'half of a surrogate pair, which is no character')
  return 0x10000 + ((unit - 0xd800) << 10) + second - 0xdc00
}

function readUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 6 > end || bytes[at] !== 0x5c || bytes[at + 1] !== 0x75) throw new BadBytes(at, 'an unknown escape')
  let unit = 0
  for (let i = at + 2; i < at + 6; i++) {
    const digit = HEX_VALUES[bytes[i]!]!
    if (digit < 0) throw new BadBytes(at, 'an escape without four digits')
    unit = unit * 16 + digit
  }
  return unit
}

/** Writes a character as UTF-8; an escape is never shorter. */
function putCodePoint(code: number, target: Uint8Array, to: number): number {
  if (code < 0x80) target[to++] = code
  else if (code < 0x800) {
    target[to++] = 0xc0 | (code >>> 6)
    target[to++] = 0x80 | (code & 63)
  } else {
    if (code < 0x10000) target[to++] = 0xe0 | (code >>> 12)
    else {
      target[to++] = 0xf0 | (code >>> 18)
      target[to++] = 0x80 | ((code >>> 12) & 63)
    }
    target[to++] = 0x80 | ((code >>> 6) & 63)
    target[to++] = 0x80 | (code & 63)
  }
  return to
}

export function base64Bytes(length: number): number {
  return Math.ceil(length / 3) * 4
}

/** Writes bytes[start, end) in base64 with padding at target[to]; gives its end. */
export function putBase64(bytes: Uint8Array, start: number, end: number, target: Uint8Array, to: number): number {
  let at = start
  for (; at + 2 < end; at += 3) {
    const three = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    target[to] = BASE64_DIGITS[three >>> 18]!
    target[to + 1] = BASE64_DIGITS[(three >>> 12) & 63]!
    target[to + 2] = BASE64_DIGITS[(three >>> 6) & 63]!
    target[to + 3] = BASE64_DIGITS[three & 63]!
    to += 4
  }
  if (at === end) return to
  const rest = (bytes[at]! << 16) | (at + 1 < end ? bytes[at + 1]! << 8 : 0)
  target[to] = BASE64_DIGITS[rest >>> 18]!
  target[to + 1] = BASE64_DIGITS[(rest >>> 12) & 63]!
  target[to + 2] = at + 1 < end ? BASE64_DIGITS[(rest >>> 6) & 63]! : PAD
  target[to + 3] = PAD
  return to + 4
}

/** Reads base64 from bytes[at, end) into target[to…]; gives the end. Throws BadBytes for what is never written. */
export function readBase64(bytes: Uint8Array, at: number, end: number, target: Uint8Array, to: number): number {
  if ((end - at) % 4 !== 0) throw new BadBytes(at, 'base64 whose length is no multiple of 4')
  if (at === end) return to
  const padding = bytes[end - 1] !== PAD ? 0 : bytes[end - 2] === PAD ? 2 : 1
  const digitsEnd = end - padding
  let [bits, count] = [0, 0]
  for (let i = at; i < digitsEnd; i++) {
    const value = BASE64_VALUES[bytes[i]!]!
    if (value < 0) throw new BadBytes(i, 'a character that is not of base64')
    bits = (bits << 6) | value
    if (++count < 4) continue
    target[to++] = bits >>> 16
    target[to++] = bits >>> 8
    target[to++] = bits
    bits = count = 0
  }
  if (padding === 0) return to
  if ((bits & (padding === 1 ? 3 : 15)) !== 0) throw new BadBytes(digitsEnd, 'base64 with bits behind its end')
  bits <<= 6 * padding
  target[to++] = bits >>> 16
  if (padding === 1) target[to++] = bits >>> 8
  return to
}

/** Writes bytes[start, end) as digits at target[to]; gives the end. */
export function putHex(bytes: Uint8Array, start: number, end: number, target: Uint8Array, to: number): number {
  for (let at = start; at < end; at++) {
    target[to++] = HEX_DIGITS[bytes[at]! >>> 4]!
    target[to++] = HEX_DIGITS[bytes[at]! & 15]!
  }
  return to
}

/** Reads digits from bytes[at, end) into target[to…]; gives the end. Throws BadBytes. */
export function readHex(bytes: Uint8Array, at: number, end: number, target: Uint8Array, to: number): number {
  if ((end - at) % 2 !== 0) throw new BadBytes(at, 'an odd number of hexadecimal digits')
  for (; at < end; at += 2) {
    const [high, low] = [HEX_VALUES[bytes[at]!]!, HEX_VALUES[bytes[at + 1]!]!]
    if (high < 0 || low < 0) throw new BadBytes(at, 'a character that is no hexadecimal digit')
    target[to++] = high * 16 + low
  }
  return to
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * True when the bytes are one JSON text without line breaks, with nothing around it: then they may stand in a line of
 * JSON as they are.
 */
export function isJsonText(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || isBlank(bytes[start]!) || isBlank(bytes[end - 1]!)) return false
  for (let at = start; at < end; at++) if (bytes[at] === 10 || bytes[at] === 13) return false
  try {
    JSON.parse(decoder.decode(bytes.subarray(start, end)))
    return true
  } catch {
    return false
  }
}

/** The white space of JSON. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 9 || byte === 10 || byte === 13
}
