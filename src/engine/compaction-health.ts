/**
 * What: reactions to a compaction that failed, to one that works again, and to a quiet time. No state.
 * Thread: main.
 */
import { MiB, VarveError } from '../base/index.js'
import type { CompactionTask } from '../compaction/index.js'
import type { Memtable } from '../memtable/index.js'
import type { EngineCore } from './engine-core.js'

const PLACE = 'compaction'
/**
 * After this many failures, as many as a flush is tried, writers that wait for a compaction are told why it does not
 * come.
 */
const FAILURES_MAX = 3
const QUIET_TOMBSTONES_MIN = 4096
/** Bytes of values that a memtable may hide, and their share of all in value logs, from which on it is flushed. */
const QUIET_VALUE_BYTES_MIN = MiB
const QUIET_VALUE_SHARE_MIN = 0.01

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
 * Flushes in a quiet time what gives no space back while it waits in memory for writes that do not come: many
 * tombstones, range tombstones, and entries that may hide large values.
 */
export function onQuiet(engine: EngineCore): void {
  if (engine.isClosing || engine.health.state !== 'OPEN') return
  const { memtable } = engine.pipeline.current
  const mayFree = memtable.tombstoneCount >= QUIET_TOMBSTONES_MIN || memtable.spanCount > 0
  if (!mayFree && !mayHideValues(engine, memtable)) return
  void engine.flush().catch(() => undefined) // reported by an event and the state
}

/**
 * A memtable does not look at what is below it. At most each tombstone and each large put hides one value of the mean
 * length; a put in a tree of large values is likely to be large, and no more of them are than fit into its bytes.
 */
function mayHideValues({ versions, options }: EngineCore, memtable: Memtable): boolean {
  const { valueLogs } = versions.current
  if (valueLogs.size === 0) return false
  let [count, bytes] = [0, 0]
  for (const { liveCount, liveBytes } of valueLogs.values()) {
    count += liveCount
    bytes += liveBytes
  }
  const { tombstoneCount, entryCount, start, publishedEnd } = memtable
  const { valueThreshold } = options
  const largeMax = valueThreshold === 0 ? 0 : Math.floor((publishedEnd - start) / valueThreshold)
  const hiddenMax = tombstoneCount + Math.min(entryCount - tombstoneCount, largeMax)
  return count > 0 && hiddenMax * (bytes / count) >= Math.max(QUIET_VALUE_BYTES_MIN, QUIET_VALUE_SHARE_MIN * bytes)
}

/**
 * What a collection may write: as long as writes are taken, two write buffers stay free for them. Otherwise all that is
 * free helps to give space back.
 */
export async function roomForValues({ setup, options, health }: EngineCore): Promise<number> {
  const free = await setup.vfs.freeBytes(setup.dir)
  return health.state === 'READ_ONLY' ? free : free - 2 * options.writeBufferSize
}
