/**
 * What: what undici caches, as its interface says it (7 and 8), and how it stands in a blob:
 * { u32 bytes of the head, head as JSON, body }.
 * Thread: any (pure).
 */
import { getU32, invalidArgument, putU32 } from '../base/index.js'

/** Names of headers, in small letters, and their values. */
export type Headers = Record<string, string | string[]>
/** What the request had in headers that the answer depends on; null: nothing. */
export type Vary = Record<string, string | string[] | null>

/** Which request an answer is for. */
export interface CacheKey {
  /** Scheme, host and port. */
  origin: string
  /** The method of the request. */
  method: string
  /** Path and query. */
  path: string
  /** Headers of the request. */
  headers?: Record<string, string | string[] | null | undefined> | undefined
}

/** An answer without its body. */
export interface CacheValue {
  /** The status. */
  statusCode: number
  /** The text beside the status. */
  statusMessage: string
  /** The headers of the answer. */
  headers: Headers
  /** What the request had in headers that the answer depends on. */
  vary?: Vary
  /** The answer's tag. */
  etag?: string
  /** What the answer says about caches. */
  cacheControlDirectives?: object
  /** When it was cached, in milliseconds since 1970. */
  cachedAt: number
  /** When it becomes stale. */
  staleAt: number
  /** When it is a miss. */
  deleteAt: number
}

/** An answer with its body, as undici takes it. */
export interface CachedAnswer extends CacheValue {
  /** What the answer says about caches. */
  cacheControlDirectives: object
  /** The body in pieces. */
  body: Buffer[]
}

/** Which answers there are for a URL and a method: those with `vary` stand in blobs of their own. */
export interface VariantList {
  /** Part of the keys of all variants: those of an earlier list are never found again. */
  generation: string
  variants: Variant[]
}

export interface Variant {
  /** Part of the key of its blob. */
  id: number
  vary: Vary
  deleteAt: number
}

const FIELDS = [
  'statusCode', 'statusMessage', 'headers', 'vary', 'etag', 'cacheControlDirectives', 'cachedAt', 'staleAt', 'deleteAt',
] as const
const SIZE_BYTES = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

/** Throws INVALID_ARGUMENT when it is no key. */
export function checkCacheKey(key: CacheKey): void {
  if (typeof key !== 'object' || key === null) throw invalidArgument('the key must be an object')
  for (const name of ['origin', 'method', 'path'] as const) {
    if (typeof key[name] !== 'string') throw invalidArgument(`${name} of the key must be a text`)
  }
}

/** Throws INVALID_ARGUMENT when it is no answer. */
export function checkCacheValue(value: CacheValue): void {
  if (typeof value !== 'object' || value === null) throw invalidArgument('the value must be an object')
  for (const name of ['statusCode', 'cachedAt', 'staleAt', 'deleteAt'] as const) {
    if (typeof value[name] !== 'number') throw invalidArgument(`${name} of the value must be a number`)
  }
}

/** Makes what stands before the body in a blob. */
export function encodeHead(head: CacheValue | VariantList): Uint8Array {
  const kept = 'generation' in head ? head : Object.fromEntries(FIELDS.map((name) => [name, head[name]]))
  const json = encoder.encode(JSON.stringify(kept))
  const bytes = new Uint8Array(SIZE_BYTES + json.length)
  putU32(bytes, 0, json.length)
  bytes.set(json, SIZE_BYTES)
  return bytes
}

/** Gives what stands in a blob: an answer, or a list of variants; and where its body begins. */
export function decodeHead(bytes: Uint8Array): { head: CacheValue | VariantList; bodyStart: number } {
  const bodyStart = SIZE_BYTES + getU32(bytes, 0)
  return { head: JSON.parse(decoder.decode(bytes.subarray(SIZE_BYTES, bodyStart))) as CacheValue, bodyStart }
}

/** True when a request gets this answer, as far as the headers go that it depends on. */
export function variesWith(vary: Vary | undefined, headers: CacheKey['headers']): boolean {
  if (vary === undefined || vary === null) return true
  return Object.keys(vary).every((name) => isSameHeader(headers?.[name], vary[name]))
}

type Header = string | readonly string[] | null | undefined

function isSameHeader(a: Header, b: Header): boolean {
  if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null)
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return a.length === b.length && a.every((each, i) => each === b[i])
}
