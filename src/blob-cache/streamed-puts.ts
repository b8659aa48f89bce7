/**
 * What: puts whose bytes come from a source, are larger than a slab takes, or are compressed. What turns out small goes
 * on as any put; the rest is written straight into a segment for large blobs.
 * Owns: the calls under way, and how much memory they take. Does not own: binding (blob-binder.ts).
 * Thread: main.
 * Invariants: BC-1 a call binds only if none of its key came after it. BC-7 each call settles, also on close, and its
 * source is cancelled when nothing is stored. BC-8 memory of all calls is bounded.
 */
import { isNoSpace, KeptAlive, MiB } from '../base/index.js'
import type { AbortWatch, ByteSource, Clock } from '../base/index.js'
import { BlobCompressor, compressWhole } from './blob-codec.js'
import type { BlobCodec } from './blob-codec.js'
import type { HashedKey } from './blob-hash.js'
import { ByteGate } from './byte-gate.js'
import { ByteInput, memorySource, PutRefused, SourceFailed } from './byte-input.js'
import type { Durability, PutResult } from './durability.js'
import { LargeWriter, WRITER_BYTES } from './large-writer.js'
import type { LargeSegments } from './large-segments.js'
import { recordBytes } from './segment-format.js'
import type { Ticket, Tickets } from './tickets.js'
import type { NewBlob } from './waiting-puts.js'

/** Bytes that all calls together gather before it is known whether they are small. */
const GATHERED_BYTES_MAX = 24 * MiB
/** Bytes of buffers for sources that may stall, and for values in memory. */
const BUFFER_BYTES_MAX = 8 * MiB

/** Attempts to write a value in memory to a disk that turns out to be full, and on which room is made. */
const ATTEMPTS_MAX = 3

/** A put of a source. */
export interface StreamedBlob {
  readonly key: HashedKey
  readonly source: ByteSource
  /** What the source gives, when it is in memory: then it never stalls, and can begin again. */
  readonly bytes: Uint8Array | null
  /** Bytes that the source is going to give; null when nobody knows. */
  readonly size: number | null
  /** The CRC-32 that the bytes must have; null: any. */
  readonly checksum: number | null
  readonly durability: Durability
  readonly namespace: number
  readonly expiresMs: number
  readonly staleMs: number
  readonly extensions: Uint8Array
  readonly isReturning: boolean
  readonly codec: BlobCodec | null
  readonly watch: AbortWatch | null
}

/** What is known of a large blob when it is complete. */
export interface LargeBlob extends StreamedBlob {
  readonly plainBytes: number
  readonly codecNumber: number
}

export interface StreamedPutsOptions {
  clock: Clock
  tickets: Tickets
  large: LargeSegments
  /** The largest record that is put as a small one. */
  recordBytesMax: number
  blobBytesMax: number
  /** Bytes that are reserved at once. */
  stepBytes: number
  /** True when nothing is put any more. */
  isStopped: () => boolean
  putSmall: (blob: NewBlob) => Promise<PutResult>
  /** Makes the blob visible in one step, and answers when it is as safe as asked for. */
  bindLarge: (writer: LargeWriter, blob: LargeBlob) => Promise<PutResult>
}

interface Gathered {
  readonly pieces: Uint8Array[]
  bytes: number
}

export class StreamedPuts {
  private readonly options: StreamedPutsOptions
  private readonly inputs = new Map<ByteInput, StreamedBlob>()
  private readonly calls = new Map<Promise<PutResult>, StreamedBlob>()
  private readonly keptAlive: KeptAlive
  private readonly gate = new ByteGate(BUFFER_BYTES_MAX)
  private gatheredBytes = 0
  private bufferBytes = 0

  constructor(options: StreamedPutsOptions) {
    this.options = options
    this.keptAlive = new KeptAlive(options.clock)
  }

  /** Stores what the source gives. The order of calls is that in which this is called. */
  put(blob: StreamedBlob): Promise<PutResult> {
    const call: Promise<PutResult> = this.run(blob).finally(() => {
      this.calls.delete(call)
      this.keptAlive.set(this.calls.size > 0)
    })
    this.calls.set(call, blob)
    this.keptAlive.set(true)
    return call
  }

  private async run(blob: StreamedBlob): Promise<PutResult> {
    const { key, namespace, watch, bytes } = blob
    const ticket = this.options.tickets.take(key.low, key.high, namespace)
    try {
      for (let attempt = 1; ; attempt++) {
        const result = await this.attempt(blob, ticket)
        if (result !== 'no space') return result
        if (bytes === null || attempt === ATTEMPTS_MAX) return { stored: false, reason: 'degraded' }
        blob = { ...blob, source: memorySource(bytes) }
      }
    } finally {
      watch?.end()
      ticket.release()
    }
  }

  /** Stores what the source gives, unless the disk turns out to be full: room is being made on it then. */
  private async attempt(blob: StreamedBlob, ticket: Ticket): Promise<PutResult | 'no space'> {
    const { source, size, checksum, watch } = blob
    const { blobBytesMax: bytesMax } = this.options
    const input = new ByteInput({ source, ticket, size, bytesMax, isSummed: checksum !== null })
    this.inputs.set(input, blob)
    watch?.orAborted(new Promise(() => undefined)).catch(() => input.stop('aborted'))
    try {
      if (size !== null && size > bytesMax) throw new PutRefused('too-large')
      return await this.read(blob, input)
    } catch (error) {
      input.cancel(error instanceof SourceFailed ? error.reason : error)
      return isNoSpace(error) ? 'no space' : answerOf(error)
    } finally {
      this.inputs.delete(input)
    }
  }

  private async read(blob: StreamedBlob, input: ByteInput): Promise<PutResult> {
    const gathered: Gathered = { pieces: [], bytes: 0 }
    try {
      if (blob.size === null || this.isSmall(blob, blob.size)) await this.gather(blob, input, gathered)
      if (input.isEnded) return await this.putGathered(blob, input, gathered)
      return await this.putLarge(blob, input, gathered)
    } finally {
      this.gatheredBytes -= gathered.bytes
    }
  }

  private isSmall({ key, extensions }: StreamedBlob, storedBytes: number): boolean {
    const { length: keyBytes } = key.bytes
    return recordBytes({ keyBytes, extensionBytes: extensions.length, storedBytes }) <= this.options.recordBytesMax
  }

  /** Reads as long as what came is small, and there is memory for it. */
  private async gather(blob: StreamedBlob, input: ByteInput, gathered: Gathered): Promise<void> {
    for (;;) {
      const piece = await input.next()
      if (piece === null) return
      gathered.pieces.push(blob.bytes !== null ? piece : piece.slice())
      gathered.bytes += piece.length
      this.gatheredBytes += piece.length
      if (!this.isSmall(blob, gathered.bytes) || this.gatheredBytes > GATHERED_BYTES_MAX) return
    }
  }

  private async putGathered(blob: StreamedBlob, input: ByteInput, gathered: Gathered): Promise<PutResult> {
    checkSum(blob, input)
    const plain = joined(gathered)
    const { codec } = blob
    const compressed = codec === null ? null : await compressWhole(plain, codec)
    input.check()
    const value = compressed ?? plain
    return this.options.putSmall({
      ...blob, value, valueBytes: value.length, plainBytes: plain.length,
      codecNumber: compressed === null ? 0 : codec!.number,
      recordBytes: recordBytes({
        keyBytes: blob.key.bytes.length, extensionBytes: blob.extensions.length, storedBytes: value.length,
      }),
    })
  }

  private async putLarge(blob: StreamedBlob, input: ByteInput, gathered: Gathered): Promise<PutResult> {
    await this.takeBuffers(blob)
    try {
      input.check()
      return await this.writeLarge(blob, input, gathered)
    } finally {
      if (blob.bytes !== null) this.gate.leave(WRITER_BYTES)
      else this.bufferBytes -= WRITER_BYTES
    }
  }

  /** Waits for buffers where only such are before that never stall; else there are some now, or the put is refused. */
  private async takeBuffers({ bytes }: StreamedBlob): Promise<void> {
    if (bytes !== null) await this.gate.enter(WRITER_BYTES)
    else if (this.bufferBytes + WRITER_BYTES > BUFFER_BYTES_MAX) throw new PutRefused('busy')
    else this.bufferBytes += WRITER_BYTES
  }

  private async writeLarge(blob: StreamedBlob, input: ByteInput, gathered: Gathered): Promise<PutResult> {
    const { large, stepBytes, blobBytesMax } = this.options
    const { key, extensions, codec, isReturning } = blob
    const file = await large.borrow(isReturning ? 'returned' : 'young', blob.size ?? blobBytesMax)
    const writer = new LargeWriter({ large, file, key, extensions, stepBytes })
    try {
      const compressor = codec === null ? null : new BlobCompressor(codec)
      const store = (bytes: Uint8Array) => writer.write(bytes)
      const write = async (piece: Uint8Array) => (compressor === null ? store(piece) : compressor.write(piece, store))
      await writer.begin()
      for (const piece of gathered.pieces.splice(0)) await write(piece)
      for (let piece = await input.next(); piece !== null; piece = await input.next()) await write(piece)
      checkSum(blob, input)
      await compressor?.flush(store)
      await writer.finish()
      input.check()
      if (this.options.isStopped()) throw new PutRefused('degraded')
      return await this.options.bindLarge(writer, {
        ...blob, plainBytes: input.bytes, codecNumber: compressor?.codecNumber ?? 0,
      })
    } finally {
      await writer.giveUp()
    }
  }

  /** Resolves when the values in memory are stored, or never will be. */
  async memoryStored(): Promise<void> {
    await Promise.all([...this.calls].filter(([, { bytes }]) => bytes !== null).map(([call]) => call))
  }

  /** Ends calls whose source may stall, and resolves when all have settled. */
  async close(): Promise<void> {
    for (const [input, { bytes }] of this.inputs) if (bytes === null) input.stop('aborted')
    await Promise.all(this.calls.keys())
  }
}

function checkSum({ checksum }: StreamedBlob, input: ByteInput): void {
  if (checksum !== null && checksum !== input.checksum) throw new PutRefused('checksum')
}

function joined({ pieces, bytes }: Gathered): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function answerOf(error: unknown): PutResult {
  if (error instanceof PutRefused) return { stored: false, reason: error.reason }
  if (error instanceof SourceFailed) return { stored: false, reason: 'source', error: error.reason }
  return { stored: false, reason: 'degraded' }
}
