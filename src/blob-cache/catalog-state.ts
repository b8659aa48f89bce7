/**
 * What: what a catalog says: which segments count, which of their records are dead, and what was purged. It is made of
 * durable groups alone, never of what the index knows, so that no kill overtakes the bytes that it waits for.
 * Owns: nothing else. Thread: main. There is no I/O.
 * Invariants: BC-5 kills, limits and removals are applied in the order of the catalog.
 */
import { BadBytes } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { ChangeTag } from './catalog-format.js'
import type { Change, Kill, NamedSnapshot, SegmentQueue } from './catalog-format.js'
import { PurgeMarks } from './purge-marks.js'

/** The largest record number: as many records as a segment of 4 GiB has room for. */
export const RECORD_NUM_MAX = 2 ** 26 - 1

/** The dead records of a segment, a bit for each. */
export class DeadRecords {
  private bits = new Uint8Array(0)
  /** The largest record number that is dead, -1: none. */
  largest = -1

  has(recordNum: number): boolean {
    return ((this.bits[recordNum >>> 3] ?? 0) & (1 << (recordNum & 7))) !== 0
  }

  add(recordNum: number): void {
    const at = recordNum >>> 3
    if (at >= this.bits.length) {
      const grown = new Uint8Array(Math.max(at + 1, Math.min(this.bits.length * 2, (RECORD_NUM_MAX + 1) >>> 3)))
      grown.set(this.bits)
      this.bits = grown
    }
    this.bits[at]! |= 1 << (recordNum & 7)
    if (recordNum > this.largest) this.largest = recordNum
  }

  /** Gives the bits up to the largest dead record. */
  toBits(): Uint8Array {
    return this.bits.slice(0, (this.largest >>> 3) + 1)
  }

  addBits(bits: Uint8Array): void {
    for (let at = 0; at < bits.length; at++) {
      for (let bit = 0; bit < 8; bit++) if ((bits[at]! & (1 << bit)) !== 0) this.add(at * 8 + bit)
    }
  }
}

export interface SegmentState {
  readonly segment: number
  readonly queue: SegmentQueue
  readonly salt: Uint8Array
  /** Bytes of the file; 0 while it is open. */
  sealedBytes: number
  /** Records behind these bytes do not count. */
  limit: number
  readonly dead: DeadRecords
}

export class CatalogState {
  /** The highest sequence number and file number that were given when the last group was made. */
  seqNum: SeqNum = 0
  fileNum = 0
  readonly segments = new Map<number, SegmentState>()
  readonly marks = new PurgeMarks()
  /** The snapshot of the index that the last group named; null when it named none. */
  snapshot: NamedSnapshot | null = null

  /** Notes numbers that were given. */
  promise(seqNum: SeqNum, fileNum: number): void {
    this.seqNum = Math.max(this.seqNum, seqNum)
    this.fileNum = Math.max(this.fileNum, fileNum)
  }

  /** Applies the changes of one group. Throws BadBytes for what cannot follow on what is there. */
  apply(changes: readonly Change[]): void {
    if (changes[0]?.tag !== ChangeTag.numbers) throw new BadBytes(0, 'a group without numbers')
    this.snapshot = null // Whatever the group says, it is not in the snapshot.
    for (const change of changes) this.applyOne(change)
  }

  private applyOne(change: Change): void {
    switch (change.tag) {
      case ChangeTag.numbers: return this.promise(change.seqNum, change.fileNum)
      case ChangeTag.addSegment: return this.add(change.segment, change.queue, change.salt)
      case ChangeTag.sealSegment: {
        this.listed(change.segment).sealedBytes = change.bytes
        return
      }
      case ChangeTag.removeSegment:
        this.listed(change.segment)
        this.segments.delete(change.segment)
        return
      case ChangeTag.kills:
        for (const kill of change.kills) this.kill(kill)
        return
      case ChangeTag.limit: {
        this.listed(change.segment).limit = change.bytes
        return
      }
      case ChangeTag.purge:
        this.marks.add(change.namespace, change.seqNum)
        return
      case ChangeTag.dead:
        this.addDead(change.segment, change.bits)
        return
      case ChangeTag.index: {
        this.snapshot = change
        return
      }
    }
  }

  private addDead(segment: number, bits: Uint8Array): void {
    if (bits.length * 8 > RECORD_NUM_MAX + 1) throw new BadBytes(0, `${bits.length} bytes of dead records`)
    this.listed(segment).dead.addBits(bits)
  }

  private add(segment: number, queue: SegmentQueue, salt: Uint8Array): void {
    if (this.segments.has(segment)) throw new BadBytes(0, `segment ${segment} is added twice`)
    const limit = queue === 'main' ? 0 : Infinity
    this.segments.set(segment, { segment, queue, salt, sealedBytes: 0, limit, dead: new DeadRecords() })
  }

  private listed(segment: number): SegmentState {
    const state = this.segments.get(segment)
    if (state === undefined) throw new BadBytes(0, `segment ${segment} is not listed`)
    return state
  }

  /** Applies a kill. The segment of the record may be gone, and the record with it. */
  private kill({ segment, recordNum }: Kill): void {
    if (recordNum > RECORD_NUM_MAX) throw new BadBytes(0, `record ${recordNum} is killed`)
    this.segments.get(segment)?.dead.add(recordNum)
  }

  /** Gives the changes that make this state out of nothing, but for a snapshot: whoever asks goes on. */
  toChanges(): Change[] {
    const changes: Change[] = [{ tag: ChangeTag.numbers, seqNum: this.seqNum, fileNum: this.fileNum }]
    for (const { segment, queue, salt, sealedBytes, limit, dead } of this.segments.values()) {
      changes.push({ tag: ChangeTag.addSegment, segment, queue, salt })
      if (sealedBytes > 0) changes.push({ tag: ChangeTag.sealSegment, segment, bytes: sealedBytes })
      if (queue === 'main' && limit > 0) changes.push({ tag: ChangeTag.limit, segment, bytes: limit })
      if (dead.largest >= 0) changes.push({ tag: ChangeTag.dead, segment, bits: dead.toBits() })
    }
    for (const { namespace, seqNum } of this.marks.list()) changes.push({ tag: ChangeTag.purge, namespace, seqNum })
    return changes
  }
}
