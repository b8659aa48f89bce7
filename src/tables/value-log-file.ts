/**
 * What: the file of a value log that the manifest lists, opened for reads and known to be the one that is meant.
 * Owns: nothing; who opens it closes it. Thread: any; opening blocks.
 */
import {
  checkFileIdentity, corruption, decodeFileHeader, errnoOf, FILE_HEADER_BYTES, fileSeed, ioError, openListedError,
  valueLogFileName, VarveError,
} from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import type { TableContext } from '../sstable/index.js'
import { CallSpeed, PooledFile } from '../vfs/index.js'
import type { ReadableFile } from '../vfs/index.js'

/** What was read of value logs. */
export class ValueLogReads {
  /** Calls that read. */
  count = 0
  bytes = 0
  /** Those of them that went through the thread pool. */
  poolCount = 0
  /** How fast those are that block. */
  readonly speed = new CallSpeed()

  note(bytes: number): void {
    this.count++
    this.bytes += bytes
  }
}

/** A value log that can be read. */
export interface OpenValueLog {
  readonly fileNum: FileNum
  /** File name relative to the database directory, for errors. */
  readonly name: string
  /** Bytes of the file that count: nothing behind them is believed. */
  readonly bytes: number
  /** The checksum of a value begins with this XOR the value's offset. */
  readonly seed: number
  readonly file: ReadableFile
  /** Counts what is read of it. */
  readonly reads: ValueLogReads
}

export interface ListedValueLog extends OpenValueLog {
  readonly file: PooledFile
}

/**
 * Opens a listed value log. Throws MISSING_FILE, CORRUPTION when it is shorter than the manifest says or not the file
 * that it means, UNSUPPORTED_FORMAT or IO_ERROR; so does a later read that must open it again.
 */
export function openValueLog(
  { vfs, dir, databaseId, pool }: TableContext, facts: ValueLogFacts, reads = new ValueLogReads(),
): ListedValueLog {
  const { fileNum, bytes } = facts
  const name = valueLogFileName(facts)
  const check = (opened: ReadableFile): void => checkSameValueLog(opened, name, facts, databaseId)
  const openError = (error: unknown): unknown =>
    pool.isKeeping ? goneError(error, name) : openListedError(error, name)
  const file = new PooledFile({ vfs, path: vfs.join(dir, name), pool, check, reopenError: openError })
  try {
    file.openSync()
    check(file)
  } catch (error) {
    file.closeSync()
    throw openError(error)
  }
  return { fileNum, name, bytes, seed: fileSeed(facts), file, reads }
}

/** Throws CORRUPTION unless it is the file that the manifest means, with all bytes that count. */
function checkSameValueLog(
  file: Pick<ReadableFile, 'readSync' | 'sizeSync'>, name: string, facts: ValueLogFacts, databaseId: Uint8Array,
): void {
  const size = file.sizeSync()
  if (size < facts.bytes) {
    throw corruption(name, size, `it has ${size} bytes, the manifest says ${facts.bytes} at least`)
  }
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  const count = file.readSync(bytes, 0, bytes.length, 0)
  const header = decodeFileHeader(bytes.subarray(0, count), facts.isLog ? 'varvelog' : 'varvevlg', name)
  checkFileIdentity(name, header, facts, databaseId)
}

/** The error for a file that another process removed before it was read. */
function goneError(error: unknown, name: string): VarveError {
  if (errnoOf(error) !== 'ENOENT') return ioError(error, 'open', name)
  return new VarveError('MISSING_FILE', `${name} was removed by another process before it was read`, {
    cause: error, file: name, hint: 'begin again: the database was read anew; a pin of the writer keeps its logs',
  })
}
