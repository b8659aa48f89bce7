/**
 * What: ends a database in order: streamed values that are not whole are given up, writes that wait are written → flush
 * → no more writes → users' iterators and snapshots end → log synced, its end in the manifest → background work ends →
 * manifest marked and closed → reads of large values that go on are answered → handles, lock. Every operation is tried,
 * whatever failed before; the lock is released in any case; the caller hears the first error.
 * Thread: main.
 */
import { runAsync, VarveError } from '../base/index.js'
import { isOfLoss } from './directory-watch.js'
import type { VersionEdit } from '../manifest/index.js'
import type { EngineCore } from './engine-core.js'
import { flushLast, refuseWrites } from './flush-all.js'

type Attempt = (act: () => Promise<unknown>) => Promise<void>

export async function closeEngine(engine: EngineCore): Promise<void> {
  const { health, setup } = engine
  engine.watch.look()
  const cause = isWritable(engine) || isOfLoss(health.cause) ? null : health.cause
  const failures: unknown[] = isWritable(engine) ? [] : [health.cause]
  const attempt: Attempt = async (act) => {
    try {
      await act()
    } catch (error) {
      failures.push(error)
    }
  }
  await attempt(() => endInOrder(engine, attempt))
  engine.watch.look()
  const { isRemoved } = setup.vfs
  health.close()
  setup.vfs.end()
  await attempt(() => setup.lock.release())
  setup.events.emit({ type: 'closed', manifest: engine.versions.manifest.name })
  // Where the whole directory was removed, a failure of the close means nothing: only what went wrong before is
  // reported.
  if (isRemoved ? cause !== null : failures.length > 0) throw isRemoved ? cause : failures[0]
}

function isWritable({ health }: EngineCore): boolean {
  return health.state === 'OPEN' || health.state === 'DEGRADED'
}

async function endInOrder(engine: EngineCore, attempt: Attempt): Promise<void> {
  const { health, pipeline, syncer } = engine
  let lastWords: VersionEdit = {}
  engine.setup.patience.hurry()
  await attempt(() => engine.streams.end())
  await attempt(() => engine.operations.close())
  await attempt(() => pipeline.settled())
  if (isWritable(engine) && engine.options.flushOnClose) await attempt(() => flushLast(engine))
  refuseWrites(engine)
  engine.expiry.stop()
  engine.iterators.cut()
  for (const resource of [...engine.resources]) resource.cut()
  if (isWritable(engine)) await engine.compactor.windUp()
  engine.compactor.suspend()
  await engine.compactor.resting()
  engine.resumer.stop()
  engine.stalls.stop()
  await attempt(() => pipeline.idle())
  if (isWritable(engine)) {
    await attempt(() => syncer.waitFor(engine.visibleSeqNum))
    await attempt(() => engine.heldEdits.whenSettled())
    pipeline.current.log.isSealed = pipeline.current.isUsed
    if (isWritable(engine)) {
      await attempt(async () => (lastWords = { ...await engine.versions.end(), ...engine.expiry.lastWords() }))
    }
  }
  await endBackgroundWork(engine)
  const { manifest } = engine.versions
  await attempt(() => runAsync(health.state === 'FAILED' ? manifest.close() : manifest.closeClean(lastWords)))
  for (const log of engine.openLogs.values()) await attempt(() => log.close())
  await engine.iterators.valueReads.idle()
  engine.state.release()
  for (const memtable of [...engine.immutables, pipeline.current.memtable]) memtable.release()
  engine.setup.tables.closeUnused() // a table whose edit failed
  await Promise.all([engine.setup.tables.idle(), ...engine.closingLogs])
}

/** Ends background work: afterwards no job runs, no timer is set and no sync is in flight. */
async function endBackgroundWork(engine: EngineCore): Promise<void> {
  const closed = new VarveError('CLOSED', 'the database was closed before this was synced')
  engine.flusher.suspend(closed)
  engine.heldEdits.stop()
  // Work that has begun goes on to a point where it rests, or its next job would find the executor closed.
  await engine.flusher.resting()
  engine.flusher.abandonBuilt()
  await engine.resumer.idle()
  await engine.heldEdits.idle()
  await engine.versions.idle()
  engine.syncer.stop(closed)
  await engine.syncer.idle()
  await engine.buffers.close()
  await engine.deleter.idle()
  engine.deleter.stop()
  await engine.setup.executor.close()
}
