/**
 * What: reads of one open database in the formats of abstract-level. Each looks at the state of the moment
 * of the call; lists keep that state over their pauses.
 * Owns: the memory that small results share. Thread: main.
 */
import { clearKeys, newSnapshot, readersOf } from '../api/index.js'
import type { Varve } from '../api/index.js'
import type { Bytes } from '../base/index.js'
import { isApart } from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import { approximateBytes, readMany } from '../read/index.js'
import type { PointReader, ReadMoment, ReadState, ReadView } from '../read/index.js'
import { READ_CHANNELS, traceMethods } from '../stats/index.js'
import type { TracedMethod } from '../stats/index.js'
import type { Format } from './classic-level.js'
import type { FormatName, PrivateRangeOptions, PrivateReadOptions, SnapshotOwner } from './level-base.js'
import { engineKey, FormatCopier } from './level-format.js'
import { levelIterator } from './level-iterators.js'
import { LevelSnapshot, momentOf } from './level-snapshot.js'
import { levelBounds, levelRange, RangeReader } from './range-reader.js'
import type { Part } from './range-reader.js'

/** What the channel `varve:read` hears of. */
const LEVEL_READS: Record<string, TracedMethod> = {
  get: { op: 'get' }, getSync: { op: 'get' }, has: { op: 'has' },
  getMany: { op: 'getMany' }, hasMany: { op: 'hasMany' },
}

export class LevelReads {
  static {
    traceMethods(this.prototype, READ_CHANNELS, ({ db }) => db.location, LEVEL_READS)
  }

  private readonly db: Varve
  private readonly view: ReadView
  private readonly reads: PointReader
  private readonly copier: FormatCopier

  constructor(db: Varve) {
    const { view, reads } = readersOf(db)
    this.db = db
    this.view = view
    this.reads = reads
    this.copier = new FormatCopier(view.iterators.copies.byDefault)
  }

  get state(): ReadState {
    return this.view.state
  }

  getSync(key: Format, options: PrivateReadOptions): Format | undefined {
    return this.reads.latency.isDue() ? this.getSyncMeasured(key, options) : this.getSyncNow(key, options)
  }

  private getSyncMeasured(key: Format, options: PrivateReadOptions): Format | undefined {
    return this.reads.measured(this.view, () => this.getSyncNow(key, options))
  }

  private getSyncNow(key: Format, options: PrivateReadOptions): Format | undefined {
    const { view } = this
    view.checkReadable()
    return this.read(momentOf(options, view), engineKey(key), options.valueEncoding, view)
  }

  get(key: Format, options: PrivateReadOptions): Promise<Format | undefined> {
    return this.reads.latency.isDue() ? this.getMeasured(key, options) : this.getNow(key, options)
  }

  private getMeasured(key: Format, options: PrivateReadOptions): Promise<Format | undefined> {
    return this.reads.measured(this.view, () => this.getNow(key, options))
  }

  private getNow(key: Format, options: PrivateReadOptions): Promise<Format | undefined> {
    const { view, reads } = this
    const { valueEncoding } = options
    view.checkReadable()
    const moment = momentOf(options, view)
    const own = engineKey(key)
    const found = reads.locate(moment, own, view)
    if (found === null) return this.answer(undefined)
    if (isApart(found.kind)) return this.readLater(own, valueEncoding)
    return this.answer(this.copier.copy(found.valueBytes, found.valueStart, found.valueEnd, valueEncoding))
  }

  has(key: Format, options: PrivateReadOptions): Promise<boolean> {
    const { view } = this
    view.checkReadable()
    return this.answer(this.reads.has(momentOf(options, view), engineKey(key), view))
  }

  async getMany(keys: readonly Format[], options: PrivateReadOptions): Promise<(Format | undefined)[]> {
    const { view } = this
    const { valueEncoding } = options
    const own = keys.map(engineKey)
    view.checkReadable()
    return readMany<Format | undefined>(view, momentOf(options, view), {
      keys: own,
      lookup: (moment, key) => {
        const found = this.reads.locate(moment, key)
        if (found === null) return undefined
        if (isApart(found.kind)) return this.reads.placeOf(key)
        return this.copier.copy(found.valueBytes, found.valueStart, found.valueEnd, valueEncoding)
      },
      give: (value) => this.copier.give(value, valueEncoding),
    })
  }

  async hasMany(keys: readonly Format[], options: PrivateReadOptions): Promise<boolean[]> {
    const { view } = this
    const own = keys.map(engineKey)
    view.checkReadable()
    return readMany(view, momentOf(options, view), {
      keys: own, lookup: (moment, key) => this.reads.has(moment, key),
    })
  }

  /** Makes an abstract-level iterator for `owner`. */
  iterator(owner: object, part: Part, options: PrivateRangeOptions): object {
    this.view.checkReadable()
    return levelIterator(owner, part, options, new RangeReader(this.view, part, options))
  }

  snapshot(options: SnapshotOwner): LevelSnapshot {
    return new LevelSnapshot(newSnapshot(this.view), this.view, options)
  }

  /** Deletes what the range holds: at once, or in batches where there is a limit or a snapshot. */
  async clear(options: PrivateRangeOptions): Promise<void> {
    const { view, db } = this
    const { reverse, limit } = options
    view.checkReadable()
    const { seqNum, isNow } = momentOf(options, view)
    if (isNow && limit < 0) return db.delRange(levelBounds(options))
    const range = levelRange(options)
    await db.batch([]) // refused where nothing may be written
    const what = { range, reverse, limit: limit < 0 ? Infinity : limit, seqNum }
    await clearKeys(view, what, (operations) => db.batch(operations))
  }

  approximateBytes(range: KeyRange): number {
    this.view.checkReadable()
    return approximateBytes(this.view.state, range)
  }

  answer<T>(value: T): Promise<T> {
    return this.view.turns.answer(value)
  }

  private read(moment: ReadMoment, key: Bytes, format: FormatName, renewing: ReadView): Format | undefined {
    const found = this.reads.locate(moment, key, renewing)
    if (found === null) return undefined
    if (isApart(found.kind)) return this.given(this.reads.readNow(key, renewing), format)
    return this.copier.copy(found.valueBytes, found.valueStart, found.valueEnd, format)
  }

  private async readLater(key: Bytes, format: FormatName): Promise<Format | undefined> {
    return this.given(await this.reads.readLater(this.view, key), format)
  }

  private given(value: Uint8Array | undefined, format: FormatName): Format | undefined {
    return value === undefined ? undefined : this.copier.give(value, format)
  }
}
