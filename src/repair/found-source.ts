/**
 * What: reads which files make the database that is to be repaired: names → marker → manifest, or, when these are lost,
 * what the tables say of each other. Changes nothing.
 * Owns: nothing. Thread: main; reads block.
 * Invariants: REP-6 nothing in the source's directory is written, not even its lock.
 */
import {
  compareBytes, decodeFileHeader, FILE_HEADER_BYTES, fileNumOf, manifestFileName, OUTSIDE_FILE_NUM, parseFileName,
  runSync, toHex, VarveError,
} from '../base/index.js'
import type { FileHeader, FileMagic, FileName, FileNum } from '../base/index.js'
import { holdsData, readMarker } from '../directory/index.js'
import { allTables, emptyVersion, findLostEdit, logNumbers, readManifest, tableCount } from '../manifest/index.js'
import type { ManifestContents, Version } from '../manifest/index.js'
import { isLoss, readTableAccount } from '../sstable/index.js'
import type { TableAccount } from '../sstable/index.js'
import { readFully, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import type { RepairLedger } from './repair-ledger.js'

/** The directory of a source, and who hears of what is wrong in it. */
export interface SourcePlace {
  readonly vfs: Vfs
  readonly dir: string
  readonly ledger: RepairLedger
}

/** A table that no version lists, and what it says of itself. */
export interface UnlistedTable extends TableAccount {
  readonly fileNum: FileNum
  readonly name: string
}

export interface FoundSource {
  readonly names: readonly string[]
  readonly databaseId: Uint8Array
  /** What the manifest says. When it is lost: what the newest one that can be read said, as a hint. */
  readonly version: Version
  readonly isManifestLost: boolean
  /** Tables of this database that the manifest does not list; all of them when it is lost. */
  readonly unlisted: readonly UnlistedTable[]
}

export function* findSource(place: SourcePlace, names: readonly string[]): Generator<undefined, FoundSource, unknown> {
  if (!holdsDatabase(names)) throw new VarveError('NOT_FOUND', `there is no database in ${place.dir}`)
  const chosen = chooseManifest(place, names)
  const databaseId = chosen?.databaseId ?? commonDatabaseId(place, names)
  if (databaseId === null) {
    throw new VarveError('CORRUPTION', `no file in ${place.dir} tells which database it belongs to`, {
      hint: 'every header is damaged: only a backup helps',
    })
  }
  const version = chosen?.version ?? emptyVersion
  const listed = new Set(chosen === null ? [] : allTables(version).map(({ fileNum }) => fileNum))
  const isListed = (fileNum: FileNum): boolean => listed.has(fileNum)
  const unlisted = yield* accountsOf(place, names, databaseId, (fileNum) => !isListed(fileNum))
  const lost = chosen === null ? null : lostEditOf(names, version, unlisted)
  if (chosen !== null && lost !== null) place.ledger.manifest('CORRUPTION', manifestFileName(chosen.fileNum), lost)
  const isManifestLost = chosen === null || lost !== null
  if (!isManifestLost || chosen === null) return { names, databaseId, version, isManifestLost, unlisted }
  // Without the manifest all tables are judged alike.
  const all = [...unlisted, ...yield* accountsOf(place, names, databaseId, isListed)]
  return { names, databaseId, version, isManifestLost, unlisted: all.sort((a, b) => a.fileNum - b.fileNum) }
}

/** Reads what the tables with such numbers say of themselves, in their order. Each is told of once. */
function* accountsOf(
  place: SourcePlace, names: readonly string[], databaseId: Uint8Array, isMeant: (fileNum: FileNum) => boolean,
): Generator<undefined, UnlistedTable[], unknown> {
  const found: UnlistedTable[] = []
  for (const name of names) {
    const parsed = parseFileName(name)
    if (parsed?.kind !== 'table' || !isMeant(parsed.fileNum)) continue
    const account = accountOf(place, name)
    if (account === null || !isOf(account.header, databaseId, place, name)) continue
    found.push({ ...account, fileNum: parsed.fileNum, name })
    yield
  }
  return found.sort((a, b) => a.fileNum - b.fileNum)
}

function holdsDatabase(names: readonly string[]): boolean {
  return holdsData(names) || names.some((name) => {
    const kind = parseFileName(name)?.kind
    return kind === 'manifest' || kind === 'marker'
  })
}

type Chosen = ManifestContents & { fileNum: FileNum }

/**
 * Reads the manifest that the marker names. Without a marker it is the one that knows most; but when a later one cannot
 * be read, that may have been the one, and no older one is believed. Null: it is lost.
 */
function chooseManifest(place: SourcePlace, names: readonly string[]): Chosen | null {
  const { ledger } = place
  const marker = readMarker(names)
  if (marker !== null) return readOne(place, marker.manifest)
  const numbers = names.map(parseFileName).flatMap((parsed) => (parsed?.kind === 'manifest' ? [parsed.fileNum] : []))
  ledger.manifest('MISSING_MARKER', 'marker', 'no marker names the manifest that counts')
  const read = numbers.sort((a, b) => b - a).map((fileNum) => readOne(place, fileNum))
  const whole = read.filter((one) => one !== null)
  const best = whole.reduce<Chosen | null>((a, b) => (a === null || knowsMore(b, a) ? b : a), null)
  const isSure = best !== null && read[0] !== null
  return isSure ? best : null
}

function knowsMore({ version: a }: Chosen, { version: b }: Chosen): boolean {
  return a.lastSeqNum - b.lastSeqNum > 0 || (a.lastSeqNum === b.lastSeqNum && a.nextFileNum > b.nextFileNum)
}

function readOne({ vfs, dir, ledger }: SourcePlace, fileNum: FileNum): Chosen | null {
  try {
    return { ...runSync(readManifest(vfs, dir, fileNum)), fileNum }
  } catch (error) {
    const isLost = isLoss(error) || (VarveError.is(error) && error.code === 'MISSING_FILE')
    if (!isLost) throw error
    ledger.manifest(error.code, manifestFileName(fileNum), error.message, error.offset ?? null)
    return null
  }
}

/** Says by what the files prove that the manifest lost an edit; null when nothing does. */
function lostEditOf(
  names: readonly string[], version: Version, unlisted: readonly UnlistedTable[],
): string | null {
  const facts = unlisted.flatMap((table) =>
    table.facts === null || table.header?.fileNum === OUTSIDE_FILE_NUM ? [] : [table.facts])
  const lost = findLostEdit(facts, logNumbers(names), version)
  if (lost !== null) return `table ${lost.table} was flushed from log ${lost.log}, which is gone: an edit is lost`
  const present = new Set(names.flatMap((name) => tableNumOf(parseFileName(name))))
  const gone = new Set(allTables(version).map(({ fileNum }) => fileNum).filter((fileNum) => !present.has(fileNum)))
  for (const { fileNum, properties } of unlisted) {
    const input = properties?.replaces?.inputs.find((number) => gone.has(number))
    if (input !== undefined) return `table ${fileNum} stands for table ${input}, which is gone: an edit is lost`
  }
  const isEmpty = tableCount(version) === 0 && version.logs.size === 0
  if (isEmpty && facts.length > 0) return 'it speaks of an empty database, but there are tables with writes of it'
  return null
}

function tableNumOf(parsed: FileName | null): FileNum[] {
  return parsed?.kind === 'table' ? [parsed.fileNum] : []
}

function accountOf({ vfs, dir, ledger }: SourcePlace, name: string): TableAccount | null {
  try {
    const file = vfs.openSync(vfs.join(dir, name), 'read')
    try {
      return readTableAccount({ file, name })
    } finally {
      file.closeSync()
    }
  } catch (error) {
    if (VarveError.is(error) && error.code === 'UNSUPPORTED_FORMAT') throw error
    ledger.unreadable(name, error)
    return null
  }
}

function isOf(header: FileHeader | null, databaseId: Uint8Array, { ledger }: SourcePlace, name: string): boolean {
  // One that was ingested says whose it is in its record alone.
  if (header === null || header.fileNum === OUTSIDE_FILE_NUM) return true
  if (compareBytes(header.databaseId, databaseId) === 0) return true
  ledger.foreign(name)
  return false
}

const MAGICS: Readonly<Record<string, FileMagic>> = {
  table: 'varvetab', log: 'varvelog', manifest: 'varveman', vlog: 'varvevlg',
}

/** The database that most of the files belong to. */
function commonDatabaseId(place: SourcePlace, names: readonly string[]): Uint8Array | null {
  const counts = new Map<string, { id: Uint8Array; count: number }>()
  for (const name of names) {
    const header = readHeaderOf(place, name)
    if (header === null) continue
    const known = counts.get(toHex(header.databaseId)) ?? { id: header.databaseId, count: 0 }
    known.count++
    counts.set(toHex(header.databaseId), known)
  }
  const most = [...counts.values()].sort((a, b) => b.count - a.count)[0]
  return most?.id ?? null
}

/** Null for what is no file of ours, or has no good header. */
function readHeaderOf({ vfs, dir }: Pick<SourcePlace, 'vfs' | 'dir'>, name: string): FileHeader | null {
  const parsed = parseFileName(name)
  const magic = parsed === null ? undefined : MAGICS[parsed.kind]
  if (magic === undefined) return null
  try {
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    runSync(withFile(vfs, vfs.join(dir, name), 'read', (file) => readFully(file, bytes, bytes.length)))
    const header = decodeFileHeader(bytes, magic, name)
    return header.fileNum === fileNumOf(parsed) ? header : null
  } catch {
    return null
  }
}
