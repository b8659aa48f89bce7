/**
 * What: what was purged: of each namespace, and of all, the sequence number up to which records are dead.
 * Owns: the marks, bounded in number. Thread: main. There is no I/O.
 */
import type { SeqNum } from '../base/index.js'

/** More marks of namespaces are not kept: the older half of them becomes one mark of all. */
const MARKS_MAX = 4096
/** The namespace that stands for all. */
const ALL_NAMESPACES = 0

/** Records of a namespace up to a number. */
export interface PurgeMark {
  readonly namespace: number
  readonly seqNum: SeqNum
}

export class PurgeMarks {
  private all: SeqNum = 0
  /** In the order of their numbers. */
  private readonly namespaces = new Map<number, SeqNum>()

  /** Marks a namespace, or all with 0. Requires: no smaller number than that of any mark before. */
  add(namespace: number, seqNum: SeqNum): void {
    if (namespace === ALL_NAMESPACES) this.raiseAll(Math.max(this.all, seqNum))
    else {
      this.namespaces.delete(namespace)
      this.namespaces.set(namespace, seqNum)
      if (this.namespaces.size > MARKS_MAX) this.raiseAll([...this.namespaces.values()][MARKS_MAX / 2]!)
    }
  }

  private raiseAll(seqNum: SeqNum): void {
    this.all = seqNum
    for (const [namespace, marked] of this.namespaces) if (marked <= seqNum) this.namespaces.delete(namespace)
  }

  /** True when a record was purged. */
  covers({ namespace, seqNum }: PurgeMark): boolean {
    return seqNum <= this.all || (namespace !== 0 && seqNum <= (this.namespaces.get(namespace) ?? 0))
  }

  get isEmpty(): boolean {
    return this.all === 0 && this.namespaces.size === 0
  }

  /** Gives the marks, in an order in which they can be added. */
  list(): PurgeMark[] {
    const marks: PurgeMark[] = this.all > 0 ? [{ namespace: ALL_NAMESPACES, seqNum: this.all }] : []
    for (const [namespace, seqNum] of this.namespaces) marks.push({ namespace, seqNum })
    return marks
  }

  /** Forgets all marks: what they cover is dead otherwise. */
  clear(): void {
    this.all = 0
    this.namespaces.clear()
  }
}
