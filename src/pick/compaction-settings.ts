/**
 * What: the numbers that pickers look at. Plain data.
 * Thread: any.
 */
import { MiB, WRITE_BUFFER_BYTES_DEFAULT } from '../base/index.js'

/** How tables are merged in the background. With 'none' only `compact()` merges them. */
export type CompactionStyle = 'leveled' | 'tiered' | 'lazy' | 'simple' | 'fifo' | 'none'
export const COMPACTION_STYLES: readonly CompactionStyle[] = ['leveled', 'tiered', 'lazy', 'simple', 'fifo', 'none']

/** The limits that pickers compare with. All bytes are sizes of files. */
export interface CompactionSettings {
  style: CompactionStyle
  /** Level 0 scores 1 with a stack of this many tables. */
  level0TablesMin: number
  /** Level 0 scores 1 when a stack holds this share of the bytes that it would be merged with. */
  level0ShareMin: number
  /** Level 0 scores 1 with a crowd of this many tables that no compaction takes, however low their stacks are. */
  level0CrowdMin: number
  /** While writes pause, a stack of more tables than this becomes lower, within level 0. */
  level0HeightMax: number
  /** The least target of the first deep level that is used. */
  baseLevelBytes: number
  /** The target of each level is this many times the target of the level above it. */
  levelMultiplier: number
  /** An output is ended at about this size. */
  tableBytes: number
  /** An output is ended when it overlaps this many bytes of the level below its own. */
  overlapBytesMax: number
  /** A pick below level 0 takes at most about this many bytes, inputs of both levels together. */
  inputBytesMax: number
  /** A table with this share of tombstones is picked early when no snapshot needs them (`reclaimShareMin`). */
  tombstoneRatio: number
  /** A table is picked for its tombstones only if it may free this share of the bytes that are merged. */
  reclaimShareMin: number
  /** Small neighbours are merged when a deep level has this many tables more than its bytes need. */
  smallTablesMax: number
  /** While garbage is a larger share of all that value logs hold, the worst of them are condemned. */
  garbageRatio: number
  /** A value log with a larger share of garbage is condemned whatever the others have. */
  garbageFileRatio: number
  /** A collection begins when the garbage that goes is this share of the bytes of tables that it rewrites. */
  garbageGate: number
  /** Tables go down when the value bytes that they may let go of are this share of the bytes to be merged. */
  uncoverShareMin: number
  /** They go down only when these are this share of the bytes of all live values. */
  uncoverLiveShareMin: number
  /** A value log that a run writes is ended at about this size; those far smaller are brought together. */
  valueFileBytes: number
  /** A run moves at most about so many bytes of values. */
  movedBytesMax: number
  /** With whole runs: so many deep levels may be in use; with more, neighbours are merged. */
  deepRunsMax: number
  /** With whole runs: the deepest is merged with newer ones when those hold this share of its bytes. */
  newerShareMax: number
  /** With `fifo`: the oldest tables leave while all have more bytes than this, values in value logs counted. */
  maxBytes: number
}

/** True for the styles whose deep levels are runs that are merged whole, and have no size of their own. */
export function hasWholeRuns({ style }: Pick<CompactionSettings, 'style'>): boolean {
  return style === 'tiered' || style === 'lazy'
}

/** The share of the deepest run that newer ones may have. */
const NEWER_SHARE = { tiered: 2, lazy: 1 / 2 }

/** The settings for memtables of `writeBufferBytes`. docs/design/0015-leveled-picks.md has the figures behind them. */
export function defaultCompactionSettings(
  writeBufferBytes = WRITE_BUFFER_BYTES_DEFAULT, style: CompactionStyle = 'leveled',
): CompactionSettings {
  const tableBytes = Math.min(Math.max(writeBufferBytes / 2, 2 * MiB), 16 * MiB)
  return {
    style,
    level0TablesMin: 8,
    level0ShareMin: 1,
    level0CrowdMin: 12,
    level0HeightMax: Infinity,
    baseLevelBytes: Math.max(4 * writeBufferBytes, 16 * MiB),
    levelMultiplier: 8,
    tableBytes,
    overlapBytesMax: 25 * tableBytes,
    inputBytesMax: 25 * tableBytes,
    tombstoneRatio: 0.25,
    reclaimShareMin: 0.25,
    smallTablesMax: 32,
    ...garbageRatios(GARBAGE_RATIO_DEFAULT),
    garbageGate: 0.5,
    uncoverShareMin: 8,
    uncoverLiveShareMin: 1 / 16,
    valueFileBytes: 256 * MiB,
    movedBytesMax: 128 * MiB,
    deepRunsMax: 6,
    newerShareMax: style === 'lazy' ? NEWER_SHARE.lazy : NEWER_SHARE.tiered,
    maxBytes: Infinity,
  }
}

/** The share of garbage in all value logs from which on the worst are emptied. */
export const GARBAGE_RATIO_DEFAULT = 0.3
/** A file with more than this share of garbage costs less to empty than a third of what comes back. */
const GARBAGE_FILE_RATIO = 3 / 4

/** What the option says of all value logs, and what follows for one file. */
export function garbageRatios(
  garbageRatio: number,
): Pick<CompactionSettings, 'garbageRatio' | 'garbageFileRatio'> {
  return { garbageRatio, garbageFileRatio: Math.max(garbageRatio, GARBAGE_FILE_RATIO) }
}

/** The share of garbage that stays: when there is too much, it is brought down to this, and no file with less moves. */
export function garbageLeft(garbageRatio: number): number {
  return garbageRatio * 5 / 6
}

/** The settings while writes pause: besides what is due, level 0 is made ready for reads. */
export function settingsWhenPaused(settings: CompactionSettings): CompactionSettings {
  return { ...settings, level0HeightMax: Math.min(settings.level0HeightMax, 2) }
}

/** The settings for a database that is idle: more is merged, for faster reads and less space. */
export function settingsWhenQuiet(settings: CompactionSettings): CompactionSettings {
  return {
    ...settingsWhenPaused(settings),
    level0ShareMin: Math.min(settings.level0ShareMin, 0.2),
    reclaimShareMin: Math.min(settings.reclaimShareMin, 0.05),
    level0CrowdMin: Math.min(settings.level0CrowdMin, settings.level0TablesMin),
    smallTablesMax: Math.min(settings.smallTablesMax, 6),
    newerShareMax: settings.newerShareMax / 2,
    garbageFileRatio: Math.min(settings.garbageFileRatio, garbageLeft(settings.garbageRatio)),
    garbageGate: Math.min(settings.garbageGate, 0.25),
    uncoverShareMin: Math.min(settings.uncoverShareMin, 1),
    uncoverLiveShareMin: 0,
  }
}
