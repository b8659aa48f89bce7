/**
 * What: the write path. Every write is encoded once, inside the call, into the buffer that is current.
 * The operations of a batch are read before that, so no code of the caller runs between two steps of it.
 * Owns: sequence numbers, rotation, async calls that wait for room.
 * Does not own: writing, publishing and answering (group-writer.ts), syncs (wal/log-syncer.ts), flushes.
 * Thread: main. All state changes stand in sync functions, so nothing comes between them.
 * Invariants: COM-4 a sequence number is never used twice, also after a failed write.
 */
import { assert, SEQ_NUM_MAX, VarveError } from '../base/index.js'
import type { Bytes, EntryKind, SeqNum } from '../base/index.js'
import { noPredecessor } from '../wal/index.js'
import type { LogSyncer } from '../wal/index.js'
import { batchBytesBound, encodeBatch, entryBytesBound } from './batch-encoder.js'
import type { BatchOptions } from './batch-encoder.js'
import { GroupWriter } from './group-writer.js'
import type { GroupWriterHost, GroupWriterOptions } from './group-writer.js'
import { OperationList } from './operation-list.js'
import type { BatchOperation } from './operation-list.js'
import { PackedOperations } from './packed-operations.js'
import { WaitingWrites } from './waiting-writes.js'
import type { WaitingWrite } from './waiting-writes.js'
import type { WriteBuffer } from './write-buffer.js'

const UNSYNCED: BatchOptions = { sync: false, position: null }
const SYNCED: BatchOptions = { sync: true, position: null }

/** What the pipeline needs of the engine. All functions are synchronous. */
export interface CommitHost extends GroupWriterHost {
  /** Delivers results of jobs that have arrived. A caller that blocks does not let the event loop do it. */
  takeResults(): void
  /** True while too much waits to be flushed. */
  mustStop(): boolean
  /** True while writes are slowed down and the next one must wait; `encodeWaiting` is called when its turn comes. */
  mustDelay(): boolean
  /** Blocks until `mustStop` is false. Throws BUSY, or the reason why nothing may be written. */
  waitForRoom(): void
  /** Takes an empty buffer; gives null while its log is being made. */
  takeBuffer(): WriteBuffer | null
  /** Takes an empty buffer; makes the log, blocking, when there is none. Throws what I/O throws. */
  takeBufferNow(): WriteBuffer
  /** True when a batch of this size needs a slab of its own. */
  needsXl(batchBytes: number): boolean
  /** Gives the current buffer, which is empty, a slab with room for a batch of this size. Throws BUSY. */
  fill(buffer: WriteBuffer, batchBytes: number): void
  /** Called when `sealed` takes no more batches and `next` has become the current buffer. */
  onRotated(sealed: WriteBuffer, next: WriteBuffer): void
}

export interface CommitOptions extends GroupWriterOptions {
  host: CommitHost
  /** Bytes of memory that calls which wait for room may take. */
  waitingBytesMax: number
}

export class CommitPipeline {
  private readonly host: CommitHost
  private readonly syncer: LogSyncer
  private readonly writer: GroupWriter
  /** True while a Sync call is waiting for a buffer. */
  private isTaking = false
  private isRotating = false
  readonly waiting: WaitingWrites
  lastSeqNum: SeqNum
  readonly counters: GroupWriter['counters']

  constructor(first: WriteBuffer, options: CommitOptions) {
    const { syncer, host, lastSeqNum } = options
    this.host = host
    this.syncer = syncer
    this.lastSeqNum = lastSeqNum
    this.writer = new GroupWriter(first, options)
    this.counters = this.writer.counters
    this.waiting = new WaitingWrites(options.waitingBytesMax, options.clock)
    first.begin(noPredecessor(lastSeqNum))
  }

  /** The buffer that takes batches now. */
  get current(): WriteBuffer {
    return this.writer.buffer
  }

  get visibleSeqNum(): SeqNum {
    return this.writer.visibleSeqNum
  }

  /** The external position of the last published batch that carried one. */
  get position(): Uint8Array | null {
    return this.writer.position
  }

  /** Resolves when nothing encoded is unwritten and no write is in flight. */
  idle(): Promise<void> {
    return this.writer.idle()
  }

  // ── Calls that return when the bytes are in the log ─────────────────────────────────────────────

  writeOneSync(kind: EntryKind, key: Bytes, value: Bytes, sync: boolean): void {
    this.beginSync()
    if (!this.encodeOne(kind, key, value)) {
      this.makeRoomNow(entryBytesBound(kind, key, value))
      assert(this.encodeOne(kind, key, value), 'a fresh buffer has room for the entry it was taken for')
    }
    this.writer.commitNow()
    this.leaveXl()
    if (sync) this.syncer.syncNow()
  }

  writeBatchSync(given: readonly BatchOperation[], options: BatchOptions): void {
    const operations = OperationList.read(given)
    this.beginSync()
    if (!this.encodeBatch(operations, options)) {
      this.makeRoomNow(batchBytesBound(operations, options))
      assert(this.encodeBatch(operations, options), 'a fresh buffer has room for the batch it was taken for')
    }
    this.writer.commitNow()
    this.leaveXl()
    if (options.sync) this.syncer.syncNow()
  }

  private beginSync(): void {
    if (this.current.memtable.sortsBehind > 1) this.host.takeResults()
    this.host.checkWritable()
    while (!this.waiting.isEmpty) this.encodeWaitingNow()
  }

  /**
   * Makes room, blocking. Encoded batches are written first, so that their flush can begin. Flushes that end
   * meanwhile would encode waiting calls, which must not happen in the middle of this one.
   */
  private makeRoomNow(batchBytes: number): void {
    const { host } = this
    this.writer.commitNow()
    this.isTaking = true
    try {
      if (this.mayFill(batchBytes)) host.checkWritable()
      else host.waitForRoom()
      if (this.current.isFilled) this.rotate(host.takeBufferNow())
      host.fill(this.current, batchBytes)
    } finally {
      this.isTaking = false
    }
  }

  // ── Calls that return a promise ─────────────────────────────────────────────────────────────────

  writeOne(kind: EntryKind, key: Bytes, value: Bytes, sync: boolean): Promise<void> {
    try {
      this.host.checkWritable()
      if (this.mayEncode && this.encodeOne(kind, key, value)) return this.join(sync)
      return this.wait(OperationList.of(kind, key, value), sync ? SYNCED : UNSYNCED)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  writeBatch(given: readonly BatchOperation[], options: BatchOptions): Promise<void> {
    try {
      const operations = OperationList.read(given)
      this.host.checkWritable()
      if (this.mayEncode && this.encodeBatch(operations, options)) return this.join(options.sync)
      batchBytesBound(operations, options) // This checks the batch before it is copied.
      return this.wait(operations, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  private get mayEncode(): boolean {
    return this.waiting.isEmpty && !this.host.mustDelay()
  }

  private join(sync: boolean): Promise<void> {
    return this.writer.join(sync, this.lastSeqNum)
  }

  // ── Waiting for room ────────────────────────────────────────────────────────────────────────────

  private wait(operations: OperationList, options: BatchOptions): Promise<void> {
    const written = this.waiting.push(PackedOperations.pack(operations), options)
    this.encodeWaiting()
    return written
  }

  /** Called when a buffer is ready or a flush is done: encodes waiting calls, in order, as far as there is room. */
  encodeWaiting(): void {
    if (this.isTaking || this.isRotating) return
    this.leaveXl()
    for (let next = this.waiting.first; next !== null; next = this.waiting.first) {
      if (this.host.mustDelay()) return
      try {
        if (!this.encodeFirst(next)) return
      } catch (error) {
        this.waiting.shift(Promise.reject(error)) // No buffer can be made for this call.
      }
    }
  }

  /** Encodes the first waiting call; false while there is no room for it. */
  private encodeFirst(next: WaitingWrite): boolean {
    const bytes = next.operations.frameBytesBound(next.options)
    if (!this.encodeUnpacked(next, bytes)) {
      if (!this.makeRoom(bytes)) return false
      assert(this.encodeUnpacked(next, bytes), 'a fresh buffer has room')
    }
    this.waiting.shift(this.join(next.options.sync))
    this.leaveXl()
    return true
  }

  /** Unpacks and encodes a call only if there is room. A batch may be large, and each end of a job tries it again. */
  private encodeUnpacked(next: WaitingWrite, bytes: number): boolean {
    return bytes <= this.current.roomBytes && this.encodeBatch(next.operations.unpack(), next.options)
  }

  /** Makes room without blocking; false while there can be none. Throws BUSY when there is no memory. */
  private makeRoom(batchBytes: number): boolean {
    const { host } = this
    if (!this.mayFill(batchBytes) && host.mustStop()) return false
    if (this.current.isFilled) {
      const next = host.takeBuffer()
      if (next === null) return false
      this.rotate(next)
    }
    host.fill(this.current, batchBytes)
    return true
  }

  /** True when the current buffer can get a slab for this batch. Writers stop only when they need another buffer. */
  private mayFill(batchBytes: number): boolean {
    return !this.current.isFilled && !this.host.needsXl(batchBytes)
  }

  /** Seals a batch that has a slab of its own at once, since its flush need not wait for more writes. */
  private leaveXl(): void {
    if (!this.current.isXl || !this.current.isUsed) return
    const next = this.host.takeBuffer()
    if (next !== null) this.rotate(next)
  }

  private encodeWaitingNow(): void {
    const next = this.waiting.first!
    const bytes = next.operations.frameBytesBound(next.options)
    if (!this.encodeUnpacked(next, bytes)) {
      this.makeRoomNow(bytes)
      assert(this.encodeUnpacked(next, bytes), 'a fresh buffer has room')
    }
    this.waiting.shift(this.join(next.options.sync))
  }

  // ── Encoding and rotation ───────────────────────────────────────────────────────────────────────

  /** Encodes one operation; false when there is no room. */
  private encodeOne(kind: EntryKind, key: Bytes, value: Bytes): boolean {
    const buffer = this.current
    if (buffer.isFull) return false
    this.checkSeqNum(1)
    buffer.setMark(this.syncer.markLog, this.syncer.markBytes)
    if (!buffer.encodeOne(kind, key, value, this.lastSeqNum + 1)) return false
    this.lastSeqNum++
    this.counters.batches++
    this.counters.entries++
    return true
  }

  private encodeBatch(operations: OperationList, options: BatchOptions): boolean {
    const { count } = operations
    if (count === 0 && options.position === null) return true
    const buffer = this.current
    if (buffer.isFull) return false
    this.checkSeqNum(count)
    buffer.setMark(this.syncer.markLog, this.syncer.markBytes)
    if (!encodeBatch(buffer, operations, options, this.lastSeqNum + 1)) return false
    this.lastSeqNum += count
    this.counters.batches++
    this.counters.entries += count
    return true
  }

  private checkSeqNum(count: number): void {
    if (this.lastSeqNum + count > SEQ_NUM_MAX) throw new VarveError('INTERNAL', 'sequence numbers are used up')
  }

  /**
   * Seals the current buffer and makes `next` the current one. Requires: `next` is prepared and was never used.
   * The flush of an empty memtable may end inside it; waiting calls are not encoded then, since the room in `next`
   * is for the call that rotates.
   */
  rotate(next: WriteBuffer): void {
    this.isRotating = true
    try {
      this.swap(next)
    } finally {
      this.isRotating = false
    }
  }

  private swap(next: WriteBuffer): void {
    const sealed = this.current
    const predecessor = sealed.isUsed
      ? { fileNum: sealed.log.fileNum, salt: sealed.log.salt, lastSeqNum: this.lastSeqNum, end: sealed.encodedEnd }
      : { ...sealed.predecessor, lastSeqNum: this.lastSeqNum }
    if (!sealed.isUsed) sealed.voidUnwritten()
    next.begin(predecessor)
    this.writer.buffer = next
    this.syncer.add(next.log)
    this.host.onRotated(sealed, next)
    this.writer.seal(sealed)
  }
}
