/**
 * What: where blobs are put while the disk takes none: records in slabs, as in any segment, but without a file behind
 * them. A segment of memory is one slab. When all slabs are used, the oldest one goes with its blobs.
 * Owns: which segments are of memory, and what stands in them. Does not own: the slabs, the index.
 * Thread: main. There is no I/O.
 * Invariants: BC-7 the disk has slabs of its own, so that what is in memory can be written to
 * it. BC-2 what the index finds in a segment of memory is in its slab. BC-8 the slabs' cap bounds it.
 */
import type { BlobIndex } from './blob-index.js'
import type { ReservedPlace } from './segment-file.js'
import type { FooterEntry } from './segment-footer.js'
import type { SlabPart, SlabSupply } from './slab-supply.js'

/** No file has a number from this one on: they are those of segments of memory. */
export const MEMORY_SEGMENT_MIN = 2 ** 32 - 2 ** 20

/** Slabs that memory never takes: one that is filled, one that is written, one that waits. */
const SLABS_FOR_DISK = 3

/** Tells whether a segment has no file. */
export function isOfMemory(segment: number): boolean {
  return segment >= MEMORY_SEGMENT_MIN
}

export interface MemorySegment {
  readonly segment: number
  readonly part: SlabPart
  /** What stands in it, in order of offsets. */
  readonly entries: FooterEntry[]
}

export class MemorySegments {
  private readonly slabs: SlabSupply
  private segments: MemorySegment[] = []
  private madeCount = 0

  constructor(slabs: SlabSupply) {
    this.slabs = slabs
  }

  get isEmpty(): boolean {
    return this.segments.length === 0
  }

  /** The segments that there are, oldest first. */
  list(): readonly MemorySegment[] {
    return this.segments
  }

  /** Gives a place for a record; null when all slabs are being written. Blobs that leave for it leave the index. */
  reserve(bytes: number, index: BlobIndex): { memory: MemorySegment; place: ReservedPlace } | null {
    let memory = this.segments.at(-1)
    if (memory === undefined || memory.part.end + bytes > memory.part.slab.capacity) {
      const made = this.make(index)
      if (made === null) return null
      memory = made
    }
    const { part } = memory
    const at = part.end
    part.end += bytes
    const place = { bytes: part.slab.bytes, at, offset: at, recordNum: memory.entries.length }
    return { memory, place }
  }

  private make(index: BlobIndex): MemorySegment | null {
    const segment = MEMORY_SEGMENT_MIN + (this.madeCount % 2 ** 20)
    if (this.segments.length >= this.slabs.max - SLABS_FOR_DISK) this.drop(this.segments[0]!, index)
    let part = this.slabs.take(segment, 0)
    if (part === null && !this.isEmpty) {
      this.drop(this.segments[0]!, index)
      part = this.slabs.take(segment, 0)
    }
    if (part === null) return null
    this.madeCount++
    const memory = { segment, part, entries: [] }
    this.segments.push(memory)
    return memory
  }

  /** Lets a segment go, and its blobs out of the index. */
  drop(memory: MemorySegment, index: BlobIndex): void {
    const { segment, part, entries } = memory
    for (const { low, high, recordNum } of entries) index.removeIf(low, high, segment, recordNum)
    this.segments = this.segments.filter((each) => each !== memory)
    part.isFull = part.isDone = true
    this.slabs.forget(segment)
  }

  /**
   * Brings what an index finds in memory into the one that takes its place, but for what is gone: the next store does
   * not know what was purged before it. Slabs of segments with a file go: their files may have been cut, and go on with
   * other blobs.
   */
  carry(from: BlobIndex, to: BlobIndex, isGone: (entry: FooterEntry) => boolean): void {
    this.slabs.keepOnly(isOfMemory)
    for (const { segment, entries } of this.segments) {
      for (const entry of entries) {
        const { low, high, offset, bytes, recordNum } = entry
        if (isGone(entry)) continue
        const slot = from.find(low, high)
        if (slot < 0 || from.segmentAt(slot) !== segment || from.recordNumAt(slot) !== recordNum) continue
        to.set(low, high, segment, offset, bytes, recordNum, from.visitsAt(slot))
      }
    }
  }
}
