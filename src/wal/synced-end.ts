/**
 * What: where history ends for a reader who wants only what a power loss leaves: behind the last frame that the logs
 * themselves, or the manifest, say was synced.
 * Owns: nothing; a function over scanned logs. Thread: main.
 */
import { frameBytes, FrameType, getU32, getU53, KiB } from '../base/index.js'
import type { FileNum, LogFacts, SeqNum } from '../base/index.js'
import { FIRST_BATCH_OFFSET } from './log-format.js'
import { provenBytes } from './log-reader.js'
import type { ScannedLog } from './log-reader.js'

/** Bytes that are passed between two pauses: some hundred microseconds' work when frames are small. */
const SLICE_BYTES = 512 * KiB

export interface SyncedEnd {
  /** What the manifest says of its logs. */
  listed: ReadonlyMap<FileNum, LogFacts>
  /** Numbers up to this one were shown, and stay. */
  shown: SeqNum
}

/** Cuts logs that are history, with pauses; logs behind the first cut get no frames. */
export function* cutUnsynced(
  logs: readonly ScannedLog[], { listed, shown }: SyncedEnd,
): Generator<undefined, void, undefined> {
  const synced = logs.map((log) => Math.max(provenBytes(log, logs), listed.get(log.fileNum)?.bytes ?? 0))
  let isCut = false
  for (const [i, log] of logs.entries()) {
    if (log.goodEnd < FIRST_BATCH_OFFSET) continue
    if (isCut) {
      log.goodEnd = 0
      log.entryCount = 0
    } else if (log.goodEnd > synced[i]!) {
      isCut = yield* cutLog(log, synced[i]!, shown)
    }
  }
}

/** Gives true when frames were cut off. */
function* cutLog(log: ScannedLog, synced: number, shown: SeqNum): Generator<undefined, boolean, undefined> {
  const { bytes, goodEnd } = log
  let [at, count, lastSeqNum] = [FIRST_BATCH_OFFSET, 0, log.predecessor!.lastSeqNum]
  let pauseAt = at + SLICE_BYTES
  while (at < goodEnd) {
    const end = at + frameBytes(getU32(bytes, at + 4))
    if (bytes[at + 12] === FrameType.batch) {
      const entries = getU32(bytes, at + 24)
      const last = getU53(bytes, at + 16) + entries - 1
      if (end > synced && last > shown) break
      count += entries
      lastSeqNum = Math.max(lastSeqNum, last)
    }
    at = end
    if (at < pauseAt) continue
    pauseAt = at + SLICE_BYTES
    yield
  }
  if (at === goodEnd) return false
  log.goodEnd = at
  log.entryCount = count
  log.lastSeqNum = lastSeqNum
  log.endsClean = false
  return true
}
