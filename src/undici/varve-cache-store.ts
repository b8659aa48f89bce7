/**
 * What: a blob cache as undici's store of cached answers, 7 and 8. An answer that depends on no header of the request
 * stands under its method and URL. Else there stands a list of what answers depend on, and each answer is a blob of
 * its own, whose key has a number that was drawn for this list: when the list is evicted or deleted, none of its
 * answers is ever found again, also not by a later list.
 * Owns: what is under way for each URL; calls for one go on in their order. The cache is its opener's. Thread: main.
 * Invariants: BC-1 an answer is given for requests it is for, also when list and answer are of different moments.
 */
import { Writable } from 'node:stream'
import { invalidArgument, systemClock, systemRandom, takeOptions } from '../base/index.js'
import type { BlobCache } from '../blob-cache/index.js'
import { AnswerLedger } from './answer-ledger.js'
import {
  checkCacheKey, checkCacheValue, decodeHead, encodeHead, variesWith,
} from './cached-answer.js'
import type { CachedAnswer, CacheKey, CacheValue, VariantList } from './cached-answer.js'

/** Methods whose answers undici may cache. A delete of a URL deletes the answers of all of them. */
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']
const START = 'undici:'
const VARIANT_START = 'undici-variant:'
/** A longer URL is not cached. */
const URL_CHARS_MAX = 16_000
/** A URL has at most so many answers; the oldest go first. */
const VARIANTS_MAX = 64
const ENTRY_BYTES_DEFAULT = 5 * 1024 * 1024

/** Options of the store. */
export interface VarveCacheStoreOptions {
  /** Bytes that the body of an answer may have; default 5 MiB. One with more is not cached. */
  maxEntrySize?: number
  /** Answers that there may be; the oldest go first. Default: as many as the cache has room for. */
  maxCount?: number
  /**
   * Bytes that the bodies of all answers may have together; the oldest go first. Default: what the cache has room for.
   */
  maxSize?: number
}

/**
 * A store of cached answers for undici's cache interceptor, on a blob cache that is open:
 * `interceptors.cache({ store: new VarveCacheStore(cache) })`. Several may stand on one cache and share its answers, if
 * none has a limit on their number or bytes. Trouble with the cache is a miss.
 */
export class VarveCacheStore {
  private readonly cache: BlobCache
  private readonly maxEntrySize: number
  private readonly ledger: AnswerLedger | null
  /** Resolves when answers of earlier processes are counted. */
  private readonly counted: Promise<void> | null
  /** The last call for a method and URL that is not done. */
  private readonly underWay = new Map<string, Promise<void>>()

  /** Makes a store on a cache that is open. */
  constructor(cache: BlobCache, options: VarveCacheStoreOptions = {}) {
    const names = ['maxEntrySize', 'maxCount', 'maxSize'] as const
    const given = takeOptions('cache store', names, options, ({ maxEntrySize, maxCount, maxSize }) =>
      ({ maxEntrySize, maxCount, maxSize }))
    for (const name of names) checkLimit(given[name], name)
    const { maxEntrySize = ENTRY_BYTES_DEFAULT, maxCount = Infinity, maxSize = Infinity } = given
    this.cache = cache
    this.maxEntrySize = Math.min(maxEntrySize, maxSize)
    const isLimited = maxCount < Infinity || maxSize < Infinity
    this.ledger = isLimited ? new AnswerLedger(maxCount, maxSize) : null
    this.counted = isLimited ? this.countAnswers().catch(() => undefined) : null
  }

  /** Gives the answer for a request; undefined at once when there is none. */
  get(key: CacheKey): Promise<CachedAnswer | undefined> | undefined {
    checkCacheKey(key)
    const place = placeOf(key)
    if (place === null) return undefined
    const before = this.underWay.get(place)
    if (before === undefined && !this.mayHave(place)) return undefined
    return this.read(key, place, before)
  }

  /**
   * Gives a stream for the body of an answer, which is there when the stream has ended; undefined when it is not
   * cached. A body that is too large destroys the stream, without an error.
   */
  createWriteStream(key: CacheKey, value: CacheValue): Writable | undefined {
    checkCacheKey(key)
    checkCacheValue(value)
    const place = placeOf(key)
    if (place === null) return undefined
    const head = encodeHead(value)
    const { maxEntrySize } = this
    const store = this
    const pieces: Uint8Array[] = [head]
    let bytes = 0
    return new Writable({
      write(chunk: Uint8Array | string, encoding, done) {
        const piece = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
        bytes += piece.length
        if (bytes > maxEntrySize) this.destroy()
        else pieces.push(piece)
        done()
      },
      final(done) {
        const blob = Buffer.concat(pieces)
        void store.inOrder(place, () => store.put(key, value, place, blob, bytes))
        done()
      },
    })
  }

  /** Makes the answers of a URL absent, whatever the method. */
  async delete(key: CacheKey): Promise<void> {
    checkCacheKey(key)
    await Promise.all(METHODS.map(async (method) => {
      const place = placeOf({ ...key, method })
      if (place === null || (!this.underWay.has(place) && !this.mayHave(place))) return
      await this.inOrder(place, () => this.forget(place))
    }))
  }

  // ── Reads ───────────────────────────────────────────────────────────────────────────────────────

  private async read(
    key: CacheKey, place: string, before: Promise<void> | undefined,
  ): Promise<CachedAnswer | undefined> {
    await before
    try {
      const found = await this.find(place)
      if (found === null || !('generation' in found.head)) return answerOf(key, found)
      const list = found.head
      const variant = list.variants.find(({ vary }) => variesWith(vary, key.headers))
      return variant && answerOf(key, await this.find(variantPlace(list, variant.id)))
    } catch {
      return undefined
    }
  }

  /** Gives what stands under a key of the cache; null when that is nothing of ours. */
  private async find(place: string): Promise<FoundBlob | null> {
    const bytes = await this.cache.get(place)
    return bytes === undefined ? null : { bytes, ...decodeHead(bytes) }
  }

  private async findList(place: string): Promise<VariantList | null> {
    const found = this.mayHave(place) ? await this.find(place).catch(() => null) : null
    return found !== null && 'generation' in found.head ? found.head : null
  }

  /** A cache that is closed has nothing. */
  private mayHave(place: string): boolean {
    try {
      return this.cache.mayHave(place)
    } catch {
      return false
    }
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────

  private async put(key: CacheKey, value: CacheValue, place: string, blob: Uint8Array, bytes: number): Promise<void> {
    if (this.counted !== null) await this.counted
    const { vary } = value
    const isVarying = vary !== undefined && vary !== null && Object.keys(vary).length > 0
    if (isVarying) return this.putVariant(key, { ...value, vary }, place, blob, bytes)
    if (this.ledger !== null) await this.uncount(place)
    await this.write(place, blob, value.deleteAt, bytes)
  }

  private async putVariant(
    key: CacheKey, { vary, deleteAt }: CacheValue & { vary: NonNullable<CacheValue['vary']> }, place: string,
    blob: Uint8Array, bytes: number,
  ): Promise<void> {
    const list = await this.findList(place) ?? { generation: newGeneration(), variants: [] }
    const nowMs = systemClock.wallMs()
    const old = list.variants.filter((variant) => variesWith(variant.vary, key.headers))
    const others = list.variants.filter((variant) => variant.deleteAt > nowMs && !old.includes(variant))
    const id = old[0]?.id ?? 1 + Math.max(0, ...list.variants.map((variant) => variant.id))
    const variants = [...others, { id, vary, deleteAt }].slice(-VARIANTS_MAX)
    const variant = variantPlace(list, id)
    if (!(await this.write(variant, blob, deleteAt, bytes))) return
    const expiresAt = Math.max(...variants.map((each) => each.deleteAt))
    const head = encodeHead({ generation: list.generation, variants })
    await this.cache.put(place, head, { expiresAt, durability: 'memory' })
    this.ledger?.remove(place)
  }

  /**
   * Writes an answer, after those went that have to go for it. One that is lost in a crash is a miss; so nobody waits
   * for the disk.
   */
  private async write(place: string, blob: Uint8Array, expiresAt: number, bytes: number): Promise<boolean> {
    this.count(place, bytes)
    const { stored } = await this.cache.put(place, blob, { expiresAt, durability: 'memory' })
    if (!stored) this.ledger?.remove(place)
    return stored
  }

  private async forget(place: string): Promise<void> {
    if (this.ledger !== null) await this.uncount(place)
    await this.cache.delete(place)
  }

  /** Does something for a method and URL after all that was begun for it before. Failures are misses. */
  private inOrder(place: string, act: () => Promise<void>): Promise<void> {
    const before = this.underWay.get(place)
    const done: Promise<void> = (before === undefined ? act() : before.then(act)).catch(() => undefined).then(() => {
      if (this.underWay.get(place) === done) this.underWay.delete(place)
    })
    this.underWay.set(place, done)
    return done
  }

  // ── Limits ──────────────────────────────────────────────────────────────────────────────────────

  /** Counts an answer, and makes those absent that have to go for it; they are when this returns. */
  private count(place: string, bytes: number): void {
    const gone = this.ledger?.put(place, bytes) ?? []
    for (const each of gone) this.cache.delete(each, { durability: 'memory' }).catch(() => undefined)
  }

  /** The answers for a method and URL are about to be unreachable. */
  private async uncount(place: string): Promise<void> {
    const list = await this.findList(place)
    for (const { id } of list?.variants ?? []) this.ledger?.remove(variantPlace(list!, id))
    this.ledger?.remove(place)
  }

  private async countAnswers(): Promise<void> {
    for await (const key of this.cache.keys({ prefix: START.slice(0, -1) })) {
      const place = Buffer.from(key).toString()
      if (!place.startsWith(START) && !place.startsWith(VARIANT_START)) continue
      const found = await this.find(place).catch(() => null)
      if (found !== null && !('generation' in found.head)) this.count(place, found.bytes.length - found.bodyStart)
    }
  }
}

function newGeneration(): string {
  const bytes = new Uint8Array(16)
  systemRandom.fill(bytes)
  return Buffer.from(bytes).toString('hex')
}

interface FoundBlob {
  bytes: Uint8Array
  head: CacheValue | VariantList
  bodyStart: number
}

/** The key in the cache for a method and URL; null when its answers are not cached. */
function placeOf({ method, origin, path }: CacheKey): string | null {
  if (!METHODS.includes(method) || origin.length + path.length > URL_CHARS_MAX) return null
  return `${START}${method} ${origin.length} ${origin}${path}`
}

function variantPlace({ generation }: VariantList, id: number): string {
  return `${VARIANT_START}${generation}:${id}`
}

/** Gives the answer as undici takes it, if it is one for this request; its body never as a Buffer, but as a list. */
function answerOf({ headers }: CacheKey, found: FoundBlob | null): CachedAnswer | undefined {
  if (found === null || 'generation' in found.head || !variesWith(found.head.vary, headers)) return undefined
  if (found.head.deleteAt <= systemClock.wallMs()) return undefined
  const { buffer, byteOffset, length } = found.bytes.subarray(found.bodyStart)
  const body = length === 0 ? [] : [Buffer.from(buffer, byteOffset, length)]
  return { ...found.head, cacheControlDirectives: found.head.cacheControlDirectives ?? {}, body }
}

function checkLimit(value: unknown, name: string): void {
  if (value === undefined || value === Infinity) return
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw invalidArgument(`option ${name} must be a whole number of 0 or more`)
  }
}
