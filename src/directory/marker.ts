/**
 * What: the marker, an empty file whose name says everything (`marker.000003.000012`: iteration 3, manifest 12). It
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

/** How the markers of one kind of directory are called: a blob cache has markers too, of other names. */
export interface MarkerNames {
  /** What the directory holds, as messages call it. */
  readonly owner: string
  nameOf(iteration: number, manifest: FileNum): string
  /** Gives null for any other name. */
  parse(name: string): Marker | null
}

const DATABASE_MARKER: MarkerNames = {
  owner: 'database',
  nameOf: markerFileName,
  parse(name) {
    const parsed = parseFileName(name)
    return parsed?.kind === 'marker' ? { iteration: parsed.iteration, manifest: parsed.fileNum } : null
  },
}

/** Finds the marker that counts among the names of a directory, or gives null. */
export function readMarker(names: readonly string[], markers = DATABASE_MARKER): Marker | null {
  let best: Marker | null = null
  for (const name of names) {
    const marker = markers.parse(name)
    if (marker !== null && (best === null || compareMarkers(marker, best) > 0)) best = marker
  }
  return best
}

export function compareMarkers(a: Marker, b: Marker): number {
  return a.iteration - b.iteration || a.manifest - b.manifest
}

/** True when the names show that the directory may hold data. A manifest alone holds none. */
export function holdsData(names: readonly string[]): boolean {
  return names.some((name) => {
    const kind = parseFileName(name)?.kind
    return kind === 'log' || kind === 'table' || kind === 'vlog' || kind === 'temp'
  })
}

/**
 * Moves the marker, so that `manifest` counts. Requires: the manifest is synced.
 * Throws IO_ERROR or NO_SPACE when there is no new marker and nothing changed, COMMIT_UNKNOWN when
 * there may be one or a sync failed: then both manifests must stay until a restart has looked. A sync
 * that did not begin for want of a descriptor does not count as failed.
 */
export function* moveMarker(
  vfs: Vfs, dir: string, manifest: FileNum, markers = DATABASE_MARKER,
): Steps<Marker> {
  const iteration = (yield* highestIteration(vfs, dir, markers)) + 1
  const name = markers.nameOf(iteration, manifest)
  yield* createMarkerFile(vfs, dir, name, markers)
  try {
    yield* syncDirectory(vfs, dir)
  } catch (error) {
    throw markerUnknown(error, name, markers)
  }
  const marker = { iteration, manifest }
  yield* removeOlderMarkers(vfs, dir, marker, markers)
  return marker
}

/** Syncs the directory, and so the new manifest's name, before a marker may name it. */
function* highestIteration(vfs: Vfs, dir: string, markers: MarkerNames): Steps<number> {
  try {
    yield* syncDirectory(vfs, dir)
  } catch (error) {
    throw isOutOfFiles(error) ? directoryError(error, 'sync', dir) : markerUnknown(error, 'marker', markers)
  }
  try {
    return readMarker(yield* listDirectory(vfs, dir), markers)?.iteration ?? 0
  } catch (error) {
    throw ioError(error, 'listing', `the ${markers.owner} directory`)
  }
}

/**
 * Creates the marker, an empty file that is synced with its directory. A file system may report failure of a call
 * that took effect (M08), so the directory decides whether the marker is there, not the error.
 */
function* createMarkerFile(vfs: Vfs, dir: string, name: string, markers: MarkerNames): Steps<void> {
  try {
    yield* closeQuietly(yield* openFile(vfs, vfs.join(dir, name), 'create'))
  } catch (error) {
    if (isOutOfFiles(error)) throw ioError(error, 'create', name)
    let names: string[]
    try {
      names = yield* listDirectory(vfs, dir)
    } catch {
      throw markerUnknown(error, name, markers)
    }
    if (!names.includes(name)) throw ioError(error, 'creating', name)
  }
}

function markerUnknown(error: unknown, name: string, { owner }: MarkerNames): VarveError {
  const cause = ioError(error, 'moving the marker to', name)
  return new VarveError('COMMIT_UNKNOWN', `${cause.message}; the marker may or may not be there`, {
    cause, file: name, hint: `close the ${owner} and open it again`,
  })
}

/** Removes older markers. One that cannot be removed now is left to a later move or the next open. */
function* removeOlderMarkers(
  vfs: Vfs, dir: string, marker: Marker, markers: MarkerNames,
): Steps<void> {
  let names: string[] = []
  try {
    names = yield* listDirectory(vfs, dir)
  } catch {
    return
  }
  for (const name of names) {
    const found = markers.parse(name)
    if (found === null || compareMarkers(found, marker) >= 0) continue
    try {
      yield* unlinkFile(vfs, vfs.join(dir, name))
    } catch (error) {
      if (errnoOf(error) === '') throw error
    }
  }
}
