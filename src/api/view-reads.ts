/**
 * What: what can be read of a view, also of a database that was opened read-only. Text and JSON are made of the stored
 * bytes, without a copy of them.
 * Owns: nothing. Thread: main. Invariants: ENC-1, ENC-2.
 */
import { setHidden } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import { isApart } from '../iterator/index.js'
import { readMany, readManySync } from '../read/index.js'
import type { ManyReads, PointReader, ReadView } from '../read/index.js'
import { READ_CHANNELS, traceMethods } from '../stats/index.js'
import { takeKeyArray } from './given-keys.js'
import { AsyncRangeIterable, RangeIterable, readRange } from './ranges.js'
import type { Part, RangeWalk } from './ranges.js'
import { momentOf, readMoment, takeReadOptions } from './read-options.js'
import type { CopyingMoment, ReadOptions } from './read-options.js'
import { readEntry } from './touch.js'
import type { Entry } from './touch.js'
import { TRACED_VIEW_READS } from './traced-calls.js'
import { rawOf, rawOfOwn } from './view-codec.js'
import type { Raw } from './view-codec.js'
import type { ViewForm, ViewRange } from './view-keys.js'
import { entryPart, keyPart, valuePart } from './view-parts.js'

/** What a view reads. */
export interface ViewSource {
  readonly view: ReadView
  readonly reads: PointReader
}

type MakePart<T> = (copies: CopyingMoment['copies']) => Part<T>

/** What can be read of a view. */
export abstract class ViewReads<K, V> {
  /** @internal */
  protected declare readonly source: ViewSource
  /** @internal */
  protected declare readonly form: ViewForm<K, V>

  static {
    traceMethods(this.prototype, READ_CHANNELS, ({ source }) => source.view.dir, TRACED_VIEW_READS)
  }

  /** @internal */
  protected constructor(source: ViewSource, form: ViewForm<K, V>) {
    setHidden(this, { source, form })
  }

  /**
   * The value, or undefined. Sees the state of the moment of the call. Rejects with INVALID_ARGUMENT when a codec
   * throws.
   */
  get(key: K, options?: ReadOptions): Promise<V | undefined> {
    try {
      const { source: { view, reads }, form } = this
      const { stored, moment } = this.asked(key, options)
      if (form.values.isPlain) return reads.answer(view, moment, stored, moment.copies) as Promise<V | undefined>
      const found = reads.locate(moment, stored, view)
      if (found === null) return view.turns.answer(undefined)
      if (isApart(found.kind)) return this.decodedLater(reads.readLater(view, stored), stored)
      const raw = this.raw(moment, found.valueBytes, found.valueStart, found.valueEnd)
      return view.turns.answer(form.decodedValue(raw, () => stored))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Reads as `get` does, at once. */
  getSync(key: K, options?: ReadOptions): V | undefined {
    const { source: { view, reads }, form } = this
    const { stored, moment } = this.asked(key, options)
    const found = reads.locate(moment, stored, view)
    if (found === null) return undefined
    if (isApart(found.kind)) return this.decoded(reads.readNow(stored, view), stored)
    const raw = this.raw(moment, found.valueBytes, found.valueStart, found.valueEnd)
    return form.decodedValue(raw, () => stored)
  }

  /** Values in the order of the keys, all from one state; undefined where a key is absent. */
  async getMany(keys: readonly K[], options?: ReadOptions): Promise<(V | undefined)[]> {
    const { source: { view }, form } = this
    const { moment, many } = this.askedMany(keys, options)
    const raws = await readMany(view, moment, many)
    const values: (V | undefined)[] = []
    for (const [i, raw] of raws.entries()) {
      values.push(raw === undefined ? undefined : form.decodedValue(raw, () => many.keys[i]!))
      if (view.turns.isOver()) await view.turns.next()
    }
    return values
  }

  /** Reads as `getMany` does, at once. */
  getManySync(keys: readonly K[], options?: ReadOptions): (V | undefined)[] {
    const { form } = this
    const { moment, many } = this.askedMany(keys, options)
    return readManySync(this.source.view, moment, many).map((raw, i) => {
      return raw === undefined ? undefined : form.decodedValue(raw, () => many.keys[i]!)
    })
  }

  /** The value with what is known of it: when it expires, and the number of the write that put it; or undefined. */
  async entry(key: K, options?: ReadOptions): Promise<Entry<V> | undefined> {
    return this.source.view.turns.answer(this.entryNow(key, options))
  }

  /** Reads as `entry` does, at once. */
  entrySync(key: K, options?: ReadOptions): Entry<V> | undefined {
    return this.entryNow(key, options)
  }

  private entryNow(key: K, options: ReadOptions | undefined): Entry<V> | undefined {
    const { stored, moment } = this.asked(key, options)
    const entry = this.source.reads.counted(readEntry(this.source.view, moment, stored))
    return entry === undefined ? undefined : { ...entry, value: this.decoded(entry.value, stored)! }
  }

  /** Whether the key is there. Sees the state of the moment of the call. */
  async has(key: K, options?: ReadOptions): Promise<boolean> {
    return this.source.view.turns.answer(this.isThere(key, options))
  }

  /** Looks as `has` does, at once. */
  hasSync(key: K, options?: ReadOptions): boolean {
    return this.isThere(key, options)
  }

  private isThere(key: K, options: ReadOptions | undefined): boolean {
    const { stored, moment } = this.asked(key, options)
    const { reads, view } = this.source
    return reads.has(moment, stored, view)
  }

  /**
   * Entries of a range, as `[key, value]`, in the order of the stored keys. Sees the state of the moment of the call.
   * An entry that cannot be decoded ends the walk with INVALID_ARGUMENT.
   */
  entries(range?: ViewRange<K>): AsyncIterable<[K, V]> {
    return this.walk(range, (copies) => entryPart(this.form, copies))
  }

  /** Gives what `entries` gives, to be walked along without waiting. */
  entriesSync(range?: ViewRange<K>): IterableIterator<[K, V]> {
    return this.walkSync(range, (copies) => entryPart(this.form, copies))
  }

  /** Keys of a range, in the order in which they are stored. Sees the state of the moment of the call. */
  keys(range?: ViewRange<K>): AsyncIterable<K> {
    return this.walk(range, (copies) => keyPart(this.form, copies))
  }

  /** Gives what `keys` gives, to be walked along without waiting. */
  keysSync(range?: ViewRange<K>): IterableIterator<K> {
    return this.walkSync(range, (copies) => keyPart(this.form, copies))
  }

  /** Values of a range, in the order of their stored keys. Sees the state of the moment of the call. */
  values(range?: ViewRange<K>): AsyncIterable<V> {
    return this.walk(range, (copies) => valuePart(this.form, copies))
  }

  /** Gives what `values` gives, to be walked along without waiting. */
  valuesSync(range?: ViewRange<K>): IterableIterator<V> {
    return this.walkSync(range, (copies) => valuePart(this.form, copies))
  }

  private walk<T>(range: ViewRange<K> | undefined, make: MakePart<T>): AsyncIterable<T> {
    const walk = this.readWalk(range)
    return new AsyncRangeIterable(this.source.view, walk, make(this.copiesOf(walk)))
  }

  private walkSync<T>(range: ViewRange<K> | undefined, make: MakePart<T>): IterableIterator<T> {
    const walk = this.readWalk(range)
    return new RangeIterable(this.source.view, walk, make(this.copiesOf(walk)))
  }

  private readWalk(range: ViewRange<K> | undefined): RangeWalk {
    return readRange(this.form.range(range), this.source.view)
  }

  private copiesOf({ copies }: RangeWalk): CopyingMoment['copies'] {
    return copies ?? this.source.view.iterators.copies.byDefault
  }

  /** Options are read and the key is encoded before the database is looked at: both may run code of the caller. */
  private asked(key: K, options: ReadOptions | undefined): { stored: Bytes; moment: CopyingMoment } {
    const { view } = this.source
    const given = options === undefined ? undefined : takeReadOptions(options)
    const stored = this.form.key(key)
    checkKey(stored)
    return { stored, moment: given === undefined ? readMoment(undefined, view) : momentOf(given, view) }
  }

  private askedMany(
    keys: readonly K[], options: ReadOptions | undefined,
  ): { moment: CopyingMoment; many: ManyReads<Raw | undefined> } {
    const { source: { view, reads }, form } = this
    const given = takeReadOptions(options)
    const stored = takeKeyArray(keys, (key) => form.key(key as K))
    const moment = momentOf(given, view)
    return {
      moment,
      many: {
        keys: stored,
        lookup: (at, key) => {
          const found = reads.locate(at, key)
          if (found === null) return undefined
          if (isApart(found.kind)) return reads.placeOf(key)
          return this.raw(moment, found.valueBytes, found.valueStart, found.valueEnd)
        },
        give: (value) => rawOfOwn(form.values, value),
      },
    }
  }

  private raw({ copies }: CopyingMoment, bytes: Uint8Array, start: number, end: number): Raw {
    return rawOf(this.form.values.isText ? null : copies, bytes, start, end)
  }

  private decoded(value: Uint8Array | undefined, stored: Bytes): V | undefined {
    const { form } = this
    return value === undefined ? undefined : form.decodedValue(rawOfOwn(form.values, value), () => stored)
  }

  private async decodedLater(value: Promise<Uint8Array | undefined>, stored: Bytes): Promise<V | undefined> {
    return this.decoded(await value, stored)
  }
}
