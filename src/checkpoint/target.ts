/**
 * What: completes the directory that a checkpoint becomes: manifest, names, marker, names, and the name of it all, each
 * durable before the next.
 * Owns: nothing. Thread: main.
 * Invariants: CP-4 the target appears whole or not at all. CP-5 what has the name is durable.
 */
import { runAsync, VarveError } from '../base/index.js'
import type { FileNum, FileOrigin } from '../base/index.js'
import { moveMarker } from '../directory/index.js'
import type { NewDirectory } from '../directory/index.js'
import { createManifest } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'

/** Requires: the files of the version are there, and synced. */
export async function finishTarget(
  target: NewDirectory, origin: FileOrigin, manifestNum: FileNum, version: Version,
): Promise<void> {
  const { vfs, dir } = target
  const manifest = await runAsync(createManifest(vfs, dir, { ...origin, fileNum: manifestNum }, version))
  await runAsync(manifest.close())
  try {
    await runAsync(moveMarker(vfs, dir, manifestNum))
  } catch (error) {
    // Nobody opens the directory before it has its name, so it does not matter whether the marker is there.
    throw VarveError.is(error) && error.code === 'COMMIT_UNKNOWN' ? error.cause : error
  }
  await target.takeName()
}
