/**
 * What: compactions within level 0 while writes pause, so that few tables meet a read. While writes go on they would
 * only write more: the stack goes down soon.
 *
 * It takes the newest tables of a stack, as far as the next older one is not much larger than they are together. So a
 * burst of writes ends in one table, and a program that pauses after each flush rewrites a byte only a few times until
 * its stack goes down.
 * Thread: any (pure).
 */
import { FILE_BYTES_MAX } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { CompactionPick } from './compaction-pick.js'
import { planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { isSliceClosed, runsOf, STEP_TABLES_MAX } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'

/** An older table is rewritten with newer ones only when it is at most so many times as large as they are together. */
const OLDER_SHARE_MAX = 2

export function pickFewer(context: PickContext, stacks: readonly Level0Stack[]): CompactionPick | null {
  const { version, settings: { level0HeightMax } } = context
  for (const { tables, score } of stacks) {
    if (tables.length <= level0HeightMax) continue
    const slice = tables.slice(0, sliceEnd(tables))
    if (slice.length < 2 || !isSliceClosed(version.levels[0]!.tables, slice)) continue
    const pick = planPick(context, { reason: 'intra0', score, inputs: runsOf(slice), outputLevel: 0 })
    if (pick !== null) return pick
  }
  return null
}

/** The end of the newest tables that are merged: two at least, if they fit into a file. */
function sliceEnd(tables: readonly TableFacts[]): number {
  let bytes = tables[0]!.bytes
  let end = 1
  for (; end < Math.min(tables.length, STEP_TABLES_MAX); end++) {
    const older = tables[end]!.bytes
    if (bytes + older > FILE_BYTES_MAX / 2 || (end > 1 && older > OLDER_SHARE_MAX * bytes)) break
    bytes += older
  }
  return end
}
