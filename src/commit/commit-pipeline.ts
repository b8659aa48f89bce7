/**
 * What: the write path. Every write is encoded once, inside the call, into the buffer that is current.
 * The operations of a batch are read before that, so no code of the caller runs between two steps of it.
 * Owns: sequence numbers, rotation, async calls that wait for room.
 * Does not own: writing, publishing and answering (group-writer.ts), syncs (wal/log-syncer.ts), flushes.
 * Thread: main. All state changes stand in sync functions, so nothing comes between them.
 * Invariants: COM-4 a sequence number is never used twice, also after a failed write.
 */
import { assert, NUMBER_MAX, SEQ_NUM_MAX, VarveError } from '../base/index.js'
import type { Bytes, EntryKind, SeqNum, Turns } from '../base/index.js'
import { noPredecessor } from '../wal/index.js'
import type { LogSyncer } from '../wal/index.js'
import { batchBytesBound, encodeBatch, entryBytesBound } from './batch-encoder.js'
import type { BatchOptions } from './batch-encoder.js'
import type { CommitHost, CommitOptions } from './commit-host.js'
import { GroupWriter } from './group-writer.js'
import { COPIED_BYTES_MAX, LargeWrite } from './large-write.js'
import type { Lifetimes } from './lifetime.js'
import { OperationList } from './operation-list.js'
import type { BatchOperation } from './operation-list.js'
import { PackedOperations } from './packed-operations.js'
import { WaitingWrites } from './waiting-writes.js'
import type { WaitingWrite } from './waiting-writes.js'
import type { WriteBuffer } from './write-buffer.js'
import type { WriteHow } from './write-how.js'

export class CommitPipeline {
  private readonly host: CommitHost
  private readonly syncer: LogSyncer
  readonly writer: GroupWriter
  /** True while a Sync call is waiting for a buffer. */
  private isTaking = false
  private isRotating = false
  private readonly turns: Turns
  private readonly lifetimes: Lifetimes
  /** True while a step of a large write waits for its turn of the event loop. */
  private isStepping = false
  readonly waiting: WaitingWrites
  lastSeqNum: SeqNum
  readonly counters: GroupWriter['counters']

  constructor(first: WriteBuffer, options: CommitOptions) {
    const { syncer, host, lastSeqNum } = options
    this.host = host
    this.syncer = syncer
    this.turns = options.turns
    this.lifetimes = options.lifetimes
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

  /** Resolves when no write that was asked for before this call waits for room or is unwritten: written, or refused. */
  async settled(): Promise<void> {
    await this.waiting.passed()
    await this.writer.idle()
  }

  // ── Calls that return when the bytes are in the log ─────────────────────────────────────────────

  writeOneSync(kind: EntryKind, key: Bytes, value: Bytes, { sync, expiryMs }: WriteHow): void {
    this.beginSync()
    if (!this.encodeOne(kind, key, value, expiryMs)) {
      this.makeRoomNow(entryBytesBound(kind, key, value, expiryMs))
      assert(this.encodeOne(kind, key, value, expiryMs), 'a fresh buffer has room for the entry it was taken for')
    }
    this.writer.commitNow()
    this.leaveXl()
    if (sync) this.syncer.syncNow()
  }

  writeBatchSync(given: readonly BatchOperation[], options: BatchOptions): void {
    const operations = OperationList.read(given, this.lifetimes)
    this.beginSync()
    if (!this.encodeBatch(operations, options)) {
      this.makeRoomNow(batchBytesBound(operations, options))
      assert(this.encodeBatch(operations, options), 'a fresh buffer has room for the batch it was taken for')
    }
    this.writer.commitNow()
    this.leaveXl()
    if (options.sync) this.syncer.syncNow()
  }

  /** Writes all that was asked to be written before, blocking. Throws why it cannot. */
  writeWaiting(): void {
    this.beginSync()
    this.writer.commitNow()
  }

  private beginSync(): void {
    if (this.current.memtable.sortsBehind > 1) this.host.takeResults()
    this.host.passBarrier()
    while (!this.waiting.isEmpty) this.encodeWaitingNow()
    this.current.batchBytesMax = NUMBER_MAX
  }

  /**
   * Makes room, blocking. Encoded batches are written first, so that their flush can begin. Flushes that end
   * meanwhile would encode waiting calls, which must not happen in the middle of this one. `isFilled` false: the buffer
   * stays empty.
   */
  private makeRoomNow(batchBytes: number, isFilled = true): void {
    const { host } = this
    this.writer.commitNow()
    this.isTaking = true
    try {
      if (this.mayFill(batchBytes)) host.checkWritable()
      else host.waitForRoom(batchBytes)
      if (this.current.isFilled) this.rotate(host.takeBufferNow())
      if (isFilled) host.fill(this.current, batchBytes)
    } finally {
      this.isTaking = false
    }
  }

  // ── Calls that return a promise ─────────────────────────────────────────────────────────────────

  writeOne(kind: EntryKind, key: Bytes, value: Bytes, { sync, expiryMs }: WriteHow): Promise<void> {
    try {
      this.host.checkWritable()
      if (this.mayEncode && this.encodeOne(kind, key, value, expiryMs)) return this.join(sync)
      return this.wait(OperationList.of(kind, key, value, expiryMs), { sync, position: null })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  writeBatch(given: readonly BatchOperation[], options: BatchOptions): Promise<void> {
    try {
      const operations = OperationList.read(given, this.lifetimes)
      this.host.checkWritable()
      if (this.mayEncode && this.encodeBatch(operations, options)) return this.join(options.sync)
      return this.wait(operations, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** True when a call may be encoded at once, if it is not a large one. */
  private get mayEncode(): boolean {
    this.current.batchBytesMax = COPIED_BYTES_MAX
    return this.waiting.isEmpty && !this.host.mustDelay()
  }

  private join(sync: boolean): Promise<void> {
    return this.writer.join(sync, this.lastSeqNum)
  }

  // ── Waiting for room ────────────────────────────────────────────────────────────────────────────

  private wait(operations: OperationList, options: BatchOptions): Promise<void> {
    const isLarge = LargeWrite.isLarge(operations)
    const waiting = isLarge ? new LargeWrite(operations, options) : PackedOperations.pack(operations)
    const written = this.waiting.push(waiting, options)
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
        this.waiting.refuse(error) // No buffer can be made for this call, or its memory has changed.
      }
    }
  }

  /** Encodes the first waiting call; false while there is no room for it. */
  private encodeFirst(next: WaitingWrite): boolean {
    const { operations } = next
    if (operations instanceof LargeWrite) return this.encodeLarge(next, operations)
    const bytes = operations.frameBytesBound(next.options)
    if (!this.encodeUnpacked(operations, next.options, bytes)) {
      if (!this.makeRoom(bytes)) return false
      assert(this.encodeUnpacked(operations, next.options, bytes), 'a fresh buffer has room')
    }
    this.waiting.shift(this.join(next.options.sync))
    this.leaveXl()
    return true
  }

  /** Unpacks and encodes a call only if there is room. A batch may be large, and each end of a job tries it again. */
  private encodeUnpacked(operations: PackedOperations, options: BatchOptions, bytes: number): boolean {
    this.current.batchBytesMax = NUMBER_MAX
    return bytes <= this.current.roomBytes && this.encodeBatch(operations.unpack(), options)
  }

  /** Makes room without blocking; false while there can be none. Throws BUSY when there is no memory. */
  private makeRoom(batchBytes: number): boolean {
    const { host } = this
    if (!this.mayFill(batchBytes) && host.mustStop(batchBytes)) return false
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

  /** Bytes that the current buffer still takes; below 0 while it is empty. */
  private get roomBytes(): number {
    return this.current.isFull ? 0 : this.current.roomBytes
  }

  /** Seals a batch that has a slab of its own at once, since its flush need not wait for more writes. */
  private leaveXl(): void {
    if (!this.current.isXl || !this.current.isUsed) return
    const next = this.host.takeBuffer()
    if (next !== null) this.rotate(next)
  }

  private encodeWaitingNow(): void {
    const next = this.waiting.first!
    const { operations } = next
    if (operations instanceof LargeWrite) return this.encodeLargeNow(next, operations)
    const bytes = operations.frameBytesBound(next.options)
    if (!this.encodeUnpacked(operations, next.options, bytes)) {
      this.makeRoomNow(bytes)
      assert(this.encodeUnpacked(operations, next.options, bytes), 'a fresh buffer has room')
    }
    this.waiting.shift(this.join(next.options.sync))
  }

  // ── Large writes ────────────────────────────────────────────────────────────────────────────────

  /** False while it is not whole, or there is no room for it. Throws when it cannot be written. */
  private encodeLarge(next: WaitingWrite, large: LargeWrite): boolean {
    const { host } = this
    if (!large.isMeasured) return this.stepLater()
    const bytes = large.frameBytesBound()
    if (!large.isIn(this.current)) {
      if (!host.needsXl(bytes)) {
        if (bytes > this.roomBytes && !this.makeRoom(bytes)) return false
        large.beginIn(this.current)
      } else if (!large.hasSlab) {
        if (host.mustStop(bytes)) return false
        large.begin(host.takeSlab(bytes))
      }
    }
    if (!large.isWhole) return this.stepLater()
    if (large.hasSlab) {
      if (host.mustStop(bytes)) return false
      if (this.current.isFilled) {
        const buffer = host.takeBuffer()
        if (buffer === null) return false
        this.rotate(buffer)
      }
    }
    this.encodeFilled(next, large)
    this.leaveXl()
    return true
  }

  /** Goes on in a turn of its own; false, since the write is not encoded yet. */
  private stepLater(): false {
    if (this.isStepping) return false
    this.isStepping = true
    this.turns.defer(this.step)
    return false
  }

  /** Goes on with the first waiting write, if it is a large one. */
  private readonly step = (): void => {
    this.isStepping = false
    const operations = this.waiting.first?.operations
    if (!(operations instanceof LargeWrite)) return
    try {
      operations.step()
    } catch (error) {
      this.waiting.refuse(error)
    }
    this.encodeWaiting()
  }

  /** Does the rest of a large write at once. An error of its own goes to its own caller. */
  private encodeLargeNow(next: WaitingWrite, large: LargeWrite): void {
    const { host } = this
    if (!this.attemptLarge(() => large.measureNow())) return
    const bytes = large.frameBytesBound()
    const isXl = host.needsXl(bytes)
    if (isXl || (!large.isIn(this.current) && bytes > this.roomBytes)) this.makeRoomNow(bytes, !isXl)
    const finish = (): void => {
      if (!isXl && !large.isIn(this.current)) large.beginIn(this.current)
      if (isXl && !large.hasSlab) large.begin(host.takeSlab(bytes))
      large.fillNow()
    }
    if (this.attemptLarge(finish)) this.encodeFilled(next, large)
  }

  /** False when the first waiting write was refused. */
  private attemptLarge(work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      this.waiting.refuse(error)
      return false
    }
  }

  /** The current buffer takes the write, and its slab if it has one: now it has a log and sequence numbers. */
  private encodeFilled({ options }: WaitingWrite, large: LargeWrite): void {
    const { count } = large.operations
    const buffer = this.current
    this.checkSeqNum(count)
    if (large.hasSlab) this.host.bind(buffer, large.takeSlab())
    buffer.setMark(this.syncer.markLog, this.syncer.markBytes)
    buffer.sealFilled(large, this.lastSeqNum + 1, count)
    this.count(count)
    this.waiting.shift(this.join(options.sync))
  }

  // ── Encoding and rotation ───────────────────────────────────────────────────────────────────────

  /** Encodes one operation; false when there is no room. */
  private encodeOne(kind: EntryKind, key: Bytes, value: Bytes, expiryMs: number): boolean {
    const buffer = this.current
    if (buffer.isFull) return false
    this.checkSeqNum(1)
    buffer.setMark(this.syncer.markLog, this.syncer.markBytes)
    if (!buffer.encodeOne(kind, key, value, this.lastSeqNum + 1, expiryMs)) return false
    this.count(1)
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
    this.count(count)
    return true
  }

  /** Counts a batch that is encoded. */
  private count(entries: number): void {
    this.lastSeqNum += entries
    this.counters.batches++
    this.counters.entries += entries
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
    const sealed = this.current
    this.isRotating = true
    try {
      if (!sealed.isUsed) sealed.voidUnwritten()
      next.begin(sealed.asPredecessor(this.lastSeqNum))
      this.writer.buffer = next
      this.syncer.add(next.log)
      this.host.onRotated(sealed, next)
      this.writer.seal(sealed)
    } finally {
      this.isRotating = false
    }
  }
}
