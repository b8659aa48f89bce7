/**
 * What: several cursors as one sequence of live entries: of each key the newest, unless it is a deletion.
 * Owns: the cursors. Thread: one.
 * Invariants: LDB-2; `live` is in the order of the entries that the cursors stand on. A sorted array beats a heap here,
 * as in iterator/merging-iterator.ts: most steps stay on the same cursor, with one comparison.
 * LevelDB's own repair leaves tables that hold the same write twice: the second of equal ones is dropped like an older
 * one.
 */
import { compareAges, compareKeys } from './level-cursor.js'
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
  /** True when it was decided what becomes of the first entry: all others with its key are older. */
  private isDecided = false
  private work = 0

  constructor(cursors: readonly LevelCursor[], uncounted: LevelCursor | null) {
    this.cursors = cursors
    this.uncounted = uncounted
    this.waiting = [...cursors]
  }

  /** Loads what `fill` waits for. */
  async load(): Promise<void> {
    for (let cursor = this.waiting.at(-1); cursor !== undefined; cursor = this.waiting.at(-1)) {
      const hasMore = await cursor.load()
      if (hasMore && !this.goOn(cursor)) continue
      this.waiting.pop()
      if (hasMore) this.enter(cursor)
      else await cursor.close()
    }
  }

  /** Puts live entries into the chunk. Requires: nothing is to be loaded. */
  fill(chunk: LevelChunk): MergeStep {
    const { live } = this
    this.work = STEP_WORK
    let first = live[0]
    if (first === undefined) return 'end'
    // How the first key compares with the second: 0, or below.
    let keys = this.compareFirst()
    while (this.work > 0) {
      if (!this.isDecided && !first.isDeletion && !chunk.add(first)) return 'full'
      this.isDecided = true
      while (keys === 0) {
        const [second] = live.splice(1, 1)
        if (!this.pass(second!)) return 'wait'
        this.enter(second!)
        keys = this.compareFirst()
      }
      this.isDecided = false
      if (!this.pass(first)) {
        live.shift()
        return 'wait'
      }
      keys = this.compareFirst()
      if (keys < 0 || (keys === 0 && compareAges(first, live[1]!) < 0)) continue
      this.moveFirst(first)
      first = live[0]!
      keys = this.compareFirst()
    }
    return 'pause'
  }

  private compareFirst(): number {
    const { live } = this
    return live.length > 1 ? compareKeys(live[0]!, live[1]!) : -1
  }

  /** Goes on with a cursor behind the key that it stands on; false when it has to load before. */
  private pass(cursor: LevelCursor): boolean {
    while (!this.goOn(cursor)) {
      if (!cursor.loadNow()) {
        this.waiting.push(cursor)
        return false
      }
      this.work -= cursor.loadedBytes / BYTES_PER_WORK
    }
    return true
  }

  /** Goes to the next key among what is loaded. */
  private goOn(cursor: LevelCursor): boolean {
    while (cursor.next()) {
      this.work--
      if (cursor !== this.uncounted) this.storedCount++
      if (!cursor.isRepeat) return true
    }
    return false
  }

  /** Puts a cursor where its entry belongs. */
  private enter(cursor: LevelCursor): void {
    this.live.splice(this.placeOf(cursor, 0), 0, cursor)
  }

  /** Moves the first cursor to where its entry belongs now, which is behind the second. */
  private moveFirst(cursor: LevelCursor): void {
    const { live } = this
    const place = this.placeOf(cursor, 2) - 1
    for (let i = 0; i < place; i++) live[i] = live[i + 1]!
    live[place] = cursor
  }

  /** The place of the first cursor, from `low` on, that does not come before this one. */
  private placeOf(cursor: LevelCursor, low: number): number {
    const { live } = this
    let high = live.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(live[middle]!, cursor)) low = middle + 1
      else high = middle
    }
    return low
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors) await cursor.close()
  }
}

/** True when the entry of `a` comes before that of `b`: a lower key, or the same one and newer. */
function isBefore(a: LevelCursor, b: LevelCursor): boolean {
  return (compareKeys(a, b) || compareAges(a, b)) < 0
}
