/**
 * What: what a repair has found and done, as its report will say it.
 * Owns: the problems and the counts. Thread: main.
 */
import { compareBytes, VarveError } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { problemOf } from '../report/index.js'
import type { Problem, ToolReport } from '../report/index.js'
import type { HistoryCut } from '../wal/index.js'

/** Keys that a repaired database may have lost: each had, or may have had, an entry that cannot be read. */
export interface LostRange {
  /** The file that is damaged, relative to the source. */
  file: string
  /** The first of the keys; null: from the first key on. */
  from: Uint8Array | null
  /** The last of the keys, which is one of them; null: to the last key. */
  to: Uint8Array | null
  /** Entries that are lost there; null where nobody knows. */
  entryCount: number | null
}

/** What a repair has found and done. */
export interface RepairReport extends ToolReport {
  /** The target is the state of the source at this sequence number, but for what is lost. */
  seqNum: SeqNum
  /** Entries in the tables of the target. */
  servedEntries: number
  /** Entries that are known to be lost. There are more where a range does not know its count. */
  lostEntries: number
  /** Entries that are left, but may have been replaced or deleted by what is lost. */
  doubtfulEntries: number
  /** Ranges of keys of which entries may be lost. */
  lostRanges: LostRange[]
  /** True when no manifest could be read: then tables and logs alone told what counts. */
  isManifestLost: boolean
  /** Files that were taken over as they are. */
  keptFiles: number
  /** Bytes of these files. */
  keptBytes: number
  /** Tables that were written anew. */
  rewrittenTables: number
  /** Entries in `salvaged/entries.varve`. */
  salvagedEntries: number
}

/** Why an entry is not served. */
export type SalvageReason = 'doubtful' | 'behind the damage of a log' | 'of a table that may be obsolete'

/** An entry that is kept beside the database, for a person to look at. */
export interface SalvagedEntry {
  readonly seqNum: SeqNum
  /** Kind byte, as tables have it. */
  readonly kind: number
  readonly expiryMs: number
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** The file it was found in, relative to the source. */
  readonly source: string
  readonly reason: SalvageReason
}

/** More problems, or ranges, are counted and not told one by one. */
const TOLD_MAX = 10_000

const READS_FAIL = 'what stood there is lost; older entries of the same keys are not served'

export class RepairLedger {
  readonly problems: Problem[] = []
  readonly lostRanges: LostRange[] = []
  checkedBytes = 0
  files = 0
  servedEntries = 0
  lostEntries = 0
  doubtfulEntries = 0
  keptFiles = 0
  keptBytes = 0
  rewrittenTables = 0
  salvagedEntries = 0
  /** True when there was damage, even if it was one problem too many to be told. */
  private hasDamage = false

  checked(bytes: number, files = 0): void {
    this.checkedBytes += bytes
    this.files += files
  }

  /** Notes a manifest or marker that does not tell what counts. */
  manifest(code: string, file: string, message: string, offset: number | null = null): void {
    this.add({
      code, severity: 'damage', file, offset, bytes: null, from: null, to: null, message,
      consequence: 'which files count is told by the tables and logs alone where no other manifest can be believed',
      advice: 'a table that is lost together with the manifest cannot be told: compare with a backup if there is one',
    })
  }

  /** Notes a part of a file that cannot be read. */
  damage(file: string, bytes: number | null, error: VarveError): void {
    this.add(problemOf(error, { file, bytes, consequence: READS_FAIL }))
  }

  missing(file: string, message: string): void {
    this.add({
      code: 'MISSING_FILE', severity: 'damage', file, offset: null, bytes: null, from: null, to: null, message,
      consequence: READS_FAIL, advice: 'repair once more when the file can be brought back',
    })
  }

  /** Notes keys that are lost. */
  lost(range: LostRange): void {
    this.lostEntries += range.entryCount ?? 0
    const last = this.lostRanges.at(-1)
    if (last !== undefined && last.file === range.file && touches(last, range)) {
      last.to = range.to
      last.entryCount = last.entryCount === null || range.entryCount === null
        ? null : last.entryCount + range.entryCount
    } else if (this.lostRanges.length < TOLD_MAX) this.lostRanges.push({ ...range })
  }

  /** Notes that logs do not go as far as they went. */
  historyEnds(file: string, offset: number | null, error: VarveError): void {
    this.add({
      ...problemOf(error, { file, offset, consequence: 'writes from there on are lost: the target ends before them' }),
    })
  }

  historyCut({ file, offset, bytes }: HistoryCut): void {
    this.add({
      code: 'CORRUPTION', severity: 'suspicion', file, offset, bytes, from: null, to: null,
      message: `the log ends here, before ${bytes} bytes that are no whole frames`,
      consequence: 'writes that were not synced are lost, as they are at an open after a crash',
      advice: '',
    })
  }

  suspicion(file: string, message: string, consequence: string, advice = ''): void {
    const nowhere = { offset: null, bytes: null, from: null, to: null }
    this.add({ code: 'CORRUPTION', severity: 'suspicion', file, ...nowhere, message, consequence, advice })
  }

  /** Notes a file of another database. */
  foreign(file: string): void {
    this.add({
      code: 'FOREIGN_FILE', severity: 'waste', file, offset: null, bytes: null, from: null, to: null,
      message: 'the file belongs to another database', consequence: 'it is not looked at', advice: '',
    })
  }

  unreadable(file: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const advice = 'make the file readable and repair again'
    this.suspicion(file, message, 'whatever the file has is not in the target', advice)
  }

  private add(problem: Problem): void {
    if (problem.severity === 'damage') this.hasDamage = true
    if (this.problems.length < TOLD_MAX) this.problems.push(problem)
  }

  /** True when all that was written is served. */
  get isOk(): boolean {
    return !this.hasDamage && this.lostRanges.length === 0 && this.doubtfulEntries === 0
  }
}

function touches(last: LostRange, next: LostRange): boolean {
  return last.to !== null && next.from !== null && compareBytes(last.to, next.from) >= 0
}
