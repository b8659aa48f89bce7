/**
 * What: abstract-level's classes with the types that its package leaves out: the private methods that an
 * implementation overrides, `getSync` in the manifest, the owner of a snapshot. No code of its own.
 */
import { AbstractLevel, AbstractSnapshot } from 'abstract-level'
import type { AbstractIterator, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level'
import type {
  BatchOperation, BatchOptions, ChainedBatch, DatabaseOptions, DelOptions, Format, GetManyOptions, GetOptions,
  HasManyOptions, HasOptions, IteratorOptions, KeyIteratorOptions, OpenOptions, PutOptions, ValueIteratorOptions,
} from './classic-level.js'

/** The form in which data reach an implementation. */
export type FormatName = 'utf8' | 'buffer' | 'view'

/** Options as the private methods get them: an encoding is the name of a format. */
export interface PrivateReadOptions {
  keyEncoding: FormatName
  valueEncoding: FormatName
  snapshot?: AbstractSnapshot | null | undefined
}

export interface PrivateRangeOptions extends PrivateReadOptions {
  gt?: Format
  gte?: Format
  lt?: Format
  lte?: Format
  reverse: boolean
  /** The most items to give; -1 for all. */
  limit: number
  keys?: boolean
  values?: boolean
  signal?: AbortSignal | null | undefined
  highWaterMarkBytes?: unknown
}

/** An operation with encoded data; its other properties are the user's. */
export interface PrivateOperation {
  type: 'put' | 'del'
  key: Format
  value?: Format
}

export interface PrivateWriteOptions {
  sync?: unknown
}

export interface PrivatePutOptions extends PrivateWriteOptions {
  ttl?: number | null
  expiresAt?: number
}

/** A database that closes its snapshots when it is closed itself. */
export interface SnapshotOwner {
  owner: object
}

/** What abstract-level is told about the abilities of this database. */
interface Manifest {
  /** Formats of keys and values. */
  encodings: Record<FormatName, boolean>
  /** Methods beside abstract-level's. */
  additionalMethods: Record<string, boolean>
  /** Kinds of calls that take an AbortSignal. */
  signals: {
    /** True when iterators take one. */
    iterators: boolean
  }
  [feature: string]: unknown
}

/** An abstract-level database with ClassicLevel's options. */
declare abstract class TypedLevel<K, V> extends AbstractLevel<Format, K, V> {
  /** Takes what the database can do, as `manifest`, and what it is asked to, as `options`. */
  constructor(manifest: Manifest, options?: DatabaseOptions<K, V>)

  override open(options?: OpenOptions): Promise<void>

  override get(key: K): Promise<V | undefined>
  override get<TK = K, TV = V>(key: TK, options: GetOptions<TK, TV>): Promise<TV | undefined>
  override getSync(key: K): V | undefined
  override getSync<TK = K, TV = V>(key: TK, options: GetOptions<TK, TV>): TV | undefined
  override getMany(keys: K[]): Promise<(V | undefined)[]>
  override getMany<TK = K, TV = V>(keys: TK[], options: GetManyOptions<TK, TV>): Promise<(TV | undefined)[]>
  override has(key: K): Promise<boolean>
  override has<TK = K>(key: TK, options: HasOptions<TK>): Promise<boolean>
  override hasMany(keys: K[]): Promise<boolean[]>
  override hasMany<TK = K>(keys: TK[], options: HasManyOptions<TK>): Promise<boolean[]>

  override put(key: K, value: V): Promise<void>
  override put<TK = K, TV = V>(key: TK, value: TV, options: PutOptions<TK, TV>): Promise<void>
  override del(key: K): Promise<void>
  override del<TK = K>(key: TK, options: DelOptions<TK>): Promise<void>
  override batch(operations: BatchOperation<typeof this, K, V>[]): Promise<void>
  override batch<TK = K, TV = V>(
    operations: BatchOperation<typeof this, TK, TV>[], options: BatchOptions<TK, TV>,
  ): Promise<void>
  override batch(): ChainedBatch<typeof this, K, V>

  override iterator(): AbstractIterator<typeof this, K, V>
  override iterator<TK = K, TV = V>(options: IteratorOptions<TK, TV>): AbstractIterator<typeof this, TK, TV>
  override keys(): AbstractKeyIterator<typeof this, K>
  override keys<TK = K>(options: KeyIteratorOptions<TK>): AbstractKeyIterator<typeof this, TK>
  override values(): AbstractValueIterator<typeof this, K, V>
  override values<TK = K, TV = V>(options: ValueIteratorOptions<TK, TV>): AbstractValueIterator<typeof this, TK, TV>

  protected _open(options: Record<string, unknown>): Promise<void>
  protected _close(): Promise<void>
  protected _get(key: Format, options: PrivateReadOptions): Promise<Format | undefined>
  protected _getSync(key: Format, options: PrivateReadOptions): Format | undefined
  protected _getMany(keys: Format[], options: PrivateReadOptions): Promise<(Format | undefined)[]>
  protected _has(key: Format, options: PrivateReadOptions): Promise<boolean>
  protected _hasMany(keys: Format[], options: PrivateReadOptions): Promise<boolean[]>
  protected _put(key: Format, value: Format, options: PrivateWriteOptions): Promise<void>
  protected _del(key: Format, options: PrivateWriteOptions): Promise<void>
  protected _batch(operations: PrivateOperation[], options: PrivateWriteOptions): Promise<void>
  protected _clear(options: PrivateRangeOptions): Promise<void>
  protected _iterator(options: PrivateRangeOptions): AbstractIterator<typeof this, K, V>
  protected _keys(options: PrivateRangeOptions): AbstractKeyIterator<typeof this, K>
  protected _values(options: PrivateRangeOptions): AbstractValueIterator<typeof this, K, V>
  protected _snapshot(options: SnapshotOwner): AbstractSnapshot
}

declare abstract class TypedSnapshot extends AbstractSnapshot {
  constructor(options: SnapshotOwner)
  protected _close(): Promise<void>
}

/** The base class of `VarveLevel`, with the types above. */
export const LevelBase = AbstractLevel as unknown as typeof TypedLevel
export const SnapshotBase = AbstractSnapshot as unknown as typeof TypedSnapshot
