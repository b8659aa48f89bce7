/**
 * What: a blob, or a part of it, as a stream: each part is checked before it is given on. It holds nothing before it is
 * read, and holds the segment while it is.
 * Thread: main.
 * Invariants: BC-1 a stream of which a part is bad fails; what it gave before was right. BC-2 a read holds its segment.
 */
import { VarveError } from '../base/index.js'
import type { BlobEntry } from './blob-entry.js'
import { PartMissing } from './record-parts.js'

/** What a stream reads from. */
export interface StreamParts {
  /** Begins to read; called with the first read. `onBroken` is called when it is broken off. */
  begin(onBroken: () => void): Promise<AsyncIterator<Uint8Array>>
  /** Has this called when the caller's signal fires. */
  onAbort?(listener: (reason: unknown) => void): void
  /** Lets go what is held. Idempotent. */
  end(): void
  /** Called when a part is not what was written. */
  onCorrupt(): void
}

/** The bytes of a blob, and what is known of it. */
export class BlobStream extends ReadableStream<Uint8Array> {
  /** What is known of the blob. */
  readonly entry: BlobEntry
  /** Bytes that the stream is going to give. */
  readonly size: number

  /** A cache makes streams; programs do not. */
  constructor(entry: BlobEntry, size: number, parts: StreamParts) {
    super(new Reading(parts, size), { highWaterMark: 0 })
    this.entry = entry
    this.size = size
  }
}

type Controller = ReadableStreamDefaultController<Uint8Array>

class Reading {
  private readonly parts: StreamParts
  private left: number
  private pieces: AsyncIterator<Uint8Array> | null = null
  private controller: Controller | null = null

  constructor(parts: StreamParts, size: number) {
    this.parts = parts
    this.left = size
  }

  start(controller: Controller): void {
    this.controller = controller
    if (this.left === 0) this.close(controller)
    else this.parts.onAbort?.((reason) => this.fail(reason))
  }

  async pull(controller: Controller): Promise<void> {
    try {
      this.pieces ??= await this.parts.begin(() => this.fail(brokenOff()))
      const { done, value } = await this.pieces.next()
      if (done === true) throw new PartMissing('corrupt')
      this.left -= value.length
      if (this.controller === null) return
      controller.enqueue(value)
      if (this.left === 0) this.close(controller)
    } catch (error) {
      if (error instanceof PartMissing && error.reason === 'corrupt') this.parts.onCorrupt()
      this.fail(errorOf(error))
    }
  }

  private close(controller: Controller): void {
    this.end()
    controller.close()
  }

  private fail(error: unknown): void {
    const { controller } = this
    this.end()
    controller?.error(error)
  }

  cancel(): void {
    this.end()
  }

  /** Lets go what is held. Nothing is given any more. */
  private end(): void {
    this.controller = null
    this.parts.end()
  }
}

function brokenOff(): VarveError {
  return new VarveError('ABORTED', 'the blob is gone, and was not read on; read it again')
}

function errorOf(error: unknown): unknown {
  if (!(error instanceof PartMissing)) return error
  if (error.reason === 'corrupt') return new VarveError('CORRUPTION', 'the blob is not what was written')
  return error.reason === 'io' ? new VarveError('IO_ERROR', 'the blob could not be read') : brokenOff()
}
