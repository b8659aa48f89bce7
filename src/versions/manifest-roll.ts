/**
 * What: makes a manifest that holds one whole version, and lets the marker name it.
 * Used at open, when the manifest has grown long, and at resume.
 * Thread: main.
 * Invariants: MAN-22 manifest synced → directory synced → marker created → directory
 * synced; only then older manifests are obsolete.
 */
import { VarveError } from '../base/index.js'
import type { FileNum, FileOrigin, Steps } from '../base/index.js'
import { moveMarker } from '../directory/index.js'
import { createManifest, removeQuietly } from '../manifest/index.js'
import type { ManifestLog, Version } from '../manifest/index.js'
import type { Vfs } from '../vfs/index.js'

export interface ManifestContext extends FileOrigin {
  vfs: Vfs
  dir: string
}

export function* writeManifest(place: ManifestContext, fileNum: FileNum, version: Version): Steps<ManifestLog> {
  const { vfs, dir, ...origin } = place
  const log = yield* createManifest(vfs, dir, { ...origin, fileNum }, version)
  try {
    yield* moveMarker(vfs, dir, fileNum)
  } catch (error) {
    yield* log.close()
    const mayCount = VarveError.is(error) && error.code === 'COMMIT_UNKNOWN'
    if (!mayCount) yield* removeQuietly(vfs, vfs.join(dir, log.name))
    throw error
  }
  yield* log.fillAhead(vfs, dir)
  return log
}
