/**
 * What: the last events of a database, as plain data with numbers and times, for the page. Syncs that were quick are
 * only counted: there may be thousands a second.
 * Owns: the ring. Thread: main.
 */
import { VarveError } from '../base/index.js'
import { LatencyHistogram } from '../stats/index.js'
import type { EngineEvent, LatencyStats } from '../stats/index.js'

const EVENTS_MAX = 2000
/** A sync that takes longer is an event of its own. */
const SLOW_SYNC_MS = 100
const TEXT_MAX = 300

/** An event as the page gets it. */
export interface ToldEvent {
  /** Rises by one with each event. */
  readonly id: number
  /** When it was heard, in milliseconds since 1970. */
  readonly t: number
  readonly type: string
  readonly [field: string]: unknown
}

export class EventRing {
  private events: ToldEvent[] = []
  private nextId = 1
  private readonly syncs = new LatencyHistogram()

  /** Takes an event in; gives what is told of it, or null for one that is only counted. */
  add(event: EngineEvent, nowMs: number): ToldEvent | null {
    if (event.type === 'syncDone') {
      this.syncs.record(event.durationMs)
      if (event.durationMs < SLOW_SYNC_MS) return null
    }
    return this.push({ ...event }, nowMs)
  }

  /** Takes in what somebody did through the page. */
  addOwn(type: string, fields: Readonly<Record<string, unknown>>, nowMs: number): ToldEvent {
    return this.push({ ...fields, type }, nowMs)
  }

  private push(fields: Record<string, unknown>, nowMs: number): ToldEvent {
    const told: Record<string, unknown> = { id: this.nextId++, t: nowMs }
    for (const [name, value] of Object.entries(fields)) {
      // The number of a flush or compaction is not that of the event.
      told[name === 'id' ? 'job' : name] = name === 'error' ? errorText(value) : short(value)
    }
    told['text'] = textOf(told)
    if (this.events.length >= 2 * EVENTS_MAX) this.events = this.events.slice(-EVENTS_MAX)
    this.events.push(told as unknown as ToldEvent)
    return told as unknown as ToldEvent
  }

  /** The number of the last event; 0 before the first. */
  get lastId(): number {
    return this.nextId - 1
  }

  /** Events above this number, oldest first; `isWhole` is false when some of them are gone. */
  after(id: number): { events: readonly ToldEvent[]; isWhole: boolean } {
    const kept = this.events.slice(-EVENTS_MAX)
    return { events: kept.filter((event) => event.id > id), isWhole: id >= (kept[0]?.id ?? this.nextId) - 1 }
  }

  /** How long syncs of logs took since the inspector began. */
  syncTimes(): LatencyStats {
    return this.syncs.stats()
  }
}

const NOT_IN_TEXT = new Set(['id', 't', 'type'])

/** The fields, for people. */
function textOf(fields: Readonly<Record<string, unknown>>): string {
  const named = Object.entries(fields).filter(([name]) => !NOT_IN_TEXT.has(name))
  return named.map(([name, value]) => {
    const words = name.replace(/(Ms|Bytes)$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    if (typeof value !== 'number') return `${words} ${String(value)}`
    if (name.endsWith('Ms')) return `${words} ${value < 10 ? value.toFixed(2) : Math.round(value)} ms`
    return name.endsWith('Bytes') ? `${words} ${(value / 2 ** 20).toFixed(2)} MiB` : `${words} ${value}`
  }).join(', ')
}

function short(value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, TEXT_MAX) : value
}

function errorText(error: unknown): string {
  const message = String((error as Error | undefined)?.message ?? error)
  return (VarveError.is(error) ? `${error.code}: ${message}` : message).slice(0, TEXT_MAX)
}
