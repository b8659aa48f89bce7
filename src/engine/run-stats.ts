/**
 * What: statistics of one life of the process, saved with the database as JSON text that the manifest does not look
 * into: at a close, and when a new manifest is begun. So `varve stats` on a closed database shows how flushes went.
 * Thread: any (pure). A crash loses the text, or it is of another version: then there is none, never an error.
 */
import type { Clock } from '../base/index.js'
import type { Flusher } from '../flush/index.js'
import { emptyStageStats } from '../stats/index.js'
import type { FlushStats, LastRunStats, StageStats } from '../stats/index.js'

const VERSION = 1
/** Our text has less than 1 KiB; more is not parsed. */
const TEXT_LENGTH_MAX = 16 * 1024
const STAGES = ['wait', 'build', 'install', 'release'] as const
const STAGE_NUMBERS = ['count', 'totalMs', 'lastMs', 'maxMs', 'avgMs'] as const
const COUNTS = ['completed', 'failed', 'retried'] as const
const NUMBERS = ['generation', 'savedMs', 'stallCount', 'stallMs'] as const

/** Statistics of flushes; `held` is the number of edits that are not durable yet. */
export function flushStats(flusher: Flusher, held: number): FlushStats {
  const queue = flusher.queue.countInStage('queued')
  return {
    pending: flusher.queue.length, queue, active: flusher.queue.length - queue, held,
    completed: flusher.completedCount, failed: flusher.failedCount, retried: flusher.retriedCount,
    wait: flusher.waitTimes.stats(), build: flusher.buildTimes.stats(),
    install: flusher.installTimes.stats(), release: flusher.releaseTimes.stats(),
  }
}

/** The engine, as far as these statistics come from it. */
export interface RunStatsSource {
  readonly flusher: Flusher
  readonly stalls: { stats(): { stallCount: number; totalMs: number } }
  readonly options: { readonly clock: Clock }
  readonly setup: { readonly lock: { readonly generation: number } }
}

/** The text to save; '' before the first flush, since the run before is still the one to tell of. */
export function runStatsText({ flusher, stalls, options, setup }: RunStatsSource): string {
  const { completed, failed, retried, wait, build, install, release } = flushStats(flusher, 0)
  if (wait.count === 0) return ''
  const { stallCount, totalMs } = stalls.stats()
  return encodeRunStats({
    generation: setup.lock.generation,
    savedMs: options.clock.wallMs(),
    stallCount, stallMs: totalMs,
    flush: { completed, failed, retried, wait, build, install, release },
  })
}

export function encodeRunStats(stats: LastRunStats): string {
  // Microseconds are enough, and shorter.
  const round = (_name: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
  return JSON.stringify({ version: VERSION, ...stats }, round)
}

/** Takes known numbers into a fresh object; null when the text is not what we write. */
export function decodeRunStats(text: string): LastRunStats | null {
  if (text === '' || text.length > TEXT_LENGTH_MAX) return null
  try {
    const raw = record(JSON.parse(text))
    if (raw['version'] !== VERSION) return null
    const stats: LastRunStats = {
      generation: 0, savedMs: 0, stallCount: 0, stallMs: 0,
      flush: {
        completed: 0, failed: 0, retried: 0,
        wait: emptyStageStats(), build: emptyStageStats(), install: emptyStageStats(), release: emptyStageStats(),
      },
    }
    for (const name of NUMBERS) stats[name] = number(raw[name])
    const flush = record(raw['flush'])
    for (const name of COUNTS) stats.flush[name] = number(flush[name])
    for (const name of STAGES) stats.flush[name] = stageStats(record(flush[name]))
    return stats
  } catch {
    return null
  }
}

function stageStats(raw: Record<string, unknown>): StageStats {
  const stats = emptyStageStats()
  for (const name of STAGE_NUMBERS) stats[name] = number(raw[name])
  return stats
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('not an object')
  return value as Record<string, unknown>
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new TypeError('not a count')
  return value
}
