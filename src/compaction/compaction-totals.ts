/**
 * What: totals of all compactions so far, by output level. Thread: main.
 */
import type { LevelNum } from '../base/index.js'
import type { CompactionPick } from '../pick/index.js'
import type { CompactionRunOutput } from '../run/index.js'

interface LevelTotals {
  readBytes: number
  writtenBytes: number
  runMs: number
}

export class CompactionTotals {
  readBytes = 0
  writtenBytes = 0
  /** Values that were moved between value logs, and their bytes. */
  movedCount = 0
  movedBytes = 0
  droppedVersionCount = 0
  droppedTombstoneCount = 0
  expiredCount = 0
  private readonly levels = new Map<LevelNum, LevelTotals>()

  add({ outputLevel }: CompactionPick, output: CompactionRunOutput, durationMs: number): void {
    this.readBytes += output.readBytes
    this.writtenBytes += output.writtenBytes
    for (const { putCount } of output.valueLogs) this.movedCount += putCount
    this.movedBytes += output.movedBytes
    this.droppedVersionCount += output.droppedVersionCount
    this.expiredCount += output.expiredCount
    this.droppedTombstoneCount += output.droppedTombstoneCount
    const { readBytes, writtenBytes, runMs } = this.level(outputLevel)
    this.levels.set(outputLevel, {
      readBytes: readBytes + output.readBytes, writtenBytes: writtenBytes + output.writtenBytes,
      runMs: runMs + durationMs,
    })
  }

  /** The totals of compactions whose outputs went to this level. */
  level(level: LevelNum): LevelTotals {
    return this.levels.get(level) ?? { readBytes: 0, writtenBytes: 0, runMs: 0 }
  }
}
