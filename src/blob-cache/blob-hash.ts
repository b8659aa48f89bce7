/**
 * What: the hash by which the blob cache knows a key: 64 bits, keyed. An item stands under its hash alone until its
 * record is read, so keys that somebody chose must not meet in one hash; see docs/design/0022-keyed-hash.md.
 */
import { hashRangeWide } from '../base/index.js'
import type { HashSeed } from '../base/index.js'

/** Writes the hash of bytes[start, end) to out[0], its low word, and out[1], its high one. */
export function hashKey(bytes: Uint8Array, start: number, end: number, seed: HashSeed, out: Uint32Array): void {
  hashRangeWide(bytes, start, end, seed, out)
}
