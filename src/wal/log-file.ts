/**
 * What: one log file that is being written.
 * Owns: the open file, how far it is written and synced, and whether it failed.
 * Does not own: the bytes (the slab has them), nor who may still need the file (see wal/log-syncer.ts
 * for syncs, versions/unlink-files.ts for its end).
 * Thread: main.
 * States: spare → current → sealed → closed; failed from any of them: then nothing more is written.
 * Invariants: WAL-1 a log that saw a failed write or sync is never written again. WAL-2 bytes are
 * written in order: [0, writtenEnd) is exactly what the slab holds, and what stands behind it is zeros.
 */
import {
  assert, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, KiB, logFileName, MiB,
} from '../base/index.js'
import type { FileHeader, FileNum, LogFacts, SeqNum, Steps } from '../base/index.js'
import { openFile, syncFile, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

/** A sync of bytes that lie inside the file's length and blocks writes no metadata: 30 % faster on ext4. */
const ZEROS_STEP_BYTES = MiB
/** A few syncs are not worth it. */
const AWAITED_SYNCS_MIN = 8
/** Written in pieces: pages that were made by one large write are slow to write into again (ext4 on Linux 6). */
const ZEROS = new Uint8Array(64 * KiB)

export class LogFile {
  readonly fileNum: FileNum
  readonly name: string
  readonly headerBytes: Uint8Array
  readonly salt: Uint8Array
  /** Start of every checksum in the file. */
  readonly seed: number
  private readonly fileNow: VfsFile | null
  /** Bytes that are in the file. */
  writtenEnd = FILE_HEADER_BYTES
  /** What is in the file and not written yet is zeros, up to here. */
  private zerosEnd = FILE_HEADER_BYTES
  private awaitedSyncCount = 0
  /** The log never grows beyond this; 0 until its slab is known. */
  bytesMax = 0
  /** Bytes that were in the file when a successful sync was submitted. */
  syncedEnd = FILE_HEADER_BYTES
  /** Sequence number of the last entry below writtenEnd, or below syncedEnd. */
  writtenSeqNum: SeqNum = 0
  syncedSeqNum: SeqNum = 0
  /** No frame will be added any more. */
  isSealed = false
  hasFailed = false

  /** `file` null: only a number, behind the last log of a database that ends. Nothing is written to it. */
  constructor(file: VfsFile | null, header: FileHeader, headerBytes: Uint8Array) {
    this.fileNow = file
    this.fileNum = header.fileNum
    this.name = logFileName(header.fileNum)
    this.salt = header.salt
    this.seed = fileSeed(header)
    this.headerBytes = headerBytes
  }

  /** False for a log that only has a number. */
  get isMade(): boolean {
    return this.fileNow !== null
  }

  /** Requires: it is made. */
  get file(): VfsFile {
    assert(this.fileNow !== null, 'a log without a file is not written')
    return this.fileNow
  }

  get unsyncedBytes(): number {
    return this.writtenEnd - this.syncedEnd
  }

  /** What the manifest may say of it now. */
  get facts(): LogFacts {
    const { fileNum, salt, syncedEnd: bytes, isSealed, unsyncedBytes } = this
    return { fileNum, salt, bytes, isExact: isSealed && unsyncedBytes === 0, mustExist: true }
  }

  /** All of it was synced, elsewhere. Requires: sealed. */
  noteSynced(): void {
    this.syncedEnd = this.writtenEnd
    this.syncedSeqNum = this.writtenSeqNum
  }

  /** Blocking; loops over short writes. On an error `writtenEnd` stays where it was. */
  writeSync(bytes: Uint8Array, end: number, lastSeqNum: SeqNum): void {
    let at = this.writtenEnd
    while (at < end) at += this.file.writeSync(bytes, at, end - at, at)
    this.writtenEnd = end
    this.writtenSeqNum = lastSeqNum
  }

  /**
   * Before a sync that somebody waits for: once there were some, zeros are written ahead in steps of
   * 1 MiB, so that the next syncs need not write the file's size. That they cannot be is no failure.
   */
  fillAhead(): void {
    if (++this.awaitedSyncCount < AWAITED_SYNCS_MIN) return
    const from = Math.max(this.writtenEnd, this.zerosEnd)
    if (this.isSealed || from >= this.bytesMax || from - this.writtenEnd >= ZEROS.length) return
    const end = Math.min(from + ZEROS_STEP_BYTES, this.bytesMax)
    try {
      for (let at = from; at < end;) at += this.file.writeSync(ZEROS, 0, Math.min(ZEROS.length, end - at), at)
      this.zerosEnd = end
    } catch {
      this.bytesMax = 0
    }
  }

  /** Writes through the thread pool; the caller moves `writtenEnd` when it settles. */
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
