/**
 * What: a blob cache as a store of Keyv's. Version 5 puts its namespace before each key, says how long a value lives,
 * and wants one answer for many deletes; version 6 puts nothing before keys, says until when a value lives, and wants
 * an answer for each delete. The namespace stands before each key here in any case, so keys are taken as they come.
 * Owns: nothing. The cache is its opener's. Thread: main.
 */
import { invalidArgument } from '../base/index.js'
import { formValue, valueOfForm } from '../blob-cache/index.js'
import type { BlobCache } from '../blob-cache/index.js'

/** No time that is meant comes before this one, in the year 2001, and nothing lives as many milliseconds. */
const TIMES_FROM = 1e12

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** One of the values that `setMany` of version 6 stores. */
export interface KeyvEntry {
  /** The key, as Keyv gives it. */
  key: string
  /** The value, which Keyv has made a text of, as a rule. */
  value: unknown
  /** The time until which the value lives, in milliseconds since 1970. */
  expires?: number | undefined
}

/** One of the values that `setMany` of version 5 stores. */
export interface Keyv5Entry {
  /** The key, as Keyv gives it. */
  key: string
  /** The value, which Keyv has made a text of, as a rule. */
  value: unknown
  /** How many milliseconds the value lives. */
  ttl?: number | undefined
}

/** What stores for both versions have in common. */
class KeyvStore {
  /** The namespace, which Keyv sets. What is put under another one is never given, nor cleared. */
  namespace: string | undefined = undefined
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

  /** Makes the key absent. Tells whether it had a value. */
  async delete(key: string): Promise<boolean> {
    const cacheKey = this.keyOf(key)
    const hadValue = await this.cache.has(cacheKey)
    await this.cache.delete(cacheKey)
    return hadValue
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

  /** @internal */
  protected async put(key: string, value: unknown, expiry: { ttl?: number; expiresAt?: number }): Promise<boolean> {
    const result = await this.cache.put(this.keyOf(key), formValue(value), { ...expiry, namespace: this.start })
    // What was replaced at once, or had expired at once, was stored and is gone.
    return result.stored || result.reason === 'superseded' || result.reason === 'expired'
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

/**
 * A store for Keyv 6 on a blob cache. Keyv writes its namespace into the store, so each Keyv needs a store of its own;
 * stores are cheap, and many may stand on one cache. A `disconnect` of Keyv's does not close the cache.
 */
export class VarveKeyv extends KeyvStore {
  /** What Keyv 6 asks a store. */
  readonly capabilities: {
    /** The third argument of `set` is a time. */
    readonly expires: true
  } = { expires: true }

  /**
   * Stores a value until a time, in milliseconds since 1970, or for ever. Tells whether it was stored. Rejects with
   * INVALID_ARGUMENT when the time is none, as that of Keyv 5, which has a store of its own.
   */
  async set(key: string, value: unknown, expires?: number): Promise<boolean> {
    if (expires === undefined) return this.put(key, value, {})
    if (expires >= TIMES_FROM) return this.put(key, value, { expiresAt: expires })
    throw invalidArgument('expires must be a time in milliseconds since 1970; Keyv 5 takes a VarveKeyvFive')
  }

  /** Stores several values. Tells of each whether it was stored. */
  async setMany(entries: KeyvEntry[]): Promise<boolean[]> {
    return Promise.all(entries.map(({ key, value, expires }) => this.set(key, value, expires)))
  }

  /** Makes several keys absent. Tells of each whether it had a value. */
  async deleteMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.delete(key)))
  }
}

/** A store for Keyv 5 on a blob cache: as `VarveKeyv` otherwise. */
export class VarveKeyvFive extends KeyvStore {
  /** What Keyv 5 looks at before it uses the iterator: a store of this dialect has one. */
  readonly opts: Record<string, unknown> = { url: '', dialect: 'sqlite' }

  /** Stores a value for so many milliseconds, or for ever. Tells whether it was stored. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return this.put(key, value, ttl === undefined ? {} : { ttl: Math.max(0, ttl) })
  }

  /** Stores several values. Tells of each whether it was stored. */
  async setMany(entries: Keyv5Entry[]): Promise<boolean[]> {
    return Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)))
  }

  /** Makes several keys absent. Tells whether all of them had a value. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const had = await Promise.all(keys.map((key) => this.delete(key)))
    return had.every(Boolean)
  }
}
