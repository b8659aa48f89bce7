/**
 * What: how a store ends: all that was put is written and synced, what is under way is waited for, the directory is let
 * go.
 * Thread: main.
 */
import type { BlobMover } from './blob-mover.js'
import type { BlobPuts } from './blob-puts.js'
import type { LockedDirectory } from './cache-directory.js'
import type { CatalogWriter } from './catalog-writer.js'
import type { SegmentRemover } from './segment-remover.js'
import type { SegmentSet } from './segment-set.js'
import type { SegmentStreams } from './segment-streams.js'

export interface EndingStore {
  puts: BlobPuts
  streams: SegmentStreams
  catalog: CatalogWriter
  remover: SegmentRemover
  mover: BlobMover
  segments: SegmentSet
  place: LockedDirectory
}

/** Ends a store, whatever fails; `onError` is told what did. */
export async function endStore(store: EndingStore, onError: (error: unknown) => void): Promise<void> {
  const { puts, streams, catalog, remover, mover, segments, place } = store
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
