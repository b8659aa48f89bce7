/**
 * What: a file that goes into a checkpoint: which it is, how many of its bytes count, and where they come from.
 * Thread: any.
 */
import { checkFileIdentity, corruption, decodeFileHeader, FILE_HEADER_BYTES } from '../base/index.js'
import type { FileMagic, FileNum, LogFacts, Steps } from '../base/index.js'
import { allTables } from '../manifest/index.js'
import type { NewValueLog, Version } from '../manifest/index.js'
import { nameOfListed } from '../tables/index.js'
import type { ListedFile } from '../tables/index.js'
import { readFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'

export interface SourceFile {
  readonly name: string
  readonly fileNum: FileNum
  /** Bytes that count: more may stand behind them in a log, and mean nothing. */
  readonly bytes: number
  readonly listed: ListedFile
  /** The open file, where nothing else keeps it from going; absent when it is held in its directory. */
  readonly handle?: VfsFile
  /** The bytes themselves, of a log that may still be written. */
  readonly content?: Uint8Array
}

function sourceFile(listed: ListedFile): SourceFile {
  const { facts: { fileNum, bytes } } = listed
  return { name: nameOfListed(listed), fileNum, bytes, listed }
}

/** The tables and value logs of a version. */
export function filesOfVersion(version: Version): SourceFile[] {
  const tables = allTables(version).map((facts) => sourceFile({ kind: 'table', facts }))
  return [...tables, ...[...version.valueLogs.values()].map((facts) => sourceFile({ kind: 'vlog', facts }))]
}

/** The file of a streamed value that only entries of logs name yet. */
export function streamedFile(facts: NewValueLog): SourceFile {
  return sourceFile({ kind: 'vlog', facts: { ...facts, liveCount: facts.putCount, liveBytes: facts.putBytes } })
}

export function logFile(facts: LogFacts): SourceFile {
  return sourceFile({ kind: 'log', facts })
}

/**
 * Checks that an open file is the one that is meant, and has all bytes that count. Throws CORRUPTION,
 * UNSUPPORTED_FORMAT, or what the file system throws.
 */
export function* checkSame(file: VfsFile, { name, bytes, listed }: SourceFile, databaseId: Uint8Array): Steps<void> {
  const size = file.sizeSync()
  const isRight = listed.kind === 'table' ? size === bytes : size >= bytes
  if (!isRight) throw corruption(name, size, `it has ${size} bytes, the manifest says ${bytes}`)
  const header = new Uint8Array(FILE_HEADER_BYTES)
  const count = yield* readFully(file, header, header.length)
  const decoded = decodeFileHeader(header.subarray(0, count), magicOf(listed), name)
  checkFileIdentity(name, decoded, listed.facts, databaseId)
}

function magicOf(listed: ListedFile): FileMagic {
  if (listed.kind === 'table') return 'varvetab'
  return listed.kind === 'log' || listed.facts.isLog ? 'varvelog' : 'varvevlg'
}
