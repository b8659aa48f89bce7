/**
 * What: asynchronous writes that wait for room, in order: small ones as private copies, large ones as they were given.
 * Owns: the queue and its bytes. The process is kept alive while a write waits. Thread: main.
 * Invariants: COM-6 the queue's memory is bounded; a write that does not fit is refused with BUSY.
 */
import { KeptAlive, VarveError, Waiters } from '../base/index.js'
import type { Clock } from '../base/index.js'
import type { BatchOptions } from './batch-encoder.js'
import { LargeWrite } from './large-write.js'
import type { PackedOperations } from './packed-operations.js'

/** Memory that a waiting call takes besides its bytes: its promise, and its place in the queue. */
const CALL_BYTES = 384

export interface WaitingWrite {
  operations: PackedOperations | LargeWrite
  options: BatchOptions
  resolve: (written: Promise<void>) => void
  reject: (error: unknown) => void
}

export class WaitingWrites {
  private readonly bytesMax: number
  private queue: WaitingWrite[] = []
  private head = 0
  private readonly keptAlive: KeptAlive
  /** Writes that ever waited, and those of them that wait no more. */
  private pushedCount = 0
  private passedCount = 0
  private readonly passedWaiters = new Waiters()
  /** Memory that the waiting writes take. */
  bytes = 0

  constructor(bytesMax: number, clock: Clock) {
    this.bytesMax = bytesMax
    this.keptAlive = new KeptAlive(clock)
  }

  get isEmpty(): boolean {
    return this.head === this.queue.length
  }

  get count(): number {
    return this.queue.length - this.head
  }

  get first(): WaitingWrite | null {
    return this.queue[this.head] ?? null
  }

  push(operations: PackedOperations | LargeWrite, options: BatchOptions): Promise<void> {
    const bytes = operations.memoryBytes + CALL_BYTES
    if (this.bytes + bytes > this.bytesMax && !this.isEmpty) {
      throw new VarveError('BUSY', `${this.bytes} bytes of writes wait for flushes`, {
        hint: 'await writes before issuing more, or set memoryBudget higher',
      })
    }
    this.bytes += bytes
    this.pushedCount++
    this.keptAlive.set(true)
    return new Promise((resolve, reject) => this.queue.push({ operations, options, resolve, reject }))
  }

  /** Removes the first write when it is encoded. Its promise settles as `written` does. */
  shift(written: Promise<void>): void {
    const first = this.queue[this.head++]!
    this.bytes -= first.operations.memoryBytes + CALL_BYTES
    if (this.head === this.queue.length) {
      this.queue = []
      this.head = 0
      this.keptAlive.set(false)
    }
    first.resolve(written)
    this.notePassed(1)
  }

  private notePassed(count: number): void {
    this.passedCount += count
    this.passedWaiters.wake()
  }

  /** Resolves when none of the writes that wait now waits any more: each is encoded, or refused. */
  passed(): Promise<void> {
    const { pushedCount } = this
    return this.passedWaiters.until(() => this.passedCount >= pushedCount)
  }

  /** Removes the first write, which cannot be written. */
  refuse(error: unknown): void {
    drop(this.first!)
    this.shift(Promise.reject(error))
  }

  rejectAll(error: unknown): void {
    const waiting = this.queue.slice(this.head)
    this.queue = []
    this.head = 0
    this.bytes = 0
    this.keptAlive.set(false)
    for (const write of waiting) {
      drop(write)
      write.reject(error)
    }
    this.notePassed(waiting.length)
  }
}

/** Lets go of what a write has taken besides its place in the queue. */
function drop({ operations }: WaitingWrite): void {
  if (operations instanceof LargeWrite) operations.drop()
}
