/**
 * What: what undici caches, as its interface says it (7 and 8), and how it stands in the meta of a blob: as JSON.
 * Thread: any (pure).
 */
import type { Readable } from 'node:stream'
import { invalidArgument } from '../base/index.js'

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
  /** The body in pieces, or as a stream when it is large. It is never a Buffer: undici would take that for numbers. */
  body: Buffer[] | Readable
}

/** Which answers there are for a URL and a method: those with `vary` stand in blobs of their own. */
export interface VariantList {
  variants: Variant[]
}

export interface Variant {
  /** The key of its blob, which was drawn: who does not know the list does not find it. */
  place: string
  vary: Vary
  deleteAt: number
}

/** Bytes that the meta of a blob may have. */
const META_BYTES_MAX = 60_000
const FIELDS = [
  'statusCode', 'statusMessage', 'headers', 'vary', 'etag', 'cacheControlDirectives', 'cachedAt', 'staleAt', 'deleteAt',
] as const
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

/** Makes the meta of an answer's blob; null when there is no room for it. */
export function encodeAnswer(value: CacheValue): Uint8Array | null {
  const json = encoder.encode(JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, value[name]]))))
  return json.length > META_BYTES_MAX ? null : json
}

/** Makes the meta of a list, without the oldest ones if there is no room. */
export function encodeList(variants: readonly Variant[]): Uint8Array {
  for (let from = 0; ; from++) {
    const json = encoder.encode(JSON.stringify({ variants: variants.slice(from) }))
    if (json.length <= META_BYTES_MAX) return json
  }
}

/** Gives what the meta of a blob says. */
export function decodeHead(meta: Uint8Array): CacheValue | VariantList {
  return JSON.parse(decoder.decode(meta)) as CacheValue
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
