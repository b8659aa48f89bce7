/**
 * What: what keeps old history and files alive: snapshots, walks, pins, long calls; and which logs and value logs there
 * are, and who needs them.
 * Thread: main; reads only.
 */
import { pinsOf } from '../manifest/index.js'
import type { Subject } from './subject.js'
import type { Watch } from './watch.js'

/** The most value logs that are listed. */
const FILES_MAX = 500

export function holdersView({ subject, stats }: Watch): object {
  const { engine, version, view } = subject
  const visible = view.visibleSeqNum
  const snapshots = (engine ?? (view as unknown as { snapshots: NonNullable<typeof engine>['snapshots'] })).snapshots
  const kept = engine?.logPins.keptLogs ?? []
  return {
    visibleSeq: visible,
    snapshots: snapshots.held().map(({ seqNum, holderCount, ageMs }) => {
      return { seqNum, holderCount, ageMs, writesSince: visible - seqNum }
    }),
    iterators: stats.iterators,
    pins: [...version.pins].map(([name, firstLog]) => {
      const logs = kept.filter(({ fileNum }) => fileNum >= firstLog)
      return { name, firstLog, logs: logs.length, bytes: logs.reduce((sum, { bytes }) => sum + bytes, 0) }
    }),
    operations: stats.operations,
    holds: stats.files.holds,
    valueLogs: stats.valueLog.files.filter(({ heldBy }) => heldBy !== 'table'),
    tablesHeld: stats.files.heldCount, deletesWaiting: stats.files.deleteWaitingCount,
    oldVersions: version.levels.reduce((sum, { tables }) => sum + tables.reduce((n, t) => n + t.hiddenCount, 0), 0),
  }
}

export function logsView({ subject, stats }: Watch): object {
  const { version } = subject
  return {
    logs: logsOf(subject).map((log) => ({ ...log, pins: pinsOf(log.num, version.pins).join(', ') })), wal: stats.wal,
    logPointer: version.logPointer, values: stats.valueLog,
    files: [...stats.valueLog.files].sort((a, b) => b.garbageBytes - a.garbageBytes).slice(0, FILES_MAX).map((file) => {
      return { ...file, kind: file.isLog ? 'promoted log' : 'value log', share: file.garbageBytes / file.fileBytes }
    }),
  }
}

function logsOf({ engine, version }: Subject): { num: number; bytes: number; use: string }[] {
  if (engine === null) {
    return [...version.logs.values()].map(({ fileNum, bytes }) => ({ num: fileNum, bytes,
      use: 'listed by the manifest' }))
  }
  const current = engine.pipeline.current.log.fileNum
  const waiting = new Set(engine.flusher.queue.logs)
  const open = [...engine.openLogs.values()].map((log) => {
    const { fileNum, writtenEnd } = log
    const use = fileNum === current ? 'takes writes' : waiting.has(fileNum) ?
      'its memtable is on the way into a table' :
      'its table is not durable yet'
    return { num: fileNum, bytes: writtenEnd, use }
  })
  const kept = engine.logPins.keptLogs.map(({ fileNum, bytes }) => ({ num: fileNum, bytes, use: 'a pin keeps it' }))
  return [...kept, ...open].sort((a, b) => b.num - a.num)
}
