/**
 * What: reads a database directory back, for every kind of open: names → marker → manifest → tables that no version
 * lists → logs from the pointer on, and where history ends. Changes nothing; open.ts acts on it.
 *
 * The order is one that a reader beside a writer needs: what is read later is at least as new. A table among the
 * names is in the manifest or still has its log.
 * Thread: main; runs blocking or awaited.
 * Invariants: REC-3 what cannot be read or does not fit together is an error, never an empty or shorter database.
 */
import {
  checkMayWrite, corruption, directoryError, FEATURES_OFFSET, fileNumOf, manifestFileName, markerFileName,
  NAME_NUMBER_MAX, parseFileName, VarveError,
} from '../base/index.js'
import type { FileNum, Random, SeqNum, Steps } from '../base/index.js'
import { holdsData, readMarker } from '../directory/index.js'
import type { Marker } from '../directory/index.js'
import { keptTablesIn } from '../engine/index.js'
import { emptyVersion, highestFileNum, newLineage, readManifest } from '../manifest/index.js'
import type { ManifestContents } from '../manifest/index.js'
import type { ProgressMeter } from '../report/index.js'
import type { SlabPool } from '../slab/index.js'
import { listDirectory } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { isCutCreation } from './cut-creation.js'
import { replayLogs } from './log-replay.js'
import type { LogSource, ReplayedLogs } from './log-replay.js'
import { keptOrphans, readOrphans } from './orphan-check.js'
import type { KeptOrphan, KnownHistory } from './orphan-check.js'

/** More file numbers than a database can use up while it is open. */
const NUMBERS_LEFT_MIN = 2 ** 32

/** The differences between the kinds of an open. */
export interface ReadingPolicy {
  /**
   * True: the caller holds the lock and is going to write. Logs are synced before they are read, since what a
   * writer acts on must not vanish; what only readers may do without is refused; and there must be room for new
   * files.
   * False: a writer may be at work. Newer logs are read first, so that what they say was synced in older ones is
   * there when those are read.
   */
  readonly isWriting: boolean
  /** True when tables that no version lists are looked at. */
  readonly readsOrphans: boolean
  /** Given, only what is known to be synced counts, and what has a number up to this one: a reader has shown it. */
  readonly durableFrom?: SeqNum
}

export const TO_WRITE: ReadingPolicy = { isWriting: true, readsOrphans: true }
export const TO_READ: ReadingPolicy = { isWriting: false, readsOrphans: true }
/** The policy of a reader that has read before, and cannot wait. */
export const TO_READ_AGAIN: ReadingPolicy = { isWriting: false, readsOrphans: false }

export interface ReadingPlace {
  vfs: Vfs
  dir: string
  random: Random
  /** Lends a slab for each log, as large as the log. */
  pool: SlabPool
  /** Hears how far the reading of logs has come. */
  progress?: ProgressMeter | undefined
  /** The files as they were read before, to be read on. */
  known?: KnownFiles
}

/** Reads a directory's manifest and logs, which it may have read before. */
export interface KnownFiles {
  readManifest(fileNum: FileNum): Steps<ManifestContents>
  /** The logs of this database. */
  logsOf(databaseId: Uint8Array): LogSource
}

/** What the directory holds, before anything of it is believed. */
export interface FoundDirectory {
  names: string[]
  /** The marker that counts; null when there is no database here. */
  marker: Marker | null
  /** The highest file number of any file found; new numbers are above it. */
  highestFileNum: FileNum
}

export function* findDatabase({ vfs, dir }: Pick<ReadingPlace, 'vfs' | 'dir'>): Steps<FoundDirectory> {
  let names: string[]
  try {
    names = yield* listDirectory(vfs, dir)
  } catch (error) {
    throw directoryError(error, 'list', dir)
  }
  const marker = readMarker(names)
  if (marker === null && holdsData(names) && !(yield* isCutCreation(vfs, dir, names))) {
    throw new VarveError('MISSING_MARKER', 'there are logs or tables here, but no marker names a manifest', {
      hint: 'restore the file marker.* from a backup; nothing was changed',
    })
  }
  return { names, marker, highestFileNum: highestFileNum(names) }
}

/** A database as its files tell it. */
export interface FoundHistory extends KnownHistory {
  /** What the manifest says; null when there is none yet. */
  manifest: ManifestContents | null
  /** The next number to give out: no file has it or a higher one, and none had. */
  nextFileNum: FileNum
  replayed: ReplayedLogs
  /** Files that are not part of the database and stay. */
  kept: readonly KeptOrphan[]
  /** Tables of this database that no version lists. */
  unlisted: readonly FileNum[]
}

/**
 * Reads history from the manifest and the logs; the caller releases the memtables. `openTables` is called with what
 * the manifest says, before logs are read: a writer that misses a table hears of it before it has synced a log.
 */
export function* readHistory(
  place: ReadingPlace, found: FoundDirectory, policy: ReadingPolicy, openTables?: (known: KnownHistory) => Steps<void>,
): Steps<FoundHistory> {
  const { vfs, dir, random } = place
  const { names, marker } = found
  const { manifest, known } = marker === null
    ? { manifest: null, known: newHistory(random) } : yield* readListed(place, marker)
  const { version } = known
  const nextFileNum = Math.max(found.highestFileNum + 1, version.nextFileNum)
  if (policy.isWriting) {
    checkRoom(found, nextFileNum)
    const file = manifestFileName(known.manifestNum)
    if (manifest !== null) checkMayWrite(manifest.features, { file, offset: FEATURES_OFFSET })
  }
  if (openTables !== undefined) yield* openTables(known)
  const orphans = policy.readsOrphans ? yield* readOrphans(vfs, dir, names, known) : []
  const { isWriting, durableFrom } = policy
  const options = { ...place, ...known, isWriting, durableFrom }
  const replayed = yield* replayLogs(names, options, place.known?.logsOf(known.databaseId))
  try {
    const kept = keptOrphans(orphans, known, replayed.lastSeqNum, keptTablesIn(version.settings))
    const unlisted = orphans.flatMap(({ kind, isOurs, fileNum }) => (kind === 'table' && isOurs ? [fileNum] : []))
    return { ...known, manifest, nextFileNum, replayed, kept, unlisted }
  } catch (error) {
    for (const memtable of replayed.memtables) memtable.release()
    throw error
  }
}

/** Reads the manifest that the marker names: what the database is, but for what its logs have. */
export function* readListed(
  { vfs, dir, known: before }: Pick<ReadingPlace, 'vfs' | 'dir' | 'known'>, marker: Marker,
): Steps<{ manifest: ManifestContents; known: KnownHistory }> {
  const manifest = yield* before === undefined
    ? readManifest(vfs, dir, marker.manifest) : before.readManifest(marker.manifest)
  const { version, databaseId } = manifest
  return { manifest, known: { version, databaseId, manifestNum: marker.manifest } }
}

function newHistory(random: Random): KnownHistory {
  const databaseId = new Uint8Array(16)
  random.fill(databaseId)
  return { version: { ...emptyVersion, lineage: newLineage(random) }, databaseId, manifestNum: 0 }
}

/**
 * Checks for a writer, before it changes anything, that there is room: new files take numbers above all that are
 * there, and the marker's next iteration is above the one that counts. Varve never makes a number that leaves no
 * room.
 */
function checkRoom({ names, marker, highestFileNum }: FoundDirectory, nextFileNum: FileNum): void {
  const noRoom = (file: string) => corruption(
    file, 0, `this number leaves no room for new files: they have numbers below ${NAME_NUMBER_MAX + 1}`,
    'Varve never came that far: move the file away; nothing was changed',
  )
  const max = NAME_NUMBER_MAX - NUMBERS_LEFT_MIN
  if (highestFileNum > max) {
    throw noRoom(names.find((name) => fileNumOf(parseFileName(name)) === highestFileNum)!)
  }
  if (marker === null) return
  if (marker.iteration > max) throw noRoom(markerFileName(marker.iteration, marker.manifest))
  if (nextFileNum > max) throw noRoom(manifestFileName(marker.manifest))
}
