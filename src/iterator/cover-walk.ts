/**
 * What: which range tombstone hides an entry, for entries that come in order: a flush, a merge.
 * Thread: any. Nothing is allocated per entry.
 */
import type { SeqNum } from '../base/index.js'
import type { Spans } from './spans.js'

export class CoverWalk {
  private readonly spans: Spans
  /** The place of the first fragment that does not end before the latest key. */
  private at = 0

  constructor(spans: Spans) {
    this.spans = spans
  }

  /**
   * The lowest number above `seqNum` of a span over key[start, end), or Infinity. Requires: the key is not before the
   * one of the last call.
   */
  above(key: Uint8Array, start: number, end: number, seqNum: SeqNum): SeqNum {
    const { spans } = this
    while (this.at < spans.count && spans.endsBefore(this.at, key, start, end)) this.at++
    if (this.at === spans.count || spans.beginsBehind(this.at, key, start, end)) return Infinity
    return spans.nextAbove(this.at, seqNum)
  }

  /** The place of the first fragment that does not end before the latest key; the count when there is none. */
  get place(): number {
    return this.at
  }
}
