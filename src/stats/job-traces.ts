/**
 * What: makes of events what tools for tracing look at: the channel `varve:event`, the channels `varve:flush` and
 * `varve:compaction` with one call for each flush and compaction, and, when asked for, a measure of each on the
 * platform's timeline, where it stands beside the event loop in a profiler.
 * Owns: the flushes and compactions that were begun while somebody listened.
 * Thread: main, from the microtask that hands events out: what it tells is a little late, and says when it was.
 */
import type { Clock } from '../base/index.js'
import type { EngineEvent } from './events.js'
import { COMPACTION_CHANNELS, EVENT_CHANNEL, FLUSH_CHANNELS, isTraced } from './trace.js'
import type { TraceChannels, TraceContext } from './trace.js'

/** What subscribers of `varve:event` get. */
export interface TracedEvent {
  /** The directory of the database. */
  readonly db: string
  readonly event: EngineEvent
}

/** What subscribers of `varve:flush` and `varve:compaction` get. */
export interface JobContext extends TraceContext {
  /** Tells it from others of this database; events have the same. */
  readonly id: number
  /** When it began, on the clock of `performance.now()`. */
  readonly startMs: number
  /** How long it took; absent until it has ended. */
  durationMs?: number
  /** The log of a flush. */
  log?: number
  /** Why a compaction was begun. */
  reason?: string
  /** Bytes of the tables that a compaction reads. */
  inputBytes?: number
  /** Bytes of the tables that a compaction has written. */
  outputBytes?: number
}

/** Whose events these are. */
export interface TracedDatabase {
  db: string
  clock: Clock
  /** True when flushes and compactions get a measure on the platform's timeline. */
  marks: boolean
}

type Job = 'flush' | 'compaction'
const CHANNELS: Record<Job, TraceChannels | null> = { flush: FLUSH_CHANNELS, compaction: COMPACTION_CHANNELS }

export class JobTraces {
  private readonly database: TracedDatabase
  private readonly running = new Map<string, JobContext>()

  constructor(database: TracedDatabase) {
    this.database = database
  }

  /** True when somebody may want to hear of events. */
  get isOn(): boolean {
    return this.database.marks || EVENT_CHANNEL?.hasSubscribers === true || this.running.size > 0 ||
      isTraced(FLUSH_CHANNELS) || isTraced(COMPACTION_CHANNELS)
  }

  nowMs(): number {
    return this.database.clock.nowMs()
  }

  /** Tells of an event that was at `atMs`. */
  note(event: EngineEvent, atMs: number): void {
    const { db } = this.database
    if (EVENT_CHANNEL?.hasSubscribers === true) EVENT_CHANNEL.publish({ db, event } satisfies TracedEvent)
    switch (event.type) {
      case 'flushStage':
        if (event.stage === 'queued') this.begin({ db, op: 'flush', id: event.id, startMs: atMs, log: event.log })
        else if (event.stage === 'released') this.end('flush', event.id, atMs)
        return
      case 'flushFailed':
        if (!event.willRetry) this.end('flush', event.id, atMs, { error: event.error })
        return
      case 'compactionBegin': {
        const { id, reason, inputBytes } = event
        return this.begin({ db, op: 'compaction', id, startMs: atMs, reason, inputBytes })
      }
      case 'compactionEnd':
        return this.end('compaction', event.id, atMs, { outputBytes: event.outputBytes })
      case 'compactionFailed':
        return this.end('compaction', event.id, atMs, { error: event.error })
      case 'closed':
        return this.running.clear()
      default:
    }
  }

  private begin(context: JobContext): void {
    const job = context.op as Job
    const channels = CHANNELS[job]
    const isHeard = isTraced(channels)
    if (!isHeard && !this.database.marks) return
    this.running.set(`${job} ${context.id}`, context)
    if (isHeard) channels.start.runStores(context, () => channels.end.publish(context))
  }

  private end(job: Job, id: number, atMs: number, facts: Partial<JobContext> = {}): void {
    const context = this.running.get(`${job} ${id}`)
    if (context === undefined) return
    this.running.delete(`${job} ${id}`)
    const channels = CHANNELS[job]
    Object.assign(context, { durationMs: atMs - context.startMs }, facts)
    if (this.database.marks) measure(context, atMs)
    if (!isTraced(channels)) return
    if ('error' in facts) channels.error.publish(context)
    channels.asyncStart.publish(context)
    channels.asyncEnd.publish(context)
  }
}

/** Sets a measure that a profiler shows. It stays in the timeline's buffer until the program clears it. */
function measure({ op, id, startMs: start, ...detail }: JobContext, end: number): void {
  try {
    performance.measure(`varve ${op} #${id}`, { start, end, detail })
  } catch {
    // A clock of the caller's own may have times that are none of this timeline.
  }
}
