/**
 * What: where an export writes to: streams of the web and of Node, as callers give them. Code of the caller runs in the
 * calls of a sink, and nowhere else.
 * Owns: the writer of a web stream, and the listeners on one of Node: they are gone when the sink has ended.
 * Thread: main.
 */
import { invalidArgument, ioError, unreadableArgument } from '../base/index.js'

/** A stream that an export may be written to: a WritableStream, or a Writable of Node. */
export type ExportStream = {
  /** Gives the writer, and locks the stream to it. */
  getWriter(): SinkWriter
} | NodeWritable

/** The writer of a WritableStream. */
export interface SinkWriter {
  /** Settles when more is wanted. */
  readonly ready: Promise<unknown>
  /** Takes a piece. */
  write(chunk: Uint8Array): Promise<unknown>
  /** All was written. */
  close(): Promise<unknown>
  /** No more comes. */
  abort(reason?: unknown): Promise<unknown>
  /** Gives the stream back. */
  releaseLock(): void
}

/** What is needed of a Writable of Node. */
export interface NodeWritable {
  /** Takes a piece; false when no more is wanted before 'drain'. */
  write(chunk: Uint8Array): boolean
  /** All was written. */
  end(onFinish: () => void): unknown
  /** No more comes. */
  destroy(error?: Error): unknown
  /** Hears of 'drain', 'error' and 'close'. */
  on(event: string, listener: (value?: unknown) => void): unknown
  /** Hears no more. */
  off(event: string, listener: (value?: unknown) => void): unknown
}

/** Takes bytes in order. Each call waits for the one before. */
export interface ByteSink {
  /** Resolves when more is wanted. The bytes are the sink's. Rejects with NO_SPACE or IO_ERROR. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when all is where it should be. */
  end(): Promise<void>
  /** No more comes: what there is does not count. Never rejects. */
  abandon(reason: unknown): Promise<void>
}

/** Takes hold of a stream. Throws INVALID_ARGUMENT for what is none. */
export function takeStream(given: unknown): ByteSink {
  try {
    if (typeof given === 'object' && given !== null) {
      const { getWriter, write, end, on } = given as Record<string, unknown>
      if (typeof getWriter === 'function') return new WebSink((given as { getWriter(): SinkWriter }).getWriter())
      if ([write, end, on].every((each) => typeof each === 'function')) return new NodeSink(given as NodeWritable)
    }
  } catch (error) {
    throw unreadableArgument('the sink', error)
  }
  throw invalidArgument('a sink is the path of a file, a WritableStream or a Writable')
}

function sinkError(error: unknown): unknown {
  return ioError(error, 'write', 'the sink')
}

class WebSink implements ByteSink {
  private readonly writer: SinkWriter

  constructor(writer: SinkWriter) {
    this.writer = writer
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.writer.ready
      // A failed write makes the next `ready` or `close` reject.
      Promise.resolve(this.writer.write(bytes)).catch(() => undefined)
    } catch (error) {
      throw sinkError(error)
    }
  }

  async end(): Promise<void> {
    try {
      await this.writer.close()
      this.writer.releaseLock()
    } catch (error) {
      throw sinkError(error)
    }
  }

  async abandon(reason: unknown): Promise<void> {
    try {
      // Its end is not waited for: it may never come.
      Promise.resolve(this.writer.abort(reason)).catch(() => undefined)
      this.writer.releaseLock()
    } catch {
      // The caller hears of what was wrong before.
    }
  }
}

/** A Writable of Node: it tells by events what has become of what was written. */
class NodeSink implements ByteSink {
  private readonly stream: NodeWritable
  private failure: { error: unknown } | null = null
  private wake: (() => void) | null = null

  constructor(stream: NodeWritable) {
    this.stream = stream
    stream.on('error', this.onError)
    stream.on('close', this.onClose)
    stream.on('drain', this.onDrain)
  }

  private readonly onError = (error?: unknown): void => this.fail(error)
  private readonly onClose = (): void => this.fail(new Error('it was closed before all was written'))
  private readonly onDrain = (): void => this.wake?.()

  private fail(error: unknown): void {
    this.failure ??= { error }
    this.wake?.()
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.check()
    let isFull: boolean
    try {
      isFull = this.stream.write(bytes) === false
    } catch (error) {
      throw sinkError(error)
    }
    if (isFull) await this.woken()
    this.check()
  }

  async end(): Promise<void> {
    this.check()
    let hasFinished = false
    try {
      this.stream.end(() => {
        hasFinished = true
        this.wake?.()
      })
    } catch (error) {
      throw sinkError(error)
    }
    if (!hasFinished) await this.woken()
    if (!hasFinished) this.check()
    this.letGo()
  }

  async abandon(reason: unknown): Promise<void> {
    try {
      // An error that comes of this is not told to anybody, and must not end the process.
      this.stream.destroy(reason instanceof Error ? reason : undefined)
    } catch {
      // The caller hears of what was wrong before.
    }
  }

  /** Resolves at the next event; at once when there was a failure. */
  private woken(): Promise<void> {
    if (this.failure !== null) return Promise.resolve()
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = null
        resolve()
      }
    })
  }

  private check(): void {
    if (this.failure === null) return
    throw sinkError(this.failure.error)
  }

  private letGo(): void {
    const { stream } = this
    stream.off('error', this.onError)
    stream.off('close', this.onClose)
    stream.off('drain', this.onDrain)
  }
}
