/**
 * What: a file that goes into a checkpoint: which it is, how many of its bytes count, and where they come from.
 * Thread: any.
 */
import {
  checkFileIdentity, compareBytes, corruption, decodeFileHeader, FILE_HEADER_BYTES, logFileName, tableFileName,
  valueLogFileName,
} from '../base/index.js'
import type { FileMagic, FileNum, LogFacts, Steps } from '../base/index.js'
import { allTables } from '../manifest/index.js'
import type { NewValueLog, Version } from '../manifest/index.js'
import { readFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'

/** Which file it is. Two files of one database in which all of this is equal have equal bytes. */
export interface FileIdentity {
  readonly name: string
  readonly fileNum: FileNum
  readonly salt: Uint8Array
  /** Bytes that count: more may stand behind them in a log, and mean nothing. */
  readonly bytes: number
  readonly magic: FileMagic
}

export interface SourceFile extends FileIdentity {
  /** The open file, where nothing else keeps it from going; null when it is held in its directory. */
  readonly handle?: VfsFile
  /** The bytes themselves, of a log that may still be written. */
  readonly content?: Uint8Array
}

/** Tells whether a file of another copy of this database has the same bytes. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.name === b.name && a.bytes === b.bytes && compareBytes(a.salt, b.salt) === 0
}

/** The tables and value logs of a version. */
export function filesOfVersion(version: Version): FileIdentity[] {
  const tables = allTables(version).map(({ fileNum, salt, bytes }): FileIdentity =>
    ({ name: tableFileName(fileNum), fileNum, salt, bytes, magic: 'varvetab' }))
  return [...tables, ...[...version.valueLogs.values()].map(valueLogFile)]
}

export function valueLogFile(facts: Omit<NewValueLog, 'putCount' | 'putBytes' | 'namedInLog'>): FileIdentity {
  const { fileNum, salt, bytes, isLog } = facts
  return { name: valueLogFileName(facts), fileNum, salt, bytes, magic: isLog ? 'varvelog' : 'varvevlg' }
}

export function logFile({ fileNum, salt, bytes }: LogFacts): FileIdentity {
  return { name: logFileName(fileNum), fileNum, salt, bytes, magic: 'varvelog' }
}

/**
 * Checks that an open file is the one that is meant, and has all bytes that count. Throws CORRUPTION,
 * UNSUPPORTED_FORMAT, or what the file system throws.
 */
export function* checkSame(file: VfsFile, meant: FileIdentity, databaseId: Uint8Array): Steps<void> {
  const { name, bytes, magic } = meant
  const size = file.sizeSync()
  const isRight = magic === 'varvetab' ? size === bytes : size >= bytes
  if (!isRight) throw corruption(name, size, `it has ${size} bytes, the manifest says ${bytes}`)
  const header = new Uint8Array(FILE_HEADER_BYTES)
  const count = yield* readFully(file, header, header.length)
  checkFileIdentity(name, decodeFileHeader(header.subarray(0, count), magic, name), meant, databaseId)
}
