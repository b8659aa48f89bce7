/**
 * What: compactions that rewrite tables of a deep level in place because a released snapshot lets entries go: versions
 * that a newer one in the same table hides, and tombstones with nothing below them. So space comes back by itself when
 * a snapshot is released. RocksDB marks files of its bottommost level for this.
 *
 * A table is taken only when no snapshot is below its newest entry: then all of these entries go, their number is
 * known, and no table is rewritten twice for the same reason. Neighbours that are worth it are included, so that
 * outputs are full.
 * Thread: any (pure).
 */
import type { LevelNum, TableFacts } from '../base/index.js'
import { extentOf } from '../manifest/index.js'
import { valueBytesOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { firstOverlap, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'

interface Slice {
  readonly level: LevelNum
  readonly tables: TableFacts[]
  bytes: number
  goingBytes: number
}

/** Picks only tables that `isWanted`. */
export function pickObsoleteVersions(
  context: PickContext, isWanted: (table: TableFacts) => boolean = () => true,
): CompactionPick | null {
  const slices = [...slicesOf(context, isWanted)].sort((a, b) => b.goingBytes / b.bytes - a.goingBytes / a.bytes)
  for (const { level, tables } of slices) {
    const pick = planPick(context, { reason: 'hidden', score: 0, inputs: [{ level, tables }], outputLevel: level })
    if (pick !== null) return pick
  }
  return null
}

function* slicesOf(context: PickContext, isWanted: (table: TableFacts) => boolean): Generator<Slice> {
  const { version, settings, sizes } = context
  for (let level = 1; level <= sizes.lastLevel; level++) {
    let slice: Slice | null = null
    for (const table of version.levels[level]!.tables) {
      // Most tables have nothing that may go: what they point to is not added up.
      const share = goingShare(context, table, level)
      const goingBytes = share === 0 ? 0 : (table.bytes + valueBytesOf([table])) * share
      const isWorth = goingBytes > 0 && isWanted(table) && goingBytes >= settings.reclaimShareMin * table.bytes
      const isJoined: boolean = isWorth && slice !== null &&
        slice.bytes + table.bytes <= settings.inputBytesMax
      if (isJoined) {
        slice!.tables.push(table)
        slice!.bytes += table.bytes
        slice!.goingBytes += goingBytes
        continue
      }
      if (slice !== null) yield slice
      slice = isWorth ? { level, tables: [table], bytes: table.bytes, goingBytes } : null
    }
    if (slice !== null) yield slice
  }
}

/** The share of its entries that a table loses when it is rewritten; 0 when a snapshot may need one of them. */
function goingShare(context: PickContext, table: TableFacts, level: LevelNum): number {
  const { hiddenCount, tombstoneCount, entryCount, largestSeqNum, fileNum } = table
  if (hiddenCount + tombstoneCount === 0 || largestSeqNum > context.held || context.unavailable.has(fileNum)) return 0
  const isBottom = tombstoneCount > 0 && firstOverlap(context, extentOf(table), level + 1) === null
  // A hidden tombstone is in both counts, so the sum may be above the number of entries.
  return Math.min(entryCount, hiddenCount + (isBottom ? tombstoneCount : 0)) / entryCount
}
