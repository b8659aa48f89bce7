/**
 * What: the page "now": the statistics, and one sentence about what limits writes at the moment.
 * Thread: main (pure).
 */
import type { Stats } from '../stats/index.js'
import type { Watch } from './watch.js'

/** Syncs that take more than this share of the time limit writes. */
const SYNC_SHARE = 0.5

export function nowView(watch: Watch): object {
  const { stats, samples, subject, refreshFailure, sinceMs } = watch
  const rows = samples.after(0)
  const [before, last] = [rows.at(-2), rows.at(-1)]
  return {
    stats, sinceMs, isLive: subject.engine !== null, refreshFailure, limit: limitText(stats, before, last),
    syncTimes: watch.events.syncTimes(),
  }
}

/** One sentence, for people. */
export function limitText(stats: Stats, before: readonly number[] | undefined, last: readonly number[] | undefined): string {
  const { database, backgroundError, writeStall, flush } = stats
  if (database.isReadOnly) return 'This is a view of the files. Only the process that writes knows what limits its writes.'
  if (database.state === 'READ_ONLY' || database.state === 'FAILED') {
    return `Writes are refused since ${backgroundError?.place ?? 'something'} failed: ${backgroundError?.message ?? ''}`
  }
  if (database.state === 'CLOSED') return 'The database is closed.'
  if (writeStall.state === 'stopped') return `Writers wait: ${writeStall.reason ?? ''}.`
  if (writeStall.state === 'slow') return `Writers go at the pace of background work: ${writeStall.reason ?? ''}.`
  if (before === undefined || last === undefined) return 'Nothing holds writes back.'
  const [ms, written, syncMs] = [last[0]! - before[0]!, last[1]! - before[1]!, last[7]! - before[7]!]
  if (written === 0) return 'Nothing is being written.'
  if (ms > 0 && syncMs / ms > SYNC_SHARE) {
    return `Syncs of the log take ${Math.round((100 * syncMs) / ms)} % of the time: writes with sync wait for them.`
  }
  if (flush.queue > 0) return `Nothing holds writes back yet: ${flush.queue} memtables wait for their build.`
  return 'Nothing holds writes back.'
}
