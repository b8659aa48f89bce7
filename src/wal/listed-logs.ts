/**
 * What: compares the logs that were found with those that the manifest lists. A log that must be there is there,
 * is the one that was meant, and has the bytes that were synced; bytes behind a recorded end do not count.
 * Owns: nothing; these are functions over scanned logs. Thread: main.
 * Invariants: REC-4 a log that the manifest lists is never missing, shorter or another one without an error.
 * REC-6 a log that another copy of the database wrote is never taken for history.
 */
import { compareBytes, corruption, FILE_HEADER_BYTES, logFileName, VarveError } from '../base/index.js'
import type { FileNum, LogFacts } from '../base/index.js'
import { cutVoidFrames } from './log-reader.js'
import type { ScannedLog } from './log-reader.js'

/** What a manifest says of its logs. */
export interface ListedLogs {
  listed: ReadonlyMap<FileNum, LogFacts>
  logPointer: FileNum
  /** The history that wrote the manifest. */
  lineage: number
}

/**
 * Gives the logs that may hold history. Throws MISSING_FILE or CORRUPTION when one that must be there is not, or when
 * another history wrote one that is there: that of a copy of the database, or of its source.
 */
export function holdToListed(
  logs: readonly ScannedLog[], { listed, logPointer, lineage }: ListedLogs,
): ScannedLog[] {
  for (const log of logs) checkLineage(log, listed.get(log.fileNum), lineage)
  const isVoid = new Set<ScannedLog>()
  for (const facts of listed.values()) {
    if (facts.fileNum < logPointer) continue
    const log = logs.find(({ fileNum }) => fileNum === facts.fileNum)
    if (log === undefined) checkMayBeMissing(facts)
    else if (holdToFacts(log, facts) === 'void') isVoid.add(log)
  }
  return logs.filter((log) => !isVoid.has(log))
}

/** Throws when another history wrote the log. A copy may have logs of its source if its manifest lists them. */
function checkLineage({ fileNum, header }: ScannedLog, facts: LogFacts | undefined, lineage: number): void {
  if (header === null || header.lineage === lineage) return
  if (facts !== undefined && compareBytes(header.salt, facts.salt) === 0) return
  throw corruption(
    logFileName(fileNum), 72, `a log of lineage ${header.lineage}, which the manifest of ${lineage} does not list`,
    'another copy of this database wrote the log: move it back there; nothing was changed',
  )
}

function checkMayBeMissing({ fileNum, mustExist }: LogFacts): void {
  if (!mustExist) return
  const file = logFileName(fileNum)
  throw new VarveError('MISSING_FILE', `${file} is missing, but the manifest lists it`, {
    file, hint: 'restore the file from a backup; nothing was changed',
  })
}

function holdToFacts(log: ScannedLog, { salt, bytes, isExact, mustExist }: LogFacts): 'void' | 'counts' {
  const file = logFileName(log.fileNum)
  if (mustExist) {
    if (log.header === null) throw log.headerProblem!
    if (compareBytes(log.header.salt, salt) !== 0) {
      throw corruption(file, 48, 'this is a log of another history than the one that the manifest lists')
    }
    if (log.goodEnd < bytes) {
      throw corruption(file, log.goodEnd, `the good frames end here, but ${bytes} bytes of this log were synced`)
    }
  }
  if (!isExact) return 'counts'
  if (bytes < FILE_HEADER_BYTES) return 'void'
  if (log.goodEnd > bytes) cutVoidFrames(log, bytes)
  if (log.goodEnd === bytes) log.endsClean = true
  return 'counts'
}
