/**
 * What: the keyed hash of a key range, with 32 bits for memtable index, table point hash and filter, with 64 bits where
 * a hash stands for the key. It is HalfSipHash-1-3 (J.-P. Aumasson, D. J. Bernstein; CC0). Hashes are on disk: do not
 * change it.
 *
 * The seed is drawn anew for each database, so an attacker who chooses keys cannot tell which of them will meet in one
 * slot. A seed alone does not give that: many hashes, MurmurHash3 among them, have known keys
 * that collide under every seed. docs/design/0022-keyed-hash.md tells why this one was chosen.
 */
import { getU32, putU32 } from './coding.js'
import type { Random } from './random.js'

/** Two 32-bit integers. They are signed, because engines keep larger ones outside of the object that has them. */
export interface HashSeed {
  readonly low: number
  readonly high: number
}

export const HASH_SEED_BYTES = 8

export function drawHashSeed(random: Random): HashSeed {
  return { low: random.u32() | 0, high: random.u32() | 0 }
}

/** Reads a seed from eight bytes, as the reference implementation reads its key. */
export function readHashSeed(bytes: Uint8Array, offset = 0): HashSeed {
  return { low: getU32(bytes, offset) | 0, high: getU32(bytes, offset + 4) | 0 }
}

/** Gives the bytes that `readHashSeed` reads as this seed. */
export function hashSeedBytes({ low, high }: HashSeed): Uint8Array {
  const bytes = new Uint8Array(HASH_SEED_BYTES)
  putU32(bytes, 0, low)
  putU32(bytes, 4, high)
  return bytes
}

/** Hashes one key for all who look for it: once, when all of them have one seed. */
export class KeyHash {
  private isKnown = false
  private low = 0
  private high = 0
  private hash = 0

  /** Begins with another key. */
  begin(): void {
    this.isKnown = false
  }

  /** Gives what `hashRange` gives. Requires: it is the same key since `begin`. */
  of(key: Uint8Array, start: number, end: number, seed: HashSeed): number {
    if (this.isKnown && seed.low === this.low && seed.high === this.high) return this.hash
    this.isKnown = true
    this.low = seed.low
    this.high = seed.high
    return this.hash = hashRange(key, start, end, seed)
  }
}

/** Hashes bytes[start, end). The hash is a signed 32-bit integer, so that no number is allocated for it. */
export function hashRange(bytes: Uint8Array, start: number, end: number, { low, high }: HashSeed): number {
  let v0 = low | 0
  let v1 = high | 0
  let v2 = low ^ 0x6c796765
  let v3 = high ^ 0x74656462
  let i = start
  for (const stop = end - 3; i < stop; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    v3 ^= word
    v0 = (v0 + v1) | 0; v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0; v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0; v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0; v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0; v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2; v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  let last = (end - start) << 24
  if (i < end) {
    last |= bytes[i]!
    if (i + 1 < end) last |= bytes[i + 1]! << 8
    if (i + 2 < end) last |= bytes[i + 2]! << 16
  }
  return finishHash(v0, v1, v2, v3, last)
}

/** Gives the hash that `hashRange` gives, a fifth faster. Requires: the view reaches three bytes behind `end`. */
export function hashView(view: DataView, start: number, end: number, { low, high }: HashSeed): number {
  let v0 = low | 0
  let v1 = high | 0
  let v2 = low ^ 0x6c796765
  let v3 = high ^ 0x74656462
  let i = start
  for (const stop = end - 3; i < stop; i += 4) {
    const word = view.getInt32(i, true)
    v3 ^= word
    v0 = (v0 + v1) | 0; v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0; v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0; v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0; v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0; v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2; v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  let last = (end - start) << 24
  if (i < end) last |= view.getInt32(i, true) & (0xffffff >>> (8 * (3 - end + i)))
  return finishHash(v0, v1, v2, v3, last)
}

/** Mixes in the last word, then does three rounds more. One loop is small enough to be inlined into both callers. */
function finishHash(v0: number, v1: number, v2: number, v3: number, last: number): number {
  v3 ^= last
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0; v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0; v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0; v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0; v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0; v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2; v2 = (v2 << 16) | (v2 >>> 16)
    if (round > 0) continue
    v0 ^= last
    v2 ^= 0xff
  }
  return v1 ^ v3
}

/**
 * Hashes bytes[start, end) to 64 bits and writes them to out[0] and out[1], in the order in
 * which the reference implementation writes them. Nothing is allocated.
 */
export function hashRangeWide(
  bytes: Uint8Array, start: number, end: number, { low, high }: HashSeed, out: Uint32Array,
): void {
  let v0 = low | 0
  let v1 = high ^ 0xee
  let v2 = low ^ 0x6c796765
  let v3 = high ^ 0x74656462
  let i = start
  for (const stop = end - 3; i < stop; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    v3 ^= word
    v0 = (v0 + v1) | 0; v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0; v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0; v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0; v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0; v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2; v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  let last = (end - start) << 24
  if (i < end) {
    last |= bytes[i]!
    if (i + 1 < end) last |= bytes[i + 1]! << 8
    if (i + 2 < end) last |= bytes[i + 2]! << 16
  }
  v3 ^= last
  for (let round = 0; round < 7; round++) {
    v0 = (v0 + v1) | 0; v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0; v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0; v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0; v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0; v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2; v2 = (v2 << 16) | (v2 >>> 16)
    if (round === 0) {
      v0 ^= last
      v2 ^= 0xee
    } else if (round === 3) {
      out[0] = v1 ^ v3
      v1 ^= 0xdd
    }
  }
  out[1] = v1 ^ v3
}
