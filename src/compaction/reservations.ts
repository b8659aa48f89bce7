/**
 * What: what no compaction may touch that begins now: what running ones reserve, and where an ingest puts its tables.
 * Owns: the reservations of ingests. Thread: main.
 * Invariants: COMP-2, for tables that an ingest puts into deep levels, too.
 */
import type { RunningCompaction } from '../pick/index.js'
import type { CompactionTask } from './compaction-task.js'

export class Reservations {
  private readonly tasks: readonly CompactionTask[]
  private readonly compactor: { wakeWaiting(): void; schedule(): void }
  private others: readonly RunningCompaction[] = []

  constructor(tasks: readonly CompactionTask[], compactor: Reservations['compactor']) {
    this.tasks = tasks
    this.compactor = compactor
  }

  get all(): RunningCompaction[] {
    return [...this.tasks.map(({ reservation }) => reservation), ...this.others]
  }

  /** Reserves more until the function that it gives is called. Requires: all of it can run beside `all`. */
  reserve(wanted: readonly RunningCompaction[]): () => void {
    this.others = [...this.others, ...wanted]
    return () => {
      this.others = this.others.filter((other) => !wanted.includes(other))
      this.compactor.wakeWaiting()
      this.compactor.schedule()
    }
  }
}
