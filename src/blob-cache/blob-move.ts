/**
 * What: the copies that are made of a victim's blobs before it goes. From the moment a copy has its place, whoever
 * kills the blob kills the copy with it (`twinOf`): so it does not matter whether a crash finds the one, the other, or
 * both.
 * Owns: the copies of one victim until its removal is durable, or has failed. Thread: main. There is no I/O.
 * Invariants: BC-4 an item gets its new place only if it still has the old one. BC-5 a copy whose removal failed is
 * dead before its segment counts any further.
 */
import type { BlobIndex } from './blob-index.js'
import type { Kill } from './catalog-format.js'
import type { FooterEntry } from './segment-footer.js'

interface Copy {
  readonly from: FooterEntry
  readonly to: FooterEntry
  readonly toSegment: number
}

export class BlobMove {
  readonly victim: number
  private readonly copies = new Map<number, Copy>()

  constructor(victim: number) {
    this.victim = victim
  }

  /** Notes a copy that has its place, before it is written. `to.visits` is what it has there. */
  add(from: FooterEntry, to: FooterEntry, toSegment: number): void {
    this.copies.set(from.recordNum, { from, to, toSegment })
  }

  /** Gives the copy of a record, or null. */
  twinOf(segment: number, recordNum: number): Kill | null {
    const copy = segment === this.victim ? this.copies.get(recordNum) : undefined
    return copy === undefined ? null : killOf(copy)
  }

  /** Forgets the copies in a segment that failed: no limit will ever reach them. */
  forget(segment: number): void {
    for (const [recordNum, { toSegment }] of this.copies) if (toSegment === segment) this.copies.delete(recordNum)
  }

  /** Gives the items their new places, where they were not killed since. Requires: the removal is durable. */
  apply(index: BlobIndex): void {
    for (const { from: { low, high, recordNum }, to, toSegment } of this.copies.values()) {
      index.moveIf(low, high, this.victim, recordNum, toSegment, to.offset, to.recordNum, to.visits)
    }
    this.copies.clear()
  }

  /** Gives the kills of all copies, for a removal that failed. */
  takeBack(): Kill[] {
    const kills = [...this.copies.values()].map(killOf)
    this.copies.clear()
    return kills
  }
}

function killOf({ to: { low, high, recordNum }, toSegment }: Copy): Kill {
  return { low, high, segment: toSegment, recordNum }
}
