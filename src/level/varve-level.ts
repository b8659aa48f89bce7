/**
 * What: Varve as an abstract-level database that takes the place of ClassicLevel: same constructor,
 * options, extras, events and error codes.
 * Owns: the open database, unless handles share it.
 * Does not own: status and deferred calls (abstract-level), reads (level-reads.ts).
 * Thread: main.
 * Lists, pages and batches go to the engine whole: no promise is made for an entry.
 */
import type {
  AbstractIterator, AbstractKeyIterator, AbstractSnapshot, AbstractValueIterator, Transcoder,
} from 'abstract-level'
import { Varve } from '../api/index.js'
import type { BatchOp, PutOptions, RepairOptions, RepairReport, WriteOptions } from '../api/index.js'
import { printAs, printedObject, VarveError } from '../base/index.js'
import { LevelBase } from './level-base.js'
import type {
  PrivateOperation, PrivateRangeOptions, PrivateReadOptions, PrivatePutOptions, PrivateWriteOptions, SnapshotOwner,
} from './level-base.js'
import { levelError, notOpenError, rethrow } from './level-error.js'
import { engineKey, engineValue, keyBytes } from './level-format.js'
import { engineOptions } from './level-options.js'
import { repairLevel } from './level-repair.js'
import { propertyText } from './level-properties.js'
import { LevelReads } from './level-reads.js'
import type { DatabaseOptions, Format, GetOptions, StartEndOptions } from './classic-level.js'
import type { Part } from './range-reader.js'
import { openAlone, openShared } from './shared-databases.js'
import type { OpenedDatabase } from './shared-databases.js'

const MANIFEST = {
  encodings: { buffer: true, utf8: true, view: true },
  has: true,
  getSync: true,
  createIfMissing: true,
  errorIfExists: true,
  explicitSnapshots: true,
  additionalMethods: { approximateSize: true, compactRange: true },
  signals: { iterators: true },
}

const SYNC: WriteOptions = { sync: true }
const NO_SYNC: WriteOptions = { sync: false }

/** Varve as an abstract-level database, with ClassicLevel's constructor, options and extras. */
export class VarveLevel<KDefault = string, VDefault = string> extends LevelBase<KDefault, VDefault> {
  readonly #location: string
  #opened: OpenedDatabase | null = null
  #reads: LevelReads | null = null
  /** The promise of the last write, and the one that reports errors as abstract-level's users know them. */
  #lastWrite: Promise<void> | null = null
  #lastAnswer: Promise<void> | null = null
  /** Calls that take several turns and are not over. */
  readonly #underWay = new Set<Promise<unknown>>()

  static {
    printAs(this, ({ location, status }) => printedObject('VarveLevel', { location, status }))
  }

  /** In the directory `location`. The database opens itself soon; calls wait until it is open. */
  constructor(location: string, options?: DatabaseOptions<KDefault, VDefault>) {
    checkLocation(location)
    super(MANIFEST, options)
    this.#location = location
  }

  /** The location that the constructor got. */
  get location(): string {
    return this.#location
  }

  /**
   * The database under it, with what abstract-level does not have, such as `refresh` when it was opened with `readOnly:
   * true`. Throws LEVEL_DATABASE_NOT_OPEN.
   */
  get engine(): Varve {
    if (this.#opened === null) throw notOpenError('it has no engine')
    return this.#opened.db
  }

  // ── What ClassicLevel has beside abstract-level ─────────────────────────────────────────────────

  /** Bytes of tables that keys in [start, end) take, about; what was not flushed yet does not count. */
  async approximateSize<K = KDefault>(start: K, end: K, options?: StartEndOptions<K>): Promise<number> {
    checkStartEnd(arguments.length)
    if (this.status === 'opening') return this.deferAsync(() => this.approximateSize(start, end, options))
    const [lower, upper] = this.#bounds('approximateSize', start, end, options)
    return this.#openReads.approximateBytes({ lower, upper })
  }

  /** Merges the tables with keys from start to end: what was deleted or replaced there goes. Flushes first. */
  async compactRange<K = KDefault>(start: K, end: K, options?: StartEndOptions<K>): Promise<void> {
    checkStartEnd(arguments.length)
    if (this.status === 'opening') return this.deferAsync(() => this.compactRange(start, end, options))
    const [gte, lte] = this.#bounds('compactRange', start, end, options)
    await this.#track(this.engine.compact({ gte, lte }))
  }

  /** Answers LevelDB's names: `leveldb.stats`, `leveldb.sstables` and so on; '' for any other. */
  getProperty(property: string): string {
    if (typeof property !== 'string') throw new TypeError("The first argument 'property' must be a string")
    if (this.status !== 'open') throw notOpenError('cannot call getProperty()')
    return propertyText(property, this.engine.stats(), this.#openReads.state.version)
  }

  /** Removes the database in `location`; files that are not Varve's stay. Fine when there is none. */
  static async destroy(location: string, options?: Parameters<typeof Varve.destroy>[1]): Promise<void> {
    checkLocation(location)
    try {
      await Varve.destroy(location, options)
    } catch (error) {
      if (!VarveError.is(error) || error.code !== 'NOT_FOUND') throw levelError(error)
    }
  }

  /**
   * Repairs the database in `location`, which nobody may have open: a new one takes its place, the damaged one stays as
   * `<location>.damaged.<time>`. The report says what was lost; what is not served stands in `salvaged` inside.
   */
  static async repair(location: string, options: RepairOptions = {}): Promise<RepairReport> {
    checkLocation(location)
    return repairLevel(location, options)
  }

  #bounds<K>(
    method: string, start: K, end: K, options: StartEndOptions<K> | undefined,
  ): [Uint8Array, Uint8Array] {
    if (this.status !== 'open') throw notOpenError(`cannot call ${method}()`)
    const encoding = this.keyEncoding(options?.keyEncoding as Transcoder.MixedEncoding<K, Format, K>)
    return [keyBytes(encoding.encode(start)), keyBytes(encoding.encode(end))]
  }

  // ── A shorter way ───────────────────────────────────────────────────────────────────────────────

  /** Does what abstract-level's `get` does, which would wait once more for an answer that is there already. */
  override get(key: KDefault): Promise<VDefault | undefined>
  override get<K = KDefault, V = VDefault>(key: K, options: GetOptions<K, V>): Promise<V | undefined>
  override get(key: KDefault, options?: GetOptions<KDefault, VDefault>): Promise<VDefault | undefined> {
    if (this.#reads === null || this.status !== 'open') return super.get(key, options!)
    try {
      return this.#reads.answer(this.getSync(key, options!))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // ── What abstract-level calls ───────────────────────────────────────────────────────────────────

  protected override async _open(options: Record<string, unknown>): Promise<void> {
    const open = options.multithreading === true ? openShared : openAlone
    try {
      this.#opened = await open(this.#location, engineOptions(options))
    } catch (error) {
      throw levelError(error)
    }
    this.#reads = new LevelReads(this.#opened.db)
  }

  /**
   * Waits for calls that are under way, as ClassicLevel does. An error is reported once: the database is closed all the
   * same, and the next call says so.
   */
  protected override async _close(): Promise<void> {
    await Promise.allSettled([...this.#underWay, this.#lastAnswer])
    const opened = this.#opened
    this.#opened = null
    this.#reads = null
    await opened?.close().catch(rethrow)
  }

  async #track<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call)
    try {
      return await call
    } catch (error) {
      throw levelError(error)
    } finally {
      this.#underWay.delete(call)
    }
  }

  get #openReads(): LevelReads {
    if (this.#reads === null) throw notOpenError('it was closed')
    return this.#reads
  }

  protected override _put(key: Format, value: Format, options: PrivatePutOptions): Promise<void> {
    return this.#answer(this.engine.put(engineKey(key), engineValue(value), putOptions(options)))
  }

  protected override _del(key: Format, options: PrivateWriteOptions): Promise<void> {
    return this.#answer(this.engine.del(engineKey(key), writeOptions(options)))
  }

  protected override _batch(operations: PrivateOperation[], options: PrivateWriteOptions): Promise<void> {
    for (const operation of operations) {
      operation.key = engineKey(operation.key)
      if (operation.type === 'put') operation.value = engineValue(operation.value!)
    }
    return this.#answer(this.engine.batch(operations as BatchOp[], writeOptions(options)))
  }

  /** Writes of one group share a promise, so their answers share one too. */
  #answer(written: Promise<void>): Promise<void> {
    if (written !== this.#lastWrite) {
      this.#lastWrite = written
      this.#lastAnswer = written.catch(rethrow)
    }
    return this.#lastAnswer!
  }

  /** Not atomic: keys written meanwhile may stay or go. */
  protected override async _clear(options: PrivateRangeOptions): Promise<void> {
    await this.#track(this.#openReads.clear(options))
  }

  protected override _get(key: Format, options: PrivateReadOptions): Promise<Format | undefined> {
    try {
      return this.#openReads.get(key, options)
    } catch (error) {
      throw levelError(error)
    }
  }

  protected override _getSync(key: Format, options: PrivateReadOptions): Format | undefined {
    try {
      return this.#openReads.getSync(key, options)
    } catch (error) {
      throw levelError(error)
    }
  }

  protected override _getMany(keys: Format[], options: PrivateReadOptions): Promise<(Format | undefined)[]> {
    return this.#track(this.#openReads.getMany(keys, options))
  }

  protected override _has(key: Format, options: PrivateReadOptions): Promise<boolean> {
    try {
      return this.#openReads.has(key, options)
    } catch (error) {
      throw levelError(error)
    }
  }

  protected override _hasMany(keys: Format[], options: PrivateReadOptions): Promise<boolean[]> {
    return this.#track(this.#openReads.hasMany(keys, options))
  }

  // The base class decodes: K and V are known only to it.

  protected override _iterator(options: PrivateRangeOptions): AbstractIterator<this, KDefault, VDefault> {
    return this.#iterator('entry', options) as AbstractIterator<this, KDefault, VDefault>
  }

  protected override _keys(options: PrivateRangeOptions): AbstractKeyIterator<this, KDefault> {
    return this.#iterator('key', options) as AbstractKeyIterator<this, KDefault>
  }

  protected override _values(options: PrivateRangeOptions): AbstractValueIterator<this, KDefault, VDefault> {
    return this.#iterator('value', options) as AbstractValueIterator<this, KDefault, VDefault>
  }

  #iterator(part: Part, options: PrivateRangeOptions): object {
    try {
      return this.#openReads.iterator(this, part, options)
    } catch (error) {
      throw levelError(error)
    }
  }

  protected override _snapshot(options: SnapshotOwner): AbstractSnapshot {
    try {
      return this.#openReads.snapshot(options)
    } catch (error) {
      throw levelError(error)
    }
  }
}

function checkLocation(location: unknown): void {
  if (typeof location !== 'string' || location === '') {
    throw new TypeError("The first argument 'location' must be a non-empty string")
  }
}

function checkStartEnd(count: number): void {
  if (count < 2) throw new TypeError("The arguments 'start' and 'end' are required")
}

/** Gives the options of a put; undefined leaves them as the database was opened. */
function putOptions(options: PrivatePutOptions): PutOptions | undefined {
  const { ttl, expiresAt } = options
  if (ttl === undefined && expiresAt === undefined) return writeOptions(options)
  return { ...writeOptions(options), ttl, expiresAt }
}

/** Gives the options of a write; undefined leaves them as the database was opened. */
function writeOptions({ sync }: PrivateWriteOptions): WriteOptions | undefined {
  if (sync === true) return SYNC
  return sync === false ? NO_SYNC : undefined
}
