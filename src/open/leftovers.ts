/**
 * What: finds what the directory holds that the version which the open made durable does not need: files that go,
 * files that stay because they may belong to somebody else, and logs that pins keep. Reads only; the engine
 * deletes.
 * Thread: main; runs blocking or awaited.
 */
import {
  compareBytes, decodeFileHeader, FILE_HEADER_BYTES, fileNumOf, logFileName, parseFileName, VarveError,
} from '../base/index.js'
import type { Steps } from '../base/index.js'
import { readMarker } from '../directory/index.js'
import { findObsoleteFiles, isPinned, logNumbers } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { EventBus, KeptFileReason, RecoveryReport } from '../stats/index.js'
import type { KeptLog } from '../versions/index.js'
import { listDirectory, readFully, statFile, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { isBlankFile } from './cut-creation.js'
import type { KeptOrphan, KnownHistory } from './orphan-check.js'

/** What becomes of the files that are not part of the database. */
export interface Leftovers {
  /** Names of the files that go. */
  names: string[]
  /** Logs below the pointer that pins keep. */
  keptLogs: KeptLog[]
  report: Pick<
    RecoveryReport,
    'tempFileCount' | 'orphanTableCount' | 'orphanValueLogCount' | 'releasedLogCount' | 'foreignFileCount' | 'keptFiles'
  >
}

export interface LeftoversOptions {
  vfs: Vfs
  dir: string
  events: EventBus
  /** Tables that are not in the version and stay. */
  kept: readonly KeptOrphan[]
  /** What this open has read: it found its manifest, and the logs from the pointer on, to be the database's own. */
  history: KnownHistory
}

/** Looks at the directory again: only what is there now is deleted, and only what the new manifest does not need. */
export function* findLeftovers(options: LeftoversOptions, version: Version): Steps<Leftovers> {
  const { vfs, dir, events, kept } = options
  const names = yield* listDirectory(vfs, dir)
  const marker = readMarker(names)
  if (marker === null) {
    throw new VarveError('MISSING_MARKER', 'the marker that was just made is gone: somebody removes files here')
  }
  const keptNums = new Set(kept.map(({ fileNum }) => fileNum))
  const found = findObsoleteFiles({ names, versions: [version], marker, inUse: new Set(), kept: keptNums })
  const { temps, tables, valueLogs, markers, foreign } = found
  const more = yield* findKept(options, [...found.logs, ...found.manifests])
  const logs = found.logs.filter((file) => !more.has(file))
  const manifests = found.manifests.filter((file) => !more.has(file))
  const keptFiles = [
    ...kept.map(({ file, reason }) => ({ file, reason })), ...Array.from(more, ([file, reason]) => ({ file, reason })),
  ]
  for (const { file, reason } of keptFiles) events.emit({ type: 'fileKept', file, reason })
  for (const file of temps) events.emit({ type: 'fileRemoved', file, reason: 'temp' })
  for (const file of [...tables, ...valueLogs]) events.emit({ type: 'fileRemoved', file, reason: 'orphan' })
  for (const file of logs) events.emit({ type: 'fileRemoved', file, reason: 'obsolete' })
  return {
    names: [...temps, ...tables, ...valueLogs, ...logs, ...manifests, ...markers],
    keptLogs: yield* findKeptLogs(options, names, version),
    report: {
      tempFileCount: temps.length,
      orphanTableCount: tables.length,
      orphanValueLogCount: valueLogs.length,
      releasedLogCount: logs.length,
      foreignFileCount: foreign.length,
      keptFiles,
    },
  }
}

/** Finds logs and manifests that hold something and that another database wrote, or a later version. */
function* findKept(
  { vfs, dir, history }: LeftoversOptions, names: readonly string[],
): Steps<Map<string, KeptFileReason>> {
  const { version, databaseId, manifestNum } = history
  const kept = new Map<string, KeptFileReason>()
  for (const name of names) {
    const parsed = parseFileName(name)
    const number = fileNumOf(parsed)
    if (parsed?.kind === 'log' ? number >= version.logPointer : number === manifestNum) continue
    const reason = yield* reasonToKeep(vfs, vfs.join(dir, name), name, databaseId)
    if (reason !== null && !(yield* isSurelyBlank(vfs, dir, name))) kept.set(name, reason)
  }
  return kept
}

function* isSurelyBlank(vfs: Vfs, dir: string, name: string): Steps<boolean> {
  try {
    return yield* isBlankFile(vfs, dir, name)
  } catch {
    return false
  }
}

/**
 * Gives the reason to keep a file; null when it is the database's own as far as anybody can say. (A file without a
 * whole header says nothing.)
 */
function* reasonToKeep(vfs: Vfs, path: string, name: string, databaseId: Uint8Array): Steps<KeptFileReason | null> {
  const magic = parseFileName(name)?.kind === 'log' ? 'varvelog' : 'varveman'
  try {
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    const count = yield* withFile(vfs, path, 'read', (file) => readFully(file, bytes, bytes.length))
    const header = decodeFileHeader(bytes.subarray(0, count), magic, name)
    return compareBytes(header.databaseId, databaseId) === 0 ? null : 'otherDatabase'
  } catch (error) {
    return VarveError.is(error) && error.code === 'CORRUPTION' ? null : 'unreadable'
  }
}

/**
 * Finds the logs below the pointer that pins keep, and how much of each is history. One that the manifest lists and
 * that is gone stays among them, since a reader of it must hear of that.
 */
function* findKeptLogs(
  { vfs, dir }: LeftoversOptions, names: readonly string[], version: Version,
): Steps<KeptLog[]> {
  const present = logNumbers(names)
  const listed = [...version.logs.values()].flatMap(({ fileNum, mustExist }) => (mustExist ? [fileNum] : []))
  const kept: KeptLog[] = []
  for (const fileNum of new Set([...present, ...listed])) {
    if (fileNum >= version.logPointer || !isPinned(fileNum, version.pins)) continue
    // Of a promoted log the size of the file says nothing: what counts ends with what was published.
    const facts = version.valueLogs.get(fileNum) ?? version.logs.get(fileNum)
    const size = (yield* statFile(vfs, vfs.join(dir, logFileName(fileNum))))?.size ?? 0
    kept.push({ fileNum, bytes: facts?.bytes ?? size })
  }
  return kept
}
