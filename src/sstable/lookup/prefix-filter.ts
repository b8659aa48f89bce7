/**
 * What: the prefix filter of a table: says "no key of this range is there" when all keys that the range could have
 * begin with one prefix, and no key of the table does. It is a filter (bloom-filter.ts) of the hashes of prefixes.
 * Thread: any.
 * Invariants: PRE-1 it never says no of a range that has a key of the table.
 */
import { KeyHash } from '../../base/index.js'
import type { HashSeed, PrefixExtractor } from '../../base/index.js'
import type { BloomFilter } from './bloom-filter.js'

export class PrefixFilter {
  readonly extractor: PrefixExtractor
  private readonly filter: BloomFilter
  private readonly seed: HashSeed

  constructor(extractor: PrefixExtractor, filter: BloomFilter, seed: HashSeed) {
    this.extractor = extractor
    this.filter = filter
    this.seed = seed
  }

  get memoryBytes(): number {
    return this.filter.memoryBytes
  }

  /** False when no key of the table begins with key[0, end), a prefix by the rule of this filter. */
  mayHave(key: Uint8Array, end: number, keyHash: KeyHash): boolean {
    return this.filter.mayContain(keyHash.of(key, 0, end, this.seed))
  }
}

/** Asks the prefix filters of many tables about one range: the common prefix is found, and hashed, once. */
export class PrefixQuery {
  private lower: Uint8Array | null = null
  private upper: Uint8Array | null = null
  /** The rule by which `bytes` was found. */
  private name = ''
  /** Bytes of the prefix that all keys of the range have; -1 when they may have different ones. */
  private bytes = -1
  private readonly keyHash = new KeyHash()

  /** Begins with the range [lower, upper); null bounds nothing. */
  begin(lower: Uint8Array | null, upper: Uint8Array | null): void {
    this.lower = lower
    this.upper = upper
    this.name = ''
  }

  /** False when no key of the range is in the table of this filter. */
  allows(filter: PrefixFilter): boolean {
    const { lower } = this
    if (lower === null) return true
    const { extractor } = filter
    if (extractor.name !== this.name) {
      this.name = extractor.name
      this.bytes = extractor.commonBytes(lower, this.upper)
      this.keyHash.begin()
    }
    return this.bytes < 0 || filter.mayHave(lower, this.bytes, this.keyHash)
  }
}
