/**
 * What: how far history goes in logs that are damaged: up to the first place that does not follow from what is before
 * it. Where an open refuses such logs (wal/listed-logs.ts, wal/log-reader.ts), a repair takes what stands before.
 * Thread: any (pure), but that it sets where the logs end.
 * Invariants: REP-5 nothing that stands behind the first damage is taken for history.
 */
import { compareBytes, FILE_HEADER_BYTES, VarveError } from '../base/index.js'
import type { FileNum, LogFacts, SeqNum } from '../base/index.js'
import { cutVoidFrames } from '../wal/index.js'
import type { ListedLogs, ScannedLog } from '../wal/index.js'

/** The logs that hold history, and where it ends before its time. */
export interface LogPrefix {
  logs: ScannedLog[]
  /** The first log that is not whole, and up to where it counts; null when all are. */
  end: { log: ScannedLog; offset: number } | null
}

type Step = 'take' | 'take and stop' | 'pass' | 'stop'

/** Goes through the logs, in order, as far as each follows the one before it. */
export function prefixOf(scanned: readonly ScannedLog[], known: ListedLogs): LogPrefix {
  const logs: ScannedLog[] = []
  for (const log of scanned) {
    const step = stepOf(log, logs.at(-1) ?? null, scanned, known)
    if (step === 'take' || step === 'take and stop') logs.push(log)
    if (step === 'stop') return { logs, end: { log, offset: 0 } }
    if (step === 'take and stop') return { logs, end: { log, offset: log.goodEnd } }
  }
  return { logs, end: null }
}

function stepOf(
  log: ScannedLog, previous: ScannedLog | null, scanned: readonly ScannedLog[], known: ListedLogs,
): Step {
  const facts = known.listed.get(log.fileNum)
  if (facts !== undefined && facts.isExact && facts.bytes < FILE_HEADER_BYTES) return 'pass'
  const isNamed = scanned.some(({ predecessor }) => predecessor?.fileNum === log.fileNum)
  const mustHave = facts?.mustExist === true ? facts.bytes : 0
  if (log.header === null) return log.fileBytes <= FILE_HEADER_BYTES && !isNamed && mustHave === 0 ? 'pass' : 'stop'
  if (!isOfHistory(log, facts, known.lineage)) return 'stop'
  if (log.predecessor === null) {
    const isUnused = log.goodEnd === FILE_HEADER_BYTES && log.endsClean && mustHave <= FILE_HEADER_BYTES
    return isUnused && !isNamed ? 'pass' : 'stop'
  }
  if (!follows(log, previous, known.logPointer)) return 'stop'
  return endsWhole(log, facts, scanned) ? 'take' : 'take and stop'
}

function isOfHistory({ header }: ScannedLog, facts: LogFacts | undefined, lineage: number): boolean {
  if (facts !== undefined && compareBytes(header!.salt, facts.salt) !== 0) return false
  return facts !== undefined || lineage === 0 || header!.lineage === lineage
}

function follows({ predecessor }: ScannedLog, previous: ScannedLog | null, logPointer: FileNum): boolean {
  const { fileNum, salt, end, lastSeqNum } = predecessor!
  if (fileNum < logPointer || fileNum === 0) return previous === null
  if (previous === null || previous.header === null) return false
  return previous.fileNum === fileNum && compareBytes(previous.header.salt, salt) === 0 && previous.goodEnd >= end &&
    previous.lastSeqNum <= lastSeqNum
}

/** Cuts what the next log or the manifest calls void. False: bytes that were written are missing. */
function endsWhole(log: ScannedLog, facts: LogFacts | undefined, scanned: readonly ScannedLog[]): boolean {
  const successor = scanned.find((later) => later.predecessor?.fileNum === log.fileNum)
  const declared = successor?.predecessor?.end ?? (facts?.isExact === true ? facts.bytes : undefined)
  if (facts?.mustExist === true && log.goodEnd < facts.bytes) return false
  if (declared === undefined) return log.endsClean
  if (declared === log.goodEnd) return true
  if (declared > log.goodEnd) return false
  try {
    cutVoidFrames(log, declared)
    return true
  } catch (error) {
    if (!VarveError.is(error)) throw error
    return false
  }
}

/**
 * Chooses, without a manifest, the logs that hold what is in no table: the newest and all that lead to it without a
 * break. Such an end of history is right whatever of it the tables have too. `tablesSeqNum` is the largest sequence
 * number in a table: memtables are flushed in order, so a log with numbers up to it is in tables as a whole.
 */
export function newestLogs(scanned: readonly ScannedLog[], tablesSeqNum: SeqNum): ScannedLog[] {
  let chain: ScannedLog[] = []
  for (const log of [...scanned].reverse()) {
    const next = chain[0]
    if (next === undefined) {
      // Without its first frame a log holds nothing, or nothing that can be believed.
      if (log.predecessor !== null) chain = [log]
      continue
    }
    const { fileNum, lastSeqNum } = next.predecessor!
    if (log.fileNum !== fileNum) continue
    if (log.predecessor !== null && follows(next, log, 0)) chain.unshift(log)
    else if (lastSeqNum <= tablesSeqNum || (log.predecessor?.lastSeqNum ?? Infinity) < tablesSeqNum) break
    // The log before is damaged, and no table has it: history ends in it.
    else chain = log.predecessor === null ? [] : [log]
  }
  return chain
}
