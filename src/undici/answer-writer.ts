/**
 * What: the stream into which undici writes the body of an answer. A small body is stored whole at its end; of a larger
 * one pieces go on as they come, as fast as the cache takes them.
 * Memory: a body below WHOLE_BYTES, else some pieces, and what undici writes without waiting, up to WAITING_BYTES_MAX.
 * Thread: main.
 * It never has an error, since undici would then delete all answers of the URL: it is destroyed without one.
 */
import { PassThrough, Writable } from 'node:stream'
import { MiB } from '../base/index.js'

const WHOLE_BYTES = MiB
const WAITING_BYTES_MAX = 16 * MiB

export interface AnswerWriterOptions {
  /** Bytes that the body may have. */
  maxEntrySize: number
  /** Begins to store a body. Tells whether it was stored; does not reject. */
  begin: (body: Uint8Array | AsyncIterable<Uint8Array>) => Promise<boolean>
  /** Called when the body is complete. `store` ends it, and tells whether it was stored. */
  end: (bytes: number, store: () => Promise<boolean>) => void
}

type Done = (error?: Error | null) => void

export class AnswerWriter extends Writable {
  private readonly options: AnswerWriterOptions
  private pieces: Uint8Array[] = []
  private bytes = 0
  /** Where pieces go on; null while all of them are here. */
  private source: PassThrough | null = null
  private stored: Promise<boolean> | null = null

  constructor(options: AnswerWriterOptions) {
    super()
    this.options = options
  }

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, done: Done): void {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    this.bytes += piece.length
    if (this.bytes > this.options.maxEntrySize || this.writableLength > WAITING_BYTES_MAX) this.destroy()
    if (this.destroyed) return done()
    if (this.source === null) {
      this.pieces.push(piece)
      if (this.bytes <= WHOLE_BYTES) return done()
      this.goOn()
      this.pass(Buffer.concat(this.pieces), done)
      this.pieces = []
    } else this.pass(piece, done)
  }

  override _final(done: Done): void {
    const { source, stored, pieces, options } = this
    options.end(this.bytes, () => {
      if (source === null) return options.begin(Buffer.concat(pieces))
      source.end()
      return stored!
    })
    done()
  }

  override _destroy(_error: Error | null, done: Done): void {
    this.pieces = []
    if (!this.writableFinished) this.source?.destroy()
    done()
  }

  /** Begins to store what comes. */
  private goOn(): void {
    const source = this.source = new PassThrough()
    source.on('error', () => undefined)
    this.stored = this.options.begin(source)
    void this.stored.then(() => {
      if (!this.writableFinished) this.destroy()
    })
  }

  private pass(piece: Uint8Array, done: Done): void {
    const source = this.source!
    if (source.destroyed || source.write(piece)) return done()
    const goOn = () => {
      source.off('drain', goOn)
      source.off('close', goOn)
      done()
    }
    source.on('drain', goOn)
    source.on('close', goOn)
  }
}
