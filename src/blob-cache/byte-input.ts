/**
 * What: the bytes of a put as they come from the caller's source: checked, counted, and given up when the call is
 * aborted, overtaken, or the cache closes.
 * Thread: main. Code of the caller runs in the source and in the signal, and nowhere else.
 * Invariants: BC-7 whoever waits for the source is answered when the call is stopped; the source is cancelled then.
 */
import { bytesOfView, crc32, invalidArgument, isByteView, MiB } from '../base/index.js'
import type { ByteSource } from '../base/index.js'
import type { NotStored } from './durability.js'
import type { Ticket } from './tickets.js'

/** Pieces of a value in memory. */
const PIECE_BYTES = MiB

/** Ends a put that stores nothing. */
export class PutRefused extends Error {
  readonly reason: NotStored

  constructor(reason: NotStored) {
    super(reason)
    this.reason = reason
  }
}

/** Gives a value in memory piece by piece. */
export function memorySource(bytes: Uint8Array): ByteSource {
  let at = 0
  return {
    next: async () => (at < bytes.length ? bytes.subarray(at, (at += PIECE_BYTES)) : null),
    cancel: () => undefined,
  }
}

export interface ByteInputOptions {
  source: ByteSource
  ticket: Ticket
  /** Bytes that the source is going to give; null when nobody knows. */
  size: number | null
  bytesMax: number
  /** True when the checksum of the bytes is wanted. */
  isSummed: boolean
}

export class ByteInput {
  /** Bytes that came. */
  bytes = 0
  /** The CRC-32 of the bytes that were given on, if it is wanted. */
  checksum = 0
  isEnded = false
  private readonly options: ByteInputOptions
  private rest: Uint8Array = new Uint8Array(0)
  private stoppedBy: NotStored | null = null
  private onStop: (error: PutRefused) => void = () => undefined

  constructor(options: ByteInputOptions) {
    this.options = options
  }

  /** Ends the call: who waits for the source is told. */
  stop(reason: NotStored): void {
    if (this.stoppedBy !== null) return
    this.stoppedBy = reason
    this.onStop(new PutRefused(reason))
  }

  /** Throws when the call was stopped, or overtaken. */
  check(): void {
    if (this.stoppedBy !== null) throw new PutRefused(this.stoppedBy)
    if (!this.options.ticket.isCurrent) throw new PutRefused('superseded')
  }

  /**
   * Gives the next bytes, at most 1 MiB, lent until the call after; null at the end. Rejects when the call ends without
   * a blob.
   */
  async next(): Promise<Uint8Array | null> {
    while (this.rest.length === 0) {
      const piece = await this.read()
      if (piece === null) return null
      this.rest = piece
    }
    const piece = this.rest.subarray(0, PIECE_BYTES)
    this.rest = this.rest.subarray(piece.length)
    if (this.options.isSummed) this.checksum = crc32(piece, 0, piece.length, this.checksum)
    return piece
  }

  private async read(): Promise<Uint8Array | null> {
    const { source, size, bytesMax } = this.options
    this.check()
    const given = await new Promise<unknown>((resolve, reject) => {
      this.onStop = reject
      source.next().then(resolve, (error: unknown) => reject(new SourceFailed(error)))
    })
    this.check()
    if (given === null) {
      this.isEnded = true
      if (size !== null && size !== this.bytes) throw new PutRefused('size')
      return null
    }
    const piece = isByteView(given) ? bytesOfView(given) : null
    if (piece === null) throw new SourceFailed(invalidArgument('a source must give pieces that are Uint8Array'))
    this.bytes += piece.length
    if (size !== null && this.bytes > size) throw new PutRefused('size')
    if (this.bytes > bytesMax) throw new PutRefused('too-large')
    return piece
  }

  /** Tells the source that no more is wanted, unless it has ended. */
  cancel(reason: unknown): void {
    if (!this.isEnded) this.options.source.cancel(reason)
  }
}

/** The caller's source failed. */
export class SourceFailed extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super('the source failed')
    this.reason = reason
  }
}
