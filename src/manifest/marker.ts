/**
 * What: the marker, a file that is all name (`marker.000003.000012`: iteration 3, manifest 12). It
 * says which manifest counts; the highest iteration wins, so older markers left behind do no harm.
 * After Pebble's atomic marker.
 * Thread: main; the caller holds the directory's lock.
 * Invariants:
 *   MAN-12  a marker is created only when its manifest, name included, survives power loss; an
 *           older marker goes only when the new one survives power loss
 */
import {
  directoryError, errnoOf, ioError, isOutOfFiles, markerFileName, parseFileName, VarveError,
} from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import {
  closeQuietly, listDirectory, openFile, syncDirectory, unlinkFile,
} from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'

export interface Marker {
  iteration: number
  manifest: FileNum
}

/** The marker that counts among the names of a directory, or null. */
export function readMarker(names: readonly string[]): Marker | null {
  let best: Marker | null = null
  for (const name of names) {
    const parsed = parseFileName(name)
    if (parsed?.kind !== 'marker') continue
    const marker = { iteration: parsed.iteration, manifest: parsed.fileNum }
    if (best === null || compareMarkers(marker, best) > 0) best = marker
  }
  return best
}

export function compareMarkers(a: Marker, b: Marker): number {
  return a.iteration - b.iteration || a.manifest - b.manifest
}

/** True when the names tell that there may be data here: a manifest alone has none. */
export function holdsData(names: readonly string[]): boolean {
  return names.some((name) => {
    const kind = parseFileName(name)?.kind
    return kind === 'log' || kind === 'table' || kind === 'vlog' || kind === 'temp'
  })
}

/**
 * From now on `manifest` counts. Requires: it is synced.
 * Throws IO_ERROR or NO_SPACE when the marker is not there and nothing changed, COMMIT_UNKNOWN when
 * it may be there or a sync failed: then both manifests must stay until a restart has looked. A sync for
 * which no descriptor was to be had is not one that failed.
 */
export function* moveMarker(vfs: Vfs, dir: string, manifest: FileNum): Steps<Marker> {
  const iteration = (yield* highestIteration(vfs, dir)) + 1
  const name = markerFileName(iteration, manifest)
  yield* createMarkerFile(vfs, dir, name)
  try {
    yield* syncDirectory(vfs, dir)
  } catch (error) {
    throw markerUnknown(error, name)
  }
  const marker = { iteration, manifest }
  yield* removeOlderMarkers(vfs, dir, marker)
  return marker
}

/** Syncs the directory, and so the new manifest's name, before a marker may name it. */
function* highestIteration(vfs: Vfs, dir: string): Steps<number> {
  try {
    yield* syncDirectory(vfs, dir)
  } catch (error) {
    throw isOutOfFiles(error) ? directoryError(error, 'sync', dir) : markerUnknown(error, 'marker')
  }
  try {
    return readMarker(yield* listDirectory(vfs, dir))?.iteration ?? 0
  } catch (error) {
    throw ioError(error, 'listing', 'the database directory')
  }
}

/**
 * An empty file: all there is of it is in the directory, and is synced with that. A file system may fail a call
 * that was done (M08): the directory is asked, not the error.
 */
function* createMarkerFile(vfs: Vfs, dir: string, name: string): Steps<void> {
  try {
    yield* closeQuietly(yield* openFile(vfs, vfs.join(dir, name), 'create'))
  } catch (error) {
    if (isOutOfFiles(error)) throw ioError(error, 'create', name)
    let names: string[]
    try {
      names = yield* listDirectory(vfs, dir)
    } catch {
      throw markerUnknown(error, name)
    }
    if (!names.includes(name)) throw ioError(error, 'creating', name)
  }
}

function markerUnknown(error: unknown, name: string): VarveError {
  const cause = ioError(error, 'moving the marker to', name)
  return new VarveError('COMMIT_UNKNOWN', `${cause.message}; the marker may or may not be there`, {
    cause, file: name, hint: 'close the database and open it again',
  })
}

/** What cannot be removed is removed by a later move, or by the next open. */
function* removeOlderMarkers(vfs: Vfs, dir: string, marker: Marker): Steps<void> {
  let names: string[] = []
  try {
    names = yield* listDirectory(vfs, dir)
  } catch {
    return
  }
  for (const name of names) {
    const parsed = parseFileName(name)
    if (parsed?.kind !== 'marker') continue
    if (compareMarkers({ iteration: parsed.iteration, manifest: parsed.fileNum }, marker) >= 0) {
      continue
    }
    try {
      yield* unlinkFile(vfs, vfs.join(dir, name))
    } catch (error) {
      if (errnoOf(error) === '') throw error
    }
  }
}
