/**
 * What: how a store ends: all that was put is written and synced, what is under way is waited for, the directory is let
 * go.
 * Thread: main.
 */
import type { BlobPuts } from './blob-puts.js'
import type { LockedDirectory } from './cache-directory.js'
import type { StoreDisk } from './store-disk.js'

export interface EndingStore {
  puts: BlobPuts
  disk: StoreDisk
  place: LockedDirectory
}

/** Ends a store, whatever fails; `onError` is told what did. */
export async function endStore(store: EndingStore, onError: (error: unknown) => void): Promise<void> {
  const { puts, place, disk: { streams, catalog, remover, mover, segments } } = store
  await puts.end()
  await streams.makeSafe()
  await catalog.killed().catch(onError)
  await remover.end()
  await mover.close()
  await streams.close()
  await catalog.end().catch(onError)
  await segments.endHolds()
  await segments.close()
  place.vfs.end()
  await place.lock.release().catch(onError)
}
