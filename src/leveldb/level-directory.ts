/**
 * What: the names in a LevelDB directory, and whether they still are what they were. LevelDB's LOCK is a lock of the
 * kernel that the platform cannot ask for, so whether another program writes is seen by what changes.
 * Thread: main.
 */
import { corruption, DIRECTORY_NAME, directoryError, errnoOf, runAsync, VarveError } from '../base/index.js'
import { listDirectory, readWhole, statFile, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { readError } from './read-window.js'

const CURRENT = 'CURRENT'
const CURRENT_BYTES_MAX = 1024
const DATA_NAME = /^(\d{1,20})\.(log|ldb|sst)$/
const MANIFEST_NAME = /^MANIFEST-(\d{1,20})$/
/** Names that only RocksDB makes. */
const ROCKSDB_NAME = /^(OPTIONS-\d+|IDENTITY)$/

/** A file whose name has a number. */
export interface NumberedFile {
  fileNum: number
  name: string
  bytes: number
}

export interface LevelDirectory {
  /** The manifest that CURRENT names. */
  manifest: NumberedFile
  /** All logs, in the order of their numbers. */
  logs: NumberedFile[]
  /** Names of tables by their number. */
  tableNames: Map<number, string>
  /** True when there are manifests with higher numbers. */
  hasNewerManifest: boolean
  hasLockFile: boolean
  /** Changes when a program writes into the directory. */
  fingerprint: string
}

/**
 * Looks at the directory. Throws NOT_FOUND when it holds no LevelDB database, NOT_SUPPORTED for RocksDB's, CORRUPTION,
 * MISSING_FILE, IO_ERROR.
 */
export async function surveyDirectory(vfs: Vfs, dir: string): Promise<LevelDirectory> {
  const names = await listNames(vfs, dir)
  if (names.some((name) => ROCKSDB_NAME.test(name))) throw rocksDbError(dir)
  if (!names.includes(CURRENT)) throw noDatabase(dir, `it has no file ${CURRENT}`)
  const current = await readCurrent(vfs, dir)
  const manifest = await sizeOf(vfs, dir, numbered(current, MANIFEST_NAME)!)
  const logs: NumberedFile[] = []
  const tableNames = new Map<number, string>()
  for (const name of names) {
    const file = numbered(name, DATA_NAME)
    if (file === null) continue
    if (name.endsWith('.log')) logs.push(await sizeOf(vfs, dir, file))
    // The older ending counts only where the newer one is not there, as in LevelDB.
    else if (name.endsWith('.ldb') || !tableNames.has(file.fileNum)) tableNames.set(file.fileNum, name)
  }
  logs.sort((a, b) => a.fileNum - b.fileNum)
  const manifests = names.map((name) => numbered(name, MANIFEST_NAME)?.fileNum ?? 0)
  return {
    manifest, logs, tableNames,
    hasNewerManifest: Math.max(...manifests) > manifest.fileNum,
    hasLockFile: names.includes('LOCK'),
    fingerprint: JSON.stringify([current, manifest, logs, [...tableNames.values()].sort(), manifests.sort()]),
  }
}

async function listNames(vfs: Vfs, dir: string): Promise<string[]> {
  try {
    return await runAsync(listDirectory(vfs, dir))
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw noDatabase(dir, 'there is no such directory')
    throw directoryError(error, 'list', dir)
  }
}

function noDatabase(dir: string, why: string): VarveError {
  return new VarveError('NOT_FOUND', `${dir} is no LevelDB database: ${why}`, {
    file: DIRECTORY_NAME, hint: 'name the directory that has the files CURRENT and MANIFEST-…',
  })
}

/** Gives the name that stands in CURRENT. */
async function readCurrent(vfs: Vfs, dir: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await runAsync(withFile(vfs, vfs.join(dir, CURRENT), 'read', (file) => readWhole(file, CURRENT_BYTES_MAX)))
  } catch (error) {
    if (error instanceof RangeError) throw corruption(CURRENT, 0, `no name of a manifest: ${error.message}`)
    throw readError(error, CURRENT)
  }
  const text = String.fromCharCode(...bytes)
  if (!text.endsWith('\n') || !MANIFEST_NAME.test(text.slice(0, -1))) {
    throw corruption(CURRENT, 0, `${JSON.stringify(text.slice(0, 80))} is no name of a manifest`)
  }
  return text.slice(0, -1)
}

function numbered(name: string, form: RegExp): { fileNum: number; name: string } | null {
  const match = form.exec(name)
  return match === null ? null : { fileNum: Number(match[1]), name }
}

async function sizeOf(vfs: Vfs, dir: string, file: { fileNum: number; name: string }): Promise<NumberedFile> {
  const info = await runAsync(statFile(vfs, vfs.join(dir, file.name))).catch((error: unknown) => {
    throw readError(error, file.name)
  })
  if (info === null) throw missingFile(file.name, 'CURRENT names it')
  return { ...file, bytes: info.size }
}

export function missingFile(name: string, who: string): VarveError {
  return new VarveError('MISSING_FILE', `${name} is missing, but ${who}`, {
    file: name, hint: 'restore the file from a backup; nothing was changed',
  })
}

export function rocksDbError(file: string): VarveError {
  return new VarveError('NOT_SUPPORTED', `${file} is RocksDB's, which cannot be read`, {
    hint: "export it with RocksDB's own tool, `ldb --db=DIR dump --hex`, and import what that prints",
  })
}

/** Makes the error for a directory that changed while it was read. `cause` is what went wrong by that, if anything. */
export function inUseError(dir: string, cause?: unknown): VarveError {
  return new VarveError('LOCKED', `${dir} changed while it was read: a program has the database open`, {
    ...(cause === undefined ? {} : { cause }), file: DIRECTORY_NAME,
    hint: 'close that program, or copy the directory while it is closed; nothing was changed',
  })
}
