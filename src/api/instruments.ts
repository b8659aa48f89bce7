/**
 * What: what those who measure a database hang themselves into: calls of which some are measured, and events.
 * Thread: main. No state.
 */
import type { Clock } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import type { EventListener, SampledLatency } from '../stats/index.js'
import { readersOf } from './varve-reads.js'
import type { VarveReads } from './varve-reads.js'

/** The measured calls and the events of one database. */
export interface Instruments {
  readonly clock: Clock
  readonly get: SampledLatency
  readonly step: SampledLatency
  /** Null for a database that is only read. */
  readonly commit: SampledLatency | null
  /** Adds a listener of events, and gives the function that removes it. A database that is only read has none. */
  subscribe(listener: EventListener): () => void
}

export function instrumentsOf(db: VarveReads): Instruments {
  const { view, reads } = readersOf(db)
  // By what it has: a program may have the package twice, as modules and as CommonJS.
  const engine = 'flusher' in view ? (view as unknown as Engine) : null
  return {
    clock: view.clock, get: reads.latency, step: view.iterators.steps, commit: engine?.pipeline.writer.latency ?? null,
    subscribe: (listener) => engine?.setup.events.subscribe(listener) ?? (() => undefined),
  }
}
