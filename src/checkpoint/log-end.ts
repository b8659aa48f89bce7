/**
 * What: waits until a log that takes nothing more is written and synced, so that a link to it is whole for ever.
 * Owns: nothing. Thread: main.
 */
import { isOutOfFiles, VarveError } from '../base/index.js'
import type { Engine, Operation } from '../engine/index.js'
import type { LastSync, LogFile } from '../wal/index.js'

/** Throws when a sync or the manifest failed: nobody knows then what is on the disk. */
export function checkNotFailed({ health }: Engine): void {
  if (health.state === 'FAILED' || health.state === 'CLOSED') health.checkWritable()
}

/** Waits for the end of a log from which the current one was rotated away, and gives it. */
export async function endOf(engine: Engine, log: LogFile, operation: Operation): Promise<number> {
  await operation.orEnd(log.whenSealed())
  checkNotFailed(engine)
  if (log.hasFailed) {
    throw new VarveError('IO_ERROR', `a write of ${log.name} failed while the checkpoint waited for it`, {
      file: log.name, hint: 'call checkpoint again: what was acknowledged is there',
    })
  }
  while (log.unsyncedBytes > 0) await syncToEnd(engine, log, operation)
  return log.writtenEnd
}

async function syncToEnd(engine: Engine, log: LogFile, operation: Operation): Promise<void> {
  operation.check()
  if (!engine.syncer.has(log)) {
    await operation.orEnd(engine.syncer.rested(log))
    checkNotFailed(engine)
    return log.unsyncedBytes > 0 ? syncDropped(engine, log) : undefined
  }
  const whenSynced = new Promise<LastSync>((tell) => engine.syncer.whenSynced(log, log.writtenEnd, tell))
  const lastSync = await operation.orEnd(whenSynced)
  if (lastSync !== 'never' || !engine.syncer.has(log)) return
  engine.health.checkWritable()
  throw new VarveError('CLOSED', `${log.name} was not synced to its end`)
}

/**
 * Syncs a log whose entries are in tables by now, so that nobody else does. It is the database's own file: a sync that
 * fails ends writing, since the next one might succeed without the bytes that this one lost.
 */
async function syncDropped(engine: Engine, log: LogFile): Promise<void> {
  const { executor, dir } = engine.setup
  try {
    await executor.submit<null>({ kind: 'syncFiles', input: { dir, names: [log.name] }, priority: 1 })
  } catch (error) {
    if (!isOutOfFiles(error)) engine.failForGood('background sync', error)
    throw error
  }
  log.noteSynced()
}
