/**
 * What: jobs that were submitted, higher priority first, then first come first served.
 * Owns: their order. Does not own: whether one has begun; that is the executor's.
 * Thread: main. A queue has a handful of jobs, so it is a plain array.
 */
import type { Job, JobResult } from './job.js'

export interface PendingJob {
  readonly job: Job
  readonly priority: number
  readonly deliver: (result: JobResult<unknown>) => void
}

export class JobQueue<Item extends { readonly priority: number }> {
  private readonly items: Item[] = []

  get length(): number {
    return this.items.length
  }

  get first(): Item | undefined {
    return this.items[0]
  }

  push(item: Item): void {
    let at = this.items.length
    while (at > 0 && this.items[at - 1]!.priority < item.priority) at--
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
