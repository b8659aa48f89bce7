/** What: the moments at which a put or delete is acknowledged, and what the bytes of a put have to reach for it. */
import type { SafeBytes } from './kill-queue.js'
import type { SegmentFile } from './segment-file.js'

/**
 * When a put or delete is acknowledged: when it is visible; when it survives a killed process; when also a power loss.
 */
export type Durability = 'memory' | 'written' | 'synced'

/**
 * What became of a put. `durable` is false when the disk takes nothing now: the blob is in memory only, and gone with
 * the process, or before.
 */
export type PutResult =
  | { stored: true; durable?: false }
  | { stored: false; reason: 'too-large' | 'too-old' | 'expired' | 'busy' | 'superseded' | 'degraded' }

/** What a put says of its blob. */
export interface BlobFacts {
  /** The hash of the namespace's name, 0: none. */
  readonly namespace: number
  /** Milliseconds since 1970, 0: never. */
  readonly expiresMs: number
  /** 0: none. */
  readonly version: number
  /** Milliseconds since 1970 from which on it should be loaded anew, 0: never. */
  readonly staleMs?: number
}

export const NO_FACTS: BlobFacts = { namespace: 0, expiresMs: 0, version: 0 }

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
