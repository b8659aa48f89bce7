/**
 * What: the numbers that pickers look at. Plain data.
 * Thread: any.
 */
import { MiB, WRITE_BUFFER_BYTES_DEFAULT } from '../base/index.js'

/** How tables are merged in the background; with 'none' only ranges by hand, by `compact()`. */
export type CompactionStyle = 'leveled' | 'none'
export const COMPACTION_STYLES: readonly CompactionStyle[] = ['leveled', 'none']

/** All bytes are sizes of files. */
export interface CompactionSettings {
  style: CompactionStyle
  /** Level 0 scores 1 with so many tables over one another. */
  level0TablesMin: number
  /** … and as soon as it holds this share of the bytes that it would be merged with. */
  level0ShareMin: number
  /** … or so many tables for which nothing is under way, however few of them lie over one another. */
  level0CrowdMin: number
  /** Least target of the first deep level that is used. */
  baseLevelBytes: number
  /** Each level's target is so many times the one above: dynamic, from the deepest level up. */
  levelMultiplier: number
  /** An output is ended at about this size. */
  tableBytes: number
  /** … or when it overlaps so many bytes of the level below its own. */
  overlapBytesMax: number
  /** A pick below level 0 takes at most about so much, inputs of both levels together. */
  inputBytesMax: number
  /** A table with this share of tombstones, which no snapshot needs, is picked early. */
  tombstoneRatio: number
  /** … if the bytes it may free are this share of those that have to be merged. */
  reclaimShareMin: number
  /** A deep level has at most so many tables more than its bytes need: then small neighbours are merged. */
  smallTablesMax: number
}

/** For memtables of `writeBufferBytes`. Figures: docs/design/0015-leveled-picks.md. */
export function defaultCompactionSettings(writeBufferBytes = WRITE_BUFFER_BYTES_DEFAULT): CompactionSettings {
  const tableBytes = Math.min(Math.max(writeBufferBytes / 2, 2 * MiB), 16 * MiB)
  return {
    style: 'leveled',
    level0TablesMin: 8,
    level0ShareMin: 1,
    level0CrowdMin: 12,
    baseLevelBytes: Math.max(4 * writeBufferBytes, 16 * MiB),
    levelMultiplier: 8,
    tableBytes,
    overlapBytesMax: 25 * tableBytes,
    inputBytesMax: 25 * tableBytes,
    tombstoneRatio: 0.25,
    reclaimShareMin: 0.25,
    smallTablesMax: 32,
  }
}

/** For a database that has nothing else to do: more is merged, for faster reads and less space. */
export function settingsWhenQuiet(settings: CompactionSettings): CompactionSettings {
  return {
    ...settings,
    level0ShareMin: Math.min(settings.level0ShareMin, 0.2),
    reclaimShareMin: Math.min(settings.reclaimShareMin, 0.05),
    level0CrowdMin: Math.min(settings.level0CrowdMin, settings.level0TablesMin),
    smallTablesMax: Math.min(settings.smallTablesMax, 6),
  }
}
