/**
 * What: makes slabs and keeps a few free ones, since a fresh one costs page faults on its first use. They go when
 * none was taken for a while: a database that rests holds no memory for writes.
 * Owns: the free list and the count of bytes in use.
 * Thread: main.
 */
import { MiB, systemClock, VarveError } from '../base/index.js'
import type { Clock, Timer } from '../base/index.js'
import { Slab } from './slab.js'

/** A slab for a batch of this size is touched ahead. */
const LARGE_BYTES_MIN = 4 * MiB
/** Free slabs are kept this long when none comes or goes. */
const FREE_MS = 10_000

export class SlabPool {
  /** Capacity of an ordinary slab. */
  readonly slabBytes: number
  private readonly freeMax: number
  private readonly free: Slab[] = []
  private usedBytesNow = 0
  private readonly clock: Clock
  private timer: Timer | null = null
  /** Called with the memory of a new slab that will be filled soon; see touch-slab.ts. */
  onMade: (memory: SharedArrayBuffer) => void = () => undefined

  constructor(slabBytes: number, freeMax: number, clock: Clock = systemClock) {
    this.slabBytes = slabBytes
    this.freeMax = freeMax
    this.clock = clock
  }

  /**
   * Gives a slab with room for `bytesMin`, held once by the caller. Larger ones are not pooled. Throws BUSY when there
   * is no memory.
   */
  take(bytesMin: number): Slab {
    const capacity = Math.max(bytesMin, this.slabBytes)
    const slab =
      capacity === this.slabBytes && this.free.length > 0
        ? this.free.pop()!
        : this.make(capacity, bytesMin >= LARGE_BYTES_MIN)
    this.usedBytesNow += slab.capacity
    slab.hold()
    this.keepForAWhile()
    return slab
  }

  /** Makes a slab ahead when none is free, as long as there are fewer than `countMax` with it. */
  prepare(countMax: number): void {
    if (this.free.length > 0 || this.usedBytesNow + this.slabBytes > countMax * this.slabBytes) return
    try {
      this.free.push(this.make(this.slabBytes, true))
    } catch {
      return // who needs it is told
    }
    this.keepForAWhile()
  }

  private make(capacity: number, isFilledSoon: boolean): Slab {
    const slab = newSlab(capacity, (freed) => this.takeBack(freed))
    if (isFilledSoon) this.onMade(slab.buffer)
    return slab
  }

  private takeBack(slab: Slab): void {
    this.usedBytesNow -= slab.capacity
    if (slab.capacity === this.slabBytes && this.free.length < this.freeMax) this.free.push(slab)
    this.keepForAWhile()
  }

  private keepForAWhile(): void {
    this.timer?.cancel()
    this.timer = null
    if (this.free.length > 0) this.timer = this.clock.after(FREE_MS, () => (this.free.length = 0))
  }

  get usedBytes(): number {
    return this.usedBytesNow
  }

  get freeBytes(): number {
    return this.free.length * this.slabBytes
  }
}

function newSlab(capacity: number, onFree: (slab: Slab) => void): Slab {
  try {
    return new Slab(capacity, onFree)
  } catch (error) {
    throw new VarveError('BUSY', `no memory for ${capacity} bytes`, { cause: error, hint: 'write smaller batches' })
  }
}
