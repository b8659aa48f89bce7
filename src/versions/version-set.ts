/**
 * What: the current version and the one line of edits that changes it.
 * Owns: the version, the manifest that is being written, the next file number, edits that wait.
 * Does not own: the files that versions name; readers of tables (open-tables.ts).
 * Thread: main; groups are written by jobs, one at a time, so that a blocked caller can drive them.
 * Invariants: MAN-20 `durable` is what a reopen would find; it changes only after the manifest's sync. `current` is
 * what readers see: `durable` plus edits that are held back (fast mode), never less. MAN-21 file numbers are given out
 * once, above everything ever found in the directory.
 */
import { NAME_NUMBER_MAX, VarveError, Waiters } from '../base/index.js'
import type { FileNum, LogFacts } from '../base/index.js'
import { drive, jobResult, waitFor } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'
import { applyEdits } from '../manifest/index.js'
import type {
  GroupWrite, LevelTableNum, ManifestLog, ScrubPosition, Version, VersionEdit,
} from '../manifest/index.js'
import { INSTALL_PRIORITY } from '../tables/index.js'

interface WaitingEdits {
  edits: readonly VersionEdit[]
  /** True when the edit is in `current` already. */
  isHeld: boolean
  done: (error: unknown) => void
}

/** An edit deletes a table that is not there: it was not written, and everything goes on without it. */
export class EditRefused extends VarveError {
  constructor({ level, fileNum }: LevelTableNum) {
    super('INTERNAL', `bad version edit: table ${fileNum} to delete is not in level ${level}`)
  }
}

interface RefusedEdit {
  done: (error: unknown) => void
  error: EditRefused
}

export class VersionSet {
  private readonly executor: Executor
  private readonly dir: string
  private durableVersion: Version
  private currentVersion: Version
  /** Edits that `current` has and `durable` has not. */
  private heldCount = 0
  private log: ManifestLog
  private nextNum: FileNum
  private appendedPointer: FileNum
  private waiting: WaitingEdits[] = []
  private isWriting = false
  private readonly idleWaiters = new Waiters()
  private readonly onFailure: (error: unknown) => void
  /** The error that ended the writing of edits, or null. */
  private failure: unknown = null
  /** Gives text about the run so far, for a new manifest and for the end of one; '' for none yet. */
  runStats: () => string = () => ''
  /** Gives how far a scrub has come when that is worth writing down with an edit that is written anyway. */
  scrubNews: () => ScrubPosition | null = () => null
  /** Gives what is known of the logs in use. */
  logFacts: () => LogFacts[] = () => []

  constructor(
    start: { executor: Executor; dir: string; version: Version; log: ManifestLog; nextFileNum: FileNum },
    onFailure: (error: unknown) => void,
  ) {
    this.executor = start.executor
    this.dir = start.dir
    this.durableVersion = start.version
    this.currentVersion = start.version
    this.log = start.log
    this.nextNum = start.nextFileNum
    this.appendedPointer = start.version.logPointer
    this.onFailure = onFailure
  }

  /** The version that a reopen would find. */
  get durable(): Version {
    return this.durableVersion
  }

  /** The version that readers see. */
  get current(): Version {
    return this.currentVersion
  }

  /** What a new manifest begins with. */
  get whole(): Version {
    const flushStats = this.runStats()
    return flushStats === '' ? this.durableVersion : { ...this.durableVersion, flushStats }
  }

  get manifest(): ManifestLog {
    return this.log
  }

  get nextFileNum(): FileNum {
    return this.nextNum
  }

  /** The log pointer that `durable` has once every edit appended so far is durable. */
  get appendedLogPointer(): FileNum {
    return this.appendedPointer
  }

  allocateFileNum(): FileNum {
    if (this.nextNum >= NAME_NUMBER_MAX) throw new VarveError('INTERNAL', 'file numbers are used up')
    return this.nextNum++
  }

  /**
   * Appends; `done` is called when the edit is durable, or with the error. Edits keep their order. Every error but
   * EditRefused has ended all writing.
   */
  append(edit: VersionEdit, done: (error: unknown) => void): void {
    this.enqueue({ edits: [edit], isHeld: false, done })
  }

  /** Makes an edit visible to readers, in fast mode; `appendHeld` makes it durable later. */
  holdBack(edit: VersionEdit): void {
    this.currentVersion = applyEdits(this.currentVersion, [edit])
    this.heldCount++
  }

  /** Appends an edit. Ends when it is durable; throws when it is not. */
  *appending(edit: VersionEdit): Procedure<void> {
    const error = yield* waitFor<unknown>((done) => this.append(edit, done))
    if (error !== null) throw error
  }

  /** Makes held edits durable; throws when that fails. */
  *appendingHeld(edits: readonly VersionEdit[]): Procedure<void> {
    const error = yield* waitFor<unknown>((done) => this.enqueue({ edits, isHeld: true, done }))
    if (error !== null) throw error
  }

  private enqueue(waiting: WaitingEdits): void {
    for (const { logPointer } of waiting.edits) this.appendedPointer = logPointer ?? this.appendedPointer
    this.waiting.push(waiting)
    this.writeNext()
  }

  /** Appends an edit. Resolves when it is durable. */
  appended(edit: VersionEdit): Promise<void> {
    return new Promise((resolve, reject) => {
      this.append(edit, (error) => (error === null ? resolve() : reject(error)))
    })
  }

  /** True when nothing is being written and nothing waits. */
  get isIdle(): boolean {
    return !this.isWriting && this.waiting.length === 0
  }

  /** Resolves when nothing is being written and nothing waits. */
  idle(): Promise<void> {
    return this.idleWaiters.until(() => this.isIdle)
  }

  /**
   * Runs `work` while no group is written; edits that come meanwhile wait. When it throws COMMIT_UNKNOWN,
   * another manifest may count from now on: then no edit is written any more.
   */
  async exclusively(work: () => Promise<void>): Promise<void> {
    while (this.isWriting) await this.idleWaiters.next()
    if (this.failure !== null) throw this.failure
    this.isWriting = true
    try {
      await work()
    } catch (error) {
      if (VarveError.is(error) && error.code === 'COMMIT_UNKNOWN') this.stop(error)
      throw error
    } finally {
      this.endWriting()
      this.writeNext()
    }
  }

  /** Ends the writing of edits: none begins from now on; one whose write has begun ends. */
  stop(error: unknown): void {
    if (this.failure !== null) return
    this.failure = error
    this.onFailure(error)
  }

  private endWriting(): void {
    this.isWriting = false
    this.idleWaiters.wake()
  }

  /** Swaps in a new manifest that holds `whole`. Requires: inside `exclusively`. Returns the old one. */
  replaceManifest(log: ManifestLog): ManifestLog {
    const old = this.log
    this.log = log
    return old
  }

  private writeNext(): void {
    if (!this.isWriting && this.waiting.length > 0) drive(this.writeGroups())
  }

  /** Writes groups until there is none. A callback of one group may have begun the next. */
  private *writeGroups(): Procedure<void> {
    while (!this.isWriting && this.waiting.length > 0) {
      const { group, refused } = this.sortOut(this.waiting)
      this.waiting = []
      const next = group.length === 0 ? null : this.nextGroup(group)
      this.isWriting = next !== null // whoever is told now and appends comes behind it
      for (const { done, error } of refused) done(error)
      if (next === null) continue
      const { version, write } = next
      const job = { kind: 'appendGroup', input: { dir: this.dir, group: write }, priority: INSTALL_PRIORITY }
      const result = yield* jobResult<number>(this.executor, job)
      this.endWriting()
      const failure = this.log.endGroup(write, result)
      if (failure === null) this.noteDurable(group, version)
      else this.fail(group, failure)
    }
  }

  /** The edits that go on. One that takes away a table which is not there is nobody's concern but its caller's. */
  private sortOut(waiting: WaitingEdits[]): { group: WaitingEdits[]; refused: RefusedEdit[] } {
    if (this.failure !== null) return { group: waiting, refused: [] }
    const { levels } = this.durableVersion
    /** What the edits before do to a table: true when it is there behind them. */
    const changed = new Map<string, boolean>()
    const isThere = ({ level, fileNum }: LevelTableNum): boolean =>
      changed.get(`${level} ${fileNum}`) ?? levels[level]?.tables.some((facts) => facts.fileNum === fileNum) ?? false
    const group: WaitingEdits[] = []
    const refused: RefusedEdit[] = []
    for (const each of waiting) {
      const missing = each.edits.flatMap(({ deleteTables }) => deleteTables ?? []).find((table) => !isThere(table))
      if (missing !== undefined && !each.isHeld) {
        refused.push({ done: each.done, error: new EditRefused(missing) })
        continue
      }
      group.push(each)
      for (const { deleteTables = [], addTables = [] } of each.edits) {
        for (const { level, fileNum } of deleteTables) changed.set(`${level} ${fileNum}`, false)
        for (const { level, facts } of addTables) changed.set(`${level} ${facts.fileNum}`, true)
      }
    }
    return { group, refused }
  }

  /** Null when it cannot be written; then the waiting ones were told. */
  private nextGroup(group: WaitingEdits[]): { version: Version; write: GroupWrite } | null {
    try {
      if (this.failure !== null) throw this.failure
      const edits = group.flatMap((each) => each.edits)
      edits.push({ ...edits.pop(), ...this.ridingFacts() })
      return { version: applyEdits(this.durableVersion, edits), write: this.log.beginGroup(edits) }
    } catch (error) {
      this.fail(group, error)
      return null
    }
  }

  /** The facts that are written with every group, so that each says which logs there must be, and how much of them. */
  private ridingFacts(): VersionEdit {
    const logs = this.logNews()
    const scrub = this.scrubNews()
    return { nextFileNum: this.nextNum, ...(logs.length === 0 ? {} : { logs }), ...(scrub === null ? {} : { scrub }) }
  }

  /** Facts of logs that `durable` does not have. Logs that the pointer has passed matter only to pins. */
  private logNews(): LogFacts[] {
    const { logs: known, pins } = this.durableVersion
    return this.logFacts().filter((facts) =>
      (facts.fileNum >= this.appendedPointer || pins.size > 0) && isNews(facts, known.get(facts.fileNum)))
  }

  /**
   * Makes durable where the logs end, which is known only now that the manifest is about to be closed. Returns the
   * other news, what the run did, which may be lost. Requires: nothing is written any more.
   */
  async end(): Promise<VersionEdit> {
    if (this.logNews().length > 0) await this.appended({})
    const flushStats = this.runStats()
    return flushStats === '' || flushStats === this.durableVersion.flushStats ? {} : { flushStats }
  }

  private noteDurable(group: WaitingEdits[], next: Version): void {
    this.durableVersion = next
    for (const { edits, isHeld } of group) if (isHeld) this.heldCount -= edits.length
    this.currentVersion = this.heldCount === 0 ? next : this.withNew(group)
    for (const { done } of group) done(null)
  }

  /** The current version with the edits of a group that it does not have yet. */
  private withNew(group: readonly WaitingEdits[]): Version {
    return applyEdits(this.currentVersion, group.flatMap(({ edits, isHeld }) => (isHeld ? [] : edits)))
  }

  private fail(group: WaitingEdits[], error: unknown): void {
    this.stop(error)
    for (const { done } of group) done(error)
  }
}

function isNews({ bytes, isExact }: LogFacts, known: LogFacts | undefined): boolean {
  return known === undefined || bytes !== known.bytes || isExact !== known.isExact
}
