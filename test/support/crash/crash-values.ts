/**
 * What: values that say which write they come from, so that a reader can tell a right value from any other.
 *
 *   'V' <batch> '.' <operation> ' ' <value bytes> ' ' <key> '\n', filler, CRC-32 of all that as u32
 *
 * Values too short for that are plain bytes; they are compared as a whole.
 * Keys are strings of characters 0–255, one per byte.
 */
import { crc32, getU32, putU32 } from '../../../src/base/index.js'

const MARK = 'V'.charCodeAt(0)

export function keyBytes(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i)
  return bytes
}

export function keyText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export interface ValueOrigin {
  key: string
  batch: number
  operation: number
}

/** Makes a value of exactly `length` bytes. */
export function makeValue({ key, batch, operation }: ValueOrigin, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const head = keyBytes(`V${batch}.${operation} ${length} ${key}\n`)
  if (head.length + 4 > length) return bytes.fill(0x80 | ((batch * 7 + operation) & 0x7f))
  bytes.set(head)
  for (let i = head.length; i < length - 4; i++) bytes[i] = (i * 13 + batch * 31) & 0xff
  putU32(bytes, length - 4, crc32(bytes, 0, length - 4))
  return bytes
}

/** Describes a value: `<batch>.<operation>` of a good one, `raw <hex>` of a short one; throws for anything else. */
export function describeValue(key: string, bytes: Uint8Array): string {
  if (bytes.length === 0 || bytes[0] !== MARK) {
    if (bytes.length > key.length + 40) throw new Error(`value of ${show(key)}: ${bytes.length} bytes without a mark`)
    return `raw ${Buffer.from(bytes).toString('hex')}`
  }
  const end = bytes.length - 4
  if (end < 8 || crc32(bytes, 0, end) !== getU32(bytes, end)) {
    throw new Error(`value of ${show(key)}: ${bytes.length} bytes with a wrong checksum`)
  }
  const head = keyText(bytes.subarray(0, Math.min(end, key.length + 48)))
  const match = /^V(\d+)\.(\d+) (\d+) /.exec(head)
  if (match === null || Number(match[3]) !== bytes.length || !head.startsWith(`${key}\n`, match[0].length)) {
    throw new Error(`value of ${show(key)} is of another write: ${JSON.stringify(head.slice(0, 60))}`)
  }
  return `${match[1]}.${match[2]}`
}

/** Shows a key in a message. */
export function show(key: string): string {
  const text = JSON.stringify(key)
  return text.length > 40 ? `${text.slice(0, 36)}…" (${key.length} bytes)` : text
}
