/**
 * What: typed views of a database: keys and values through encodings, keys behind a prefix.
 * Owns: nothing. A view costs nothing to make and to keep, and writes nothing by itself.
 * Thread: main. Invariants: ENC-1, ENC-2.
 */
import { copyBytes, printAs, setHidden, shownKey, takeOptions } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import type { KeyBounds, Lifetime } from '../commit/index.js'
import type { RangeOptions } from './ranges.js'
import { formatOf } from './view-codec.js'
import type { AnyEncoding, Decoded, ViewEncoding } from './view-codec.js'
import { ViewForm } from './view-keys.js'
import type { ViewBounds, ViewRange } from './view-keys.js'
import { operationsOf, putOf } from './view-operations.js'
import type { ViewBatchOp } from './view-operations.js'
import { ViewReads } from './view-reads.js'
import type { ViewSource } from './view-reads.js'
import type { BatchOp, BatchWriteOptions, PutOptions, WriteOptions } from './write-options.js'

/** What a view is. */
export interface ViewOptions<K, V> {
  /** The encoding of the keys: 'utf8', 'json', 'bytes', or a codec, which decides about the order. */
  key: ViewEncoding<K>
  /** The encoding of the values: 'utf8', 'json', 'bytes', or a codec. */
  value: ViewEncoding<V>
  /** The view has the keys that begin with this, and does not show it; default: all keys. */
  prefix?: Bytes | undefined
}

/** What a view inside of a view is. */
export interface InnerViewOptions<K, V> {
  /** What the keys begin with behind the prefix of the view around it. */
  prefix?: Bytes | undefined
  /** The encoding of the keys; default: that of the view around it. */
  key?: ViewEncoding<K> | undefined
  /** The encoding of the values; default: that of the view around it. */
  value?: ViewEncoding<V> | undefined
}

/** What a view writes to. */
export interface ViewTarget {
  put(key: Bytes, value: Bytes, options?: PutOptions): Promise<void>
  putSync(key: Bytes, value: Bytes, options?: PutOptions): void
  touch(key: Bytes, options?: PutOptions): Promise<boolean>
  touchSync(key: Bytes, options?: PutOptions): boolean
  del(key: Bytes, options?: WriteOptions): Promise<void>
  delSync(key: Bytes, options?: WriteOptions): void
  batch(operations: readonly BatchOp[], options?: BatchWriteOptions): Promise<void>
  batchSync(operations: readonly BatchOp[], options?: BatchWriteOptions): void
  delRange(range: KeyBounds, options?: WriteOptions): Promise<void>
  delRangeSync(range: KeyBounds, options?: WriteOptions): void
  clear(range?: RangeOptions, options?: WriteOptions): Promise<void>
}

/** The type of what an encoding decodes to, or T without one. */
export type DecodedOr<E, T> = E extends undefined ? T : Decoded<E>

const NAMES = ['key', 'value', 'prefix']
const NO_BYTES = new Uint8Array(0)

/**
 * The keys of a database that begin with a prefix, with keys of type K and values of type V. Its calls are those of the
 * database. When a codec throws, or gives what is no bytes, a call fails with INVALID_ARGUMENT, which names the key and
 * has what was thrown as its cause; nothing has changed then.
 */
export class View<K, V> extends ViewReads<K, V> {
  private declare readonly target: ViewTarget

  static {
    printAs(this, ({ form }) => `View { prefix: ${shownKey(form.prefix)} }`)
  }

  private constructor(source: ViewSource, form: ViewForm<K, V>, target: ViewTarget) {
    super(source, form)
    setHidden(this, { target })
  }

  private static of<K, V>(source: ViewSource, form: ViewForm<K, V>, target: ViewTarget): View<K, V> {
    return new View(source, form, target)
  }

  /** Stores a value under a key, as the database's `put` does. */
  put(key: K, value: V, options?: PutOptions): Promise<void> {
    try {
      const stored = this.form.key(key)
      return this.target.put(stored, this.form.value(value, stored), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Puts as `put` does; done when it returns. */
  putSync(key: K, value: V, options?: PutOptions): void {
    const stored = this.form.key(key)
    this.target.putSync(stored, this.form.value(value, stored), options)
  }

  /** Changes when a value expires, and nothing else of it. False: there is no such value any more. */
  async touch(key: K, options?: PutOptions): Promise<boolean> {
    return this.target.touch(this.form.key(key), options)
  }

  /** Changes as `touch` does; done when it returns. */
  touchSync(key: K, options?: PutOptions): boolean {
    return this.target.touchSync(this.form.key(key), options)
  }

  /** Deleting a key that is not there is not an error. */
  del(key: K, options?: WriteOptions): Promise<void> {
    try {
      return this.target.del(this.form.key(key), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Deletes as `del` does; done when it returns. */
  delSync(key: K, options?: WriteOptions): void {
    this.target.delSync(this.form.key(key), options)
  }

  /** All operations or none, in order. For operations of several views together there are `putOp` and its like. */
  batch(operations: readonly ViewBatchOp<K, V>[], options?: BatchWriteOptions): Promise<void> {
    try {
      return this.target.batch(operationsOf(this.form, operations), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Writes as `batch` does; done when it returns. */
  batchSync(operations: readonly ViewBatchOp<K, V>[], options?: BatchWriteOptions): void {
    this.target.batchSync(operationsOf(this.form, operations), options)
  }

  /** A put for `db.batch`, together with operations of other views. Throws INVALID_ARGUMENT. */
  putOp(key: K, value: V, lifetime?: Lifetime): BatchOp {
    return putOf(this.form, key, value, lifetime)
  }

  /** A deletion for `db.batch`, together with operations of other views. Throws INVALID_ARGUMENT. */
  delOp(key: K): BatchOp {
    return { type: 'del', key: this.form.key(key) }
  }

  /** The deletion of a range for `db.batch`; `{}` is all keys of the view. Throws INVALID_ARGUMENT. */
  delRangeOp(range: ViewBounds<K>): BatchOp {
    return { type: 'delRange', ...this.form.bounds(range) }
  }

  /** Deletes all keys of a range of the view, at once and whole; `{}` is all its keys. */
  async delRange(range: ViewBounds<K>, options?: WriteOptions): Promise<void> {
    await this.target.delRange(this.form.bounds(range), options)
  }

  /** Deletes as `delRange` does; done when it returns. */
  delRangeSync(range: ViewBounds<K>, options?: WriteOptions): void {
    this.target.delRangeSync(this.form.bounds(range), options)
  }

  /** Deletes the keys of a range of the view, all its keys without, as the database's `clear` does. */
  async clear(range?: ViewRange<K>, options?: WriteOptions): Promise<void> {
    await this.target.clear(this.form.range(range), options)
  }

  /** A view of the keys of this one that begin with `prefix`. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
  view<KE extends AnyEncoding | undefined = undefined, VE extends AnyEncoding | undefined = undefined>(
    options: {
      /** What the keys begin with behind the prefix of the view around it. */
      prefix?: Bytes | undefined
      /** The encoding of the keys; default: that of the view around it. */
      key?: KE
      /** The encoding of the values; default: that of the view around it. */
      value?: VE
    },
  ): View<DecodedOr<KE, K>, DecodedOr<VE, V>>
  /** A view as above, whose types are said: for JSON, and where a codec takes more than what is meant. */
  view<InnerK, InnerV>(options: InnerViewOptions<InnerK, InnerV>): View<InnerK, InnerV>
  view(options: GivenOptions): View<unknown, unknown> {
    const { source, target, form } = this
    const { key, value, prefix } = takeOptions('view', NAMES, options, takeViewOptions)
    return new View<unknown, unknown>(source, new ViewForm(
      prefix === undefined ? form.prefix : form.innerPrefix(prefix),
      key === undefined ? form.keys : formatOf('key', key),
      value === undefined ? form.values : formatOf('value', value),
    ), target)
  }
}

/** Options of a view as callers give them. */
interface GivenOptions {
  key?: unknown
  value?: unknown
  prefix?: Bytes | undefined
}

function takeViewOptions({ key, value, prefix }: GivenOptions): GivenOptions {
  return { key, value, prefix }
}

/** Makes a view of a database. Throws INVALID_ARGUMENT or KEY_TOO_LARGE. */
export function newView(source: ViewSource, target: ViewTarget, options: GivenOptions): View<unknown, unknown> {
  const { key, value, prefix = NO_BYTES } = takeOptions('view', NAMES, options, takeViewOptions)
  const [keys, values] = [formatOf<unknown>('key', key), formatOf<unknown>('value', value)]
  checkKey(prefix)
  return View['of'](source, new ViewForm(copyBytes(prefix), keys, values), target)
}
