/**
 * What: the database as programs use it: checks every argument, then asks the engine.
 * Keys and values are strings (stored as UTF-8) or Uint8Array; reads give Uint8Array. Calls ending in Sync return when
 * the work is done; the others return promises. Errors are VarveError with a stable `code`; a call that is refused has
 * changed nothing.
 */
import {
  EntryKind, invalidArgument, keepAliveUntil, printAs, printedObject, setHidden, VarveError,
} from '../base/index.js'
import type { Bytes, ValueSource } from '../base/index.js'
import { FOREVER, readKeyRange, readRequiredRange, writeHow } from '../commit/index.js'
import type { BatchOperation, KeyBounds } from '../commit/index.js'
import { collectGarbage, resolveOptions } from '../engine/index.js'
import type { CollectOptions, CollectResult, CompactOptions, Engine, VarveOptions } from '../engine/index.js'
import type { BackupResult, CheckpointResult } from '../checkpoint/index.js'
import type { IngestResult, LoadResult, LoadSource } from '../ingest/index.js'
import { openEngine, openReadOnly } from '../open/index.js'
import type { Following, RefreshResult } from '../open/index.js'
import type { ReadView } from '../read/index.js'
import { BLOCK_BYTES_DEFAULT } from '../sstable/index.js'
import { traceJobs, traceMethods, WRITE_CHANNELS } from '../stats/index.js'
import { NodeVfs } from '../vfs/index.js'
import { ingest, load } from './bulk.js'
import type { IngestOptions, LoadOptions } from './bulk.js'
import { backUpDatabase, checkpointView } from './checkpoint-call.js'
import type { BackupOptions, CheckpointOptions } from './checkpoint-call.js'
import { clearKeys, deleteRange, deleteRangeSync } from './clear.js'
import { readCollectCall, readCompactCall } from './compact-call.js'
import { followView, refreshView } from './follow-view.js'
import type { FollowingOptions, RefreshOptions } from './follow-view.js'
import { newPins } from './pins.js'
import type { Pins } from './pins.js'
import { checkLocation, diskError } from './location.js'
import { readRange } from './ranges.js'
import type { RangeOptions } from './ranges.js'
import { putStream } from './put-stream.js'
import type { StreamWriteOptions } from './put-stream.js'
import { touch, touchSync } from './touch.js'
import type { HealReport, VerifyReport } from '../verify/index.js'
import { healNow, scrubNow } from './heal-options.js'
import type { HealOptions, ScrubOptions } from './heal-options.js'
import { TRACED_CLASS_JOBS, TRACED_JOBS, TRACED_WRITES } from './traced-calls.js'
import { loadTools } from './use-tools.js'
import { OPEN_DATABASE_HINT, readersOf, VarveReads } from './varve-reads.js'
import { newView } from './view.js'
import type { View, ViewOptions } from './view.js'
import type { AnyEncoding, Decoded } from './view-codec.js'
import { WriteOptionReader } from './write-options.js'
import type { BatchOp, BatchWriteOptions, PutOptions, WriteOptions } from './write-options.js'

const NO_VALUE = new Uint8Array(0)

/**
 * An open database. Calls that end in Sync return when the work is done, the others return promises. Bytes that are
 * given are copied inside the call, but for an asynchronous write of more than 4 MiB: its bytes must not change until
 * its promise settles. A call that is refused has changed nothing.
 */
export class Varve extends VarveReads {
  /** Null when opened read-only. */
  private declare readonly engine: Engine | null
  private declare readonly writes: WriteOptionReader

  static {
    printAs(this, (db) => {
      const { location, state, isReadOnly } = db.stats().database
      return printedObject('Varve', { location, state, isReadOnly })
    })
    traceMethods(this.prototype, WRITE_CHANNELS, ({ location }) => location, TRACED_WRITES)
    traceJobs(this.prototype, TRACED_JOBS, (db) => db)
    traceJobs(this, TRACED_CLASS_JOBS, (_, given) => given)
  }

  private constructor(view: ReadView, engine: Engine | null, syncByDefault: boolean) {
    // Who is used to other stores writes `new`; without this the first call would fail with a TypeError.
    if (typeof (view as unknown) !== 'object') {
      throw invalidArgument('a database is opened, not constructed', 'await Varve.open(location)')
    }
    super(view)
    const lifetimes = engine?.expiry.lifetimes ?? FOREVER
    const writes = new WriteOptionReader(syncByDefault, lifetimes, engine?.setup.vfs.hasBlockingSync !== false)
    setHidden(this, { engine, writes })
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
      const tools = resolved.scrub === null ? null : await loadTools()
      const engine = await keepAliveUntil(clock, openEngine(path, vfs, resolved))
      tools?.scrubInBackground(engine)
      return new Varve(engine, engine, resolved.sync)
    } catch (error) {
      throw diskError(error, 'open', path)
    }
  }

  /**
   * Makes the next backup in directory `set`, which is made when it is not there: `000001`, `000002`, …, each a
   * database of its own. Files that the backup before has too are linked. Rejects with INVALID_ARGUMENT for a directory
   * that is something else, LOCKED while another backup is made there, and as `checkpoint` does.
   */
  static async backup(db: Varve, set: string, options?: BackupOptions): Promise<BackupResult> {
    if (!(db instanceof Varve)) {
      const form = 'of this same Varve: import and require give one each'
      throw invalidArgument(`the first argument must be an open database ${form}`, OPEN_DATABASE_HINT)
    }
    return backUpDatabase(db.readView, set, options)
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────

  /**
   * Stores a value under a key, in place of the one that is there and of when that expires. With `ttl` or `expiresAt`
   * the value expires: from then on it is not there.
   */
  put(key: Bytes, value: Bytes, options?: PutOptions): Promise<void> {
    try {
      const how = this.writes.put(options)
      return this.writer().pipeline.writeOne(EntryKind.value, key, value, how)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Puts as `put` does; done when it returns. */
  putSync(key: Bytes, value: Bytes, options?: PutOptions): void {
    const how = this.writes.blockingPut(options)
    this.writer().pipeline.writeOneSync(EntryKind.value, key, value, how)
  }

  /**
   * Changes when a value expires, and nothing else of it: as `put`, by `ttl`, `expiresAt` or the option of `open`.
   * False: there is no such value any more, and nothing is written. The value is written again, so a large one costs.
   */
  async touch(key: Bytes, options?: PutOptions): Promise<boolean> {
    return touch(this.writer(), key, this.writes.touch(options))
  }

  /** Changes as `touch` does; done when it returns. */
  touchSync(key: Bytes, options?: PutOptions): boolean {
    return touchSync(this.writer(), key, this.writes.blockingTouch(options))
  }

  /**
   * Puts a value of at most 1 GiB that comes in pieces and is never whole in memory. It is there when the promise
   * resolves: what was put under the key meanwhile is older. Rejects with SOURCE_FAILED, INVALID_ARGUMENT for pieces
   * that are no Uint8Array, VALUE_TOO_LARGE, CLOSED, the reason of `signal`, or as `put` does; then nothing is stored,
   * and no file is left.
   */
  async putStream(key: Bytes, source: ValueSource, options?: StreamWriteOptions): Promise<void> {
    await putStream(this.writer(), { key, source, options }, this.writes.syncByDefault)
  }

  /** Deleting a key that is not there is not an error. */
  del(key: Bytes, options?: WriteOptions): Promise<void> {
    try {
      const sync = this.writes.sync(options)
      return this.writer().pipeline.writeOne(EntryKind.tombstone, key, NO_VALUE, writeHow(sync))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Deletes as `del` does; done when it returns. */
  delSync(key: Bytes, options?: WriteOptions): void {
    const sync = this.writes.blockingSync(options)
    this.writer().pipeline.writeOneSync(EntryKind.tombstone, key, NO_VALUE, writeHow(sync))
  }

  /** All operations or none, in order; at most 2^24 operations and 1 GiB. */
  batch(operations: readonly BatchOp[], options?: BatchWriteOptions): Promise<void> {
    try {
      const resolved = this.writes.batch(options)
      return this.writer().pipeline.writeBatch(operations as readonly BatchOperation[], resolved)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Writes as `batch` does; done when it returns. */
  batchSync(operations: readonly BatchOp[], options?: BatchWriteOptions): void {
    const resolved = this.writes.blockingBatch(options)
    this.writer().pipeline.writeBatchSync(operations as readonly BatchOperation[], resolved)
  }

  /**
   * Deletes all keys of a range, at once and whole, however many there are: one range tombstone is written. A range
   * without bounds, `{}`, has all keys; one that no key can be in writes nothing.
   */
  async delRange(range: KeyBounds, options?: WriteOptions): Promise<void> {
    await deleteRange(this.writer(), readRequiredRange(range), this.writes.sync(options))
  }

  /** Deletes as `delRange` does; done when it returns. */
  delRangeSync(range: KeyBounds, options?: WriteOptions): void {
    deleteRangeSync(this.writer(), readRequiredRange(range), this.writes.blockingSync(options))
  }

  /**
   * Deletes the keys of a range; all keys without. It is one `delRange`, at once and whole, unless there is a `limit`
   * or a `snapshot`: then the keys that the range sees when it is called are deleted in batches. That is not atomic: a
   * crash leaves some of them, and a key that is written meanwhile may stay or go.
   */
  async clear(range?: RangeOptions, options?: WriteOptions): Promise<void> {
    const sync = this.writes.sync(options)
    const walk = readRange(range, this.readView)
    const writer = this.writer()
    writer.checkWritable()
    if (walk.isNow && walk.limit === Infinity) await deleteRange(writer, walk.range, sync)
    else await clearKeys(this.readView, walk, (operations) => this.batch(operations, { sync }))
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

  /**
   * Takes in table files that a table writer made, all or none, at one moment, as if all was written then: they are
   * newer than all there is. No two of them may share keys. Rejects with INVALID_ARGUMENT, NOT_FOUND, CORRUPTION or
   * UNSUPPORTED_FORMAT for a file that cannot be taken in, the signal's reason, CLOSED, or as writes do; then nothing
   * has changed.
   */
  async ingest(files: readonly string[], options?: IngestOptions): Promise<IngestResult> {
    return this.waitFor(ingest(this.writer(), files, options))
  }

  /**
   * Puts entries that come in any order, all or none, at one moment. They are sorted and written as tables once, and
   * synced, so that no compaction is left to do. Of several with one key the last counts. Rejects with what the
   * source throws, INVALID_ARGUMENT, the signal's reason, CLOSED, or as writes do; then nothing has changed.
   */
  async load(entries: LoadSource, options?: LoadOptions): Promise<LoadResult> {
    return this.waitFor(load(this.writer(), entries, options))
  }

  /**
   * Makes directory `target` a database of its own that has all writes up to one moment, while writes go on; every
   * write that was acknowledged before the call is in it, and it survives power loss when the promise resolves. Its
   * files are links to those of this database where that can be, and are never changed through them. Rejects with
   * ALREADY_EXISTS for anything but an empty directory, NOT_FOUND without its parent, INVALID_ARGUMENT for a place
   * inside of this database, BACKGROUND_ERROR after a failure that leaves nothing to be trusted, NO_SPACE, IO_ERROR,
   * CLOSED, or the reason of `signal`; then nothing is left there.
   */
  async checkpoint(target: string, options?: CheckpointOptions): Promise<CheckpointResult> {
    return checkpointView(this.readView, target, options)
  }

  // ── Views ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * The keys that begin with a prefix, keys and values through encodings: `db.view({ key: 'utf8', value: 'json' })`.
   * Where an encoding does not say the type, the program does: `db.view<string, User>(…)`. Throws INVALID_ARGUMENT or
   * KEY_TOO_LARGE.
   */
  view<K, V>(options: ViewOptions<K, V>): View<K, V>
  /** A view whose types are those that the encodings give. */
  view<KE extends AnyEncoding, VE extends AnyEncoding>(options: {
    /** The encoding of the keys: 'utf8', 'json', 'bytes', or a codec, which decides about the order. */
    key: KE
    /** The encoding of the values: 'utf8', 'json', 'bytes', or a codec. */
    value: VE
    /** The view has the keys that begin with this, and does not show it; default: all keys. */
    prefix?: Bytes | undefined
  }): View<Decoded<KE>, Decoded<VE>>
  view(options: ViewOptions<unknown, unknown>): View<unknown, unknown> {
    return newView(readersOf(this), this, options)
  }

  /** Durable retention pins: they keep logs for a follower, over restarts too. */
  get pins(): Pins {
    return newPins(this.writer())
  }

  // ── Following another process ───────────────────────────────────────────────────────────────────

  /**
   * Shows what the files say now, at least what they said at the call; for a database opened with `readOnly: true`.
   * Walks and snapshots stay where they began. Calls that come while one is under way wait for one more, which they
   * share. Rejects with SNAPSHOT_GONE when the directory holds another history than was shown, CLOSED, the signal's
   * reason, NOT_SUPPORTED for a database open for writing, or as `open` does; then reads see what they saw before.
   */
  async refresh(options?: RefreshOptions): Promise<RefreshResult> {
    return this.waitFor(refreshView(this.readView, options))
  }

  /** Refreshes until it is stopped, and tells what came. Throws INVALID_ARGUMENT, NOT_SUPPORTED or CLOSED. */
  follow(options?: FollowingOptions): Following {
    return followView(this.readView, options)
  }

  // ── Life ────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Reads all files anew, at the pace of `bytesPerSecond` and behind all other work, and compares their checksums. What
   * is wrong is in the report; a damaged table is left alone by compactions from then on, and the event `damageFound`
   * is told. Rejects with CLOSED, or the reason of `signal`.
   */
  async scrub(options: ScrubOptions = {}): Promise<VerifyReport> {
    return this.waitFor(scrubNow(this.writer(), options))
  }

  /**
   * Replaces damaged files as `Varve.heal` does, while reads and writes go on. Rejects with NOT_SUPPORTED on Windows,
   * where the name of an open file cannot be given to another: close the database there, and use `Varve.heal`.
   */
  async heal(options: HealOptions): Promise<HealReport> {
    return this.waitFor(healNow(this.writer(), options))
  }

  /** Brings writes back after a failure that allows it. Rejects with the reason when it does not. */
  async resume(): Promise<void> {
    await this.waitFor(this.writer().resume())
  }

  /** Flushes, syncs, lets go of everything. Rejects with the first background error. Idempotent. */
  async close(): Promise<void> {
    try {
      await this.waitFor(this.readView.close())
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
    return keepAliveUntil(this.readView.clock, work)
  }

  private writer(): Engine {
    if (this.engine === null) throw new VarveError('READ_ONLY', 'the database was opened with readOnly: true')
    return this.engine
  }
}
