/**
 * What: collects the hashes of the different prefixes of a table's keys, for its prefix filter.
 * Thread: any, no sharing. Nothing is allocated per key.
 */
import { hashRange } from '../../base/index.js'
import type { HashSeed, PrefixExtractor } from '../../base/index.js'
import type { BlockBuilder } from '../block/block-builder.js'

export class PrefixCollector {
  readonly extractor: PrefixExtractor
  hashes = new Uint32Array(1024)
  count = 0
  private readonly seed: HashSeed
  /** Bytes of the prefix of the key added last; -1 when it has none. */
  private lastBytes = -1

  constructor(extractor: PrefixExtractor, seed: HashSeed) {
    this.extractor = extractor
    this.seed = seed
  }

  /** Adds the staged key. Requires: it was measured against the one added last. */
  add({ keys, lastKeyEnd: start, stagedEnd, shared }: BlockBuilder): void {
    // Keys ascend: whichever begins as the one before has its prefix.
    if (this.lastBytes >= 0 && shared >= this.lastBytes) return
    const end = this.extractor.end(keys, start, stagedEnd)
    this.lastBytes = end < 0 ? -1 : end - start
    if (end < 0) return
    if (this.count === this.hashes.length) {
      const larger = new Uint32Array(2 * this.count)
      larger.set(this.hashes)
      this.hashes = larger
    }
    this.hashes[this.count++] = hashRange(keys, start, end, this.seed)
  }
}
