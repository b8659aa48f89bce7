/**
 * What: one log file that is being written.
 * Owns: its handles, how far it is written and synced, and whether it failed.
 * Does not own: the bytes (the slab has them), when it is synced (wal/log-syncer.ts), when the file is
 * deleted (versions/unlink-files.ts).
 * Thread: main.
 * States: spare → current → sealed → closed. Any of them may become failed: then nothing more is written.
 * Invariants: WAL-1 a log that saw a failed write or sync is never written again. WAL-2 bytes are
 * written in order: [0, writtenEnd) is exactly what the slab holds, and what stands behind it is zeros. WAL-8 a
 * blocking sync beside one in the thread pool has a handle of its own, opened before the first sync in the pool, so it
 * hears of a failed write-back whatever the other has heard.
 */
import {
  assert, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, KiB, logFileName, MiB, runSync, Waiters,
} from '../base/index.js'
import type { FileHeader, FileNum, LogFacts, SeqNum, Steps } from '../base/index.js'
import { closeQuietly, openAgain, openFile, syncFile, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

/** Bytes of zeros written ahead at a time. A sync inside the file's length and blocks is 30 % faster on ext4. */
const ZEROS_STEP_BYTES = MiB
/** Zeros are written ahead from this many awaited syncs on; for fewer it is not worth while. */
const AWAITED_SYNCS_MIN = 8
/** Ahead of syncs of more than this each, zeros cost more than they save: the disk writes them too. */
const FILLED_BYTES_MAX = 32 * KiB
/** A piece of zeros. Pages that one large write made are slow to write into again (ext4 on Linux 6). */
const ZEROS = new Uint8Array(64 * KiB)

/** The open file of a log, and where it is opened once more. */
export interface MadeLog {
  vfs: Vfs
  path: string
  file: VfsFile
}

export class LogFile {
  readonly fileNum: FileNum
  readonly name: string
  readonly headerBytes: Uint8Array
  readonly salt: Uint8Array
  /** The seed of every checksum in the file. */
  readonly seed: number
  private readonly made: MadeLog | null
  /** Takes the blocking syncs, once syncs go through the thread pool. */
  private blockingFile: VfsFile | null = null
  /** The end of the bytes that are in the file. */
  writtenEnd = FILE_HEADER_BYTES
  /** The end of the zeros that were written ahead of `writtenEnd`. */
  private zerosEnd = FILE_HEADER_BYTES
  private awaitedSyncCount = 0
  /** The size that the log never grows beyond; 0 until its slab is known. */
  bytesMax = 0
  /** The end of the bytes that were in the file when a successful sync was submitted. */
  syncedEnd = FILE_HEADER_BYTES
  /** Sequence number of the last entry below `writtenEnd`. */
  writtenSeqNum: SeqNum = 0
  syncedSeqNum: SeqNum = 0
  /** True when no frame will be added any more. */
  isSealed = false
  private readonly sealWaiters = new Waiters()
  hasFailed = false

  /** With `made` null the log only has a number: it stands behind the last log of a database that closes. */
  constructor(made: MadeLog | null, header: FileHeader, headerBytes: Uint8Array) {
    this.made = made
    this.fileNum = header.fileNum
    this.name = logFileName(header.fileNum)
    this.salt = header.salt
    this.seed = fileSeed(header)
    this.headerBytes = headerBytes
  }

  /** True when the log has a file; false when it only has a number. */
  get isMade(): boolean {
    return this.made !== null
  }

  /** The open file. Requires: `isMade`. Blocking syncs go through `dataSyncSync`. */
  get file(): VfsFile {
    assert(this.made !== null, 'a log without a file is not written')
    return this.made.file
  }

  /**
   * Called before a sync in the thread pool. False: no handle can be had for blocking syncs beside it, so it must not
   * go there. The handle is made before the first one, since one that is made later hears of no earlier failure.
   */
  readyForPoolSync(): boolean {
    this.blockingFile ??= runSync(this.openAgain())
    return this.blockingFile !== null
  }

  private openAgain(): Steps<VfsFile | null> {
    const { vfs, path } = this.made!
    return openAgain(vfs, path, this.file)
  }

  /** Syncs all that is written, blocking. */
  dataSyncSync(): void {
    const file = this.blockingFile ?? this.file
    file.dataSyncSync()
  }

  closeSync(): void {
    this.blockingFile?.closeSync()
    this.file.closeSync()
  }

  /** Closes the log, after operations in flight. */
  async close(): Promise<void> {
    await Promise.all([this.blockingFile?.close(), this.file.close()])
  }

  get unsyncedBytes(): number {
    return this.writtenEnd - this.syncedEnd
  }

  /** What the manifest may say of the log now. */
  get facts(): LogFacts {
    const { fileNum, salt, syncedEnd: bytes, isSealed, unsyncedBytes } = this
    return { fileNum, salt, bytes, isExact: isSealed && unsyncedBytes === 0, mustExist: true }
  }

  /** No frame will be added any more, and all that were are written, or void. */
  seal(): void {
    this.isSealed = true
    this.sealWaiters.wake()
  }

  /** Resolves when no frame will be added any more. */
  whenSealed(): Promise<void> {
    return this.sealWaiters.until(() => this.isSealed)
  }

  /** Notes that all of the log was synced elsewhere. Requires: it is sealed. */
  noteSynced(): void {
    this.syncedEnd = this.writtenEnd
    this.syncedSeqNum = this.writtenSeqNum
  }

  /** Writes up to `end`, blocking, and loops over short writes. On an error `writtenEnd` stays where it was. */
  writeSync(bytes: Uint8Array, end: number, lastSeqNum: SeqNum): void {
    let at = this.writtenEnd
    while (at < end) at += this.file.writeSync(bytes, at, end - at, at)
    this.writtenEnd = end
    this.writtenSeqNum = lastSeqNum
  }

  /**
   * Called before a sync that a caller waits for. Once there were some, and while they are small, it writes zeros ahead
   * in steps of 1 MiB, so that the next syncs need not write the file's size. If that does not work it is no failure.
   */
  fillAhead(): void {
    if (++this.awaitedSyncCount < AWAITED_SYNCS_MIN) return
    const from = Math.max(this.writtenEnd, this.zerosEnd)
    if (this.isSealed || from >= this.bytesMax || from - this.writtenEnd >= ZEROS.length) return
    if (this.unsyncedBytes > FILLED_BYTES_MAX) return
    const end = Math.min(from + ZEROS_STEP_BYTES, this.bytesMax)
    if (runSync(this.writeZeros(from, end))) this.zerosEnd = end
    else this.bytesMax = 0
  }

  /** Has a handle of its own: one that saw a failed write must not sync any more. */
  private *writeZeros(from: number, end: number): Steps<boolean> {
    const file = yield* this.openAgain()
    if (file === null) return false
    try {
      for (let at = from; at < end; at += ZEROS.length) {
        yield* writeFully(file, ZEROS, 0, Math.min(ZEROS.length, end - at), at)
      }
      return true
    } catch {
      return false
    } finally {
      yield* closeQuietly(file)
    }
  }

  /** Writes through the thread pool. The caller moves `writtenEnd` when that is done. */
  async writeRange(bytes: Uint8Array, start: number, end: number): Promise<void> {
    let at = start
    while (at < end) at += await this.file.write(bytes, at, end - at, at)
  }
}

/** Makes a new log whose header is durable. Its name is durable after the caller's directory sync. */
export function* createLog(vfs: Vfs, dir: string, header: FileHeader): Steps<LogFile> {
  const headerBytes = new Uint8Array(FILE_HEADER_BYTES)
  encodeFileHeader(header, headerBytes)
  const path = vfs.join(dir, logFileName(header.fileNum))
  const file = yield* openFile(vfs, path, 'create')
  try {
    yield* writeFully(file, headerBytes, 0, FILE_HEADER_BYTES, 0)
    yield* syncFile(file)
  } catch (error) {
    file.closeSync()
    throw error
  }
  return new LogFile({ vfs, path, file }, header, headerBytes)
}
