/**
 * What: ends a database in order: flush → no more writes → users' iterators and snapshots end → log
 * synced, its end in the manifest → background work ends → manifest marked and closed → handles, lock.
 * Every step is tried, whatever failed before; the first error is what the caller hears.
 * Thread: main.
 */
import { manifestFileName, runAsync, VarveError } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

export async function closeEngine(engine: EngineCore): Promise<void> {
  const { health, pipeline, syncer } = engine
  const failures: unknown[] = []
  const attempt = async (step: () => Promise<unknown>) => {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  engine.parts.patience.hurry()
  const isWritable = () => health.state === 'OPEN' || health.state === 'DEGRADED'
  if (!isWritable()) failures.push(health.cause)
  await attempt(() => pipeline.idle())
  if (isWritable() && engine.options.flushOnClose) await attempt(() => engine.flush())
  engine.isClosing = true
  pipeline.waiting.rejectAll(new VarveError('CLOSED', 'the database was closed before this was written'))
  for (const resource of [...engine.resources]) resource.cut()
  engine.compactor.suspend()
  await engine.compactor.resting()
  engine.resumer.stop()
  engine.stalls.stop()
  await attempt(() => pipeline.idle())
  if (isWritable()) {
    await attempt(() => syncer.waitFor(engine.visibleSeqNum))
    await attempt(() => engine.heldEdits.whenSettled())
    pipeline.current.log.isSealed = true
    // Where the logs end is known only now, and so are the times of the last flush: they ride with this edit.
    if (isWritable()) await attempt(() => engine.versions.appended({}))
  }
  await endBackgroundWork(engine)
  const { manifest } = engine.versions
  await attempt(() => runAsync(health.state === 'FAILED' ? manifest.close() : manifest.closeClean()))
  for (const log of engine.openLogs.values()) await attempt(() => log.file.close())
  health.raise('CLOSED', '', null)
  engine.state.release()
  for (const memtable of [...engine.immutables, pipeline.current.memtable]) memtable.release()
  engine.parts.tables.closeUnused() // a table whose edit failed
  await Promise.all([engine.parts.tables.idle(), ...engine.closingLogs])
  await attempt(() => engine.parts.lock.release())
  engine.parts.events.emit({ type: 'closed', manifest: manifestFileName(manifest.fileNum) })
  if (failures.length > 0) throw failures[0]
}

/** After this no job runs, no timer is set and no sync is in flight. */
async function endBackgroundWork(engine: EngineCore): Promise<void> {
  const closed = new VarveError('CLOSED', 'the database was closed before this was synced')
  engine.flusher.suspend(closed)
  engine.heldEdits.stop()
  // What has begun goes on to where it rests: its next step must not find the executor closed.
  await engine.flusher.resting()
  await engine.resumer.idle()
  await engine.heldEdits.idle()
  await engine.versions.idle()
  engine.syncer.stop(closed)
  await engine.syncer.idle()
  await engine.buffers.close()
  await engine.deleter.idle()
  engine.deleter.stop()
  await engine.parts.executor.close()
}
