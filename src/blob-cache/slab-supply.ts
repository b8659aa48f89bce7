/**
 * What: the memory for writes, with a cap: slabs that are filled and written, and, as long as no other wants their
 * place, slabs whose bytes are in their files, from which reads are served without I/O.
 * Owns: the parts in memory, oldest first. Does not own: free slabs (slab/slab-pool.ts).
 * Thread: main.
 * Invariants: BC-8 there are never more slabs than the cap. SLAB-1 a part goes only when nobody writes from it.
 */
import { assert } from '../base/index.js'
import { SlabPool } from '../slab/index.js'
import type { Slab } from '../slab/index.js'
import type { Clock } from '../base/index.js'

/** The bytes [start, end) of a segment, in memory. */
export interface SlabPart {
  readonly segment: number
  readonly slab: Slab
  readonly start: number
  end: number
  /** True when nothing is added any more. */
  isFull: boolean
  /** True when all of it is in the file, or never will be. */
  isDone: boolean
}

export class SlabSupply {
  readonly slabBytes: number
  private readonly pool: SlabPool
  /** Slabs that there may be at once. */
  readonly max: number
  private parts: SlabPart[] = []

  constructor(slabBytes: number, max: number, clock: Clock) {
    this.slabBytes = slabBytes
    this.max = max
    this.pool = new SlabPool(slabBytes, 1, clock)
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.pool.usedBytes
  }

  /** Gives a part that begins at `start` of the segment, or null when there is no slab: a write that ends gives one. */
  take(segment: number, start: number): SlabPart | null {
    if (this.parts.length >= this.max && !this.dropOldest()) return null
    const part: SlabPart = { segment, slab: this.pool.take(0), start, end: start, isFull: false, isDone: false }
    this.parts.push(part)
    return part
  }

  private dropOldest(): boolean {
    const part = this.parts.find(({ isFull, isDone }) => isFull && isDone)
    if (part === undefined) return false
    this.drop(part)
    return true
  }

  /** Lets a part go. Requires: nobody writes from it. */
  private drop(part: SlabPart): void {
    const at = this.parts.indexOf(part)
    assert(at >= 0, 'a part goes once')
    this.parts.splice(at, 1)
    part.slab.release()
  }

  /** The part in memory that has this byte of the segment, or null. */
  find(segment: number, offset: number): SlabPart | null {
    for (const part of this.parts) {
      if (part.segment === segment && offset >= part.start && offset < part.end) return part
    }
    return null
  }

  /**
   * Lets all parts go but those of these segments: others may have other bytes by now at the same places. Requires:
   * nobody writes from them.
   */
  keepOnly(isKept: (segment: number) => boolean): void {
    for (const part of this.parts.filter(({ segment }) => !isKept(segment))) this.drop(part)
  }

  /** Lets go what there is of a segment that is gone. Parts of one that is being written stay until they are done. */
  forget(segment: number): void {
    for (const part of this.parts.filter((each) => each.segment === segment && each.isDone)) this.drop(part)
  }
}
