/**
 * What: checks one file of a database by itself, as far as its level says: a table, a value log or a sealed log. What
 * is wrong is told with the keys that it means. A problem is believed as damage when a second reading, through a handle
 * of its own, meets it too.
 * Owns: the handles, while it runs. Thread: any; blocking, with a pause after each block. Changes nothing.
 * Invariants: VER-4 what was checked adds up to the file: each byte of it lies in exactly one range. VER-6 damage is
 * told when two readings agree.
 */
import {
  checkFileIdentity, compareBytes, corruption, decodeFileHeader, errnoOf, FILE_BYTES_MAX, FILE_HEADER_BYTES, ioError,
  logFileName, MiB, runSync, shownKey, tableFileName, valueLogFileName, VarveError,
} from '../base/index.js'
import type { ErrorCode, FileIdentity, LogFacts, TableFacts } from '../base/index.js'
import { keySuccessor } from '../iterator/index.js'
import { extentOf } from '../manifest/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import { ByteLedger } from '../report/index.js'
import type { ByteRange, Problem, ProblemSeverity } from '../report/index.js'
import { checkTable, checkTableBytes, checkTableOutline } from '../sstable/index.js'
import type { TableProblem } from '../sstable/index.js'
import { readFully, WindowReader } from '../vfs/index.js'
import type { ReadableFile, ReadOnlyFile, Vfs } from '../vfs/index.js'
import { checkValueLogFile } from '../vlog/index.js'
import { checkLogBytes, knownOf } from '../wal/index.js'
import type { KnownLog } from '../wal/index.js'

/** A file that a manifest lists, with what it says of it. */
export type ListedFile =
  | { readonly kind: 'table'; readonly facts: TableFacts }
  /** A value log, also a log that was promoted. */
  | { readonly kind: 'vlog'; readonly facts: ValueLogFacts }
  /** A log that nothing is added to any more. */
  | { readonly kind: 'log'; readonly facts: LogFacts }

/**
 * How much of a file is read. `quick`: what tells where everything else is; `full`: every byte; `deep`: every byte, and
 * the entries of tables are compared with all that is said of them.
 */
export type FileCheckLevel = 'quick' | 'full' | 'deep'

/** One thing in a file that is not as it should be: plain data, as a report has it. */
export interface FileProblem extends Omit<Problem, 'file'> {
  code: ErrorCode
}

/** Where the file stands, and whose it is. */
export interface FileCheckPlace {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
}

/** A part of a file, for a check that goes on later: the number of a block, or an offset. */
export interface FileCheckPart {
  from: number
  bytesMax: number
}

export interface FileCheckOptions {
  level: FileCheckLevel
  /** Hears how many bytes were read since it was called last. */
  read?: ((bytes: number) => void) | undefined
  /** The disk is read past every cache of the system, where that can be done. */
  direct?: boolean | undefined
  /** Only this part is checked; what all parts have together is not compared then. */
  part?: FileCheckPart | undefined
}

export interface FileCheckResult {
  problems: FileProblem[]
  /** Bytes that were compared with a checksum, or with what they must be. */
  checkedBytes: number
  /** Where the next part begins; -1 at the end. */
  next: number
  /** True when there is no such file. */
  isMissing: boolean
  /** True when the disk was read past every cache of the system. */
  isDirect: boolean
}

/** More problems of one file are counted, and not told one by one. */
const PROBLEMS_MAX = 1000
/** One read of what stands behind the end of a value log. */
const REST_WINDOW_BYTES = 64 * 1024
/** One read of a table. */
const TABLE_WINDOW_BYTES = MiB / 4

export function nameOfListed(file: ListedFile): string {
  if (file.kind === 'table') return tableFileName(file.facts.fileNum)
  return file.kind === 'vlog' ? valueLogFileName(file.facts) : logFileName(file.facts.fileNum)
}

/** The identity of a listed file, for a search of its like. */
export function identityOf(databaseId: Uint8Array, { facts }: ListedFile): FileIdentity {
  return { databaseId, fileNum: facts.fileNum, salt: facts.salt, bytes: facts.bytes }
}

/** Checks a file; a second time when there is something wrong. What cannot be read is a problem, never thrown. */
export function* checkFile(
  place: FileCheckPlace, file: ListedFile, options: FileCheckOptions,
): Generator<undefined, FileCheckResult, unknown> {
  const first = yield* checkOnce(place, file, options)
  if (first.problems.length === 0 || first.isMissing) return first
  yield
  // The disk itself is asked, where that can be done: what is wrong in a cache alone is another thing to mend.
  const second = yield* checkOnce(place, file, { ...options, direct: true })
  return { ...second, isDirect: first.isDirect, problems: compareReadings(first.problems, second.problems) }
}

/** What two readings tell alike is damage; what only one of them tells the memory or the controller may have made. */
function compareReadings(first: readonly FileProblem[], second: readonly FileProblem[]): FileProblem[] {
  const keyOf = ({ offset, bytes, message }: FileProblem): string => JSON.stringify([offset, bytes, message])
  const seen = [new Set(first.map(keyOf)), new Set(second.map(keyOf))]
  const isBoth = (problem: FileProblem): boolean => seen.every((keys) => keys.has(keyOf(problem)))
  const doubtful = [...first, ...second].filter((problem) => !isBoth(problem)).map((problem): FileProblem => ({
    ...problem, severity: problem.severity === 'waste' ? 'waste' : 'suspicion',
    message: `${problem.message}; a second reading gave another answer`,
    advice: 'check the memory, the disk and its controller: the same bytes were read twice, and differ',
  }))
  return [...first.filter(isBoth), ...doubtful].slice(0, PROBLEMS_MAX)
}

function* checkOnce(
  place: FileCheckPlace, file: ListedFile, options: FileCheckOptions,
): Generator<undefined, FileCheckResult, unknown> {
  const check = new FileCheck(place, file, options)
  try {
    return yield* check.run()
  } finally {
    check.close()
  }
}

class FileCheck {
  private readonly place: FileCheckPlace
  private readonly listed: ListedFile
  private readonly options: FileCheckOptions
  private readonly name: string
  private readonly ledger = new ByteLedger()
  private readonly problems: FileProblem[] = []
  private file: ReadOnlyFile | null = null
  private isMissing = false
  private isDirect = false

  constructor(place: FileCheckPlace, listed: ListedFile, options: FileCheckOptions) {
    this.place = place
    this.listed = listed
    this.options = options
    this.name = nameOfListed(listed)
  }

  * run(): Generator<undefined, FileCheckResult, unknown> {
    let next = -1
    try {
      this.file = this.open()
      if (this.file !== null) {
        next = yield* this.check(this.file)
        if (this.options.level !== 'quick' && this.options.part === undefined) this.checkLedger(this.file.sizeSync())
      }
    } catch (error) {
      const wrapped = ioError(error, 'read', this.name)
      this.tell(wrapped, { offset: wrapped.offset ?? null, bytes: null })
    }
    const { problems, isMissing, isDirect, ledger: { total } } = this
    return { problems, checkedBytes: total, next, isMissing, isDirect }
  }

  close(): void {
    try {
      this.file?.closeSync()
    } catch {
      // The handle is gone, whatever the call says.
    }
  }

  private open(): ReadOnlyFile | null {
    const { vfs, dir } = this.place
    const path = vfs.join(dir, this.name)
    try {
      const direct = this.options.direct === true ? vfs.openDirectSync?.(path) ?? null : null
      this.isDirect = direct !== null
      return direct ?? vfs.openSync(path, 'read')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      this.isMissing = true
      const missing = new VarveError('MISSING_FILE', `${this.name} is missing, but the manifest lists it`)
      this.tell(missing, { offset: null, bytes: null })
      return null
    }
  }

  private *check(file: ReadOnlyFile): Generator<undefined, number, unknown> {
    const { listed, options: { level } } = this
    switch (listed.kind) {
      case 'table': return yield* this.checkTable(file, listed.facts)
      case 'vlog': {
        if (listed.facts.isLog && level !== 'quick') {
          const { fileNum, salt, bytes } = listed.facts
          return yield* this.checkLog(file, { fileNum, salt, syncedBytes: bytes, end: bytes })
        }
        if (level !== 'quick') return yield* this.checkValueLog(file, listed.facts)
        this.checkValueLogHead(file, listed.facts)
        return -1
      }
      case 'log': return yield* this.checkLog(file, knownOf(listed.facts))
    }
  }

  private *checkTable(opened: ReadOnlyFile, facts: TableFacts): Generator<undefined, number, unknown> {
    const { name, place: { databaseId }, options: { level, part } } = this
    const file = level === 'deep' ? new AheadFile(opened, Math.min(TABLE_WINDOW_BYTES, opened.sizeSync())) : opened
    const options = { file, name, databaseId, facts, covered: (range: ByteRange) => this.cover(range) }
    const report = (problem: TableProblem): void => this.tellTable(problem)
    if (level === 'full') return yield* checkTableBytes(options, report, part)
    if (level === 'quick') checkTableOutline(options, report)
    else yield* checkTable(options, report)
    return -1
  }

  private tellTable({ extent, from, last, block, error }: TableProblem): void {
    const { facts } = this.listed as { facts: TableFacts }
    const range = block === null ? extentOf(facts) : { lower: from, upper: keySuccessor(last) }
    this.tell(error, extent, range)
  }

  private checkValueLog(file: ReadOnlyFile, facts: ValueLogFacts): Generator<undefined, number, unknown> {
    const { name, place: { databaseId }, options: { part } } = this
    const check = checkValueLogFile(
      { file, name, databaseId, facts, covered: (range) => this.cover(range), part },
      ({ extent, key, error }) => {
        this.tell(error, extent, key === null ? null : { lower: key, upper: keySuccessor(key) })
      },
    )
    return this.withRest(check, file, facts)
  }

  /** Goes on with what stands behind the bytes that count. */
  private *withRest(
    check: Generator<undefined, number, unknown>, file: ReadOnlyFile, { bytes }: ValueLogFacts,
  ): Generator<undefined, number, unknown> {
    const next = yield* check
    if (next >= 0) return next
    const size = file.sizeSync()
    if (size <= bytes) return -1
    const window = new WindowReader(file, REST_WINDOW_BYTES)
    for (let at = bytes; at < size;) {
      const count = window.bring(at, Math.min(REST_WINDOW_BYTES, size - at))
      if (count === 0) break
      const dirty = window.bytes.subarray(0, count).findIndex((byte) => byte !== 0)
      this.cover({ offset: at, bytes: count })
      at += count
      if (dirty < 0) continue
      const offset = at - count + dirty
      this.tellVoid(corruption(this.name, offset, 'bytes behind the end of the value log'), offset, size)
      this.cover({ offset: at, bytes: size - at })
      return -1
    }
    return -1
  }

  private checkValueLogHead(file: ReadOnlyFile, facts: ValueLogFacts): void {
    const { name, place: { databaseId } } = this
    const size = file.sizeSync()
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    const count = runSync(readFully(file, bytes, bytes.length))
    this.cover({ offset: 0, bytes: count })
    if (size < facts.bytes) throw corruption(name, size, `it has ${size} bytes, the manifest says ${facts.bytes}`)
    const header = decodeFileHeader(bytes.subarray(0, count), facts.isLog ? 'varvelog' : 'varvevlg', name)
    checkFileIdentity(name, header, facts, databaseId)
  }

  private *checkLog(file: ReadOnlyFile, known: KnownLog): Generator<undefined, number, unknown> {
    const { place: { databaseId } } = this
    const size = file.sizeSync()
    if (size > FILE_BYTES_MAX) throw new RangeError(`${size} bytes are more than a log can have`)
    const bytes = new Uint8Array(size)
    const count = runSync(readFully(file, bytes, size))
    this.cover({ offset: 0, bytes: count })
    yield
    yield* checkLogBytes({ bytes, fileBytes: count, databaseId, known }, ({ offset, bytes: length, kind, error }) => {
      if (kind === 'void') this.tellVoid(error, offset, size)
      else this.tell(error, { offset, bytes: length }, null, kind === 'torn' ? 'suspicion' : 'damage')
    })
    return -1
  }

  private cover({ offset, bytes }: ByteRange): void {
    this.ledger.add(offset, bytes)
    this.options.read?.(bytes)
  }

  private checkLedger(size: number): void {
    if (this.problems.some(({ severity }) => severity === 'damage')) return
    for (const { offset, bytes } of this.ledger.gaps(size)) {
      this.tell(corruption(this.name, offset, 'no checksum was compared over these bytes'), { offset, bytes })
    }
  }

  private tellVoid(error: VarveError, offset: number, size: number): void {
    this.push(voidProblem(error, offset, size - offset))
  }

  private tell(
    error: VarveError, { offset, bytes }: { offset: number | null; bytes: number | null },
    range: { lower: Uint8Array; upper: Uint8Array | null } | null = this.ownRange(),
    severity: ProblemSeverity = 'damage',
  ): void {
    this.push({
      code: error.code, severity, offset, bytes, from: range?.lower ?? null, to: range?.upper ?? null,
      message: error.message, consequence: this.consequenceOf(range, error.code), advice: this.adviceFor(error),
    })
  }

  private push(problem: FileProblem): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem)
  }

  private ownRange(): { lower: Uint8Array; upper: Uint8Array | null } | null {
    return this.listed.kind === 'table' ? extentOf(this.listed.facts) : null
  }

  private consequenceOf(range: { lower: Uint8Array; upper: Uint8Array | null } | null, code: ErrorCode): string {
    if (code === 'UNSUPPORTED_FORMAT') return 'this version of Varve cannot read the file'
    if (this.listed.kind === 'log') return 'writes that are in no table yet are lost, or the database does not open'
    const what = this.listed.kind === 'table' ? 'keys' : 'large values'
    return range === null ? `reads of ${what} fail` : `reads of ${what} ${shownRange(range.lower, range.upper)} fail`
  }

  private adviceFor({ code, hint }: VarveError): string {
    if (code === 'UNSUPPORTED_FORMAT' && hint !== undefined) return hint
    if (code === 'IO_ERROR') return 'look at the disk and its cables; then `varve heal` with a backup that has it'
    return '`varve heal` takes the file from a backup that has it; without one, `varve repair` saves what can be read'
  }
}

/** Shows the keys of a half-open range; one that ends right behind a key ends with that key. */
function shownRange(lower: Uint8Array, upper: Uint8Array | null): string {
  if (upper === null) return `from ${shownKey(lower)} on`
  if (upper.at(-1) !== 0) return `from ${shownKey(lower)} to before ${shownKey(upper)}`
  const last = upper.subarray(0, -1)
  return compareBytes(lower, last) === 0 ? `of ${shownKey(last)}` : `from ${shownKey(lower)} to ${shownKey(last)}`
}

/** The problem of bytes that nobody reads. */
export function voidProblem({ code, message }: VarveError, offset: number, bytes: number): FileProblem {
  const [consequence, advice] = ['none: nobody reads these bytes', 'nothing is to be done']
  return { code, severity: 'waste', offset, bytes, from: null, to: null, message, consequence, advice }
}

/** A file that is read in larger pieces than it is asked for; a range that is asked for twice is read anew. */
class AheadFile implements ReadableFile {
  readonly path: string
  private readonly file: ReadOnlyFile
  private readonly window: WindowReader
  private lastPosition = -1

  constructor(file: ReadOnlyFile, windowBytes: number) {
    this.path = file.path
    this.file = file
    this.window = new WindowReader(file, windowBytes)
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    const { window } = this
    const isAgain = position === this.lastPosition
    this.lastPosition = position
    if (isAgain || length > window.bytes.length) return this.file.readSync(target, at, length, position)
    const count = window.bring(position, length)
    const start = position - window.start
    target.set(window.bytes.subarray(start, start + count), at)
    return count
  }

  read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.file.read(target, at, length, position)
  }

  sizeSync(): number {
    return this.file.sizeSync()
  }
}
