/** A commit pipeline over files and a host that a test controls. */
import { Turns, VarveError } from '../../../src/base/index.js'
import type { BatchOperation, CommitHost, WriteBuffer } from '../../../src/commit/index.js'
import { CommitPipeline, Lifetimes } from '../../../src/commit/index.js'
import { SlabPool } from '../../../src/slab/index.js'
import type { Slab } from '../../../src/slab/index.js'
import { LogSyncer } from '../../../src/wal/index.js'
import { describeEntry } from '../samples/log-history.js'
import { HandClock } from '../fakes/hand-clock.js'
import type { HandFile } from '../fakes/hand-file.js'
import { fillBuffer, sampleBuffer } from '../samples/write-buffer-samples.js'

/** Bytes of a slab besides its first batch. */
const SLACK_BYTES = 1500

export interface SceneOptions {
  capacity?: number
  lastSeqNum?: number
  /** True when the first buffer has its slab, the default. */
  isFilled?: boolean
}

export class CommitScene implements CommitHost {
  readonly calls: string[] = []
  /** The calls that the pipeline made of its host. */
  readonly told: string[] = []
  readonly clock = new HandClock()
  readonly syncer: LogSyncer
  readonly pipeline: CommitPipeline
  readonly buffers: WriteBuffer[] = []
  readonly files: HandFile[] = []
  refusal: VarveError | null = null
  isStopped = false
  isDelayed = false
  /** The error that `fill` throws. */
  noMemory: VarveError | null = null
  halfFullCount = 0
  /** The number of buffers that `takeBuffer` may give at once. */
  spares = 100
  /** Runs inside waitForRoom, where flushes end and the engine calls back. */
  whileBlocked: () => void = () => undefined
  private readonly capacity: number
  /** Slabs of large writes. */
  readonly pool: SlabPool

  constructor({ capacity = 64 * 1024, lastSeqNum = 0, isFilled = true }: SceneOptions = {}) {
    this.capacity = capacity
    this.pool = new SlabPool(capacity, 0, this.clock)
    this.syncer = new LogSyncer(lastSeqNum, {
      clock: this.clock, syncIntervalMs: 1000, syncBytes: 1 << 30,
      onFailure: (_, log) => {
        this.told.push(`sync of ${log.fileNum} failed`)
        this.refusal = new VarveError('BACKGROUND_ERROR', 'log sync')
      },
    })
    const first = this.makeBuffer(lastSeqNum)
    this.syncer.add(first.log)
    this.pipeline = new CommitPipeline(first, {
      syncer: this.syncer, turns: new Turns(this.clock), clock: this.clock, host: this, lastSeqNum, position: null,
      waitingBytesMax: 1 << 28, lifetimes: new Lifetimes(null, { nowMs: () => 0 }),
    })
    if (isFilled) this.fill(first, 0)
  }

  private makeBuffer(lastSeqNum: number): WriteBuffer {
    const { buffer, file } = sampleBuffer(this.buffers.length + 1, { lastSeqNum, calls: this.calls, isFilled: false })
    this.buffers.push(buffer)
    this.files.push(file)
    return buffer
  }

  passBarrier(): void {
    this.checkWritable()
  }

  checkWritable(): void {
    if (this.refusal !== null) throw this.refusal
  }

  takeResults(): void {}

  mustStop(): boolean {
    return this.isStopped
  }

  mustDelay(): boolean {
    return this.isDelayed
  }

  waitForRoom(): void {
    this.told.push('blocked')
    this.whileBlocked()
    this.checkWritable()
  }

  takeBuffer(): WriteBuffer | null {
    return this.spares-- > 0 ? this.makeBuffer(this.pipeline.lastSeqNum) : null
  }

  takeBufferNow(): WriteBuffer {
    return this.makeBuffer(this.pipeline.lastSeqNum)
  }

  needsXl(batchBytes: number): boolean {
    return batchBytes + SLACK_BYTES > this.capacity
  }

  fill(buffer: WriteBuffer, batchBytes: number): void {
    if (this.noMemory !== null) throw this.noMemory
    buffer.isXl = this.needsXl(batchBytes)
    fillBuffer(buffer, Math.max(batchBytes + SLACK_BYTES, this.capacity))
  }

  takeSlab(batchBytes: number): Slab {
    if (this.noMemory !== null) throw this.noMemory
    return this.pool.take(batchBytes + SLACK_BYTES)
  }

  bind(buffer: WriteBuffer, slab: Slab): void {
    buffer.isXl = slab.capacity > this.capacity
    buffer.fill(slab)
    slab.release()
  }

  onPublished({ isHalfFull }: WriteBuffer): void {
    if (isHalfFull) this.halfFullCount++
  }

  onRotated(sealed: WriteBuffer, next: WriteBuffer): void {
    this.told.push(`rotated ${sealed.log.fileNum} to ${next.log.fileNum}`)
  }


  onSettled(buffer: WriteBuffer): void {
    this.told.push(`settled ${buffer.log.fileNum}`)
  }

  onWriteFailure(error: unknown, buffer: WriteBuffer, cut: boolean): void {
    const { code } = error as { code: string }
    this.told.push(`write of ${buffer.log.fileNum} failed: ${code}, ${cut ? 'cut' : 'not cut'}`)
    this.refusal = new VarveError('BACKGROUND_ERROR', 'log append')
  }

  /** Gives every entry that is in a memtable, in sequence order, as text. */
  get published(): string[] {
    const entries: [number, string][] = []
    for (const { memtable } of this.buffers) {
      if (memtable.entryCount === 0) continue
      const it = memtable.iterator()
      for (it.first(); it.valid; it.next()) {
        const key = it.keyBytes.slice(it.keyStart, it.keyEnd)
        const value = it.valueBytes.slice(it.valueStart, it.valueEnd)
        entries.push([it.seqNum, describeEntry(it.seqNum, it.kind, key, value)])
      }
    }
    return entries.sort((a, b) => a[0] - b[0]).map(([, text]) => text)
  }

  /** Gives the bytes of each log as a process kill would leave them. */
  get logBytes(): Map<number, Uint8Array> {
    return new Map(this.files.map((file, i) => [i + 1, file.bytes.slice(0, file.size)]))
  }

  /** Takes the data calls on the logs since the last look. */
  takeCalls(): string[] {
    return this.calls.splice(0)
  }
}

export interface Followed {
  state: string
}

/** Follows a promise without waiting for it: 'waiting', 'done' or the error's code. */
export function follow(promise: Promise<unknown>): Followed {
  const followed = { state: 'waiting' }
  promise.then(() => (followed.state = 'done'), (error: VarveError) => (followed.state = error.code ?? String(error)))
  return followed
}

export const puts = (...keys: string[]): BatchOperation[] => keys.map((key) => ({ type: 'put', key, value: key }))
