/**
 * What: what the flushes of an open database have done with large values so far, those of the open itself included.
 * Thread: main.
 */
import type { FlushBuildOutput } from './flush-build.js'

/** The large values of one flush, and where they went. */
export type LargeOfFlush = Pick<FlushBuildOutput, 'decision' | 'largeCount' | 'largeBytes'>

export class FlushedValues {
  promotedCount = 0
  promotedBytes = 0
  copiedCount = 0
  copiedBytes = 0
  keptCount = 0
  keptBytes = 0

  /** Counts a flush whose table is listed. */
  add({ decision, largeCount, largeBytes }: LargeOfFlush): void {
    switch (decision) {
      case 'promote':
        this.promotedCount += largeCount
        this.promotedBytes += largeBytes
        break
      case 'copy':
        this.copiedCount += largeCount
        this.copiedBytes += largeBytes
        break
      case 'keep':
        this.keptCount += largeCount
        this.keptBytes += largeBytes
        break
    }
  }
}
