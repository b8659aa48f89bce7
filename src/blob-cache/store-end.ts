/**
 * What: how a store ends: all that was put is written and synced, what is under way is waited for, a snapshot of the
 * index is left, the directory is let go.
 * Thread: main.
 */
import type { BlobMover } from './blob-mover.js'
import type { BlobPuts } from './blob-puts.js'
import type { SegmentRemover } from './segment-remover.js'
import type { SegmentSet } from './segment-set.js'
import type { SegmentStreams } from './segment-streams.js'
import { leaveSnapshot } from './snapshot-writer.js'
import type { SnapshotParts } from './snapshot-writer.js'

export interface EndingStore extends SnapshotParts {
  puts: BlobPuts
  streams: SegmentStreams
  remover: SegmentRemover
  mover: BlobMover
  segments: SegmentSet
  /** True when nothing has failed, so that what is known is what is on the disk. */
  isSound: () => boolean
}

/** Ends a store, whatever fails; `onError` is told what did. */
export async function endStore(store: EndingStore, onError: (error: unknown) => void): Promise<void> {
  const { puts, streams, catalog, remover, mover, segments, place, isSound } = store
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
