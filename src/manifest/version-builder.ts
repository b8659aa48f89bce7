/**
 * What: makes the next version from a base version and edits.
 * Owns: the rules for one edit: it removes only what is there, and numbers never go back (MAN-9).
 * Does not own: what must be true of the result (version-check.ts), which `finish` checks once.
 * Thread: any.
 */
import { compareBytes, VarveError } from '../base/index.js'
import type { FileNum, LevelNum, LogFacts, TableFacts, ValueFileReference } from '../base/index.js'
import type { Level } from './sorted-run.js'
import { LEVELS_MIN, compareTables, emptyVersion, firstNeededLog, levelOf } from './version.js'
import type { NewValueLog } from './value-log-record.js'
import type { ValueLogFacts, Version } from './version.js'
import { findProblem, findProblemAfter } from './version-check.js'
import type { VersionEdit } from './version-edit.js'

/** Makes the error for a bad edit: a bug when this process made it, corruption when a file holds it. */
export type Blame = (what: string) => Error

const blameUs: Blame = (what) => new VarveError('INTERNAL', `bad version edit: ${what}`)

/**
 * All value logs are made here, property by property: copies by `...` have a hidden class each, and a walk over
 * thousands of those takes twenty times as long.
 */
function valueLogOf(
  { fileNum, isLog, bytes, salt, putCount, putBytes, namedInLog }: NewValueLog, liveCount: number, liveBytes: number,
): Mutable<ValueLogFacts> {
  return { fileNum, isLog, bytes, salt, putCount, putBytes, namedInLog, liveCount, liveBytes }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Makes the next version. Throws INTERNAL when an edit does not fit. */
export function applyEdits(
  version: Version, edits: readonly VersionEdit[], blame: Blame = blameUs,
): Version {
  const builder = new VersionBuilder(version, blame)
  for (const edit of edits) builder.apply(edit)
  return builder.finish()
}

export function applyEdit(version: Version, edit: VersionEdit): Version {
  return applyEdits(version, [edit])
}

/** Applies edits to a base version. A builder that threw must not be used again. */
export class VersionBuilder {
  private readonly base: Version
  private readonly next: Mutable<Version>
  /** The tables of each level that an edit touched; the other levels stay as they are. */
  private readonly levels = new Map<LevelNum, Map<FileNum, TableFacts>>()
  private readonly added = new Map<FileNum, TableFacts>()
  private readonly pins: Map<string, FileNum>
  private readonly logs: Map<FileNum, LogFacts>
  /** The base's until an edit touches one of them; then all that are not in `touchedValueLogs` are still the base's. */
  private valueLogs: ReadonlyMap<FileNum, ValueLogFacts>
  private readonly touchedValueLogs = new Set<FileNum>()
  private blame: Blame

  constructor(base: Version, blame: Blame) {
    this.base = base
    this.next = { ...base }
    this.pins = new Map(base.pins)
    this.logs = new Map(base.logs)
    this.valueLogs = base.valueLogs
    this.blame = blame
  }

  /** Applies one edit. `blame` makes the error when the edit does not fit. */
  apply(edit: VersionEdit, blame = this.blame): void {
    this.blame = blame
    this.applyNumbers(edit)
    this.applyValueLogs(edit)
    this.applyTables(edit)
    this.applyPins(edit)
    for (const facts of edit.logs ?? []) this.applyLog(facts)
    this.removeValueLogs(edit)
    if (edit.lineage !== undefined) this.next.lineage = edit.lineage
    if (edit.hashSeed !== undefined) this.next.hashSeed = edit.hashSeed
    if (edit.position !== undefined) this.next.position = edit.position
    if (edit.dropTime !== undefined) this.next.dropTime = edit.dropTime
    if (edit.closedAtMs !== undefined) this.next.closedAtMs = edit.closedAtMs
    if (edit.scrub !== undefined) this.next.scrub = edit.scrub
    if (edit.settings !== undefined) this.next.settings = edit.settings
    if (edit.flushStats !== undefined) this.next.flushStats = edit.flushStats
  }

  /** Makes the version and checks it. Requires: the base was sound. */
  finish(): Version {
    const { next } = this
    next.levels = this.buildLevels()
    next.pins = this.pins
    next.valueLogs = this.valueLogs
    const first = firstNeededLog(next)
    for (const fileNum of this.logs.keys()) if (fileNum < first) this.logs.delete(fileNum)
    next.logs = this.logs
    const change = {
      levels: new Set(this.levels.keys()), added: [...this.added.values()], valueLogs: this.touchedValueLogs,
    }
    const problem = this.base === emptyVersion ? findProblem(next) : findProblemAfter(next, change)
    if (problem !== null) throw this.blame(problem)
    return Object.freeze(next)
  }

  private applyNumbers(edit: VersionEdit): void {
    for (const name of ['nextFileNum', 'lastSeqNum', 'logPointer'] as const) {
      const value = edit[name]
      if (value === undefined) continue
      if (value < this.next[name]) {
        throw this.blame(`MAN-9: ${name} goes back from ${this.next[name]} to ${value}`)
      }
      this.next[name] = value
    }
    this.raiseFileNum(this.next.logPointer)
  }

  private raiseFileNum(floor: FileNum): void {
    if (this.next.nextFileNum < floor) this.next.nextFileNum = floor
  }

  /** Takes the facts of a log. Its known bytes only grow until its end is known, and then only shrink. */
  private applyLog(facts: LogFacts): void {
    const { fileNum, bytes } = facts
    const known = this.logs.get(fileNum)
    if (known !== undefined) {
      if (known.mustExist && compareBytes(known.salt, facts.salt) !== 0) {
        throw this.blame(`MAN-9: log ${fileNum} becomes another one`)
      }
      if (known.isExact && (!facts.isExact || bytes > known.bytes)) {
        throw this.blame(`MAN-9: the end of log ${fileNum} goes up`)
      }
      if (!facts.isExact && bytes < known.bytes) throw this.blame(`MAN-9: log ${fileNum} shrinks`)
    }
    this.logs.set(fileNum, facts)
    this.raiseFileNum(fileNum + 1)
  }

  private applyValueLogs(edit: VersionEdit): void {
    for (const facts of edit.addValueLogs ?? []) {
      const { fileNum } = facts
      if (this.valueLogs.has(fileNum)) {
        throw this.blame(`value log ${fileNum} to add is already listed`)
      }
      this.ownValueLogs().set(fileNum, valueLogOf(facts, 0, 0))
      this.touchedValueLogs.add(fileNum)
      this.raiseFileNum(fileNum + 1)
    }
  }

  /** The map itself is copied: there may be thousands, and most edits touch none or few of them. */
  private ownValueLogs(): Map<FileNum, ValueLogFacts> {
    if (this.valueLogs === this.base.valueLogs) this.valueLogs = new Map(this.base.valueLogs)
    return this.valueLogs as Map<FileNum, ValueLogFacts>
  }

  /** One that may be changed; undefined: it is not listed. */
  private touchedValueLog(fileNum: FileNum): Mutable<ValueLogFacts> | undefined {
    const known = this.valueLogs.get(fileNum)
    if (known === undefined || this.touchedValueLogs.has(fileNum)) return known
    const log = valueLogOf(known, known.liveCount, known.liveBytes)
    this.ownValueLogs().set(fileNum, log)
    this.touchedValueLogs.add(fileNum)
    return log
  }

  private applyTables(edit: VersionEdit): void {
    const before = (edit.discards ?? []).map(({ fileNum }) => ({ ...this.valueLogs.get(fileNum) }))
    for (const { level, fileNum } of edit.deleteTables ?? []) {
      const tables = this.tablesOf(level)
      const facts = tables.get(fileNum)
      if (facts === undefined) {
        throw this.blame(`table ${fileNum} to delete is not in level ${level}`)
      }
      tables.delete(fileNum)
      this.added.delete(fileNum)
      this.countValues(facts, -1)
    }
    for (const { level, facts } of edit.addTables ?? []) {
      const tables = this.tablesOf(level)
      if (tables.has(facts.fileNum)) {
        throw this.blame(`table ${facts.fileNum} to add is already there`)
      }
      tables.set(facts.fileNum, facts)
      this.added.set(facts.fileNum, facts)
      this.countValues(facts, 1)
      this.raiseFileNum(facts.fileNum + 1)
      if (this.next.lastSeqNum < facts.largestSeqNum) this.next.lastSeqNum = facts.largestSeqNum
    }
    for (const [i, discard] of (edit.discards ?? []).entries()) {
      this.checkDiscard(discard, before[i]!)
    }
  }

  private tablesOf(level: LevelNum): Map<FileNum, TableFacts> {
    let tables = this.levels.get(level)
    if (tables === undefined) {
      const base = this.next.levels[level]?.tables ?? []
      tables = new Map(base.map((facts) => [facts.fileNum, facts]))
      this.levels.set(level, tables)
    }
    return tables
  }

  private countValues(facts: TableFacts, sign: 1 | -1): void {
    for (const { fileNum, valueCount, valueBytes } of facts.valueFiles) {
      const log = this.touchedValueLog(fileNum)
      if (log === undefined) {
        throw this.blame(`MAN-7: table ${facts.fileNum} points to value log ${fileNum}, not listed`)
      }
      log.liveCount += sign * valueCount
      log.liveBytes += sign * valueBytes
    }
  }

  private checkDiscard(discard: ValueFileReference, before: Partial<ValueLogFacts>): void {
    const { fileNum, valueCount, valueBytes } = discard
    const after = this.valueLogs.get(fileNum)
    if (before.fileNum === undefined || after === undefined) {
      throw this.blame(`discard in value log ${fileNum}, which is not listed`)
    }
    const count = before.liveCount! - after.liveCount
    const bytes = before.liveBytes! - after.liveBytes
    if (count !== valueCount || bytes !== valueBytes) {
      throw this.blame(`value log ${fileNum} discards ${valueBytes} bytes, the tables say ${bytes}`)
    }
  }

  private removeValueLogs(edit: VersionEdit): void {
    for (const fileNum of edit.removeValueLogs ?? []) {
      const log = this.valueLogs.get(fileNum)
      if (log === undefined) throw this.blame(`value log ${fileNum} to remove is not listed`)
      if (log.liveCount !== 0) throw this.blame(`MAN-7: value log ${fileNum} has live values`)
      this.ownValueLogs().delete(fileNum)
      this.touchedValueLogs.delete(fileNum)
    }
  }

  /**
   * Applies changes of pins. Users move pins without waiting for each other, so moving a pin back, or removing one
   * that is gone, changes nothing and is not an error.
   */
  private applyPins(edit: VersionEdit): void {
    for (const name of edit.removePins ?? []) this.pins.delete(name)
    for (const { name, firstLog } of edit.addPins ?? []) {
      this.pins.set(name, Math.max(firstLog, this.pins.get(name) ?? 0))
    }
  }

  private buildLevels(): Level[] {
    const base = this.next.levels
    const length = Math.max(base.length, ...[...this.levels.keys()].map((level) => level + 1))
    const levels = Array.from({ length }, (_, level) => {
      const tables = this.levels.get(level)
      if (tables === undefined) return base[level] ?? levelOf(level, [])
      return levelOf(level, [...tables.values()].sort((a, b) => compareTables(level, a, b)))
    })
    while (levels.length > LEVELS_MIN && levels.at(-1)!.tables.length === 0) levels.pop()
    return levels
  }
}
