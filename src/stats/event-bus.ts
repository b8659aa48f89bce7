/**
 * What: hands events to listeners, and to the platform's channels, in order, from a microtask: never inside the
 * engine's sync functions, where user code must not run.
 * Owns: the listeners, events not handed out yet.
 * Thread: main.
 * Invariants: a listener that throws harms nobody: its error is reported to all others once, then only counted.
 */
import { callContained } from '../base/index.js'
import type { EngineEvent, EventListener } from './events.js'
import { JobTraces } from './job-traces.js'
import type { TracedDatabase } from './job-traces.js'

/** At most this many events wait. A caller that never lets microtasks run must not fill the memory: the oldest go. */
const WAITING_MAX = 4096

export class EventBus {
  emittedCount = 0
  droppedCount = 0
  listenerErrorCount = 0
  private listeners: readonly EventListener[]
  private readonly failedListeners = new WeakSet<EventListener>()
  private readonly traces: JobTraces | null
  private waiting: { event: EngineEvent; atMs: number }[] = []
  private isDue = false

  /** `database` says whose events these are; without it the platform's channels do not hear of them. */
  constructor(listener: EventListener | null = null, database: TracedDatabase | null = null) {
    this.listeners = listener === null ? [] : [listener]
    this.traces = database === null ? null : new JobTraces(database)
  }

  /** Adds a listener of events that are emitted from now on. Returns the function that removes it. */
  subscribe(listener: EventListener): () => void {
    // Each subscription has a function of its own, even when it is the same listener twice.
    const own: EventListener = (event) => listener(event)
    this.listeners = [...this.listeners, own]
    return () => {
      this.listeners = this.listeners.filter((each) => each !== own)
    }
  }

  /** Hands an event to the listeners, and costs next to nothing when there are none. */
  emit(event: EngineEvent): void {
    this.emittedCount++
    const { traces } = this
    const isTraced = traces?.isOn === true
    if (this.listeners.length === 0 && !isTraced) return
    if (this.waiting.length >= WAITING_MAX) {
      this.waiting.shift()
      this.droppedCount++
    }
    this.waiting.push({ event, atMs: isTraced ? traces.nowMs() : 0 })
    if (this.isDue) return
    this.isDue = true
    queueMicrotask(() => this.handOut())
  }

  private handOut(): void {
    this.isDue = false
    const events = this.waiting
    this.waiting = []
    for (const { event, atMs } of events) {
      for (const listener of this.listeners) this.tell(listener, event)
      if (this.traces?.isOn === true) this.traces.note(event, atMs)
    }
  }

  private tell(listener: EventListener, event: EngineEvent): void {
    callContained(() => listener(event), (error) => this.noteFailure(listener, error))
  }

  private noteFailure(listener: EventListener, error: unknown): void {
    this.listenerErrorCount++
    if (this.failedListeners.has(listener)) return
    this.failedListeners.add(listener)
    this.emit({ type: 'listenerError', error })
  }
}
