/**
 * What: the page "now": the statistics, and one sentence about what limits writes at the moment.
 * Thread: main (pure).
 */
import type { Stats } from '../stats/index.js'
import { SAMPLE_FIELDS } from './samples.js'
import type { Watch } from './watch.js'

/** Syncs that take more than this share of the time limit writes. */
const SYNC_SHARE = 0.5
/** A thread that is busy for more than this share of the time limits all that wants to run on it. */
const THREAD_SHARE = 0.9

const column = (name: string): number => SAMPLE_FIELDS.indexOf(name)

export function nowView(watch: Watch): object {
  const { stats, samples, subject, refreshFailure, sinceMs } = watch
  const rows = samples.after(0)
  const [before, last] = [rows.at(-2), rows.at(-1)]
  const perSecond = (at: number): number | null => {
    if (before === undefined || last === undefined) return null
    return (1000 * (last[at]! - before[at]!)) / Math.max(1, last[0]! - before[0]!)
  }
  const { getCount, hitCount } = stats.reads
  const syncTimes = watch.events.syncTimes()
  return {
    // Of the view that the inspector opened itself these would be its own memory and its own waiting.
    stats: subject.isOwn ? { ...stats, memory: {}, writeStall: {} } : stats,
    sinceMs, isLive: subject.engine !== null, mood: moodOf(stats, threadShare(before, last)),
    limit: refreshFailure === '' ? limitText(stats, before,
      last) : `The last look at the files failed: ${refreshFailure}`,
    syncTimes: syncTimes.count === 0 ? { count: 0, p99Ms: null } : syncTimes,
    rates: {
      writes: perSecond(column('seq')), reads: perSecond(column('gets')), log: perSecond(column('walBytes')),
      found: getCount === 0 ? null : hitCount / getCount,
    },
    tables: {
      count: stats.levels.reduce((sum, { tableCount }) => sum + tableCount, 0),
      bytes: stats.levels.reduce((sum, { tableBytes }) => sum + tableBytes, 0),
    },
  }
}

/** How the sentence is coloured. */
function moodOf(
  { database: { state, isReadOnly }, writeStall }: Stats, busy: number,
): 'good' | 'warn' | 'bad' | 'soft' {
  if (isReadOnly || state === 'CLOSED') return 'soft'
  if (state === 'READ_ONLY' || state === 'FAILED' || writeStall.state === 'stopped') return 'bad'
  return state === 'DEGRADED' || writeStall.state === 'slow' || busy > THREAD_SHARE ? 'warn' : 'good'
}

/** The share of the time in which the thread did something, between two samples. */
function threadShare(before: readonly number[] | undefined, last: readonly number[] | undefined): number {
  if (before === undefined || last === undefined || last[0]! <= before[0]!) return 0
  const at = column('threadMs')
  return Math.min(1, (last[at]! - before[at]!) / (last[0]! - before[0]!))
}

/** One sentence, for people. */
function limitText(stats: Stats, before: readonly number[] | undefined,
  last: readonly number[] | undefined): string {
  const { database, backgroundError, writeStall, flush } = stats
  if (database.isReadOnly) return 'A view of the files: only the process that writes knows what limits its writes.'
  if (database.state === 'READ_ONLY' || database.state === 'FAILED') {
    return `Writes are refused since ${backgroundError?.place ?? 'something'} failed: ${backgroundError?.message ?? ''}`
  }
  if (database.state === 'CLOSED') return 'The database is closed.'
  if (writeStall.state === 'stopped') return `Writers wait: ${writeStall.reason ?? ''}.`
  if (writeStall.state === 'slow') return `Writers go at the pace of background work: ${writeStall.reason ?? ''}.`
  if (before === undefined || last === undefined) return 'Nothing holds writes back.'
  const [ms, written, syncMs] = ['t', 'seq', 'syncMs'].map((name) =>
    last[column(name)]! - before[column(name)]!) as [number, number, number]
  const busy = threadShare(before, last)
  // This comes before syncs: what waits for the thread makes them look long, too.
  if (busy > THREAD_SHARE) {
    const share = `${Math.round(100 * busy)} %`
    return `The program's thread is busy for ${share} of the time: calls wait for it. A profiler says why.`
  }
  if (written === 0) return 'Nothing is being written.'
  if (ms > 0 && syncMs / ms > SYNC_SHARE) {
    return `Syncs of the log take ${Math.round((100 * syncMs) / ms)} % of the time: writes with sync wait for them.`
  }
  if (flush.queue > 0) return `Nothing holds writes back yet: ${flush.queue} memtables wait for their build.`
  return 'Nothing holds writes back.'
}
