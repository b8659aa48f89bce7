/**
 * What: the version that a checkpoint's manifest holds, made of the one that it was taken from.
 * Thread: any (pure).
 * Invariants: CP-8 the lineage is new and names its parent, and of logs only those that the checkpoint takes along are
 * listed, with their exact ends: a log of a sibling never passes for one of them.
 */
import { drawLineage } from '../base/index.js'
import type { FileNum, LogFacts, Random, SeqNum } from '../base/index.js'
import { applyEdits } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { unneededValueLogs } from '../versions/index.js'

/** What a checkpoint has beside tables and value logs. */
export interface CheckpointParts {
  /** The logs that are taken along, with their exact ends. */
  logs: readonly LogFacts[]
  /** The last sequence number that it has. */
  seqNum: SeqNum
  /** The first number that no file of it has, nor any that it was read from. */
  nextFileNum: FileNum
  /** The number of its history. */
  lineage: number
}

/**
 * Makes the version. Left out is what belongs to the source alone: its pins, which have no followers in a copy, what is
 * known of logs that are not taken along, value logs that nothing needs without them, and the statistics of its run.
 */
export function checkpointVersion(
  version: Version, { logs, seqNum, nextFileNum, lineage }: CheckpointParts,
): Version {
  const own: Version = {
    ...version,
    lineage: { own: lineage, parent: version.lineage.own, partedSeqNum: seqNum },
    lastSeqNum: seqNum,
    nextFileNum: Math.max(version.nextFileNum, nextFileNum),
    pins: new Map(),
    logs: new Map(logs.map((facts) => [facts.fileNum, facts])),
    flushStats: '',
  }
  const removeValueLogs = unneededValueLogs(own)
  return removeValueLogs.length === 0 ? own : applyEdits(own, [{ removeValueLogs }])
}

/** Draws the number of a new history: neither that of the source nor that of its parent. */
export function drawNewLineage(random: Random, { lineage: { own, parent } }: Version): number {
  for (;;) {
    const drawn = drawLineage(random)
    if (drawn !== own && drawn !== parent) return drawn
  }
}
