/**
 * What: checks the logs of a database together: each by itself, and how they follow one another, as an open would
 * (wal/listed-logs.ts, wal/log-reader.ts).
 * Owns: the bytes of all of them, while it runs. Thread: any; blocking, with pauses. Changes nothing.
 */
import {
  decodeFileHeader, errnoOf, FILE_BYTES_MAX, FILE_HEADER_BYTES, ioError, logFileName, runSync, VarveError,
} from '../base/index.js'
import type { FileNum, LogFacts, SeqNum } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkLogBytes, findHistory, FIRST_BATCH_OFFSET, handlesIn, holdToListed, knownOf } from '../wal/index.js'
import type { KnownLog, LogProblem, ScannedLog } from '../wal/index.js'
import { voidProblem } from './file-check.js'
import type { FileCheckLevel, FileProblem } from './file-check.js'

export interface LogSetInput {
  dir: string
  databaseId: Uint8Array
  /** The history that wrote the manifest. */
  lineage: number
  logPointer: FileNum
  /** What the manifest says of its logs. */
  listed: readonly LogFacts[]
  /** The logs that are there and needed, ascending. */
  numbers: readonly FileNum[]
  level: FileCheckLevel
}

/** A log whose entries are history, up to a place in it. */
export interface HistoryLog {
  fileNum: FileNum
  goodEnd: number
  /** The last sequence number before those of its entries. */
  baseSeqNum: SeqNum
}

export interface LogSetResult {
  problems: (FileProblem & { file: string })[]
  checkedBytes: number
  /** Oldest first. */
  history: HistoryLog[]
  lastSeqNum: SeqNum
  /** Logs that nothing is added to any more, as the manifest or the log behind each knows them. */
  sealed: LogFacts[]
  /** The value handles of streamed values in entries that are history. */
  handles: { logNum: FileNum; bytes: Uint8Array }[]
}

const LOG_ADVICE = '`varve heal` takes the log from a backup; without one, `varve repair` saves what can be read'

/** Checks the logs, the newest first: what it says of those before it is known when their turn comes. */
export function* checkLogSet(
  input: LogSetInput, { vfs }: { vfs: Vfs }, read: (bytes: number) => void = () => undefined,
): Generator<undefined, LogSetResult, unknown> {
  const check = new LogSetCheck(input, vfs)
  for (const fileNum of [...input.numbers].reverse()) yield* check.checkLog(fileNum, read)
  yield
  if (input.level === 'quick') check.checkListed()
  else check.checkHistory()
  const { problems, checkedBytes, history, lastSeqNum, handles, sealed } = check
  return { problems, checkedBytes, history, lastSeqNum, handles, sealed }
}

class LogSetCheck {
  readonly problems: (FileProblem & { file: string })[] = []
  checkedBytes = 0
  history: HistoryLog[] = []
  lastSeqNum: SeqNum = 0
  readonly sealed: LogFacts[] = []
  readonly handles: { logNum: FileNum; bytes: Uint8Array }[] = []
  private readonly input: LogSetInput
  private readonly vfs: Vfs
  private readonly listed: ReadonlyMap<FileNum, LogFacts>
  private readonly scanned: ScannedLog[] = []
  /** What a newer log says of the one before it. */
  private readonly declared = new Map<FileNum, KnownLog>()

  constructor(input: LogSetInput, vfs: Vfs) {
    this.input = input
    this.vfs = vfs
    this.listed = new Map(input.listed.map((facts) => [facts.fileNum, facts]))
  }

  * checkLog(fileNum: FileNum, read: (bytes: number) => void): Generator<undefined, void, unknown> {
    const { databaseId, level } = this.input
    const file = logFileName(fileNum)
    const known = this.knownOf(fileNum)
    if (known.salt !== null && known.end !== null && known.end > FILE_HEADER_BYTES) {
      this.sealed.push({ fileNum, salt: known.salt, bytes: known.end, isExact: true, mustExist: true })
    }
    let found: { bytes: Uint8Array; size: number }
    try {
      found = this.read(fileNum, level === 'quick' ? FIRST_BATCH_OFFSET : Infinity)
    } catch (error) {
      // A log that is gone is missed by the manifest or by the log behind it, or by nobody.
      if (errnoOf(error) !== 'ENOENT') this.tell(file, ioError(error, 'read', file))
      return
    }
    const { bytes, size } = found
    read(bytes.length)
    this.checkedBytes += bytes.length
    yield
    if (level === 'quick') {
      this.checkHead(known, bytes, size)
      return
    }
    const problems: LogProblem[] = []
    const log = yield* checkLogBytes({ bytes, fileBytes: size, databaseId, known }, (problem) => problems.push(problem))
    for (const problem of problems) this.tellLog(file, problem)
    if (log === null) return
    this.scanned.push(log)
    const { predecessor } = log
    if (predecessor === null) return
    const { fileNum: before, salt, end } = predecessor
    this.declared.set(before, { fileNum: before, salt, syncedBytes: 0, end })
  }

  private knownOf(fileNum: FileNum): KnownLog {
    const facts = this.listed.get(fileNum)
    const known = facts === undefined ? { fileNum, salt: null, syncedBytes: 0, end: null } : knownOf(facts)
    const declared = this.declared.get(fileNum)
    return { ...known, salt: known.salt ?? declared?.salt ?? null, end: known.end ?? declared?.end ?? null }
  }

  private read(fileNum: FileNum, bytesMax: number): { bytes: Uint8Array; size: number } {
    const { vfs } = this
    const file = vfs.openSync(vfs.join(this.input.dir, logFileName(fileNum)), 'read')
    try {
      const size = file.sizeSync()
      if (size > FILE_BYTES_MAX) throw new RangeError(`${size} bytes are more than a log can have`)
      const bytes = new Uint8Array(Math.min(size, bytesMax))
      const count = runSync(readFully(file, bytes, bytes.length))
      return { bytes: bytes.subarray(0, count), size: bytesMax === Infinity ? count : size }
    } finally {
      file.closeSync()
    }
  }

  /** Checks what is known without a look at the frames. */
  private checkHead({ fileNum, salt, syncedBytes }: KnownLog, bytes: Uint8Array, size: number): void {
    const file = logFileName(fileNum)
    if (size < syncedBytes) {
      const what = `it has ${size} bytes, of which ${syncedBytes} were synced`
      this.tell(file, new VarveError('CORRUPTION', `${file} at offset ${size}: ${what}`, { file, offset: size }))
      return
    }
    if (size <= FILE_HEADER_BYTES && syncedBytes === 0) return
    try {
      const header = decodeFileHeader(bytes.subarray(0, FILE_HEADER_BYTES), 'varvelog', file)
      const isOther = salt !== null && salt.some((byte, i) => byte !== header.salt[i])
      if (!isOther && header.fileNum === fileNum) return
      this.tell(file, new VarveError('CORRUPTION', `${file} at offset 40: another log`, { file, offset: 40 }))
    } catch (error) {
      this.tell(file, error)
    }
  }

  /** Tells which logs are missing that must be there. */
  checkListed(): void {
    const { numbers } = this.input
    for (const { fileNum, mustExist } of this.listed.values()) {
      if (!mustExist || numbers.includes(fileNum)) continue
      const file = logFileName(fileNum)
      this.tell(file, new VarveError('MISSING_FILE', `${file} is missing, but the manifest lists it`, { file }))
    }
  }

  /** Finds where history ends, as an open does. */
  checkHistory(): void {
    const { logPointer, lineage } = this.input
    this.checkListed()
    const logs = this.scanned.filter(({ fileNum }) => fileNum >= logPointer).sort((a, b) => a.fileNum - b.fileNum)
    try {
      const held = holdToListed(logs, { listed: this.listed, logPointer, lineage })
      const cut = findHistory(held, logPointer)
      if (cut !== null) this.tellCut(cut)
      for (const log of held) this.take(log)
    } catch (error) {
      const file = (VarveError.is(error) ? error.file : undefined) ?? logFileName(logPointer)
      // An open meets the first thing that is wrong; here each file has been looked at already.
      if (!this.problems.some((problem) => problem.file === file && problem.severity === 'damage')) {
        this.tell(file, error)
      }
    }
  }

  private take(log: ScannedLog): void {
    const { fileNum, goodEnd, predecessor, lastSeqNum } = log
    if (predecessor === null || goodEnd < FIRST_BATCH_OFFSET) return
    this.lastSeqNum = Math.max(this.lastSeqNum, lastSeqNum)
    if (goodEnd <= FIRST_BATCH_OFFSET) return
    this.history.push({ fileNum, goodEnd, baseSeqNum: predecessor.lastSeqNum })
    for (const bytes of handlesIn(log)) this.handles.push({ logNum: fileNum, bytes })
  }

  private tellCut({ file, offset, bytes }: { file: string; offset: number; bytes: number }): void {
    if (this.problems.some((problem) => problem.file === file && problem.severity !== 'waste')) return
    this.tellLog(file, {
      offset, bytes, kind: 'torn', error: new VarveError('CORRUPTION', `history ends in ${file} at offset ${offset}`),
    })
  }

  private tellLog(file: string, { offset, bytes, kind, error }: LogProblem): void {
    if (kind === 'void') {
      this.problems.push({ ...voidProblem(error, offset, bytes), file })
      return
    }
    const isTorn = kind === 'torn'
    this.problems.push({
      code: error.code, severity: isTorn ? 'suspicion' : 'damage', file, offset, bytes, from: null, to: null,
      message: error.message,
      consequence: isTorn
        ? 'the next open leaves out what stands behind this place: unsynced writes, if a process stopped here'
        : 'the database does not open, since writes that were synced are lost',
      advice: isTorn
        ? 'nothing is to be done after a power loss; otherwise `varve heal` with a backup that has this log'
        : LOG_ADVICE,
    })
  }

  private tell(file: string, error: unknown): void {
    const { code, message, offset } = VarveError.is(error) ? error : ioError(error, 'read', file)
    this.problems.push({
      code, severity: 'damage', file, offset: offset ?? null, bytes: null, from: null, to: null, message,
      consequence: 'the database does not open, since writes of this log are lost',
      advice: LOG_ADVICE,
    })
  }
}
