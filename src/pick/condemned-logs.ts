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
  /** The bytes that count for the gate: the garbage, or for a small log all that was put into it. */
  readonly weight: number
}

/** The part of `movedBytesMax` that a run may move in however small a database. */
export const MOVED_SHARE_MIN = 1 / 8
/** A value log is small below this share of `valueFileBytes`. */
const SMALL_SHARE = 1 / 16
/** With more small ones than this, the smaller half of them is condemned. */
const SMALL_LOGS_MAX = 64

export type CondemnedContext = {
  readonly version: Version
  readonly settings: CompactionSettings
  readonly blocked: ReadonlySet<FileNum>
  /** Value logs from this number on are left alone. Default: none. */
  readonly below?: FileNum
}

export interface CondemnedLogs {
  /** The logs that are condemned for their garbage, the worst first. */
  readonly garbage: readonly CondemnedLog[]
  /** The logs that are condemned because there are too many small ones, the smallest first. */
  readonly small: readonly CondemnedLog[]
  /** What was put into all logs whose values can be moved, and how much of it is garbage. */
  readonly putBytes: number
  readonly garbageBytes: number
}

/** Counts what was put into a value log, as far as its space comes back only with the file. */
function putBytesOf({ isLog, bytes, putBytes }: ValueLogFacts): number {
  return isLog ? bytes : putBytes
}

export function garbageBytesOf(log: ValueLogFacts): number {
  return Math.max(0, putBytesOf(log) - log.liveBytes)
}

/** A run must be able to make a file that is not small, so it is no larger than the least that a run may move. */
export function smallLogBytes({ valueFileBytes, movedBytesMax }: CompactionSettings): number {
  return Math.min(valueFileBytes * SMALL_SHARE, movedBytesMax * MOVED_SHARE_MIN)
}

/** Goes through the value logs once, since there may be thousands. */
export function condemnedLogs(context: CondemnedContext): CondemnedLogs {
  const { garbageRatio, garbageFileRatio } = context.settings
  const leastShare = Math.min(garbageFileRatio, garbageLeft(garbageRatio))
  const smallBytesMax = smallLogBytes(context.settings)
  const isMovable = movableBy(context)
  const worst: (CondemnedLog & { garbageShare: number })[] = []
  const small: ValueLogFacts[] = []
  let [putSum, garbageSum] = [0, 0]
  for (const log of context.version.valueLogs.values()) {
    if (!isMovable(log)) continue
    const putBytes = putBytesOf(log)
    const weight = garbageBytesOf(log)
    putSum += putBytes
    garbageSum += weight
    if (weight > leastShare * putBytes) {
      worst.push({ fileNum: log.fileNum, weight, garbageShare: weight / putBytes })
    }
    if (log.bytes < smallBytesMax) small.push(log)
  }
  worst.sort((a, b) => b.garbageShare - a.garbageShare || a.fileNum - b.fileNum)
  const count = condemnedCount(context.settings, worst, { putSum, garbageSum })
  return { garbage: worst.slice(0, count), small: smallerHalf(small), putBytes: putSum, garbageBytes: garbageSum }
}

/** Counts those that are too bad, and those that must go until there is not too much garbage in all. */
function condemnedCount(
  { garbageRatio, garbageFileRatio }: CompactionSettings,
  worst: readonly (CondemnedLog & { garbageShare: number })[],
  { putSum, garbageSum }: { putSum: number; garbageSum: number },
): number {
  const shareMax = garbageSum > garbageRatio * putSum ? garbageLeft(garbageRatio) : 1
  for (const [at, { garbageShare, weight }] of worst.entries()) {
    if (garbageShare <= garbageFileRatio && garbageSum <= shareMax * putSum) return at
    garbageSum -= weight
    putSum -= weight
  }
  return worst.length
}

function smallerHalf(small: ValueLogFacts[]): CondemnedLog[] {
  if (small.length <= SMALL_LOGS_MAX) return []
  return small.sort((a, b) => a.bytes - b.bytes || a.fileNum - b.fileNum).slice(0, Math.floor(small.length / 2))
    .map((log) => ({ fileNum: log.fileNum, weight: putBytesOf(log) }))
}

/**
 * True for the value logs that go when their values have been moved. A log is left out when it or a table that points
 * into it is left alone, or when a write-ahead log that has yet to be flushed names its values. A log without live
 * values goes by itself.
 */
function movableBy({ version, blocked, below = Infinity }: CondemnedContext): (log: ValueLogFacts) => boolean {
  const kept = new Set<FileNum>(blocked)
  if (blocked.size > 0) {
    for (const { fileNum, valueFiles } of allTables(version)) {
      if (blocked.has(fileNum)) for (const each of valueFiles) kept.add(each.fileNum)
    }
  }
  const { logPointer } = version
  return ({ fileNum, liveBytes, liveCount, namedInLog }) => liveCount > 0 && liveBytes > 0 && fileNum < below &&
    !kept.has(fileNum) && (namedInLog === 0 || namedInLog < logPointer)
}

const knownLiveBytes = new WeakMap<Version['valueLogs'], number>()

/** Bytes of all values that tables of the version point to. The sum is kept, as versions never change. */
export function liveValueBytes({ valueLogs }: Version): number {
  const known = knownLiveBytes.get(valueLogs)
  if (known !== undefined) return known
  let sum = 0
  for (const { liveBytes } of valueLogs.values()) sum += liveBytes
  knownLiveBytes.set(valueLogs, sum)
  return sum
}
