/**
 * What: jobs that were submitted, higher priority first, then first come first served.
 * Owns: their order. Does not own: whether one has begun; that is the executor's.
 * Thread: main. Short (a handful of jobs), so a plain array.
 */
import { priorityOf } from './job.js'
import type { Job, JobResult } from './job.js'

export interface PendingJob {
  readonly job: Job
  readonly deliver: (result: JobResult<unknown>) => void
}

export class JobQueue<Item extends PendingJob> {
  private readonly items: Item[] = []

  get length(): number {
    return this.items.length
  }

  get first(): Item | undefined {
    return this.items[0]
  }

  push(item: Item): void {
    const priority = priorityOf(item.job)
    let at = this.items.length
    while (at > 0 && priorityOf(this.items[at - 1]!.job) < priority) at--
    this.items.splice(at, 0, item)
  }

  shift(): Item | undefined {
    return this.items.shift()
  }

  remove(item: Item): void {
    const at = this.items.indexOf(item)
    if (at >= 0) this.items.splice(at, 1)
  }

  /** Takes out every item that the test names, in order. */
  removeAll(test: (item: Item) => boolean): Item[] {
    const removed = this.items.filter(test)
    for (const item of removed) this.remove(item)
    return removed
  }
}
