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
import type { VarveOptions } from '../api/index.js'

/** What keys and values are encoded to. */
export type Format = string | Buffer | Uint8Array

/** Options of the constructor: those of `open`, and the default encodings. */
export interface DatabaseOptions<K, V> extends AbstractDatabaseOptions<K, V>, Omit<OpenOptions, 'passive'> {}

/**
 * Options of `open`: ClassicLevel's, then Varve's own. Numbers outside of what Varve takes count as its
 * nearest limit. `true` and `false` are what ClassicLevel takes for `compression`.
 */
export interface OpenOptions extends AbstractOpenOptions, EngineOptions {
  /** Accepted; tables are not compressed yet. */
  compression?: boolean | undefined
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

type ClassicNames = 'compression' | 'writeBufferSize' | 'blockSize' | 'maxOpenFiles'
type EngineOptions = Partial<Omit<VarveOptions, keyof AbstractOpenOptions | ClassicNames>>

interface ReadOptions {
  /** Accepted; what was read is always kept in the cache. */
  fillCache?: boolean | undefined
}

interface WriteOptions {
  /** Wait until the write survives power loss; default false, or the option `sync` of `open`. */
  sync?: boolean | undefined
}

interface AdditionalIteratorOptions extends ReadOptions {
  /**
   * `nextv` gives no more entries once they have more than this many bytes of keys and values; default
   * 1 MiB (ClassicLevel: 16 KiB). `next` reads one entry at a time, whatever this says.
   */
  highWaterMarkBytes?: number | undefined
}

export interface GetOptions<K, V> extends AbstractGetOptions<K, V>, ReadOptions {}
export interface GetManyOptions<K, V> extends AbstractGetManyOptions<K, V>, ReadOptions {}
export interface HasOptions<K> extends AbstractHasOptions<K>, ReadOptions {}
export interface HasManyOptions<K> extends AbstractHasManyOptions<K>, ReadOptions {}
export interface PutOptions<K, V> extends AbstractPutOptions<K, V>, WriteOptions {}
export interface DelOptions<K> extends AbstractDelOptions<K>, WriteOptions {}
export interface BatchOptions<K, V> extends AbstractBatchOptions<K, V>, WriteOptions {}
export interface ChainedBatchWriteOptions extends AbstractChainedBatchWriteOptions, WriteOptions {}

/** Of `approximateSize` and `compactRange`. */
export interface StartEndOptions<K> {
  /** How `start` and `end` are encoded. */
  keyEncoding?: string | Transcoder.PartialEncoder<K> | undefined
}

export interface ChainedBatch<TDatabase, K, V> extends AbstractChainedBatch<TDatabase, K, V> {
  write(options?: ChainedBatchWriteOptions): Promise<void>
}

export type BatchOperation<TDatabase, K, V> = AbstractBatchOperation<TDatabase, K, V>
export type Iterator<TDatabase, K, V> = AbstractIterator<TDatabase, K, V>
export type KeyIterator<TDatabase, K> = AbstractKeyIterator<TDatabase, K>
export type ValueIterator<TDatabase, K, V> = AbstractValueIterator<TDatabase, K, V>
export type IteratorOptions<K, V> = AbstractIteratorOptions<K, V> & AdditionalIteratorOptions
export type KeyIteratorOptions<K> = AbstractKeyIteratorOptions<K> & AdditionalIteratorOptions
export type ValueIteratorOptions<K, V> = AbstractValueIteratorOptions<K, V> & AdditionalIteratorOptions
export type Snapshot = AbstractSnapshot
