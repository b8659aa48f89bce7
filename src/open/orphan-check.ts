/**
 * What: looks at tables and value logs that no version lists, and decides which of them are debris and which stay. Only
 * what is surely not needed is deleted: a file whose writes history has, or one that was never finished.
 * Kept are a file of another database, and one that holds writes which neither manifest nor logs know: a power
 * loss may leave such a file, legally, and so does a manifest that is not the one it should be. When the manifest
 * has nothing to set against such files, it is the manifest that is wrong, and that is an error.
 * A table from outside that no version lists is debris: an ingest removes its source only when an edit lists the table.
 * Thread: main; runs blocking or awaited. Changes nothing.
 * Invariants: REC-5 an open deletes no file that may hold what is nowhere else, and no file of another database.
 */
import {
  compareBytes, corruption, errnoOf, manifestFileName, OUTSIDE_FILE_NUM, parseFileName,
} from '../base/index.js'
import type { FileHeader, FileNum, SeqNum, Steps, TableFacts } from '../base/index.js'
import { allTables, findLostEdit, logNumbers, tableCount } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { readUnlistedTable } from '../sstable/index.js'
import type { KeptFile, KeptFileReason } from '../stats/index.js'
import { withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { readUnlistedValueLog } from '../vlog/index.js'

/** A table or value log that no version lists. */
export interface Orphan {
  file: string
  kind: 'table' | 'vlog'
  fileNum: FileNum
  /** False when its header says that it belongs to another database. */
  isOurs: boolean
  /** The newest write in it. Null for a file that is not whole: it holds nothing that its logs do not. */
  largestSeqNum: SeqNum | null
  /** The facts of a whole table; null for any other file. */
  facts: TableFacts | null
  /** True when nothing is known of it. */
  isUnreadable: boolean
  /**
   * True for a table that no database made: it is here since a crash cut an ingest short, and the source has it too.
   */
  isFromOutside: boolean
}

/** What an open knows of its own history. */
export interface KnownHistory {
  version: Version
  databaseId: Uint8Array
  /** Number of the manifest that was read, for errors. */
  manifestNum: FileNum
}

/** Reads the orphans among the names. Throws CORRUPTION when one proves that the manifest lost an edit. */
export function* readOrphans(
  vfs: Vfs, dir: string, names: readonly string[], { version, databaseId, manifestNum }: KnownHistory,
): Steps<Orphan[]> {
  const listed = new Set([...allTables(version).map(({ fileNum }) => fileNum), ...version.valueLogs.keys()])
  const orphans: Orphan[] = []
  for (const file of names) {
    const parsed = parseFileName(file)
    if ((parsed?.kind !== 'table' && parsed?.kind !== 'vlog') || listed.has(parsed.fileNum)) continue
    const { kind, fileNum } = parsed
    const unread: Orphan = {
      file, kind, fileNum, isOurs: true, largestSeqNum: null, facts: null, isUnreadable: false, isFromOutside: false,
    }
    const found = yield* readOrphan(vfs, vfs.join(dir, file), unread, databaseId)
    if (found !== null) orphans.push(found)
  }
  const ours = orphans.flatMap(({ isOurs, facts }) => (isOurs && facts !== null ? [facts] : []))
  const lost = findLostEdit(ours, logNumbers(names), version)
  if (lost === null) return orphans
  throw corruption(
    manifestFileName(manifestNum), 0,
    `table ${lost.table} was flushed from log ${lost.log}, which is gone, yet no edit lists the table`,
    'the manifest lost an edit: restore it from a backup; nothing was changed',
  )
}

/** Reads what is known of one orphan; null when it is gone meanwhile. */
function* readOrphan(vfs: Vfs, path: string, unread: Orphan, databaseId: Uint8Array): Steps<Orphan | null> {
  try {
    const { header, ...found } = yield* withFile(vfs, path, 'read', (file) => readUnlisted(file, unread))
    if (unread.kind === 'table' && header?.fileNum === OUTSIDE_FILE_NUM) return { ...unread, isFromOutside: true }
    return { ...unread, ...found, isOurs: header === null || compareBytes(header.databaseId, databaseId) === 0 }
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : { ...unread, isUnreadable: true }
  }
}

function* readUnlisted(
  file: VfsFile, { file: name, kind }: Orphan,
): Steps<Pick<Orphan, 'largestSeqNum' | 'facts'> & { header: FileHeader | null }> {
  if (kind === 'vlog') {
    const { header, largestSeqNum } = yield* readUnlistedValueLog(file, name)
    return { header, largestSeqNum, facts: null }
  }
  const found = yield* readUnlistedTable({ file, name })
  return { ...found, largestSeqNum: found.facts?.largestSeqNum ?? null }
}

/** A file that no version lists and that stays. */
export type KeptOrphan = KeptFile & { fileNum: FileNum }

/**
 * The orphans that stay. `lastSeqNum`: history as the manifest and the logs give it ends here; `known`: those that
 * an open before this one kept. Throws CORRUPTION when the manifest cannot be that of these files: one of an
 * empty database beside files of another one; one that lists no table and no log beside files of its own. (Each open
 * lists its log, whose unsynced end may be lost, and a table of it may be there.)
 */
export function keptOrphans(
  orphans: readonly Orphan[], { version, manifestNum }: KnownHistory, lastSeqNum: SeqNum, known: ReadonlySet<FileNum>,
): KeptOrphan[] {
  const kept = orphans.flatMap((orphan) => {
    const reason = reasonToKeep(orphan, lastSeqNum, known)
    return reason === null ? [] : [{ file: orphan.file, fileNum: orphan.fileNum, reason }]
  })
  checkManifest(orphans, { version, manifestNum }, lastSeqNum, known)
  return kept
}

/** Throws CORRUPTION when the manifest cannot be that of these tables. */
function checkManifest(
  orphans: readonly Orphan[], { version, manifestNum }: Pick<KnownHistory, 'version' | 'manifestNum'>,
  lastSeqNum: SeqNum, known: ReadonlySet<FileNum>,
): void {
  if (tableCount(version) > 0) return
  const contradiction = orphans.find(({ fileNum, isOurs, largestSeqNum, isUnreadable }) => {
    if (isUnreadable) return false
    return isOurs ? largestSeqNum !== null && version.logs.size === 0 && !known.has(fileNum) : lastSeqNum === 0
  })
  if (contradiction === undefined) return
  const { file, isOurs } = contradiction
  const what = isOurs ? 'holds writes of it' : 'belongs to another database'
  throw corruption(
    manifestFileName(manifestNum), 0, `it speaks of an empty database, but ${file} is there and ${what}`,
    'restore the manifest and its marker from a backup, or move those files away; nothing was changed',
  )
}

function reasonToKeep(
  { fileNum, isOurs, largestSeqNum, isUnreadable }: Orphan, lastSeqNum: SeqNum, known: ReadonlySet<FileNum>,
): KeptFileReason | null {
  if (isUnreadable) return 'unreadable'
  if (!isOurs) return 'otherDatabase'
  return known.has(fileNum) || (largestSeqNum !== null && largestSeqNum > lastSeqNum) ? 'unknownWrites' : null
}
