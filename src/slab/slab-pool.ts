/**
 * What: makes slabs and keeps a few free ones, since a fresh one costs page faults on its first use.
 * Owns: the free list and the count of bytes in use.
 * Thread: main.
 */
import { VarveError } from '../base/index.js'
import { Slab } from './slab.js'

export class SlabPool {
  /** Capacity of an ordinary slab. */
  readonly slabBytes: number
  private readonly freeMax: number
  private readonly free: Slab[] = []
  private usedBytesNow = 0

  constructor(slabBytes: number, freeMax: number) {
    this.slabBytes = slabBytes
    this.freeMax = freeMax
  }

  /**
   * A slab with room for `bytesMin`, held once by the caller. Larger ones are not pooled.
   * Throws BUSY when there is no memory.
   */
  take(bytesMin: number): Slab {
    const capacity = Math.max(bytesMin, this.slabBytes)
    const slab =
      capacity === this.slabBytes && this.free.length > 0
        ? this.free.pop()!
        : newSlab(capacity, (freed) => this.takeBack(freed))
    this.usedBytesNow += slab.capacity
    slab.hold()
    return slab
  }

  private takeBack(slab: Slab): void {
    this.usedBytesNow -= slab.capacity
    if (slab.capacity === this.slabBytes && this.free.length < this.freeMax) this.free.push(slab)
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
