/**
 * What: the range tombstones of one memtable, ready for reads at any time while they come one by one.
 * Owns: sets of spans of falling size, each newer than those before it. Two of one size class become one, so a
 * tombstone is joined with others a few times in all, and a read searches a few sets. A set above a limit is joined no
 * more, since that would take long in one turn.
 * Does not own: what flushes keep, which read the tombstones from the log's frames.
 * Thread: main.
 */
import type { SeqNum } from '../base/index.js'
import { Spans } from '../iterator/index.js'
import type { Span } from '../iterator/index.js'

/** Fragments of a set that is joined no more; joining two such sets has taken about 4 ms. */
const JOINED_FRAGMENTS_MAX = 8192

export class MemtableSpans {
  /** Oldest first. A new array takes its place with each tombstone: iterators keep the one that they were given. */
  private sets: readonly Spans[] = []
  count = 0
  memoryBytes = 0

  /** Takes a tombstone that is newer than all others. */
  add(span: Span): void {
    const sets = [...this.sets]
    let newest = Spans.of(span)
    while (sets.length > 0 && mustJoin(sets.at(-1)!, newest)) newest = Spans.join([sets.pop()!, newest])!
    sets.push(newest)
    this.sets = sets
    this.count++
    this.memoryBytes = sets.reduce((sum, each) => sum + each.memoryBytes, 0)
  }

  /** The sets as they are now. */
  get now(): readonly Spans[] {
    return this.sets
  }

  /** The highest number of a tombstone over key[start, end) that a reader at `snapshot` sees; 0 when there is none. */
  coverAt(key: Uint8Array, start: number, end: number, snapshot: SeqNum): SeqNum {
    const { sets } = this
    let i = sets.length - 1
    let cover = 0
    // A later set is newer as a whole.
    while (i >= 0 && cover === 0) cover = sets[i--]!.coverAt(key, start, end, snapshot)
    return cover
  }
}

function mustJoin(older: Spans, newer: Spans): boolean {
  return older.count < 2 * newer.count && older.count + newer.count <= JOINED_FRAGMENTS_MAX
}
