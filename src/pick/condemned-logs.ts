/**
 * What: which value logs are condemned: their values are to be moved, so that the file can go.
 *
 * One is condemned for its garbage, or because there are many that are small. Garbage is what was put into the file
 * less what is live; framing and keys do not count, or long keys would condemn a file that a run has just written. In a
 * log that was promoted all bytes count, since the space of its small values comes back only with the file; a flush
 * promotes no log that would be condemned at once.
 * Thread: any (pure).
 * Invariants: VLG-10 only what the version lists is condemned, and nothing that an unflushed log names. VLG-14 a file
 * is not condemned for its garbage by the edit that lists it.
 */
import type { FileNum } from '../base/index.js'
import { allTables } from '../manifest/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import { garbageLeft } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'

export interface CondemnedLog {
  readonly fileNum: FileNum
  /** The garbage as a share of the bytes put into it. */
  readonly garbageShare: number
  /** The bytes that count for the gate: the garbage, or for a small log all that was put into it. */
  readonly weight: number
}

/** A value log is small below this share of `valueFileBytes`. */
const SMALL_SHARE = 1 / 16
/** With more small ones than this, the smaller half of them is condemned. */
const SMALL_LOGS_MAX = 64

export type CondemnedContext = {
  readonly version: Version
  readonly settings: CompactionSettings
  readonly blocked: ReadonlySet<FileNum>
}

/** Counts what was put into a value log, as far as its space comes back only with the file. */
function putBytesOf({ isLog, bytes, putBytes }: ValueLogFacts): number {
  return isLog ? bytes : putBytes
}

function garbageShareOf(log: ValueLogFacts): number {
  return putBytesOf(log) === 0 ? 0 : garbageBytesOf(log) / putBytesOf(log)
}

export function garbageBytesOf(log: ValueLogFacts): number {
  return Math.max(0, putBytesOf(log) - log.liveBytes)
}

export function smallLogBytes({ valueFileBytes }: CompactionSettings): number {
  return valueFileBytes * SMALL_SHARE
}

/** Gives the logs that are condemned for their garbage, the worst first. */
export function garbageLogs(context: CondemnedContext): CondemnedLog[] {
  const { garbageRatio, garbageFileRatio } = context.settings
  const logs = movableLogs(context)
  const leastShare = Math.min(garbageFileRatio, garbageLeft(garbageRatio))
  const worst = logs
    .map((log) => ({ fileNum: log.fileNum, weight: garbageBytesOf(log), garbageShare: garbageShareOf(log) }))
    .filter(({ garbageShare }) => garbageShare > leastShare)
    .sort((a, b) => b.garbageShare - a.garbageShare || a.fileNum - b.fileNum)
  return worst.slice(0, condemnedCount(context, logs, worst))
}

/** What was put into value logs, and how much of it is garbage. */
interface Fill {
  putBytes: number
  garbageBytes: number
}

/** How full of garbage those value logs are that a collection can make go. */
export function movableFill(context: CondemnedContext): Fill {
  return fillOf(movableLogs(context))
}

function fillOf(logs: readonly ValueLogFacts[]): Fill {
  const fill = { putBytes: 0, garbageBytes: 0 }
  for (const log of logs) {
    fill.putBytes += putBytesOf(log)
    fill.garbageBytes += garbageBytesOf(log)
  }
  return fill
}

/** Counts those that are too bad, and those that must go until there is not too much garbage in all. */
function condemnedCount(
  { settings: { garbageRatio, garbageFileRatio } }: CondemnedContext,
  logs: readonly ValueLogFacts[], worst: readonly CondemnedLog[],
): number {
  let { putBytes, garbageBytes } = fillOf(logs)
  const shareMax = garbageBytes > garbageRatio * putBytes ? garbageLeft(garbageRatio) : 1
  for (const [at, { garbageShare, weight }] of worst.entries()) {
    if (garbageShare <= garbageFileRatio && garbageBytes <= shareMax * putBytes) return at
    garbageBytes -= weight
    putBytes -= weight
  }
  return worst.length
}

/** Gives the logs that are condemned because there are too many small ones, the smallest first. */
export function smallLogs(context: CondemnedContext): CondemnedLog[] {
  const bytesMax = smallLogBytes(context.settings)
  const small = movableLogs(context).filter(({ bytes }) => bytes < bytesMax)
  if (small.length <= SMALL_LOGS_MAX) return []
  return small.sort((a, b) => a.bytes - b.bytes || a.fileNum - b.fileNum).slice(0, Math.floor(small.length / 2))
    .map((log) => ({ fileNum: log.fileNum, weight: putBytesOf(log), garbageShare: garbageShareOf(log) }))
}

/**
 * Gives the value logs that go when their values have been moved. A log is left out when it or a table that points into
 * it is left alone, or when a write-ahead log that has yet to be flushed names its values. A log without live values
 * goes by itself.
 */
function movableLogs({ version, blocked }: CondemnedContext): ValueLogFacts[] {
  const kept = new Set<FileNum>(blocked)
  if (blocked.size > 0) {
    for (const { fileNum, valueFiles } of allTables(version)) {
      if (blocked.has(fileNum)) for (const each of valueFiles) kept.add(each.fileNum)
    }
  }
  return [...version.valueLogs.values()].filter(({ fileNum, liveBytes, liveCount, namedInLog }) =>
    liveCount > 0 && liveBytes > 0 && !kept.has(fileNum) && (namedInLog === 0 || namedInLog < version.logPointer))
}

/** Bytes of all values that tables of the version point to. */
export function liveValueBytes({ valueLogs }: Version): number {
  let sum = 0
  for (const { liveBytes } of valueLogs.values()) sum += liveBytes
  return sum
}
