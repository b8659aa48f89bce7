/**
 * What: keeps an eye on one database: hears its events, takes a sample of its statistics once a second while somebody
 * looks, and tells those who look. A view that the inspector opened itself is refreshed at the same times.
 * Owns: the events, lanes, runs, stalls and samples of one database; the timer. Thread: main.
 * Invariants: INSP-4 without anybody looking it costs one `stats()` in ten seconds, and no operation of the database
 * ever waits for it.
 */
import { performance } from 'node:perf_hooks'
import type { Timer } from '../base/index.js'
import type { EngineEvent, Stats } from '../stats/index.js'
import { EventRing } from './event-ring.js'
import type { ToldEvent } from './event-ring.js'
import { HeatBook } from './heat.js'
import { LaneBook } from './lanes.js'
import { sampleOf, SampleRing } from './samples.js'
import type { Subject } from './subject.js'
import { RunBook, StallBook } from './work-books.js'

const LOOKED_MS = 1000
const IDLE_MS = 10_000
/** Somebody who asked so long ago is gone. */
const LOOKING_MS = 5000

/** What is told of samples and events as they come. */
export interface Looker {
  onSample(row: readonly number[]): void
  onEvent(event: ToldEvent): void
}

/** What is made of events; absent where nobody tells of any. */
interface Books {
  readonly lanes: LaneBook
  readonly runs: RunBook
  readonly stalls: StallBook
  readonly heat: HeatBook
}

export class Watch {
  readonly subject: Subject
  readonly events = new EventRing()
  readonly samples: SampleRing
  /** Null for a database that is only read: what its writer does is not told here. */
  readonly books: Books | null
  readonly sinceMs: number
  /** Why the last refresh failed; '' when it did not. */
  refreshFailure = ''
  private readonly lookers = new Set<Looker>()
  private statsNow: Stats
  private askedMs = -Infinity
  private timer: Timer | null = null
  private isStopped = false
  private readonly unsubscribe: () => void

  constructor(subject: Subject, historyMs: number) {
    const { engine, clock } = subject
    this.subject = subject
    this.samples = new SampleRing(historyMs)
    this.sinceMs = clock.wallMs()
    this.statsNow = subject.stats()
    this.books = engine === null ? null : {
      lanes: new LaneBook(this.statsNow.wal.logNum, this.sinceMs), runs: new RunBook(engine),
      stalls: new StallBook(engine), heat: new HeatBook(engine),
    }
    this.unsubscribe = engine?.setup.events.subscribe((event) => this.hear(event)) ?? (() => undefined)
    this.note()
    this.plan()
  }

  /** The statistics as the last sample found them. */
  get stats(): Stats {
    return this.statsNow
  }

  /** Notes that somebody looks, so that samples come once a second for a while. */
  noteAsked(): void {
    const wasLooking = this.isLooking
    this.askedMs = this.subject.clock.nowMs()
    if (wasLooking || this.isStopped) return
    this.timer?.cancel()
    void this.tick()
  }

  look(looker: Looker): () => void {
    this.noteAsked()
    this.lookers.add(looker)
    return () => this.lookers.delete(looker)
  }

  /** Tells of what was done through the page. */
  tell(type: string, fields: Readonly<Record<string, unknown>>): void {
    const event = this.events.addOwn(type, fields, this.subject.clock.wallMs())
    for (const looker of this.lookers) looker.onEvent(event)
  }

  stop(): void {
    this.isStopped = true
    this.timer?.cancel()
    this.unsubscribe()
  }

  private get isLooking(): boolean {
    return this.lookers.size > 0 || this.subject.clock.nowMs() - this.askedMs < LOOKING_MS
  }

  private hear(event: EngineEvent): void {
    const nowMs = this.subject.clock.wallMs()
    const { books } = this
    if (books !== null) {
      books.lanes.hear(event, nowMs)
      if (event.type !== 'syncDone') this.noteLogs(nowMs)
      books.runs.hear(event, nowMs)
      books.stalls.hear(event, nowMs)
      books.heat.hear(event, nowMs)
    }
    const told = this.events.add(event, nowMs)
    if (told !== null) for (const looker of this.lookers) looker.onEvent(told)
  }

  private noteLogs(nowMs: number): void {
    const { subject: { engine }, books } = this
    if (engine !== null) books?.lanes.noteLogs((log) => engine.openLogs.has(log), nowMs)
  }

  private async tick(): Promise<void> {
    if (this.subject.isOwn) await this.refresh()
    if (this.isStopped) return
    this.note()
    this.plan()
  }

  private async refresh(): Promise<void> {
    try {
      await this.subject.db.refresh()
      this.refreshFailure = ''
    } catch (error) {
      this.refreshFailure = String((error as Error | undefined)?.message ?? error).slice(0, 300)
    }
  }

  private note(): void {
    const { subject } = this
    const nowMs = subject.clock.wallMs()
    this.statsNow = subject.stats()
    this.noteLogs(nowMs)
    this.books?.heat.noteReads(nowMs)
    const row = sampleOf(this.statsNow, nowMs, performance.eventLoopUtilization().active)
    this.samples.add(row)
    for (const looker of this.lookers) looker.onSample(row)
  }

  private plan(): void {
    this.timer?.cancel()
    this.timer = this.subject.clock.after(this.isLooking ? LOOKED_MS : IDLE_MS, () => void this.tick())
  }
}
