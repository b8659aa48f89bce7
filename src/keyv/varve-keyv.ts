/**
 * What: a blob cache as a store of Keyv's, versions 5 and 6. Version 5 puts its namespace before each key and says how
 * long a value lives; version 6 does neither, and says until when. Here the namespace stands before each key in any
 * case, so keys are taken as they come.
 * Owns: nothing. The cache is its opener's. Thread: main.
 */
import { formValue, valueOfForm } from '../blob-cache/index.js'
import type { BlobCache } from '../blob-cache/index.js'

/** A number of milliseconds from here on (the year 2001) is a time, a smaller one how long a value lives. */
const TIMES_FROM = 1e12

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** One of the values that `setMany` stores. */
export interface KeyvEntry {
  /** The key, as Keyv gives it. */
  key: string
  /** The value, which Keyv has made a text of, as a rule. */
  value: unknown
  /** How many milliseconds the value lives, from version 5. */
  ttl?: number | undefined
  /** The time until which the value lives, from version 6. */
  expires?: number | undefined
}

/**
 * A store for Keyv, 5 or 6, on a blob cache. Keyv writes its namespace into the store, so each Keyv needs a store of
 * its own; stores are cheap, and many may stand on one cache. The cache is not closed by `disconnect` of Keyv's.
 */
export class VarveKeyv {
  /** The namespace, which Keyv sets. What is put under another one is never given, nor cleared. */
  namespace: string | undefined = undefined
  /** What Keyv 5 looks at before it uses the iterator: a store of this dialect has one. */
  readonly opts: Record<string, unknown> = { url: '', dialect: 'sqlite' }
  /** Tells Keyv 6 that values have a time until which they live. */
  readonly capabilities: {
    /** The third argument of `set` may be a time. */
    readonly expires: true
  } = { expires: true }
  private readonly cache: BlobCache

  /** Makes a store on a cache that is open. */
  constructor(cache: BlobCache) {
    this.cache = cache
  }

  /** Gives the value, or undefined. */
  async get<Value = unknown>(key: string): Promise<Value | undefined> {
    const bytes = await this.cache.get(this.keyOf(key))
    return bytes === undefined ? undefined : valueOfForm(bytes) as Value
  }

  /** Gives the values of several keys, undefined where there is none. */
  async getMany<Value = unknown>(keys: string[]): Promise<(Value | undefined)[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key)))
  }

  /**
   * Stores a value. The third argument is how many milliseconds it lives, or the time until which it does: numbers from
   * 10^12 on are times, and 0 is no limit. Tells whether the value was stored.
   */
  async set(key: string, value: unknown, lifetime?: number): Promise<boolean> {
    const options = { ...expiryOf(lifetime), namespace: this.start }
    const result = await this.cache.put(this.keyOf(key), formValue(value), options)
    // What was replaced at once, or had expired at once, was stored and is gone.
    return result.stored || result.reason === 'superseded' || result.reason === 'expired'
  }

  /** Stores several values. Tells of each whether it was stored. */
  async setMany(entries: KeyvEntry[]): Promise<boolean[]> {
    return Promise.all(entries.map(({ key, value, ttl, expires }) => this.set(key, value, expires ?? ttl)))
  }

  /** Makes the key absent. Tells whether it had a value. */
  async delete(key: string): Promise<boolean> {
    const cacheKey = this.keyOf(key)
    const hadValue = await this.cache.has(cacheKey)
    await this.cache.delete(cacheKey)
    return hadValue
  }

  /** Makes several keys absent. Tells of each whether it had a value. */
  async deleteMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.delete(key)))
  }

  /** Tells whether the key has a value. */
  async has(key: string): Promise<boolean> {
    return this.cache.has(this.keyOf(key))
  }

  /** Tells of several keys whether they have a value. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)))
  }

  /** Makes all keys of the namespace absent, at a cost that does not depend on how many there are. */
  async clear(): Promise<void> {
    return this.cache.purge({ namespace: this.start })
  }

  /** Gives keys and values of the namespace, in no order. */
  async *iterator<Value = unknown>(): AsyncGenerator<[string, Value | undefined], void, undefined> {
    const namespace = this.start
    const start = encoder.encode(namespace)
    for await (const key of this.cache.keys({ prefix: start, namespace })) {
      const bytes = await this.cache.get(key)
      if (bytes !== undefined) yield [decoder.decode(key.subarray(start.length)), valueOfForm(bytes) as Value]
    }
  }

  private keyOf(key: string): string {
    return this.start + key
  }

  /**
   * What stands before each key, and the name under which the cache purges what is put here. With its length the
   * namespace ends where it ends, whatever is in it.
   */
  private get start(): string {
    const { namespace } = this
    return namespace === undefined ? 'keyv::' : `keyv:${namespace.length}:${namespace}:`
  }
}

function expiryOf(lifetime: number | undefined): { ttl?: number; expiresAt?: number } {
  if (!lifetime) return {}
  return lifetime >= TIMES_FROM ? { expiresAt: lifetime } : { ttl: Math.max(0, lifetime) }
}
