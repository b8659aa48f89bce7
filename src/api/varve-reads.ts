/**
 * What: what can be read of a database, also of one that was opened read-only: checks every argument, then asks the
 * view.
 */
import { copyBytes, setHidden } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import { collectStats } from '../open/index.js'
import { openValueStream, PointReader } from '../read/index.js'
import type { ReadView } from '../read/index.js'
import { READ_CHANNELS, traceMethods } from '../stats/index.js'
import type { Stats } from '../stats/index.js'
import type { ExportReport, ExportSink } from '../transfer/index.js'
import { runExport } from './export-call.js'
import type { ExportOptions } from './export-call.js'
import { getMany, getManySync } from './many.js'
import { AsyncRangeIterable, ENTRY, KEY, RangeIterable, readRange, VALUE } from './ranges.js'
import type { RangeOptions } from './ranges.js'
import { momentOf, newSnapshot, readMoment } from './read-options.js'
import type { ReadOptions, Snapshot } from './read-options.js'
import { takeStreamOptions } from './stream-options.js'
import type { StreamOptions } from './stream-options.js'
import { readEntry } from './touch.js'
import type { Entry } from './touch.js'
import { TRACED_READS } from './traced-calls.js'
import { VarveAtRest } from './varve-at-rest.js'

/** What can be read of an open database. */
export abstract class VarveReads extends VarveAtRest {
  /** The directory, absolute and without links. */
  readonly location: string
  /** @internal */
  protected declare readonly readView: ReadView
  private declare readonly reads: PointReader

  static {
    traceMethods(this.prototype, READ_CHANNELS, ({ location }) => location, TRACED_READS)
  }

  /** @internal */
  protected constructor(view: ReadView) {
    super()
    this.location = view.dir
    setHidden(this, { readView: view, reads: new PointReader() })
  }

  /** The value as private memory, or undefined. Sees the state of the moment of the call. */
  get(key: Bytes, options?: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      const { readView: view, reads } = this
      const moment = readMoment(options, view)
      checkKey(key)
      return reads.answer(view, moment, key, moment.copies)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Reads as `get` does, at once. */
  getSync(key: Bytes, options?: ReadOptions): Uint8Array | undefined {
    const { readView: view, reads } = this
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
    return openValueStream(this.readView, this.reads, momentOf(read, this.readView), copyBytes(key), part) ?? undefined
  }

  /** Values in the order of the keys, all from one state; undefined where a key is absent. */
  async getMany(keys: readonly Bytes[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    return getMany({ view: this.readView, reads: this.reads }, keys, options)
  }

  /** Reads as `getMany` does, at once. */
  getManySync(keys: readonly Bytes[], options?: ReadOptions): (Uint8Array | undefined)[] {
    return getManySync({ view: this.readView, reads: this.reads }, keys, options)
  }

  /** The value with what is known of it: when it expires, and the number of the write that put it; or undefined. */
  async entry(key: Bytes, options?: ReadOptions): Promise<Entry | undefined> {
    return this.readView.turns.answer(this.entryNow(key, options))
  }

  /** Reads as `entry` does, at once. */
  entrySync(key: Bytes, options?: ReadOptions): Entry | undefined {
    return this.entryNow(key, options)
  }

  private entryNow(key: Bytes, options: ReadOptions | undefined): Entry | undefined {
    return this.reads.counted(readEntry(this.readView, readMoment(options, this.readView), key))
  }

  /** Whether the key is there. Sees the state of the moment of the call. */
  has(key: Bytes, options?: ReadOptions): Promise<boolean> {
    try {
      return this.readView.turns.answer(this.isThere(key, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Looks as `has` does, at once. */
  hasSync(key: Bytes, options?: ReadOptions): boolean {
    return this.isThere(key, options)
  }

  private isThere(key: Bytes, options: ReadOptions | undefined): boolean {
    const { readView: view, reads } = this
    const moment = readMoment(options, view)
    checkKey(key)
    return reads.has(moment, key, view)
  }

  /** Entries of a range, as `[key, value]`, in the order of the keys. Sees the state of the moment of the call. */
  entries(range?: RangeOptions): AsyncIterable<[Uint8Array, Uint8Array]> {
    return new AsyncRangeIterable(this.readView, readRange(range, this.readView), ENTRY)
  }

  /** Gives what `entries` gives, to be walked along without waiting. */
  entriesSync(range?: RangeOptions): IterableIterator<[Uint8Array, Uint8Array]> {
    return new RangeIterable(this.readView, readRange(range, this.readView), ENTRY)
  }

  /** Keys of a range, in their order. Sees the state of the moment of the call. */
  keys(range?: RangeOptions): AsyncIterable<Uint8Array> {
    return new AsyncRangeIterable(this.readView, readRange(range, this.readView), KEY)
  }

  /** Gives what `keys` gives, to be walked along without waiting. */
  keysSync(range?: RangeOptions): IterableIterator<Uint8Array> {
    return new RangeIterable(this.readView, readRange(range, this.readView), KEY)
  }

  /** Values of a range, in the order of their keys. Sees the state of the moment of the call. */
  values(range?: RangeOptions): AsyncIterable<Uint8Array> {
    return new AsyncRangeIterable(this.readView, readRange(range, this.readView), VALUE)
  }

  /** Gives what `values` gives, to be walked along without waiting. */
  valuesSync(range?: RangeOptions): IterableIterator<Uint8Array> {
    return new RangeIterable(this.readView, readRange(range, this.readView), VALUE)
  }

  /**
   * Writes the entries of the present moment, or of a snapshot, to a file or a stream, in the order of the keys. A file
   * has its name when it is whole and synced. Rejects with INVALID_ARGUMENT for what the format cannot tell,
   * ALREADY_EXISTS for a file that is there, NO_SPACE, IO_ERROR for an error of the sink, ABORTED after `maxAgeMs`,
   * CLOSED, the reason of the signal, or as reads do; then no file is left, and a stream has no end.
   */
  async export(sink: ExportSink, options: ExportOptions): Promise<ExportReport> {
    return runExport(this.readView, sink, options)
  }

  /** A point in time to read from; release it, since it keeps old versions alive. */
  snapshot(): Snapshot {
    this.readView.checkReadable()
    return newSnapshot(this.readView)
  }

  /** The external position of the last batch that carried one, or null. */
  get position(): Uint8Array | null {
    return this.readView.position?.slice() ?? null
  }

  /** One plain object with everything there is to see; names end in their unit. */
  stats(): Stats {
    return collectStats(this.readView, this.reads)
  }
}

/** What helps whoever gave something else in the place of an open database. */
export const OPEN_DATABASE_HINT =
  'give what Varve.open resolves to, also with readOnly: true; of an abstract-level database, its property engine'

/** Gives the Level facade what it reads with. */
export function readersOf(db: VarveReads): { view: ReadView; reads: PointReader } {
  return { view: db['readView'], reads: db['reads'] }
}
