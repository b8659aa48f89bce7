/**
 * What: the steps of `collectGarbage`, in every style: what may uncover garbage goes down, whatever that costs, the
 * value logs that have more of it than was asked for are emptied, and where there are too many small ones they are
 * brought together. In level 0 each table is rewritten alone, so what points into small ones goes down first.
 *
 * Writes go on meanwhile. Only what was written before the call is brought down, and only files that were there are
 * emptied: otherwise a call would never be done.
 * Thread: any (pure).
 */
import type { FileNum, SeqNum, TableFacts } from '../base/index.js'
import type { CompactionPick, Picker } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { pickContext } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { level0Stacks, pickDown } from './pick-level0.js'
import { pickObsoleteVersions } from './pick-obsolete-versions.js'
import { pickUncovering } from './pick-uncovering.js'
import { pickValues } from './pick-values.js'
import { collectionsOf } from './value-collection.js'

export interface WantedCollection {
  /** The share of garbage from which on a value log is emptied. */
  readonly garbageRatio: number
  /** Tables with only newer entries are left alone. */
  readonly upTo: SeqNum
  /** Value logs from this number on are left alone. */
  readonly below: FileNum
}

const WHATEVER_IT_COSTS = {
  garbageRatio: 1, garbageGate: 0, uncoverShareMin: 0, uncoverLiveShareMin: 0, reclaimShareMin: 0,
}

/** Makes a picker for one call. A pick of null means done when nothing is running, otherwise that it must wait. */
export function collectionPicker(
  settings: CompactionSettings, wanted: WantedCollection, roomBytes = Infinity,
): Pick<Picker, 'pick' | 'within'> & { isPatient: true } {
  const { garbageRatio, upTo, below } = wanted
  const chosen = { ...settings, ...WHATEVER_IT_COSTS, garbageFileRatio: garbageRatio }
  return {
    isPatient: true,
    within: (room) => collectionPicker(settings, wanted, room),
    pick(version, running, held, blocked) {
      const context = pickContext(chosen, { version, running, held, blocked, roomBytes })
      return pickUncovering(context, level0Stacks(context), upTo) ??
        pickObsoleteVersions(context, (table) => table.valueFiles.length > 0 && table.smallestSeqNum <= upTo) ??
        pickSmallDown(context, wanted) ?? pickValues(context, below)
    },
  }
}

function pickSmallDown(context: PickContext, { upTo, below }: WantedCollection): CompactionPick | null {
  const small = new Set(collectionsOf({ ...context, below }).logs.small.map(({ fileNum }) => fileNum))
  if (small.size === 0 || context.settings.style === 'fifo') return null
  const points = ({ valueFiles, smallestSeqNum }: TableFacts): boolean =>
    smallestSeqNum <= upTo && valueFiles.some(({ fileNum }) => small.has(fileNum))
  for (const stack of level0Stacks(context)) {
    if (stack.isStuck || !stack.tables.some(points)) continue
    const pick = pickDown(context, stack, { reason: 'small', score: 0 })
    if (pick !== null) return pick
  }
  return null
}
