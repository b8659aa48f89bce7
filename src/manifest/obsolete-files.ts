/**
 * What: which files of a directory no version needs, and whether they prove that the manifest lost an edit.
 * Works on names and numbers only; reads and deletes nothing.
 * Thread: any (pure).
 * Invariants:
 *   MAN-13  a file goes only when neither the durable version nor any later one lists it, the
 *           durable log pointer has passed it, and no pin, read state, job or checkpoint holds it
 */
import { fileNumOf, parseFileName } from '../base/index.js'
import type { FileName, FileNum, TableFacts } from '../base/index.js'
import { compareMarkers } from '../directory/index.js'
import type { Marker } from '../directory/index.js'
import { allTables, firstNeededLog } from './version.js'
import type { Version } from './version.js'

export interface FilesInDirectory {
  names: readonly string[]
  /** The durable version, then every later one and every one that is still read. Their pins count. */
  versions: readonly Version[]
  /** The durable marker that counts. */
  marker: Marker
  /** Numbers of files that a read state, job, checkpoint, open log or held edit uses. */
  inUse: ReadonlySet<FileNum>
  /** Numbers of tables that are in no version and stay all the same. */
  kept?: ReadonlySet<FileNum>
}

/** Names of files by ascending number. A file in none of the lists stays. */
export interface ObsoleteFiles {
  /** Tables that were being built, and probe files. */
  temps: string[]
  /** Tables that no version lists. */
  tables: string[]
  /** Logs that need no replay and that nothing keeps. */
  logs: string[]
  valueLogs: string[]
  manifests: string[]
  markers: string[]
  /** Files whose names are not Varve's; they are never touched. */
  foreign: string[]
}

export function findObsoleteFiles(files: FilesInDirectory): ObsoleteFiles {
  const out: ObsoleteFiles = {
    temps: [], tables: [], logs: [], valueLogs: [], manifests: [], markers: [], foreign: [],
  }
  const needed = collectNeeded(files)
  for (const { name, parsed } of sortByNumber(files.names)) {
    if (parsed === null) out.foreign.push(name)
    else listFor(parsed, needed, out)?.push(name)
  }
  return out
}

interface Needed {
  numbers: Set<FileNum>
  inUse: ReadonlySet<FileNum>
  firstLog: FileNum
  marker: Marker
}

function collectNeeded({ versions, marker, inUse, kept = new Set() }: FilesInDirectory): Needed {
  const numbers = new Set<FileNum>([...inUse, ...kept])
  numbers.add(marker.manifest)
  let firstLog = Infinity
  for (const version of versions) {
    for (const { fileNum } of allTables(version)) numbers.add(fileNum)
    for (const fileNum of version.valueLogs.keys()) numbers.add(fileNum)
    firstLog = Math.min(firstLog, firstNeededLog(version))
  }
  return { numbers, inUse, firstLog: versions.length === 0 ? 0 : firstLog, marker }
}

/** The list that an obsolete file belongs to, or null when the file stays. */
function listFor(parsed: FileName, needed: Needed, out: ObsoleteFiles): string[] | null {
  if (parsed.kind === 'lock') return null
  if (parsed.kind === 'probe') return out.temps
  if (parsed.kind === 'marker') {
    const marker = { iteration: parsed.iteration, manifest: parsed.fileNum }
    return compareMarkers(marker, needed.marker) < 0 ? out.markers : null
  }
  // The temp name of a live table may have stayed beside its final name.
  if (parsed.kind === 'temp') return needed.inUse.has(parsed.fileNum) ? null : out.temps
  if (needed.numbers.has(parsed.fileNum)) return null
  switch (parsed.kind) {
    case 'table': return out.tables
    case 'vlog': return out.valueLogs
    case 'manifest': return out.manifests
    case 'log': return parsed.fileNum < needed.firstLog ? out.logs : null
  }
}

/** The file numbers of all logs in the directory, ascending. */
export function logNumbers(names: readonly string[]): FileNum[] {
  return sortByNumber(names)
    .flatMap(({ parsed }) => (parsed?.kind === 'log' ? [parsed.fileNum] : []))
}

/** The highest file number among the names, above which new numbers begin; 0 when there is none. */
export function highestFileNum(names: readonly string[]): FileNum {
  return names.reduce((highest, name) => Math.max(highest, fileNumOf(parseFileName(name))), 0)
}

function sortByNumber(names: readonly string[]): { name: string, parsed: FileName | null }[] {
  return names
    .map((name) => ({ name, parsed: parseFileName(name) }))
    .sort((a, b) => fileNumOf(a.parsed) - fileNumOf(b.parsed) || (a.name < b.name ? -1 : 1))
}

export interface LostEdit {
  table: FileNum
  /** The log that is gone, though this manifest says that replay needs it. */
  log: FileNum
}

/**
 * Looks among orphans, tables that no version lists, for proof that the manifest lost an edit. A
 * crash between a table and its edit leaves the table's logs in place, since logs go only after the
 * edit is durable. So an orphan from a log that replay needs and that is gone means a lost edit.
 * Orphans of logs below the pointer are legal: old files whose deletion a crash undid.
 */
export function findLostEdit(
  orphans: readonly Pick<TableFacts, 'fileNum' | 'firstLog' | 'lastLog'>[],
  logs: Iterable<FileNum>,
  version: Version,
): LostEdit | null {
  const present = new Set(logs)
  for (const { fileNum, firstLog, lastLog } of orphans) {
    for (const log of [firstLog, lastLog]) {
      if (log !== 0 && log >= version.logPointer && !present.has(log)) {
        return { table: fileNum, log }
      }
    }
  }
  return null
}

