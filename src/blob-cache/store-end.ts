/**
 * What: how a store ends: all that was put is written and synced, what is under way is waited for, a snapshot of the
 * index is left, the directory is let go.
 * Thread: main.
 */
import type { BlobPuts } from './blob-puts.js'
import { leaveSnapshot } from './snapshot-writer.js'
import type { SnapshotParts } from './snapshot-writer.js'
import type { StoreDisk } from './store-disk.js'

export interface EndingStore extends SnapshotParts {
  puts: BlobPuts
  disk: StoreDisk
  /** True when nothing has failed, so that what is known is what is on the disk. */
  isSound: () => boolean
}

/** Ends a store, whatever fails; `onError` is told what did. */
export async function endStore(store: EndingStore, onError: (error: unknown) => void): Promise<void> {
  const { puts, place, isSound, disk: { streams, catalog, remover, mover, segments } } = store
  await puts.end()
  await streams.makeSafe()
  await catalog.killed().catch(onError)
  await remover.end()
  await mover.close()
  await streams.close()
  if (isSound()) await leaveSnapshot(store)
  await catalog.end().catch(onError)
  await segments.endHolds()
  await segments.close()
  place.vfs.end()
  await place.lock.release().catch(onError)
}
