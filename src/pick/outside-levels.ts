/**
 * What: the levels into which tables from outside go that are newer than everything there is: as deep as nothing on the
 * way has keys of theirs, and no compaction under way writes any.
 * Thread: any (pure).
 * Invariants: ING-4 such a table is newer as a whole than all tables below it that share keys with it (MAN-2), and none
 * above it shares any. COMP-2 what it reserves can run beside all compactions.
 */
import type { LevelNum } from '../base/index.js'
import { extentOf } from '../manifest/index.js'
import type { Extent, TableKeys, Version } from '../manifest/index.js'
import { canRunBeside } from './compaction-pick.js'
import type { RunningCompaction } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'

/** A place for a table. */
export interface OutsidePlace {
  readonly level: LevelNum
  /**
   * What compactions must leave alone until the table is listed; null in level 0, where a table never is in the way.
   */
  readonly reservation: RunningCompaction | null
}

interface Surroundings {
  version: Version
  settings: CompactionSettings
  running: readonly RunningCompaction[]
}

/**
 * Gives the places of tables that share no keys with one another. With the style `fifo` they stay in level 0, since
 * there
 * tables leave in the order of their numbers; with whole runs they join the youngest run, or one above it.
 */
export function placeOutside(
  { version, settings, running }: Surroundings, tables: readonly TableKeys[],
): OutsidePlace[] {
  const { levels } = version
  const lastLevel = levels.length - 1
  const used = levels.findIndex(({ tables: { length } }, level) => level > 0 && length > 0)
  let youngest = used < 0 ? lastLevel : used
  return tables.map((table) => {
    const extent = extentOf(table)
    const met = levels.findIndex((level) => level.overlapping(extent).length > 0)
    const deepest = settings.style === 'fifo' ? 0 : met < 0 ? lastLevel : Math.max(0, met - 1)
    const isRun = hasWholeRuns(settings)
    const first = isRun && deepest >= youngest ? youngest : deepest
    for (let level = first; level > 0; level--) {
      const reservation = reservationAt(extent, level)
      if (running.every((other) => canRunBeside(other, reservation))) {
        if (isRun) youngest = Math.min(youngest, level)
        return { level, reservation }
      }
      if (isRun) break
    }
    return { level: 0, reservation: null }
  })
}

/** It passes all levels below 0 down to this one, as a table does that moves there. */
function reservationAt(extent: Extent, outputLevel: LevelNum): RunningCompaction {
  return { extent, inputs: new Set(), levels: [0], outputLevel, movesValues: false }
}
