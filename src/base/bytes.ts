/**
 * What: comparing and measuring byte ranges without making views.
 * The order of keys everywhere in Varve is bytewise; its stored name is KEY_ORDER_NAME.
 */

export const KEY_ORDER_NAME = 'varve.bytewise'

/** Bytewise order of a[aStart, aEnd) and b[bStart, bEnd): negative, 0 or positive. */
export function compareRanges(
  a: Uint8Array, aStart: number, aEnd: number,
  b: Uint8Array, bStart: number, bEnd: number,
): number {
  const aLength = aEnd - aStart
  const bLength = bEnd - bStart
  const length = aLength < bLength ? aLength : bLength
  for (let i = 0; i < length; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/** Bytewise order of two keys. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return compareRanges(a, 0, a.length, b, 0, b.length)
}

export function equalRanges(
  a: Uint8Array, aStart: number, aEnd: number,
  b: Uint8Array, bStart: number, bEnd: number,
): boolean {
  const length = aEnd - aStart
  if (length !== bEnd - bStart) return false
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}

/**
 * True when a key that stands in two parts, prefix[prefixAt…) and suffix[suffixAt…), has just the bytes key[at…).
 * Compares from the end: keys that share a hash tag by chance differ there at once. Requires: both have one length.
 */
export function equalsInParts(
  prefix: Uint8Array, prefixAt: number, prefixBytes: number,
  suffix: Uint8Array, suffixAt: number, suffixBytes: number, key: Uint8Array, at: number,
): boolean {
  const suffixKey = at + prefixBytes
  for (let k = suffixBytes - 1; k >= 0; k--) if (suffix[suffixAt + k] !== key[suffixKey + k]) return false
  for (let k = prefixBytes - 1; k >= 0; k--) if (prefix[prefixAt + k] !== key[at + k]) return false
  return true
}

/** Number of leading bytes that both ranges share. */
export function sharedPrefixLength(
  a: Uint8Array, aStart: number, aEnd: number,
  b: Uint8Array, bStart: number, bEnd: number,
): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart)
  let i = 0
  while (i < length && a[aStart + i] === b[bStart + i]) i++
  return i
}

/** The smallest key greater than every key with this prefix, or null when there is none (all 0xFF). */
export function prefixSuccessor(prefix: Uint8Array): Uint8Array | null {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 0xff) end--
  if (end === 0) return null
  const successor = new Uint8Array(end)
  for (let i = 0; i < end; i++) successor[i] = prefix[i]!
  successor[end - 1]!++
  return successor
}

export function alignUp(n: number, alignment: number): number {
  return Math.ceil(n / alignment) * alignment
}

/** Writes bytes as lower-case hex, for names and messages. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
