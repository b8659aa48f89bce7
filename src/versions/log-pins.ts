/**
 * What: durable pins: named promises, kept in the manifest, that logs from a number on stay in the directory after
 * their entries went into tables, for a follower that reads them.
 * Owns: which released logs are kept and how many bytes they take; what pins will be.
 * Does not own: what pins are (version), deletion (file-deleter.ts), reading (log-follower.ts).
 * Thread: main.
 * Invariants: FLUSH-7 a log is deleted only when the durable log pointer has passed it and no pin keeps it. PIN-1 kept
 * logs stay under `bytesMax`: over it, the pin that keeps the oldest log is dropped, and an event says so. PIN-2 a kept
 * log is synced to its end before the pointer passes it: after that no recovery reads it, so a power loss must not be
 * able to shorten it. PIN-3 an edit of pins is appended only if it fits behind all edits appended before it: a call
 * that is refused, or comes at the same time as another, never reaches the manifest's checks. VLG-9 of a kept log that
 * is a value log too this part only says that a pin keeps it: its file goes by value-log-sweep.ts, and its bytes count
 * for `bytesMax` only when no table points to them.
 */
import { invalidArgument, logFileName, VarveError } from '../base/index.js'
import type { Clock, FileNum } from '../base/index.js'
import { runJob } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'
import { CauseCode, isPinned, PIN_NAME_BYTES_MAX, PINS_MAX } from '../manifest/index.js'
import type { VersionEdit } from '../manifest/index.js'
import type { EventBus } from '../stats/index.js'
import type { LogFile } from '../wal/index.js'
import type { FileDeleter } from './file-deleter.js'
import type { VersionSet } from './version-set.js'

/** The priority of syncs: a caller may be waiting for the install that they are a part of. */
const SYNC_PRIORITY = 1

/** A log that is kept though its entries are in tables. */
export interface KeptLog {
  fileNum: FileNum
  /** Bytes of the log that are history. */
  bytes: number
}

export interface LogPinsOptions {
  dir: string
  executor: Executor
  versions: VersionSet
  deleter: FileDeleter
  events: EventBus
  clock: Clock
  bytesMax: number
  /** Logs below the pointer that were found at open. */
  kept: readonly KeptLog[]
  /** Called when pins may keep less than before. */
  onLessKept(): void
}

/** A durable pin: its name, and the logs that it keeps. */
export interface PinInfo {
  /** The name it was acquired with. */
  name: string
  /** Every log from this number on is kept. */
  firstLog: FileNum
}

export class LogPins {
  private readonly options: LogPinsOptions
  /** Kept logs, by ascending number. */
  private kept: KeptLog[]
  /** The pins as they are once every edit appended so far is durable. */
  private readonly wanted: Map<string, FileNum>
  private unsettledCount = 0

  constructor(options: LogPinsOptions) {
    this.options = options
    this.kept = [...options.kept].sort((a, b) => a.fileNum - b.fileNum)
    this.wanted = new Map(this.durable)
  }

  get keptLogs(): readonly KeptLog[] {
    return this.kept
  }

  /** Bytes that are there for pins only. */
  get keptBytes(): number {
    return this.bytesFor(() => true)
  }

  list(): PinInfo[] {
    return [...this.durable].map(([name, firstLog]) => ({ name, firstLog }))
  }

  /** Syncs those of these sealed logs that a pin keeps: then the pointer may pass. Throws what a sync threw. */
  *syncKept(logs: readonly LogFile[]): Procedure<void> {
    const { dir, executor } = this.options
    for (;;) { // a pin that came meanwhile may keep more of them
      const kept = logs.filter(({ fileNum, unsyncedBytes }) => unsyncedBytes > 0 && this.isKept(fileNum))
      if (kept.length === 0) return
      const input = { dir, names: kept.map(({ name }) => name) }
      yield* runJob<null>(executor, { kind: 'syncFiles', input, priority: SYNC_PRIORITY })
      for (const log of kept) log.noteSynced()
    }
  }

  /** The durable pointer has passed this log: it is deleted, unless a pin keeps it. */
  onLogReleased(log: KeptLog): void {
    if (this.isKept(log.fileNum)) {
      this.kept.push(log)
      this.enforceCap()
    } else if (!this.isValueLog(log.fileNum)) this.options.deleter.add([logFileName(log.fileNum)])
  }

  /** Makes a pin: from now on no log goes that replay still needs. A name that is taken keeps what it has. */
  async acquire(name: string): Promise<PinInfo> {
    checkName(name)
    const taken = this.wanted.get(name)
    if (taken !== undefined) {
      await this.settled()
      return { name, firstLog: taken }
    }
    if (this.wanted.size >= PINS_MAX) throw new VarveError('BUSY', `there are ${PINS_MAX} pins already`)
    // Logs below it are in tables as soon as the edits that are being written are durable.
    const firstLog = this.options.versions.appendedLogPointer
    this.wanted.set(name, firstLog)
    await this.append({ addPins: [{ name, firstLog }] })
    return { name, firstLog }
  }

  /** Moves a pin forward, since the follower has read everything before `firstLog`: those logs may go. */
  async advance(name: string, firstLog: FileNum): Promise<void> {
    checkName(name)
    const now = this.wanted.get(name)
    if (now === undefined) throw invalidArgument(`there is no pin named ${JSON.stringify(name)}`)
    if (!Number.isSafeInteger(firstLog) || firstLog < now) {
      throw invalidArgument(`a pin moves forward only: it is at log ${now}`)
    }
    if (firstLog >= this.options.versions.nextFileNum) throw invalidArgument(`there is no log ${firstLog} yet`)
    this.wanted.set(name, firstLog)
    await this.append({ addPins: [{ name, firstLog }] })
  }

  /** Removes a pin, and what only it keeps. A name that is not there is not an error. */
  async release(name: string): Promise<void> {
    checkName(name)
    if (this.wanted.delete(name)) await this.append({ removePins: [name] })
    else await this.settled()
  }

  private get durable(): ReadonlyMap<string, FileNum> {
    return this.options.versions.durable.pins
  }

  /** True as long as its file must stay for a pin, or this part has not let go of it yet. */
  keeps(logNum: FileNum): boolean {
    return this.isKept(logNum) || this.kept.some(({ fileNum }) => fileNum === logNum)
  }

  /** Does a pin keep this log, or one that is about to be durable? */
  private isKept(fileNum: FileNum): boolean {
    return isPinned(fileNum, this.durable) || isPinned(fileNum, this.wanted)
  }

  private async append(edit: VersionEdit): Promise<void> {
    this.unsettledCount++
    try {
      const cause = { code: CauseCode.pin, wallMs: this.options.clock.wallMs() }
      await this.options.versions.appended({ cause, ...edit })
    } finally {
      this.unsettledCount--
    }
    this.deleteUnkept()
    this.options.onLessKept()
  }

  /** Resolves when every edit of pins that was asked for is durable. */
  private async settled(): Promise<void> {
    if (this.unsettledCount > 0) await this.options.versions.appended({})
  }

  private deleteUnkept(): void {
    const gone = this.kept.filter(({ fileNum }) => !this.isKept(fileNum))
    if (gone.length === 0) return
    this.kept = this.kept.filter((log) => !gone.includes(log))
    const names = gone.filter(({ fileNum }) => !this.isValueLog(fileNum)).map(({ fileNum }) => logFileName(fileNum))
    if (names.length > 0) this.options.deleter.add(names)
  }

  private isValueLog(fileNum: FileNum): boolean {
    const { durable, current } = this.options.versions
    return durable.valueLogs.has(fileNum) || current.valueLogs.has(fileNum)
  }

  /** Bytes of logs that no table points into, and of files that only such logs name, where `test` passes the log. */
  private bytesFor(test: (log: FileNum) => boolean): number {
    const { valueLogs } = this.options.versions.current
    let sum = 0
    for (const { fileNum, bytes } of this.kept) {
      if ((valueLogs.get(fileNum)?.liveCount ?? 0) === 0 && test(fileNum)) sum += bytes
    }
    for (const { liveCount, namedInLog, bytes } of valueLogs.values()) {
      if (liveCount === 0 && namedInLog !== 0 && this.isKept(namedInLog) && test(namedInLog)) sum += bytes
    }
    return sum
  }

  /** Drops pins that keep too much; called when more files are there for pins only. */
  enforceCap(): void {
    const { bytesMax, events } = this.options
    for (;;) {
      const keptBytes = this.bytesFor((log) => isPinned(log, this.wanted))
      const oldest = [...this.wanted].sort((a, b) => a[1] - b[1])[0]
      if (keptBytes <= bytesMax || oldest === undefined) return
      const [name, firstLog] = oldest
      this.wanted.delete(name)
      events.emit({ type: 'pinDropped', name, firstLog, retainedBytes: keptBytes })
      // A failure has already ended all writing.
      this.append({ removePins: [name] }).catch(() => undefined)
    }
  }
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || new TextEncoder().encode(name).length > PIN_NAME_BYTES_MAX) {
    throw invalidArgument(`a pin's name is a string of 1 to ${PIN_NAME_BYTES_MAX} bytes`)
  }
}
