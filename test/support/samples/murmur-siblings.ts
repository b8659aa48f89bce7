/**
 * Keys that MurmurHash3_x86_32 gives one hash under every seed. A difference in bit 18 of a mixed word becomes, after
 * the rotation by 13, the top bit of the state, which neither the addition nor the multiplication moves; the next word
 * takes it away again. So each pair of words has a twin, and keys of n pairs have 2^n siblings.
 */

/** Makes `count` ≤ 2^pairs keys of eight bytes times `pairs`. */
export function murmurSiblings(pairs: number, count: number): Uint8Array[] {
  const twin = [unmix(mix(FIRST) ^ (1 << 18)), unmix(mix(SECOND) ^ (1 << 31))] as const
  return Array.from({ length: count }, (_, n) => {
    const view = new DataView(new ArrayBuffer(8 * pairs))
    for (let i = 0; i < pairs; i++) {
      const [first, second] = (n >>> i) % 2 === 1 ? twin : [FIRST, SECOND]
      view.setInt32(8 * i, first, true)
      view.setInt32(8 * i + 4, second, true)
    }
    return new Uint8Array(view.buffer)
  })
}

/** The hash that they share. Requires: a multiple of four bytes. */
export function murmurHash(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let hash = seed
  for (let i = 0; i < bytes.length; i += 4) {
    hash = (Math.imul(rotate(hash ^ mix(view.getInt32(i, true)), 13), 5) + 0xe6546b64) | 0
  }
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

const FIRST = 0x64636261
const SECOND = 0x68676665
const C1 = 0xcc9e2d51
const C2 = 0x1b873593

function mix(word: number): number {
  return Math.imul(rotate(Math.imul(word, C1), 15), C2)
}

function unmix(mixed: number): number {
  return Math.imul(rotate(Math.imul(mixed, inverse(C2)), 17), inverse(C1))
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** The inverse of an odd number, modulo 2^32: each round doubles the bits that are right. */
function inverse(odd: number): number {
  let x = odd
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x))
  return x
}
