/**
 * What: the calls that the workloads make of an engine. Each adapter makes them in the way its engine's manual
 * recommends for binary keys and values; a method is missing where the engine has no such call.
 */
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** A string or a Buffer, which is a Uint8Array to Varve and what the other engines like best. */
export type Key = string | Buffer

export interface StoreOptions {
  dir: string
  /** True when keys are strings; values are always bytes. */
  stringKeys: boolean
  /** True when the process is for the rows that wait for the disk. */
  durable: boolean
  /** The number of entries that a scan will give once all are written. */
  entryCount: number
  /** Bytes that a cache may have. */
  cacheBytes: number
  /** Bytes of the cache and the write buffer of an engine that has them to set; 64 MiB each when absent. */
  blockCacheBytes?: number
  writeBufferBytes?: number
}

export interface Store {
  /** Writes entries [from, to) of the arrays as one atomic batch. */
  batch(keys: readonly Key[], values: readonly Buffer[]): Promise<void> | void
  put(key: Key, value: Buffer): Promise<unknown>
  putSync?(key: Key, value: Buffer): void
  /** Writes an entry; done when the write survives power loss. */
  putDurable(key: Key, value: Buffer): Promise<unknown>
  putDurableSync?(key: Key, value: Buffer): void
  get(key: Key): Promise<Uint8Array | undefined>
  getSync?(key: Key): Uint8Array | undefined
  getMany(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]>
  /** Visits every entry in order, by the engine's fastest way that gives key and value. */
  scan(visit: (key: Uint8Array | string, value: Uint8Array) => void): Promise<void> | void
  /** Reads up to `limit` entries from the first key ≥ `start`; gives how many there were. */
  seek(start: Key, limit: number): Promise<number> | number
  /** Waits until the files are at rest: what is merged or moved in the background, or on request, is. */
  settle(): Promise<void> | void
  /** Bytes of memory that an item takes, of stores that know it. */
  itemBytes?(): number
  close(): Promise<void>
}

/** What a group is about: entries of ordinary size, large values, or blobs in a cache that is full. */
export type Area = 'ordinary' | 'large' | 'cache'

export interface EngineAdapter {
  name: string
  /** A ceiling does no work, so its answers are not checked, and nobody is compared with it. */
  role: 'ours' | 'peer' | 'ceiling'
  /** The npm package of a peer, looked for in bench/node_modules. */
  packageName?: string
  /** The areas that it takes part in; absent: all but caches. */
  areas?: readonly Area[]
  /** The Node that its processes run with, when it needs another one. */
  nodePath?(): string
  version(): string
  open(options: StoreOptions): Promise<Store>
}

export const WRITE_BUFFER_BYTES = 64 * 2 ** 20
export const CACHE_BYTES = 64 * 2 ** 20

/** The checkout: this file runs as dist/bench/store.js. */
export const rootDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const requireFromBench = createRequire(path.join(rootDir, 'bench/package.json'))

/** Loads a peer. Its types are not needed to compile this; the adapter says which part of it is used. */
export function loadPeer<T>(name: string): T {
  return requireFromBench(name) as T
}

export function peerVersion(name: string): string {
  return (requireFromBench(`./node_modules/${name}/package.json`) as { version: string }).version
}
