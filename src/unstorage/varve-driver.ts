/**
 * What: a driver for unstorage on a blob cache. Keys of unstorage have parts, and what begins with some of them is
 * listed and cleared together; so the driver opens its cache with the key index, where keys stand in order.
 * Owns: the cache, if it opened it. Thread: main.
 */
import { invalidArgument } from '../base/index.js'
import { BlobCache, formValue, valueOfForm } from '../blob-cache/index.js'
import type { BlobCacheOptions, BlobPutOptions } from '../blob-cache/index.js'

/** Before each key, so that others may use the same cache. */
const START = 'unstorage:'
/** Keys that are deleted at the same time. */
const DELETES_MAX = 64

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Options of the driver: a cache that is open, or the directory of one and how it is opened. */
export type VarveDriverOptions =
  | {
    /** A cache that is open; it is not closed with the driver. */
    cache: BlobCache
  }
  | (BlobCacheOptions & {
    /** The directory of a cache, which the driver opens and closes. */
    location: string
    cache?: undefined
  })

/** What is known of a value. */
export type UnstorageMeta = {
  /** Bytes of the value. */
  size: number
}

/** Options of one call, as unstorage passes them on. */
interface CallOptions {
  /** Seconds from now on after which the value is gone. */
  ttl?: number
}

/** What unstorage calls. */
export interface VarveDriver {
  /** The name of the driver. */
  readonly name: string
  /** What the driver can do. */
  readonly flags: {
    /** Values may have a time after which they are gone. */
    readonly ttl: true
  }
  /** The options that the driver was made with. */
  readonly options: VarveDriverOptions
  /** Gives the cache. */
  getInstance(): Promise<BlobCache>
  /** Tells whether the key has a value. */
  hasItem(key: string): Promise<boolean>
  /** Gives the text, or null. */
  getItem(key: string): Promise<string | null>
  /** Gives what was put: text, or bytes; or null. */
  getItemRaw(key: string): Promise<string | Uint8Array | null>
  /** Puts a text. Rejects when it is not stored. */
  setItem(key: string, value: string, options?: CallOptions): Promise<void>
  /** Puts text or bytes. Rejects when they are not stored. */
  setItemRaw(key: string, value: unknown, options?: CallOptions): Promise<void>
  /** Makes the key absent. */
  removeItem(key: string): Promise<void>
  /** Gives the size of the value, or null. */
  getMeta(key: string): Promise<UnstorageMeta | null>
  /** Gives the keys that begin with this. */
  getKeys(base?: string): Promise<string[]>
  /** Makes all keys absent that begin with this. */
  clear(base?: string): Promise<void>
  /** Closes the cache, if the driver opened it. */
  dispose(): Promise<void>
}

/**
 * Makes a driver for unstorage, on a cache that is open, or on one that the driver opens with its key index, at the
 * first call, and closes.
 */
export function varveDriver(options: VarveDriverOptions): VarveDriver {
  return new DriverState(options).driver()
}

class DriverState {
  private readonly options: VarveDriverOptions
  private opening: Promise<BlobCache> | null = null
  /** The end of the cache that was disposed of last: the next one opens behind it. */
  private closed: Promise<void> = Promise.resolve()

  constructor(options: VarveDriverOptions) {
    this.options = options
  }

  /** Unstorage calls methods without their object. */
  driver(): VarveDriver {
    const raw = async (key: string) => {
      const bytes = await (await this.open()).get(START + key)
      return bytes === undefined ? null : valueOfForm(bytes) as string | Uint8Array
    }
    return {
      name: 'varve',
      flags: { ttl: true },
      options: this.options,
      getInstance: () => this.open(),
      hasItem: async (key) => (await this.open()).has(START + key),
      getItem: async (key) => {
        const value = await raw(key)
        return value instanceof Uint8Array ? decoder.decode(value) : value
      },
      getItemRaw: raw,
      setItem: (key, value, options) => this.put(key, value, options),
      setItemRaw: (key, value, options) => this.put(key, value, options),
      removeItem: async (key) => void await (await this.open()).delete(START + key),
      getMeta: async (key) => {
        const bytes = await (await this.open()).get(START + key)
        return bytes === undefined ? null : { size: bytes.length - 1 }
      },
      getKeys: (base) => this.keys(base),
      clear: (base) => this.clear(base),
      dispose: () => this.dispose(),
    }
  }

  private open(): Promise<BlobCache> {
    const { options } = this
    if (this.opening !== null) return this.opening
    if (options.cache !== undefined) return this.opening = Promise.resolve(options.cache)
    const { location, cache: _, ...cacheOptions } = options
    const openAnew = (): Promise<BlobCache> => BlobCache.open(location, { ...cacheOptions, keyIndex: true })
    const opening = this.opening = this.closed.then(openAnew)
    opening.catch(() => {
      if (this.opening === opening) this.opening = null
    })
    return opening
  }

  private async put(key: string, value: unknown, options?: CallOptions | null): Promise<void> {
    const bytes = formValue(checkRaw(value))
    const cache = await this.open()
    const result = await cache.put(START + key, bytes, expiryOf(options ?? {}))
    if (result.stored || result.reason === 'superseded' || result.reason === 'expired') return
    throw new Error(`${key} was not stored: ${result.reason}`)
  }

  private async keys(base = ''): Promise<string[]> {
    const cache = await this.open()
    const keys = new Set<string>()
    for await (const key of cache.keys({ prefix: START + base, order: 'ascending' })) {
      keys.add(decoder.decode(key.subarray(START.length)))
    }
    return [...keys]
  }

  private async clear(base?: string): Promise<void> {
    const cache = await this.open()
    const keys = await this.keys(base)
    for (let i = 0; i < keys.length; i += DELETES_MAX) {
      await Promise.all(keys.slice(i, i + DELETES_MAX).map((key) => cache.delete(START + key)))
    }
  }

  private async dispose(): Promise<void> {
    const { opening } = this
    this.opening = null
    if (opening === null || this.options.cache !== undefined) return this.closed
    const closing = opening.then((cache) => cache.close())
    this.closed = closing.catch(() => undefined)
    await closing
  }
}

/** Unstorage counts seconds. */
function expiryOf({ ttl }: CallOptions): BlobPutOptions {
  return typeof ttl === 'number' && ttl > 0 ? { ttl: ttl * 1000 } : {}
}

/** Gives text as it is, and bytes as a view that the cache takes. */
function checkRaw(value: unknown): string | Uint8Array {
  if (typeof value === 'string') return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw invalidArgument('a value must be a text, an ArrayBuffer or a view of one')
}
