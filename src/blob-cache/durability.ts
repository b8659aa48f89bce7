/** What: the moments at which a put or delete is acknowledged, and what the bytes of a put have to reach for it. */
import type { SafeBytes } from './kill-queue.js'
import type { SegmentFile } from './segment-file.js'

/**
 * When a put or delete is acknowledged: when it is visible; when it survives a killed process; when also a power loss.
 */
export type Durability = 'memory' | 'written' | 'synced'

/** What became of a put. */
export type PutResult =
  | { stored: true }
  | { stored: false; reason: 'too-large' | 'busy' | 'superseded' | 'degraded' }

/**
 * The bytes of one record, which become as safe as its put asked for. A kill waits for bytes in memory to be written.
 */
export class SafePoint implements SafeBytes {
  readonly file: SegmentFile
  readonly end: number
  private readonly isSynced: boolean

  constructor(file: SegmentFile, end: number, durability: Durability) {
    this.file = file
    this.end = end
    this.isSynced = durability === 'synced'
  }

  get isSafe(): boolean {
    const { file, end } = this
    return file.failure !== null || (this.isSynced ? file.syncedEnd : file.writtenEnd) >= end
  }
}
