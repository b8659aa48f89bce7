/**
 * What: the types that users of ClassicLevel write, under the same names; its options, and Varve's own.
 */
import type {
  AbstractBatchOperation, AbstractBatchOptions, AbstractChainedBatch, AbstractChainedBatchWriteOptions,
  AbstractDatabaseOptions, AbstractDelOptions, AbstractGetManyOptions, AbstractGetOptions, AbstractHasManyOptions,
  AbstractHasOptions, AbstractIterator, AbstractIteratorOptions, AbstractKeyIterator, AbstractKeyIteratorOptions,
  AbstractOpenOptions, AbstractPutOptions, AbstractSnapshot, AbstractValueIterator, AbstractValueIteratorOptions,
  Transcoder,
} from 'abstract-level'
import type { Lifetime } from '../commit/index.js'
import type { VarveOptions } from '../engine/index.js'

/** What keys and values are encoded to. */
export type Format = string | Buffer | Uint8Array

/** Options of the constructor: those of `open`, and the default encodings. */
export interface DatabaseOptions<K, V> extends AbstractDatabaseOptions<K, V>, Omit<OpenOptions, 'passive'> {}

/** Options of the constructor of VarveLevel: another name for `DatabaseOptions`. */
export type VarveLevelOptions<K = string, V = string> = DatabaseOptions<K, V>

/**
 * Options of `open`: ClassicLevel's, then Varve's own. Numbers outside of what Varve takes count as its
 * nearest limit.
 */
export interface OpenOptions extends AbstractOpenOptions, EngineOptions {
  /**
   * True packs tables with LZ4, where ClassicLevel has Snappy; default false (ClassicLevel: true). Varve's own option
   * is taken, too.
   */
  compression?: boolean | VarveOptions['compression']
  /** Bytes of cached blocks; another name for Varve's `blockCacheSize`, which goes before it. */
  cacheSize?: number | undefined
  /** Bytes of a log and its memtable; 64 KiB to 2 GiB, default 32 MiB (ClassicLevel: 4 MiB). */
  writeBufferSize?: number | undefined
  /** Bytes of a table block; 1 KiB to 1 MiB. */
  blockSize?: number | undefined
  /** Files of tables that may be open at once; 1 to 1,048,576, default and most: what the process may have for them. */
  maxOpenFiles?: number | undefined
  /** Accepted; a block of Varve's tables has no restarts. */
  blockRestartInterval?: number | undefined
  /** Accepted; flushes size their tables themselves. */
  maxFileSize?: number | undefined
  /** Handles with the same location in the same thread share one database. Not across threads. */
  multithreading?: boolean | undefined
}

/** Options that have their own meaning here. */
type ClassicNames = 'compression' | 'writeBufferSize' | 'blockSize' | 'maxOpenFiles'
/** Varve's own options. */
type EngineOptions = Partial<Omit<VarveOptions, keyof AbstractOpenOptions | ClassicNames>>

/** Options of reads. */
interface ReadOptions {
  /** Accepted; what was read is always kept in the cache. */
  fillCache?: boolean | undefined
}

/** Options of writes. */
interface WriteOptions {
  /** Wait until the write survives power loss; default false, or the option `sync` of `open`. */
  sync?: boolean | undefined
}

/** Options of iterators, beside abstract-level's. */
interface AdditionalIteratorOptions extends ReadOptions {
  /**
   * Bytes of keys and values after which `nextv` gives no more entries; default 1 MiB (ClassicLevel: 16 KiB). A
   * `next` reads one entry at a time, whatever this says.
   */
  highWaterMarkBytes?: number | undefined
}

/** Options of `get`. */
export interface GetOptions<K, V> extends AbstractGetOptions<K, V>, ReadOptions {}
/** Options of `getMany`. */
export interface GetManyOptions<K, V> extends AbstractGetManyOptions<K, V>, ReadOptions {}
/** Options of `has`. */
export interface HasOptions<K> extends AbstractHasOptions<K>, ReadOptions {}
/** Options of `hasMany`. */
export interface HasManyOptions<K> extends AbstractHasManyOptions<K>, ReadOptions {}
/** Options of `put`. */
export interface PutOptions<K, V> extends AbstractPutOptions<K, V>, WriteOptions, Lifetime {}
/** Options of `del`. */
export interface DelOptions<K> extends AbstractDelOptions<K>, WriteOptions {}
/** Options of `batch`. */
export interface BatchOptions<K, V> extends AbstractBatchOptions<K, V>, WriteOptions {}
/** Options of a chained batch's `write`. */
export interface ChainedBatchWriteOptions extends AbstractChainedBatchWriteOptions, WriteOptions {}

/** Options of `approximateSize` and `compactRange`. */
export interface StartEndOptions<K> {
  /** How `start` and `end` are encoded. */
  keyEncoding?: string | Transcoder.PartialEncoder<K> | undefined
}

/** A batch that is put together call by call. */
export interface ChainedBatch<TDatabase, K, V> extends AbstractChainedBatch<TDatabase, K, V> {
  /** Writes all of it, or nothing. */
  write(options?: ChainedBatchWriteOptions): Promise<void>
}

/** One operation of a batch. */
export type BatchOperation<TDatabase, K, V> = AbstractBatchOperation<TDatabase, K, V> & Lifetime
/** An iterator over entries. */
export type Iterator<TDatabase, K, V> = AbstractIterator<TDatabase, K, V>
/** An iterator over keys. */
export type KeyIterator<TDatabase, K> = AbstractKeyIterator<TDatabase, K>
/** An iterator over values. */
export type ValueIterator<TDatabase, K, V> = AbstractValueIterator<TDatabase, K, V>
/** Options of `iterator`. */
export type IteratorOptions<K, V> = AbstractIteratorOptions<K, V> & AdditionalIteratorOptions
/** Options of `keys`. */
export type KeyIteratorOptions<K> = AbstractKeyIteratorOptions<K> & AdditionalIteratorOptions
/** Options of `values`. */
export type ValueIteratorOptions<K, V> = AbstractValueIteratorOptions<K, V> & AdditionalIteratorOptions
/** A moment to read from; close it. */
export type Snapshot = AbstractSnapshot
