/**
 * What: reactions to a compaction that failed, to one that works again, and to a quiet time. No state.
 * Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { CompactionTask } from '../compaction/index.js'
import type { EngineCore } from './engine-core.js'

const PLACE = 'compaction'
/**
 * After this many failures, as many as a flush is tried, writers that wait for a compaction are told why it does not
 * come.
 */
const FAILURES_MAX = 3
const QUIET_TOMBSTONES_MIN = 4096

/**
 * A compaction failed, and nothing has changed. A corrupt table stays where it is, and the state says so until the next
 * open.
 */
export function onCompactionFailed(engine: EngineCore, task: CompactionTask, error: unknown, willRetry: boolean): void {
  const { compactor, health, setup, stalls } = engine
  setup.events.emit({ type: 'compactionFailed', id: task.id, willRetry, error })
  const file = VarveError.is(error) ? error.file ?? '' : ''
  // Without this, writers that wait would wait for an unknown time.
  const mustTell = stalls.isStopped && compactor.failuresInRow >= FAILURES_MAX
  if (!willRetry) health.degradeForGood(`compaction of ${file}`, error)
  else if (mustTell) engine.stopWrites(PLACE, error)
  else health.raise('DEGRADED', PLACE, error)
  stalls.assess()
}

/** A compaction has written tables. Writes that were refused because compactions failed come back by themselves. */
export function onCompactionMended({ health, resumer }: EngineCore): void {
  health.recoverFrom(PLACE)
  if (health.state !== 'READ_ONLY' || health.causePlace !== PLACE) return
  void resumer.resume().catch(() => undefined) // reported by the state, which stays
}

/**
 * Flushes tombstones in a quiet time: they give no space back while they wait in memory for writes that do not come.
 */
export function onQuiet(engine: EngineCore): void {
  const { memtable } = engine.pipeline.current
  if (memtable.tombstoneCount < QUIET_TOMBSTONES_MIN || engine.isClosing || engine.health.state !== 'OPEN') return
  void engine.flush().catch(() => undefined) // reported by an event and the state
}
