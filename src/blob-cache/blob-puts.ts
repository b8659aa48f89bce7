/**
 * What: the ways of a put until it binds: at once, behind those that wait for a place, behind a version that has to be
 * read, or through a source.
 * Owns: who waits for a place. Does not own: binding (blob-binder.ts), acknowledgement (segment-streams.ts).
 * Thread: main.
 * Invariants: BC-1 calls bind in the order of calls. BC-7 each put settles, and the source of one that stores nothing
 * is cancelled.
 */
import { bytesLength, copyBytes, crc32, isByteView } from '../base/index.js'
import type { AbortWatch, Bytes, ByteSource, Clock } from '../base/index.js'
import type { BlobCodec } from './blob-codec.js'
import type { HashedKey } from './blob-hash.js'
import type { BlobVersions } from './blob-versions.js'
import { memorySource } from './byte-input.js'
import type { BlobFacts, Durability, NotStored, PutResult } from './durability.js'
import type { LargeSegments } from './large-segments.js'
import type { LargeWriter } from './large-writer.js'
import { encodeExtensions } from './record-extensions.js'
import { recordBytes } from './segment-format.js'
import { StreamedPuts } from './streamed-puts.js'
import type { LargeBlob, StreamedBlob } from './streamed-puts.js'
import type { Tickets } from './tickets.js'
import { WaitingPuts } from './waiting-puts.js'
import type { NewBlob } from './waiting-puts.js'

/** How a value comes, beside what it is. */
export interface PutManner {
  /** Bytes that a source is going to give; null when nobody knows. */
  readonly size: number | null
  /** The CRC-32 that the value must have; null: any. */
  readonly checksum: number | null
  readonly codec: BlobCodec | null
  readonly watch: AbortWatch | null
}

export const PLAIN_MANNER: PutManner = { size: null, checksum: null, codec: null, watch: null }

/** A put as it was called. */
export interface GivenPut extends PutManner {
  readonly key: HashedKey
  readonly value: Bytes | ByteSource
  readonly durability: Durability
  readonly facts: BlobFacts
}

export interface BlobPutsOptions {
  clock: Clock
  tickets: Tickets
  versions: BlobVersions
  large: LargeSegments
  recordBytesMax: number
  blobBytesMax: number
  /** Bytes that are reserved at once for a large blob. */
  stepBytes: number
  /** True when the key was dropped a short while ago; it is forgotten then. */
  hasGhost: (key: HashedKey) => boolean
  /** Makes a blob visible in one step; null when there is no place now. */
  bind: (blob: NewBlob) => Promise<PutResult> | null
  bindLarge: (writer: LargeWriter, blob: LargeBlob) => Promise<PutResult>
  /** Makes the key absent. */
  delete: (key: HashedKey, durability: Durability) => Promise<unknown>
}

export class BlobPuts {
  private readonly options: BlobPutsOptions
  readonly waiting: WaitingPuts
  private readonly streamed: StreamedPuts
  private isEnded = false
  private isRetired = false

  constructor(options: BlobPutsOptions) {
    this.options = options
    this.waiting = new WaitingPuts(options.clock, options.tickets)
    this.streamed = new StreamedPuts({
      ...options, isStopped: () => this.isRetired, putSmall: (blob) => this.putNow(blob),
    })
  }

  /** Stores a value. A small one that is in memory is read before this returns. */
  async put(given: GivenPut): Promise<PutResult> {
    const { key, value, durability, watch, facts: { expiresMs, version } } = given
    if (this.isStopped) return refuse(given, 'degraded')
    try {
      watch?.check()
    } catch {
      return refuse(given, 'aborted')
    }
    const isInMemory = typeof value === 'string' || isByteView(value)
    if (isInMemory && given.size !== null && given.size !== bytesLength(value)) return refuse(given, 'size')
    if (expiresMs > 0 && expiresMs <= this.options.clock.wallMs()) {
      void refuse(given, 'expired')
      if (version === 0) await this.options.delete(key, durability)
      return { stored: false, reason: 'expired' }
    }
    return isInMemory && given.codec === null && this.isSmall(given, bytesLength(value))
      ? this.putSmall(given, value)
      : this.putStreamed(given, isInMemory)
  }

  private isSmall({ key, facts: { version, meta } }: GivenPut, storedBytes: number): boolean {
    const { length: extensionBytes } = encodeExtensions(version, meta)
    return recordBytes({ keyBytes: key.bytes.length, extensionBytes, storedBytes }) <= this.options.recordBytesMax
  }

  private putSmall(given: GivenPut, value: Bytes): Promise<PutResult> {
    const { key, durability, checksum, watch, facts: { namespace, expiresMs, staleMs, version, meta } } = given
    watch?.end()
    if (checksum !== null && checksum !== checksumOf(value)) return refuse(given, 'checksum')
    const extensions = encodeExtensions(version, meta)
    const valueBytes = bytesLength(value)
    const blob: NewBlob = {
      key, value, valueBytes, plainBytes: valueBytes, codecNumber: 0, durability, namespace, expiresMs, extensions,
      recordBytes: recordBytes({
        keyBytes: key.bytes.length, extensionBytes: extensions.length, storedBytes: valueBytes,
      }),
      staleMs, isReturning: this.options.hasGhost(key),
    }
    const { versions } = this.options
    if (version === 0) {
      versions.passBy(key)
      return this.putNow(blob)
    }
    this.options.tickets.note(key.low, key.high)
    const own = versions.knows(key) ? blob : { ...blob, value: copyBytes(value) }
    return versions.put(key, version, namespace, () => this.putNow(own))
  }

  private async putStreamed(given: GivenPut, isInMemory: boolean): Promise<PutResult> {
    const { key, value, facts: { version, meta, namespace } } = given
    const bytes = isInMemory ? this.ownBytes(given, value as Bytes) : null
    const blob: StreamedBlob = {
      ...given, ...given.facts, bytes, extensions: encodeExtensions(version, meta),
      source: bytes === null ? value as ByteSource : memorySource(bytes), size: bytes?.length ?? given.size,
      isReturning: this.options.hasGhost(key),
    }
    const { versions } = this.options
    if (version === 0) {
      versions.passBy(key)
      return this.streamed.put(blob)
    }
    this.options.tickets.note(key.low, key.high)
    let isBegun = false
    const result = await versions.put(key, version, namespace, () => {
      isBegun = true
      return this.isStopped ? refuse(given, 'degraded') : this.streamed.put(blob)
    })
    return isBegun || result.stored ? result : refuse(given, result.reason as NotStored)
  }

  /** The bytes of a value in memory: a copy, unless it is large. */
  private ownBytes(given: GivenPut, value: Bytes): Uint8Array {
    const isLent = typeof value !== 'string' && !this.isSmall(given, bytesLength(value))
    return isLent ? new Uint8Array(value.buffer, value.byteOffset, bytesLength(value)) : copyBytes(value)
  }

  /** Stores a blob that is a record's size. */
  putNow(blob: NewBlob): Promise<PutResult> {
    if (this.isStopped) return Promise.resolve({ stored: false, reason: 'degraded' })
    this.options.tickets.passBy(blob.key.low, blob.key.high)
    const answer = this.waiting.isEmpty ? this.options.bind(blob) : null
    return answer ?? this.waiting.wait({ ...blob, value: copyBytes(blob.value) })
  }

  private get isStopped(): boolean {
    return this.isEnded || this.isRetired
  }

  /** Binds those who wait, in the order of their calls, as long as there is room. */
  bindWaiting(): void {
    this.waiting.bindEach(this.options.bind)
  }

  /** Answers all who wait: there is no place for them now. */
  refuseWaiting(): void {
    this.waiting.refuse()
  }

  /** Stores nothing any more: another store took the place of this one. */
  retire(): void {
    this.isRetired = true
  }

  /** Resolves when all values in memory that were put so far have their place, or were refused. */
  async placed(): Promise<void> {
    await this.streamed.memoryStored()
    await this.waiting.untilEmpty()
  }

  /** Ends sources under way; resolves when all puts have their place, or were refused. Nothing is put any more. */
  async end(): Promise<void> {
    await this.streamed.close()
    this.isEnded = true
    await this.waiting.untilEmpty()
  }
}

/** Answers a put that reads nothing of its source. */
function refuse({ value, watch }: GivenPut, reason: NotStored): Promise<PutResult> {
  watch?.end()
  if (typeof value !== 'string' && !isByteView(value)) value.cancel(reason)
  return Promise.resolve({ stored: false, reason })
}

function checksumOf(value: Bytes): number {
  const bytes = copyBytes(value)
  return crc32(bytes, 0, bytes.length)
}
