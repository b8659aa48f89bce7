/**
 * What: takes value logs out of the version when no table points to them any more, and lets their files go.
 * Owns: the one edit of that kind under way; files that are out of the version while somebody may still read them.
 * Does not own: what is live (version), who reads (tables/value-logs.ts), pins (log-pins.ts), the unlinking.
 * Thread: main.
 * Invariants: VLG-8 the file of a value log goes only when neither the durable nor the current version lists it, no
 * read state that could reach it lives, and no log that is replayed or kept by a pin needs it. VLG-9 a promoted log
 * that a pin keeps stays listed until the pin has let go of it, whatever points to it.
 */
import { valueLogFileName, Waiters } from '../base/index.js'
import type { Clock, FileNum } from '../base/index.js'
import { CauseCode, isPinned } from '../manifest/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import type { ValueLogHolder } from '../stats/index.js'
import type { FileDeleter } from './file-deleter.js'
import type { LogPins } from './log-pins.js'
import type { VersionSet } from './version-set.js'

export interface ValueLogSweepOptions {
  clock: Clock
  versions: Pick<VersionSet, 'durable' | 'current' | 'append'>
  logPins: Pick<LogPins, 'keeps' | 'enforceCap'>
  deleter: Pick<FileDeleter, 'add'>
  /** Calls back when no read state lives that could reach the file. */
  retire(fileNum: FileNum, onUnused: () => void): void
  /** These are out of the version, durably, and retired: whoever reads now should see that version. */
  onSwept(swept: readonly ValueLogFacts[]): void
}

/** A value log that no version lists, and that may still be read. */
interface RemovedValueLog {
  readonly facts: ValueLogFacts
  readonly sinceMs: number
}

export class ValueLogSweep {
  private readonly options: ValueLogSweepOptions
  private isUnderWay = false
  private hasEnded = false
  private readonly idleWaiters = new Waiters()
  private readonly removed = new Map<FileNum, RemovedValueLog>()
  removedCount = 0

  constructor(options: ValueLogSweepOptions) {
    this.options = options
  }

  /** Something that may have been the last to need a file is gone: an edit is durable, a pin has moved. */
  look(): void {
    if (this.isUnderWay) return // looks again when it has ended
    const { clock, versions, logPins } = this.options
    const dead = deadValueLogs(versions.durable, versions.current)
    if (dead.length === 0) return
    const going = dead.filter((facts) => !this.isNeeded(facts))
    if (going.length < dead.length) logPins.enforceCap()
    if (going.length === 0) return
    this.isUnderWay = true
    const cause = { code: CauseCode.valueLogRemoval, wallMs: clock.wallMs() }
    versions.append({ cause, removeValueLogs: going.map(({ fileNum }) => fileNum) }, (error) => {
      if (error === null) this.onDurable(going)
      else this.hasEnded = true // as all writing has
      this.idleWaiters.wake()
    })
  }

  /** Resolves when no edit is under way that takes value logs out. */
  idle(): Promise<void> {
    return this.idleWaiters.until(() => !this.isUnderWay || this.hasEnded)
  }

  /** Files that no version lists, while somebody may still read them. */
  get waiting(): readonly ValueLogFacts[] {
    return [...this.removed.values()].map(({ facts }) => facts)
  }

  /** Gives how long the oldest of them has been waiting; 0 if there is none. */
  get waitingMs(): number {
    const nowMs = this.options.clock.nowMs()
    let longest = 0
    for (const { sinceMs } of this.removed.values()) longest = Math.max(longest, nowMs - sinceMs)
    return longest
  }

  /** Other reasons than a table that points to it. */
  private isNeeded(facts: ValueLogFacts): boolean {
    const { logPins, versions } = this.options
    const log = logThatNeeds(facts)
    return log !== 0 && (log >= versions.durable.logPointer || logPins.keeps(log))
  }

  private onDurable(swept: readonly ValueLogFacts[]): void {
    const { clock, retire, deleter, onSwept } = this.options
    this.isUnderWay = false
    for (const facts of swept) {
      const { fileNum } = facts
      this.removed.set(fileNum, { facts, sinceMs: clock.nowMs() })
      retire(fileNum, () => {
        this.removed.delete(fileNum)
        this.removedCount++
        deleter.add([valueLogFileName(facts)])
      })
    }
    onSwept(swept)
    this.look()
  }
}

/**
 * Value logs that no table of either version points to. None can come to be pointed to again: pointers are only carried
 * on from tables that have them. One that a held edit adds is not durable yet, so it is not among them.
 */
function deadValueLogs(durable: Version, current: Version): ValueLogFacts[] {
  const dead: ValueLogFacts[] = []
  for (const facts of durable.valueLogs.values()) {
    if (facts.liveCount === 0 && current.valueLogs.get(facts.fileNum)?.liveCount === 0) dead.push(facts)
  }
  return dead
}

/** Value logs that nothing needs any more. Requires: nobody reads, and no edit is under way. */
export function unneededValueLogs(version: Version): FileNum[] {
  const { logPointer, pins } = version
  return deadValueLogs(version, version).filter((facts) => {
    const log = logThatNeeds(facts)
    return log === 0 || (log < logPointer && !isPinned(log, pins))
  }).map(({ fileNum }) => fileNum)
}

/** Gives the log that may need the file when no table does: the file is that log, or its entries name it. 0: none. */
export function logThatNeeds({ fileNum, isLog, namedInLog }: ValueLogFacts): FileNum {
  return isLog ? fileNum : namedInLog
}

/** What needs a value log that the version lists; null: nothing, it is about to go. */
export function holderOf(facts: ValueLogFacts, { logPointer, pins }: Version): ValueLogHolder | null {
  if (facts.liveCount > 0) return 'table'
  const log = logThatNeeds(facts)
  if (log === 0) return null
  if (log >= logPointer) return 'log'
  return isPinned(log, pins) ? 'pin' : null
}
