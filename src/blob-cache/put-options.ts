/**
 * What: the value and the options of a put, read once and checked before anything else happens.
 * Thread: main. Code of the caller runs where options and sources are read.
 */
import {
  AbortWatch, checkChoice, copyBytes, hasMemory, invalidArgument, isByteView, takeOptions, takeSource,
  unreadableArgument,
} from '../base/index.js'
import type { Bytes, ByteSource, Clock, ValueSource } from '../base/index.js'
import type { BlobCodec } from './blob-codec.js'
import type { PutManner } from './blob-puts.js'
import { NO_FACTS } from './durability.js'
import type { BlobFacts, Durability } from './durability.js'
import { META_BYTES_MAX } from './record-extensions.js'
import { recordTime } from './segment-format.js'

const DURABILITIES: readonly Durability[] = ['memory', 'written', 'synced']
const NAMES = [
  'durability', 'ttl', 'expiresAt', 'version', 'namespace', 'size', 'checksum', 'meta', 'compress', 'signal',
]

/**
 * What may be put: bytes, text, a Blob, a ReadableStream or anything else that gives Uint8Array one after the other. A
 * Readable of Node is one, if no encoding is set.
 */
export type BlobValue = Bytes | ValueSource

/** Options of one put or delete. */
export interface BlobWriteOptions {
  /**
   * The moment at which the call is answered. With 'memory' that is at once, when it is visible; with 'written', when
   * it survives the end of this process; with 'synced', when it survives power loss too. What is lost before its moment
   * may leave an older value in its place.
   */
  durability?: Durability
}

/** Options of one put. */
export interface BlobPutOptions extends BlobWriteOptions {
  /** Milliseconds from now on after which the blob is a miss. */
  ttl?: number
  /** The time from which on the blob is a miss, in milliseconds since 1970. Not together with `ttl`. */
  expiresAt?: number
  /**
   * A whole number above 0. The blob is stored only if what is under the key has a smaller version, or none; else the
   * answer is 'too-old'. What was deleted or evicted has none.
   */
  version?: number
  /** A name under which the blob can be purged, with others. It is no part of the key. */
  namespace?: string
  /** Bytes that the value has, or its source is going to give. With more or fewer nothing is stored ('size'). */
  size?: number
  /** The CRC-32 (as zlib has it) that the value must have; otherwise nothing is stored ('checksum'). */
  checksum?: number
  /** Bytes that are kept beside the value, at most 60,000; `getEntry` gives them. */
  meta?: Bytes
  /** False: the value stays as it is, in a cache that compresses. */
  compress?: boolean
  /** Gives the put up as long as the blob is not complete ('aborted'). */
  signal?: AbortSignal
}

/** Options of a put that were read. */
interface TakenPutOptions extends Omit<PutManner, 'watch'>, Omit<BlobFacts, 'namespace' | 'staleMs'> {
  readonly durability: Durability | undefined
  readonly namespace: string | undefined
}

/** Reads the options. Throws INVALID_ARGUMENT. */
export function takePutOptions(options: BlobPutOptions, clock: Clock, codec: BlobCodec | null): TakenPutOptions {
  const given = takeOptions('put', NAMES, options, (o) => ({
    durability: o.durability, ttl: o.ttl, expiresAt: o.expiresAt, version: o.version, namespace: o.namespace,
    size: o.size, checksum: o.checksum, meta: o.meta, compress: o.compress,
  }))
  const { durability, namespace, version = 0, size, checksum, meta, compress = true } = given
  if (durability !== undefined) checkDurability(durability)
  if (given.version !== undefined && !(isWhole(version) && version > 0)) {
    throw invalidArgument('option version must be a whole number above 0')
  }
  if (size !== undefined && !isWhole(size)) throw invalidArgument('option size must be a whole number from 0 on')
  if (checksum !== undefined && !(isWhole(checksum) && checksum < 2 ** 32)) {
    throw invalidArgument('option checksum must be a whole number of 32 bits')
  }
  if (typeof compress !== 'boolean') throw invalidArgument('option compress must be true or false')
  return {
    durability, namespace, size: size ?? null, checksum: checksum ?? null, codec: compress ? codec : null,
    expiresMs: expiryOf(given, clock), version, meta: meta === undefined ? NO_FACTS.meta : metaOf(meta),
  }
}

/** Begins to watch the signal of the call. Throws INVALID_ARGUMENT for what is no signal. */
export function watchOf(options: { signal?: AbortSignal }): AbortWatch | null {
  let signal: unknown
  try {
    signal = options.signal
  } catch (error) {
    throw unreadableArgument('option signal', error)
  }
  return signal === undefined ? null : new AbortWatch(signal)
}

/** Takes the value, or begins to read its source. Throws INVALID_ARGUMENT for anything else, and ends the watch. */
export function takeValue(
  value: BlobValue, watch: AbortWatch | null = null,
): { value: Bytes | ByteSource; size: number | null } {
  try {
    return takeAny(value)
  } catch (error) {
    watch?.end()
    throw error
  }
}

function takeAny(value: BlobValue): { value: Bytes | ByteSource; size: number | null } {
  if (typeof value === 'string' || isByteView(value)) {
    checkBytes(value, 'value')
    return { value, size: null }
  }
  // A view of other numbers is no source of bytes, although it gives one number after the other.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) throw noValue()
  return { value: takeSource(value), size: sizeOf(value) }
}

function noValue(): Error {
  return invalidArgument('a value is a string, a Uint8Array, or a source: a ReadableStream, an iterable or a Blob')
}

/** The bytes of a Blob; null for other sources. */
function sizeOf(value: ValueSource): number | null {
  const { stream, size } = value as { stream?: unknown; size?: unknown }
  return typeof stream === 'function' && isWhole(size) ? size : null
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function metaOf(meta: Bytes): Uint8Array {
  checkBytes(meta, 'option meta')
  const bytes = copyBytes(meta)
  if (bytes.length <= META_BYTES_MAX) return bytes
  throw invalidArgument(`option meta must have at most ${META_BYTES_MAX} bytes`)
}

function expiryOf(
  { ttl, expiresAt }: { ttl: number | undefined; expiresAt: number | undefined }, clock: Clock,
): number {
  if (ttl === undefined && expiresAt === undefined) return 0
  if (ttl !== undefined && expiresAt !== undefined) throw invalidArgument('put takes either ttl or expiresAt')
  const given = ttl ?? expiresAt!
  if (typeof given !== 'number' || !(given >= 0)) {
    throw invalidArgument(`option ${ttl === undefined ? 'expiresAt' : 'ttl'} must be a number of 0 or more`)
  }
  if (given === Infinity) return 0
  return Math.max(1, recordTime(ttl === undefined ? given : clock.wallMs() + given))
}

export function checkDurability(value: Durability): Durability {
  return checkChoice(value, 'durability', DURABILITIES)
}

export function checkBytes(data: Bytes, what: string): void {
  if (typeof data === 'string' || (isByteView(data) && hasMemory(data))) return
  throw invalidArgument(`the ${what} must be a string or a Uint8Array`)
}
