/**
 * What: the database as programs use it: checks every argument, then asks the engine.
 * Keys and values are strings (stored as UTF-8) or Uint8Array; reads give Uint8Array. Calls ending in Sync return when
 * the work is done; the others return promises. Errors are VarveError with a stable `code`; a call that is refused has
 * changed nothing.
 */
import {
  checkFlag, copyBytes, EntryKind, keepAliveUntil, printAs, printedObject, setHidden, takeOptions, VarveError,
} from '../base/index.js'
import type { Bytes, ValueSource } from '../base/index.js'
import { checkKey, copyPosition } from '../commit/index.js'
import type { BatchOperation, BatchOptions } from '../commit/index.js'
import { collectGarbage, resolveOptions } from '../engine/index.js'
import type { CollectOptions, CollectResult, CompactOptions, Engine, VarveOptions } from '../engine/index.js'
import { collectStats, openEngine, openReadOnly } from '../open/index.js'
import { openValueStream, PointReader, readMany, readManySync } from '../read/index.js'
import type { ManyReads, ReadView } from '../read/index.js'
import { BLOCK_BYTES_DEFAULT } from '../sstable/index.js'
import type { Stats } from '../stats/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { LockHolder, Vfs } from '../vfs/index.js'
import { clearKeys } from './clear.js'
import { readCollectCall, readCompactCall } from './compact-call.js'
import { destroyDatabase } from './destroy.js'
import { takeKeys } from './given-keys.js'
import { newPins } from './pins.js'
import type { Pins } from './pins.js'
import { atLocation, checkLocation, diskError, unlockDirectory } from './location.js'
import { AsyncRangeIterable, ENTRY, KEY, RangeIterable, readKeyRange, readRange, VALUE } from './ranges.js'
import type { KeyBounds, RangeOptions } from './ranges.js'
import { takeStreamOptions } from './stream-options.js'
import type { StreamOptions } from './stream-options.js'
import { putStream } from './put-stream.js'
import type { StreamWriteOptions } from './put-stream.js'
import { newSnapshot, momentOf, readMoment, takeReadOptions } from './read-options.js'
import type { CopyingMoment, ReadOptions, Snapshot } from './read-options.js'
import { takeBatchOptions } from './write-options.js'
import type { BatchOp, BatchWriteOptions, WriteOptions } from './write-options.js'

const NO_VALUE = new Uint8Array(0)
/** What a list of values has for one that was read into memory of its own. */
const asItIs = (value: Uint8Array): Uint8Array => value

/**
 * An open database. Calls that end in Sync return when the work is done, the others return promises. Bytes that are
 * given are copied inside the call, but for an asynchronous write of more than 4 MiB: its bytes must not change until
 * its promise settles. A call that is refused has changed nothing.
 */
export class Varve {
  /** The directory, absolute and without links. */
  readonly location: string
  private declare readonly view: ReadView
  /** Null when opened read-only. */
  private declare readonly engine: Engine | null
  private declare readonly reads: PointReader
  private declare readonly syncByDefault: boolean

  static {
    printAs(this, (db) => {
      const { location, state, isReadOnly } = db.stats().database
      return printedObject('Varve', { location, state, isReadOnly })
    })
  }

  private constructor(view: ReadView, engine: Engine | null, syncByDefault: boolean) {
    this.location = view.dir
    setHidden(this, { view, engine, reads: new PointReader(), syncByDefault })
  }

  /**
   * Opens, or makes, the database in directory `location`.
   * Rejects with INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, LOCKED, CORRUPTION, MISSING_FILE,
   * MISSING_MARKER, UNSUPPORTED_FORMAT, NO_SPACE or IO_ERROR; then nothing was lost or repaired.
   */
  static async open(location: string, options?: VarveOptions): Promise<Varve> {
    const path = checkLocation(location)
    const resolved = resolveOptions(options, BLOCK_BYTES_DEFAULT)
    const vfs = resolved.vfs ?? new NodeVfs()
    try {
      const { clock } = resolved
      if (resolved.readOnly) {
        return new Varve(await keepAliveUntil(clock, openReadOnly(path, vfs, resolved)), null, false)
      }
      const engine = await keepAliveUntil(clock, openEngine(path, vfs, resolved))
      return new Varve(engine, engine, resolved.sync)
    } catch (error) {
      throw diskError(error, 'open', path)
    }
  }

  /**
   * Removes the database in `location`, and the directory when nothing else is in it. Rejects with
   * NOT_FOUND when there is no database, LOCKED while it is open; files that are not Varve's stay.
   */
  static async destroy(location: string, options: { vfs?: Vfs } = {}): Promise<void> {
    await atLocation('destroy', location, options, destroyDatabase)
  }

  /**
   * Takes the process that had the database in `location` open for dead, when it cannot be seen from here whether it
   * lives. To be called when it certainly does not: two writers destroy a database. Resolves to the process it was,
   * or to null when nobody was in the way. Rejects with LOCKED when it certainly lives, and with NOT_FOUND when there
   * is no directory.
   */
  static async forceUnlock(location: string, options: { vfs?: Vfs } = {}): Promise<LockHolder | null> {
    return atLocation('forceUnlock', location, options, unlockDirectory)
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────

  /** Stores a value under a key, in place of the one that is there. */
  put(key: Bytes, value: Bytes, options?: WriteOptions): Promise<void> {
    try {
      const sync = this.syncOption(options)
      return this.writer().pipeline.writeOne(EntryKind.value, key, value, sync)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Puts as `put` does; done when it returns. */
  putSync(key: Bytes, value: Bytes, options?: WriteOptions): void {
    const sync = this.blockingSyncOption(options)
    this.writer().pipeline.writeOneSync(EntryKind.value, key, value, sync)
  }

  /**
   * Puts a value of at most 1 GiB that comes in pieces and is never whole in memory. It is there when the promise
   * resolves: what was put under the key meanwhile is older. Rejects with SOURCE_FAILED, INVALID_ARGUMENT for pieces
   * that are no Uint8Array, VALUE_TOO_LARGE, CLOSED, the reason of `signal`, or as `put` does; then nothing is stored,
   * and no file is left.
   */
  async putStream(key: Bytes, source: ValueSource, options?: StreamWriteOptions): Promise<void> {
    await putStream(this.writer(), { key, source, options }, this.syncByDefault)
  }

  /** Deleting a key that is not there is not an error. */
  del(key: Bytes, options?: WriteOptions): Promise<void> {
    try {
      const sync = this.syncOption(options)
      return this.writer().pipeline.writeOne(EntryKind.tombstone, key, NO_VALUE, sync)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Deletes as `del` does; done when it returns. */
  delSync(key: Bytes, options?: WriteOptions): void {
    const sync = this.blockingSyncOption(options)
    this.writer().pipeline.writeOneSync(EntryKind.tombstone, key, NO_VALUE, sync)
  }

  /** All operations or none, in order; at most 2^24 operations and 1 GiB. */
  batch(operations: readonly BatchOp[], options?: BatchWriteOptions): Promise<void> {
    try {
      const resolved = this.batchOptions(options)
      return this.writer().pipeline.writeBatch(operations as readonly BatchOperation[], resolved)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Writes as `batch` does; done when it returns. */
  batchSync(operations: readonly BatchOp[], options?: BatchWriteOptions): void {
    const resolved = this.batchOptions(options)
    this.checkBlockingSync(resolved.sync)
    this.writer().pipeline.writeBatchSync(operations as readonly BatchOperation[], resolved)
  }

  /**
   * Deletes the keys that `range` sees when it is called; all keys without. Not atomic, as it goes in
   * batches: a crash leaves some of them, and a key that is written meanwhile may stay or go.
   */
  async clear(range?: RangeOptions, options?: WriteOptions): Promise<void> {
    const { view } = this
    const sync = this.syncOption(options)
    const cursorOptions = readRange(range, view)
    this.writer().checkWritable()
    await clearKeys(view, cursorOptions, (operations) => this.batch(operations, { sync }))
  }

  /** Resolves when every write acknowledged before the call survives power loss. */
  async sync(): Promise<void> {
    await this.writer().sync()
  }

  /** Resolves when every write made before the call stands in synced tables. Waits, as writes do, at a write stall. */
  async flush(): Promise<void> {
    await this.waitFor(this.writer().flush())
  }

  /**
   * Merges the tables of a range down to one version a key, and lets go of what was deleted; flushes first.
   * Resolves when it is done. With `signal` it can be given up: compactions that are done stay. Rejects with the
   * signal's reason, CLOSED, why writing has stopped, the error of a compaction that failed three times in a row
   * (NO_SPACE, IO_ERROR, …), or CORRUPTION: a table of the range was left alone, the rest is done.
   */
  async compact(range?: KeyBounds, options?: CompactOptions): Promise<void> {
    const engine = this.writer()
    const keys = readKeyRange(range)
    await this.waitFor(engine.compact(keys, readCompactCall(options)))
  }

  /**
   * Flushes, then gives back the space of large values that nothing points to any more. By itself that happens when
   * half of a value log is garbage, or less in quiet times. Ends early as `compact` does. Rejects with CORRUPTION,
   * MISSING_FILE or IO_ERROR when a value log was left alone; the rest is done.
   */
  async collectGarbage(options?: CollectOptions): Promise<CollectResult> {
    return this.waitFor(collectGarbage(this.writer(), readCollectCall(options)))
  }

  // ── Reads ───────────────────────────────────────────────────────────────────────────────────────

  /** The value as private memory, or undefined. Sees the state of the moment of the call. */
  get(key: Bytes, options?: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      const { view, reads } = this
      const moment = readMoment(options, view)
      checkKey(key)
      return reads.answer(view, moment, key, moment.copies)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Reads as `get` does, at once. */
  getSync(key: Bytes, options?: ReadOptions): Uint8Array | undefined {
    const { view, reads } = this
    const moment = readMoment(options, view)
    checkKey(key)
    return reads.get(moment, key, moment.copies, view)
  }

  /**
   * The value of the moment of the call in pieces of at most 1 MiB, each read when it is asked for; undefined when it
   * is not there. Use `for await`, which ends it: the moment is kept until then. A damaged value ends in CORRUPTION
   * before its last piece. With `start` or `end` all of it is read once and checked before the part is given.
   */
  async getStream(key: Bytes, options?: StreamOptions): Promise<AsyncIterableIterator<Uint8Array> | undefined> {
    const { part, read } = takeStreamOptions(options)
    checkKey(key)
    const { view, reads } = this
    return openValueStream(view, reads, momentOf(read, view), copyBytes(key), part) ?? undefined
  }

  /** Values in the order of the keys, all from one state; undefined where a key is absent. */
  getMany(keys: readonly Bytes[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    try {
      const { view } = this
      const given = takeReadOptions(options)
      const own = takeKeys(keys)
      const moment = momentOf(given, view)
      return readMany(view, moment, this.manyReads(own, moment))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Reads as `getMany` does, at once. */
  getManySync(keys: readonly Bytes[], options?: ReadOptions): (Uint8Array | undefined)[] {
    const { view } = this
    const given = takeReadOptions(options)
    const own = takeKeys(keys)
    const moment = momentOf(given, view)
    return readManySync(view, moment, this.manyReads(own, moment))
  }

  private manyReads(keys: readonly Bytes[], { copies }: CopyingMoment): ManyReads<Uint8Array | undefined> {
    const { reads } = this
    return { keys, lookup: (moment, key) => reads.getOrPlace(moment, key, copies), give: asItIs }
  }

  /** Whether the key is there. Sees the state of the moment of the call. */
  has(key: Bytes, options?: ReadOptions): Promise<boolean> {
    try {
      return this.view.turns.answer(this.hasSync(key, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Looks as `has` does, at once. */
  hasSync(key: Bytes, options?: ReadOptions): boolean {
    const { view, reads } = this
    const moment = readMoment(options, view)
    checkKey(key)
    return reads.has(moment, key, view)
  }

  /** Entries of a range, as `[key, value]`, in the order of the keys. Sees the state of the moment of the call. */
  entries(range?: RangeOptions): AsyncIterable<[Uint8Array, Uint8Array]> {
    return new AsyncRangeIterable(this.view, readRange(range, this.view), ENTRY)
  }

  /** Gives what `entries` gives, to be walked along without waiting. */
  entriesSync(range?: RangeOptions): IterableIterator<[Uint8Array, Uint8Array]> {
    return new RangeIterable(this.view, readRange(range, this.view), ENTRY)
  }

  /** Keys of a range, in their order. Sees the state of the moment of the call. */
  keys(range?: RangeOptions): AsyncIterable<Uint8Array> {
    return new AsyncRangeIterable(this.view, readRange(range, this.view), KEY)
  }

  /** Gives what `keys` gives, to be walked along without waiting. */
  keysSync(range?: RangeOptions): IterableIterator<Uint8Array> {
    return new RangeIterable(this.view, readRange(range, this.view), KEY)
  }

  /** Values of a range, in the order of their keys. Sees the state of the moment of the call. */
  values(range?: RangeOptions): AsyncIterable<Uint8Array> {
    return new AsyncRangeIterable(this.view, readRange(range, this.view), VALUE)
  }

  /** Gives what `values` gives, to be walked along without waiting. */
  valuesSync(range?: RangeOptions): IterableIterator<Uint8Array> {
    return new RangeIterable(this.view, readRange(range, this.view), VALUE)
  }

  /** A point in time to read from; release it, since it keeps old versions alive. */
  snapshot(): Snapshot {
    this.view.checkReadable()
    return newSnapshot(this.view)
  }

  /** Durable retention pins: they keep logs for a follower, over restarts too. */
  get pins(): Pins {
    return newPins(this.writer())
  }

  /** The external position of the last batch that carried one, or null. */
  get position(): Uint8Array | null {
    return this.view.position?.slice() ?? null
  }

  // ── Life ────────────────────────────────────────────────────────────────────────────────────────

  /** One plain object with everything there is to see; names end in their unit. */
  stats(): Stats {
    return collectStats(this.view, this.reads)
  }

  /** Brings writes back after a failure that allows it. Rejects with the reason when it does not. */
  async resume(): Promise<void> {
    await this.waitFor(this.writer().resume())
  }

  /** Flushes, syncs, lets go of everything. Rejects with the first background error. Idempotent. */
  async close(): Promise<void> {
    try {
      await this.waitFor(this.view.close())
    } catch (error) {
      throw diskError(error, 'close', this.location)
    }
  }

  /** Closes it at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Waits for background work, and keeps the process alive meanwhile. */
  private waitFor<T>(work: Promise<T>): Promise<T> {
    return keepAliveUntil(this.view.clock, work)
  }

  private writer(): Engine {
    if (this.engine === null) throw new VarveError('READ_ONLY', 'the database was opened with readOnly: true')
    return this.engine
  }

  private syncOption(options: WriteOptions | undefined): boolean {
    if (options === undefined) return this.syncByDefault
    return checkFlag(takeOptions('write', ['sync'], options, ({ sync }) => sync), 'sync') ?? this.syncByDefault
  }

  private blockingSyncOption(options: WriteOptions | undefined): boolean {
    return this.checkBlockingSync(this.syncOption(options))
  }

  private checkBlockingSync(sync: boolean): boolean {
    if (!sync || this.writer().setup.vfs.hasBlockingSync !== false) return sync
    throw new VarveError('NOT_SUPPORTED', 'a Sync call cannot wait for the disk here', {
      hint: 'await the call, or allow worker threads (--allow-worker)',
    })
  }

  private batchOptions(options: BatchWriteOptions | undefined): BatchOptions {
    if (options === undefined) return { sync: this.syncByDefault, position: null }
    const { sync, position } = takeOptions('batch', ['sync', 'position'], options, takeBatchOptions)
    const ownPosition = position === undefined ? null : copyPosition(position)
    return { sync: checkFlag(sync, 'sync') ?? this.syncByDefault, position: ownPosition }
  }
}

/** Gives the Level facade what it reads with. */
export function readersOf(db: Varve): { view: ReadView; reads: PointReader } {
  return { view: db['view'], reads: db['reads'] }
}
