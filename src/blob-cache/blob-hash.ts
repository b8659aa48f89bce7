/**
 * What: the hash by which the blob cache knows a key: 64 bits, keyed. An item stands under its hash alone until its
 * record is read, so keys that somebody chose must not meet in one hash; see docs/design/0022-keyed-hash.md.
 */
import { copyBytes, hashRangeWide, readHashSeed } from '../base/index.js'
import type { Bytes, HashSeed } from '../base/index.js'

/** A key with its hash. */
export interface HashedKey {
  readonly bytes: Uint8Array
  readonly low: number
  readonly high: number
}

/** Writes the hash of bytes[start, end) to out[0], its low word, and out[1], its high one. */
export function hashKey(bytes: Uint8Array, start: number, end: number, seed: HashSeed, out: Uint32Array): void {
  hashRangeWide(bytes, start, end, seed, out)
}

/** Hashes the keys of one cache, and the names of its namespaces. */
export class KeyHasher {
  private readonly seed: HashSeed
  private readonly hash = new Uint32Array(2)

  /** The hashes of caches with different ids have nothing to do with each other. */
  constructor(cacheId: Uint8Array) {
    this.seed = readHashSeed(cacheId)
  }

  /** Hashes a key. The bytes are a copy. */
  hashed(key: Bytes): HashedKey {
    const bytes = copyBytes(key)
    hashKey(bytes, 0, bytes.length, this.seed, this.hash)
    return { bytes, low: this.hash[0]!, high: this.hash[1]! }
  }

  /** Hashes the name of a namespace; never 0. */
  namespaceOf(name: string): number {
    return this.hashed(name).low || 1
  }
}
