/**
 * What: what compactions have done so far, by output level, and how fast they lately took away what came into
 * level 0. Thread: main.
 */
import type { LevelNum } from '../base/index.js'
import { totalBytes } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import type { CompactionRunOutput } from './compaction-run.js'

/** What is older than this counts half. */
const DRAIN_HALF_LIFE_MS = 30_000

/** Of one compaction: how much it relieves level 0, and how long it ran. */
export interface Drain {
  readonly bytes: number
  readonly ms: number
}

interface LevelTotals {
  readBytes: number
  writtenBytes: number
}

export class CompactionTotals {
  readBytes = 0
  writtenBytes = 0
  droppedVersionCount = 0
  droppedTombstoneCount = 0
  private readonly levels = new Map<LevelNum, LevelTotals>()
  private drained: Drain = { bytes: 0, ms: 0 }

  add({ outputLevel }: CompactionPick, output: CompactionRunOutput): void {
    this.readBytes += output.readBytes
    this.writtenBytes += output.writtenBytes
    this.droppedVersionCount += output.droppedVersionCount
    this.droppedTombstoneCount += output.droppedTombstoneCount
    const { readBytes, writtenBytes } = this.level(outputLevel)
    this.levels.set(outputLevel, {
      readBytes: readBytes + output.readBytes, writtenBytes: writtenBytes + output.writtenBytes,
    })
  }

  /** A compaction out of whatever level has ended: all of them share the time. */
  addDrain(drain: Drain): void {
    this.drained = sumOf(this.drained, drain)
  }

  /** Bytes a millisecond that one run after the other takes out of level 0, with those under way; 0: not known. */
  drainBytesPerMs(running: readonly Drain[]): number {
    const { bytes, ms } = running.reduce(sumOf, this.drained)
    return ms > 0 ? bytes / ms : 0
  }

  /** By compactions whose outputs went to this level. */
  level(level: LevelNum): LevelTotals {
    return this.levels.get(level) ?? { readBytes: 0, writtenBytes: 0 }
  }
}

function sumOf(past: Drain, { bytes, ms }: Drain): Drain {
  const weight = 0.5 ** (ms / DRAIN_HALF_LIFE_MS)
  return { bytes: past.bytes * weight + bytes, ms: past.ms * weight + ms }
}

/** Bytes that a pick takes out of level 0; of what it merges within it, those that count as a table less. */
export function reliefOf({ inputs, outputLevel }: CompactionPick): number {
  const tables = inputs.filter(({ level }) => level === 0).flatMap((input) => input.tables)
  return totalBytes(tables) * (outputLevel === 0 ? 1 - 1 / Math.max(1, tables.length) : 1)
}
