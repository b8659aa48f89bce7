/**
 * What: several cursors as one sequence of live entries: of each key the newest, unless it is a deletion.
 * Owns: the cursors. Thread: one.
 * Invariants: `live` is in the order of the entries that the cursors stand on. A sorted array beats a heap here, as in
 * iterator/merging-iterator.ts: most steps stay on the same cursor, with one comparison.
 * LevelDB's own repair leaves tables that hold the same write twice: the second of equal ones is dropped like an older
 * one.
 */
import { compareCursors, isKeyOf } from './level-cursor.js'
import type { LevelCursor } from './level-cursor.js'
import type { LevelChunk } from './level-chunk.js'

/** Why a step of a merge ended: the chunk is full, a cursor has to load, others want a turn, or all is read. */
export type MergeStep = 'full' | 'wait' | 'pause' | 'end'

/** A step is about a millisecond: so many entries, or bytes that were unpacked. */
const STEP_WORK = 2048
const BYTES_PER_WORK = 256

export class LevelMerge {
  /** Entries that were passed, whatever became of them, but for those of `uncounted`. */
  storedCount = 0
  private readonly cursors: readonly LevelCursor[]
  private readonly uncounted: LevelCursor | null
  private readonly live: LevelCursor[] = []
  private readonly waiting: LevelCursor[]
  /** The key that was decided last. */
  private decided: Uint8Array = new Uint8Array(64)
  private decidedBytes = -1

  constructor(cursors: readonly LevelCursor[], uncounted: LevelCursor | null) {
    this.cursors = cursors
    this.uncounted = uncounted
    this.waiting = [...cursors]
  }

  /** Loads what `fill` waits for. */
  async load(): Promise<void> {
    for (let cursor = this.waiting.at(-1); cursor !== undefined; cursor = this.waiting.at(-1)) {
      const hasMore = await cursor.load()
      if (hasMore && !cursor.next()) continue
      this.waiting.pop()
      if (hasMore) this.enter(cursor)
      else await cursor.close()
    }
  }

  /** Puts live entries into the chunk. Requires: nothing is to be loaded. */
  fill(chunk: LevelChunk): MergeStep {
    const { live } = this
    let work = STEP_WORK
    for (let cursor = live[0]; cursor !== undefined; cursor = live[0]) {
      if (work <= 0) return 'pause'
      work--
      if (!isKeyOf(cursor, this.decided, this.decidedBytes)) {
        if (!cursor.isDeletion && !chunk.add(cursor)) return 'full'
        this.decide(cursor)
      }
      if (cursor !== this.uncounted) this.storedCount++
      while (!cursor.next()) {
        if (!cursor.loadNow()) return this.wait()
        work -= cursor.loadedBytes / BYTES_PER_WORK
      }
      const second = live[1]
      if (second !== undefined && compareCursors(cursor, second) > 0) {
        live.shift()
        this.enter(cursor)
      }
    }
    return this.waiting.length > 0 ? 'wait' : 'end'
  }

  private wait(): MergeStep {
    this.waiting.push(this.live.shift()!)
    return 'wait'
  }

  /** Remembers the key: whatever else has it is older. */
  private decide({ key, keyStart, keyEnd }: LevelCursor): void {
    const length = keyEnd - keyStart
    if (this.decided.length < length) this.decided = new Uint8Array(2 * length)
    const { decided } = this
    for (let i = 0; i < length; i++) decided[i] = key[keyStart + i]!
    this.decidedBytes = length
  }

  /** Puts a cursor where its entry belongs. */
  private enter(cursor: LevelCursor): void {
    const { live } = this
    let [low, high] = [0, live.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareCursors(live[middle]!, cursor) < 0) low = middle + 1
      else high = middle
    }
    live.splice(low, 0, cursor)
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors) await cursor.close()
  }
}
