/**
 * What: a sync of the directory of an open database that a long call asks for. It is the engine's own directory: after
 * one that failed nobody knows which names a power loss leaves, and the next one might succeed without them.
 * Owns: nothing. Thread: main; the sync itself is a job.
 */
import { isDirectoryFailure } from '../tables/index.js'
import type { EngineCore } from './engine-core.js'

/** Makes the names in the directory durable. Rejects with IO_ERROR; then the database is FAILED. */
export async function syncNames(engine: EngineCore): Promise<void> {
  const { executor, dir } = engine.setup
  await syncingNames(engine, executor.submit({ kind: 'syncOutsideNames', input: { dir } }))
}

/** Syncs files of the directory, and then its names. Rejects with IO_ERROR; when it was the names, it is FAILED. */
export async function syncFilesAndNames(engine: EngineCore, names: readonly string[]): Promise<void> {
  const { executor, dir } = engine.setup
  await syncingNames(engine, executor.submit({ kind: 'syncFiles', input: { dir, names } }))
}

async function syncingNames(engine: EngineCore, sync: Promise<unknown>): Promise<void> {
  const onSynced = engine.deleter.syncingDirectory()
  try {
    await sync
    onSynced()
  } catch (error) {
    if (isDirectoryFailure(error)) engine.failForGood('directory sync', error)
    throw error
  }
}
