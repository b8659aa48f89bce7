/**
 * What: the puts whose values are streamed: how many there may be, what memory they take, and their end at a close.
 * Owns: those that are open. Thread: main.
 */
import { KeptAlive, MiB, VarveError, Waiters } from '../base/index.js'
import type { EngineCore } from './engine-core.js'
import { StreamedPut } from './streamed-put.js'
import type { StreamedValue } from './streamed-put.js'

/** The most streams at a time: each takes two pieces of memory and an open file. */
const STREAMS_MAX = 128
/** Above this, values go to their files before it is known that they are large. */
const MEMORY_BYTES_MAX = 32 * MiB

export class ValueStreams {
  private readonly engine: EngineCore
  private readonly open = new Set<StreamedPut>()
  private readonly waiters = new Waiters()
  private readonly keptAlive: KeptAlive
  private waitingCount = 0
  private hasEnded = false

  constructor(engine: EngineCore) {
    this.engine = engine
    this.keptAlive = new KeptAlive(engine.options.clock)
  }

  get count(): number {
    return this.open.size
  }

  /** Memory of all pieces. */
  get bytes(): number {
    return this.engine.setup.memory.streamBytes
  }

  get isShort(): boolean {
    return this.bytes > MEMORY_BYTES_MAX
  }

  /** Puts what the source gives. Rejects with BUSY when there are too many. */
  async put(value: StreamedValue): Promise<void> {
    const { engine, open } = this
    const put = new StreamedPut(engine, value, this)
    try {
      if (this.hasEnded) throw closed()
      engine.checkWritable()
      value.abort?.check()
      if (open.size >= STREAMS_MAX) {
        throw new VarveError('BUSY', `${STREAMS_MAX} values are being streamed`, { hint: 'await some of them' })
      }
    } catch (error) {
      value.source.cancel(error)
      throw error
    }
    open.add(put)
    this.keepAlive()
    try {
      await put.run()
    } finally {
      open.delete(put)
      this.keepAlive()
      this.waiters.wake()
    }
  }

  private keepAlive(): void {
    this.keptAlive.set(this.open.size > this.waitingCount)
  }

  /** Counts those that wait for their sources. */
  countWaiting(change: 1 | -1): void {
    this.waitingCount += change
    this.keepAlive()
  }

  /** Counts memory that a stream takes, or gives back when below 0. */
  take(bytes: number): void {
    this.engine.setup.memory.streamBytes += bytes
  }

  /** Ends those that wait for their sources, and takes no more. Resolves when none is open. */
  async end(): Promise<void> {
    this.hasEnded = true
    for (const put of this.open) put.cut(closed())
    await this.waiters.until(() => this.open.size === 0)
  }
}

function closed(): VarveError {
  return new VarveError('CLOSED', 'the database was closed before the whole value was there')
}
