/**
 * What: a blob cache as undici's store of cached answers, 7 and 8. An answer that depends on no header of the request
 * stands under its method and URL. Else there stands a list of what answers depend on, and each answer is a blob of
 * its own, under a key that was drawn for it: when the list is evicted or deleted, none of its answers is ever found
 * again. What an answer is stands in the meta of its blob, its body is the value.
 * Owns: what is under way for each URL; calls for one go on in their order. The cache is its opener's. Thread: main.
 * Invariants: BC-1 an answer is given for requests it is for, also when list and answer are of different moments.
 */
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { invalidArgument, systemClock, systemRandom, takeOptions } from '../base/index.js'
import type { BlobCache, BlobStream } from '../blob-cache/index.js'
import { AnswerLedger } from './answer-ledger.js'
import { AnswerWriter } from './answer-writer.js'
import {
  checkCacheKey, checkCacheValue, decodeHead, encodeAnswer, encodeList, variesWith,
} from './cached-answer.js'
import type { CachedAnswer, CacheKey, CacheValue, Variant, VariantList } from './cached-answer.js'

/** Methods whose answers undici may cache. A delete of a URL deletes the answers of all of them. */
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']
const START = 'undici:'
const VARIANT_START = 'undici-variant:'
/** A longer URL is not cached. */
const URL_CHARS_MAX = 16_000
/** A URL has at most so many answers; the oldest go first. */
const VARIANTS_MAX = 64
const ENTRY_BYTES_DEFAULT = 5 * 1024 * 1024
/** A larger body is given as a stream. */
const WHOLE_BYTES = 1024 * 1024

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
    const [place, meta] = [placeOf(key), encodeAnswer(value)]
    if (place === null || meta === null) return undefined
    const { vary, deleteAt } = value
    const isVarying = vary !== undefined && vary !== null && Object.keys(vary).length > 0
    const target = isVarying ? newVariantPlace() : place
    const options = { meta, expiresAt: deleteAt, durability: 'memory' } as const
    return new AnswerWriter({
      maxEntrySize: this.maxEntrySize,
      begin: (body) => this.cache.put(target, body, options).then(({ stored }) => stored, () => false),
      end: (bytes, store) => void this.inOrder(place, async () => {
        if (this.counted !== null) await this.counted
        if (this.ledger !== null && !isVarying) await this.uncount(place)
        this.count(target, bytes)
        if (!await store()) this.ledger?.remove(target)
        else if (isVarying) await this.list(key, place, { place: target, vary, deleteAt })
      }),
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
      if (found === null || !('variants' in found.head)) return await answerOf(key, found)
      const variant = found.head.variants.find(({ vary }) => variesWith(vary, key.headers))
      return variant && await answerOf(key, await this.find(variant.place))
    } catch {
      return undefined
    }
  }

  /** Gives what stands under a key of the cache; null when there is nothing. */
  private async find(place: string): Promise<FoundBlob | null> {
    const stream = await this.cache.getStream(place)
    return stream === undefined ? null : { stream, head: decodeHead(stream.entry.meta) }
  }

  private async variantsOf(place: string): Promise<VariantList['variants']> {
    const entry = this.mayHave(place) ? await this.cache.getEntry(place).catch(() => undefined) : undefined
    const head = entry === undefined ? null : decodeHead(entry.meta)
    return head !== null && 'variants' in head ? head.variants : []
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

  /** Lists an answer that depends on headers, in place of one for the same request. */
  private async list(key: CacheKey, place: string, variant: Variant): Promise<void> {
    const known = await this.variantsOf(place)
    const nowMs = systemClock.wallMs()
    const old = known.filter(({ vary }) => variesWith(vary, key.headers))
    const others = known.filter((each) => each.deleteAt > nowMs && !old.includes(each))
    const variants = [...others, variant].slice(-VARIANTS_MAX)
    const expiresAt = Math.max(...variants.map(({ deleteAt }) => deleteAt))
    await this.cache.put(place, '', { meta: encodeList(variants), expiresAt, durability: 'memory' })
    this.ledger?.remove(place)
    for (const each of old) {
      this.ledger?.remove(each.place)
      await this.cache.delete(each.place, { durability: 'memory' })
    }
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
    for (const variant of await this.variantsOf(place)) this.ledger?.remove(variant.place)
    this.ledger?.remove(place)
  }

  private async countAnswers(): Promise<void> {
    for await (const key of this.cache.keys({ prefix: START.slice(0, -1) })) {
      const place = Buffer.from(key).toString()
      if (!place.startsWith(START) && !place.startsWith(VARIANT_START)) continue
      const entry = await this.cache.getEntry(key)
      if (entry !== undefined && !('variants' in decodeHead(entry.meta))) this.count(place, entry.size)
    }
  }
}

/** Draws a key that nobody finds who does not know it. */
function newVariantPlace(): string {
  const bytes = new Uint8Array(16)
  systemRandom.fill(bytes)
  return VARIANT_START + Buffer.from(bytes).toString('hex')
}

interface FoundBlob {
  stream: BlobStream
  head: CacheValue | VariantList
}

/** The key in the cache for a method and URL; null when its answers are not cached. */
function placeOf({ method, origin, path }: CacheKey): string | null {
  if (!METHODS.includes(method) || origin.length + path.length > URL_CHARS_MAX) return null
  return `${START}${method} ${origin.length} ${origin}${path}`
}

/** Gives the answer as undici takes it, if it is one for this request. */
async function answerOf({ headers }: CacheKey, found: FoundBlob | null): Promise<CachedAnswer | undefined> {
  if (found === null || 'variants' in found.head || !variesWith(found.head.vary, headers)) return undefined
  const { head, stream } = found
  if (head.deleteAt <= systemClock.wallMs()) return undefined
  const { cacheControlDirectives = {} } = head
  // Undici may forget a stream without ending it: this one holds nothing before it is read.
  if (stream.size > WHOLE_BYTES) {
    return { ...head, cacheControlDirectives, body: Readable.from(buffersOf(stream), { objectMode: false }) }
  }
  const body: Buffer[] = []
  for await (const piece of buffersOf(stream)) body.push(piece)
  return { ...head, cacheControlDirectives, body }
}

async function* buffersOf(stream: BlobStream): AsyncGenerator<Buffer, void, undefined> {
  for await (const { buffer, byteOffset, length } of stream) yield Buffer.from(buffer, byteOffset, length)
}

function checkLimit(value: unknown, name: string): void {
  if (value === undefined || value === Infinity) return
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw invalidArgument(`option ${name} must be a whole number of 0 or more`)
  }
}
