/**
 * What: makes write buffers: a log, made ahead when the one before it is half full, so that rotation is a swap, and an
 * empty memtable; with the first batch they get a slab. So a database that is only open holds no memory for writes,
 * and makes no file.
 * Owns: the spare log. Does not own: buffers once they are handed out; the slab pool.
 * Thread: main.
 * Invariants: WAL-6 a log is handed out only when its header and its name are durable. WAL-7 log
 * numbers rise in the order in which logs are used.
 */
import {
  directoryError, errnoOf, FILE_HEADER_BYTES, ioError, isOutOfFiles,
  logFileName, newFileHeader, runAsync, runSync, VarveError,
} from '../base/index.js'
import type { Clock, FileHeader, FileNum, FileOrigin, HashSeed, SeqNum, Steps } from '../base/index.js'
import { WriteBuffer } from '../commit/index.js'
import type { Executor } from '../exec/index.js'
import { Memtable, WalkUse } from '../memtable/index.js'
import type { ValueFileHolds } from '../memtable/index.js'
import type { Slab, SlabPool } from '../slab/index.js'
import { syncDirectory } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { createLog, FIRST_BATCH_OFFSET, LogFile } from '../wal/index.js'

export interface WriteBufferOptions extends FileOrigin {
  hashSeed: HashSeed
  vfs: Vfs
  dir: string
  clock: Clock
  pool: SlabPool
  executor: Executor
  /** Counts memtables that need value files. */
  valueFiles: ValueFileHolds
  allocateFileNum(): FileNum
  /** Gives the last sequence number given out. */
  lastSeqNum(): SeqNum
  /** Bytes that the index of the next memtable may take. */
  indexBytesMax(): number
  /** Called when a spare is ready that somebody may be waiting for. */
  onReady(): void
  /** Called when making a log failed; the error's `file` is DIRECTORY_NAME when the directory's sync did. */
  onFailure(error: unknown): void
}

/** Bytes of a hash index for each key that it is made for, at most; no memtable is made half full. */
const BYTES_PER_EXPECTED_KEY = 2 * 22

/** Bytes behind a batch that its size does not count: alignment and bounds of short strings. */
const SLACK_BYTES = 1024

/** The first pause when nothing can be opened; all of them take five seconds together. */
const OUT_OF_FILES_FIRST_MS = 20
const OUT_OF_FILES_MAX_MS = 2560

export class WriteBuffers {
  private readonly options: WriteBufferOptions
  private spare: LogFile | null = null
  private readonly walks = new WalkUse()
  private making: Promise<void> | null = null
  /** Ends when a log that came too late is closed. */
  private discarding: Promise<void> = Promise.resolve()
  /** Logs that came too late to be used, or that could not be made. */
  private unused: { fileNum: FileNum; name: string }[] = []
  private lastTakenNum = 0
  /** The number of keys to expect: the next memtable will be much like the last full one. */
  expectedKeys = 0
  private isStopped = false
  /** Ends a pause between two attempts. */
  private wake: () => void = () => undefined

  /** Begins with no spare; `first` is durable. */
  constructor(options: WriteBufferOptions, first: LogFile | null = null) {
    this.options = options
    this.spare = first
  }

  /** Begins to make a spare when there is none. */
  prepare(): void {
    if (this.spare !== null || this.making !== null || this.isStopped) return
    this.making = this.makePatiently().then(
      (log) => {
        this.making = null
        this.keep(log)
        this.options.onReady()
      },
      (error: unknown) => {
        this.making = null
        if (!this.isStopped) this.options.onFailure(error)
      },
    )
  }

  /** Makes a log. When nothing can be opened it tries again a little later: that may pass. */
  private async makePatiently(): Promise<LogFile> {
    for (let delayMs = OUT_OF_FILES_FIRST_MS; ; delayMs *= 2) {
      try {
        return await runAsync(this.makeLog())
      } catch (error) {
        if (this.isStopped || !isOutOfFiles(error) || delayMs > OUT_OF_FILES_MAX_MS) throw error
      }
      await this.sleep(delayMs)
    }
  }

  private sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(delayMs, resolve)
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /** Resolves when there is a spare or making one failed. */
  async prepared(): Promise<void> {
    this.prepare()
    while (this.making !== null) await this.making
  }

  /** Gives an empty buffer, or null while its log is being made. */
  take(): WriteBuffer | null {
    const log = this.spare
    if (log === null) {
      this.prepare()
      return null
    }
    this.spare = null
    return this.newBuffer(log)
  }

  /** Gives a buffer that takes nothing, behind the last one that does: no log is made for it. */
  takeLast(): WriteBuffer {
    const { spare } = this
    this.spare = null
    if (spare !== null) this.discard(spare)
    return this.newBuffer(new LogFile(null, this.newHeader(), new Uint8Array(FILE_HEADER_BYTES)))
  }

  private newBuffer(log: LogFile): WriteBuffer {
    this.lastTakenNum = log.fileNum
    const { lastSeqNum, executor, hashSeed, generation, valueFiles } = this.options
    const memtable = new Memtable({
      logNum: log.fileNum, start: FILE_HEADER_BYTES, baseSeqNum: lastSeqNum(), hashSeed, executor,
      walks: this.walks,
    })
    memtable.holdFiles(valueFiles)
    return new WriteBuffer(log, memtable, generation)
  }

  /** Gives an empty buffer, and makes the log here when no spare is ready. Throws what I/O throws, wrapped, or BUSY. */
  takeNow(): WriteBuffer {
    this.spare ??= this.makeNow()
    return this.take()!
  }

  needsXl(batchBytes: number): boolean {
    return slabBytesFor(batchBytes) > this.options.pool.slabBytes
  }

  /** Takes a slab with room for a batch of this size, held once. Throws BUSY when there is no memory. */
  takeSlab(batchBytes: number): Slab {
    return this.options.pool.take(slabBytesFor(batchBytes))
  }

  /** Gives an empty buffer this slab, and releases it: the memtable holds it from here on. */
  bind(buffer: WriteBuffer, slab: Slab): void {
    const { pool, indexBytesMax } = this.options
    buffer.isXl = slab.capacity > pool.slabBytes
    buffer.indexBytesMax = indexBytesMax()
    const keysMax = Math.floor(buffer.indexBytesMax / BYTES_PER_EXPECTED_KEY)
    buffer.fill(slab, buffer.isXl ? 0 : Math.min(this.expectedKeys, keysMax))
    slab.release()
  }

  /** Gives an empty buffer a slab with room for a batch of this size. Throws BUSY when there is no memory. */
  fill(buffer: WriteBuffer, batchBytes: number): void {
    this.bind(buffer, this.takeSlab(batchBytes))
  }

  private makeNow(): LogFile {
    if (this.options.vfs.hasBlockingSync === false) {
      const hint = 'let the event loop turn, or await writes; threads (--allow-worker) would help'
      throw new VarveError('BUSY', 'the next log is being made, which a Sync call cannot wait for here', { hint })
    }
    try {
      return runSync(this.makeLog())
    } catch (error) {
      if (!isOutOfFiles(error)) this.options.onFailure(error)
      throw error
    }
  }

  /** Resolves when nothing is being made any more; the spare's handle is closed. */
  async close(): Promise<void> {
    this.isStopped = true
    this.wake()
    while (this.making !== null) await this.making
    await this.discarding
    const { spare } = this
    this.spare = null
    if (spare !== null) await spare.close().catch(() => undefined)
  }

  /** The name of the unused spare: an empty log that may be removed. */
  get spareName(): string | null {
    return this.spare?.name ?? null
  }

  private *makeLog(): Steps<LogFile> {
    const { vfs, dir } = this.options
    const header = this.newHeader()
    const { fileNum } = header
    let log: LogFile
    try {
      log = yield* createLog(vfs, dir, header)
    } catch (error) {
      const name = logFileName(fileNum)
      if (errnoOf(error) !== 'EEXIST') this.unused.push({ fileNum, name }) // it may be there all the same
      throw ioError(error, 'create', name)
    }
    try {
      yield* syncDirectory(vfs, dir)
    } catch (error) {
      log.closeSync()
      this.unused.push(log)
      throw directoryError(error, 'sync', dir)
    }
    return log
  }

  private newHeader(): FileHeader {
    return newFileHeader('varvelog', this.options, this.options.allocateFileNum())
  }

  private keep(log: LogFile): void {
    // A blocked caller may have made and used a log of a higher number meanwhile: this one comes too late.
    if (log.fileNum > this.lastTakenNum && this.spare === null && !this.isStopped) {
      this.spare = log
      return
    }
    this.discard(log)
  }

  private discard(log: LogFile): void {
    this.discarding = log.close().catch(() => undefined)
    this.unused.push(log)
  }

  /** Takes names of logs that never took a frame and never will, and that the durable pointer has passed. */
  takeUnusedBelow(logPointer: FileNum): string[] {
    const passed = this.unused.filter(({ fileNum }) => fileNum < logPointer)
    this.unused = this.unused.filter((log) => !passed.includes(log))
    return passed.map(({ name }) => name)
  }
}

/** The smallest slab for a buffer whose first batch has this size. */
function slabBytesFor(batchBytes: number): number {
  return FIRST_BATCH_OFFSET + batchBytes + SLACK_BYTES
}
