/**
 * What: one log file that is being written.
 * Owns: the open file, how far it is written and synced, and whether it failed.
 * Does not own: the bytes (the slab has them), nor who may still need the file (see wal/log-syncer.ts
 * for syncs, flush/flush-release.ts for its end).
 * Thread: main.
 * States: spare → current → sealed → closed; failed from any of them: then nothing more is written.
 * Invariants: WAL-1 a log that saw a failed write or sync is never written again. WAL-2 bytes are
 * written in order: [0, writtenEnd) is exactly what the slab holds.
 */
import {
  encodeFileHeader, FILE_HEADER_BYTES, fileSeed, logFileName,
} from '../base/index.js'
import type { FileHeader, FileNum, SeqNum, Steps } from '../base/index.js'
import { openFile, syncFile, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

export class LogFile {
  readonly fileNum: FileNum
  readonly name: string
  readonly headerBytes: Uint8Array
  /** Start of every checksum in the file. */
  readonly seed: number
  readonly file: VfsFile
  /** Bytes that are in the file. */
  writtenEnd = FILE_HEADER_BYTES
  /** Bytes that were in the file when a successful sync was submitted. */
  syncedEnd = FILE_HEADER_BYTES
  /** Sequence number of the last entry below writtenEnd, or below syncedEnd. */
  writtenSeqNum: SeqNum = 0
  syncedSeqNum: SeqNum = 0
  /** No frame will be added any more. */
  isSealed = false
  hasFailed = false

  constructor(file: VfsFile, header: FileHeader, headerBytes: Uint8Array) {
    this.file = file
    this.fileNum = header.fileNum
    this.name = logFileName(header.fileNum)
    this.seed = fileSeed(header)
    this.headerBytes = headerBytes
  }

  get unsyncedBytes(): number {
    return this.writtenEnd - this.syncedEnd
  }

  /** Blocking; loops over short writes. On an error `writtenEnd` stays where it was. */
  writeSync(bytes: Uint8Array, end: number, lastSeqNum: SeqNum): void {
    let at = this.writtenEnd
    while (at < end) at += this.file.writeSync(bytes, at, end - at, at)
    this.writtenEnd = end
    this.writtenSeqNum = lastSeqNum
  }

  /** As writeSync, through the thread pool; the caller moves `writtenEnd` when it settles. */
  async writeRange(bytes: Uint8Array, start: number, end: number): Promise<void> {
    let at = start
    while (at < end) at += await this.file.write(bytes, at, end - at, at)
  }
}

/** A new log whose header is durable; its name is durable after the caller's directory sync. */
export function* createLog(vfs: Vfs, dir: string, header: FileHeader): Steps<LogFile> {
  const headerBytes = new Uint8Array(FILE_HEADER_BYTES)
  encodeFileHeader(header, headerBytes)
  const file = yield* openFile(vfs, vfs.join(dir, logFileName(header.fileNum)), 'create')
  try {
    yield* writeFully(file, headerBytes, 0, FILE_HEADER_BYTES, 0)
    yield* syncFile(file)
  } catch (error) {
    file.closeSync()
    throw error
  }
  return new LogFile(file, header, headerBytes)
}
