/** What: the moments at which a put or delete is acknowledged, and what the bytes of a put have to reach for it. */
import type { SafeBytes } from './kill-queue.js'
import type { SyncedFile } from './file-syncer.js'

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
  | { stored: false; reason: NotStored }
  /** The source failed with this error. */
  | { stored: false; reason: 'source'; error: unknown }

/** Why a put stored nothing. */
export type NotStored =
  /** It is larger than blobs of this cache may be. */
  | 'too-large'
  /** What is there has the same version, or a higher one. */
  | 'too-old'
  /** Its time was over. */
  | 'expired'
  /** Too much is under way, or there is no room for it now. */
  | 'busy'
  /** A later put, delete or purge of its key came before it was complete. */
  | 'superseded'
  /** The disk did not take it. */
  | 'degraded'
  /** The source gave more or fewer bytes than `size` said. */
  | 'size'
  /** The bytes do not have the checksum that was given. */
  | 'checksum'
  /** Its signal was aborted, or the cache was closed while the source was read. */
  | 'aborted'

/** What a put says of its blob. */
export interface BlobFacts {
  /** The hash of the namespace's name, 0: none. */
  readonly namespace: number
  /** Milliseconds since 1970, 0: never. */
  readonly expiresMs: number
  /** 0: none. */
  readonly version: number
  /** Milliseconds since 1970 from which on it should be loaded anew, 0: never. */
  readonly staleMs: number
  /** What the caller wants to have kept beside the value; empty: nothing. */
  readonly meta: Uint8Array
}

export const NO_FACTS: BlobFacts = { namespace: 0, expiresMs: 0, version: 0, staleMs: 0, meta: new Uint8Array(0) }

/** A file in which records become safe. */
export interface SafeFile extends SyncedFile {
  readonly segment: number
  /** The end of the records that have their place. */
  readonly reservedEnd: number
  /** Resolves when the first `end` bytes are in the file. Rejects when they never will be. */
  written(end: number): Promise<void>
}

/**
 * The bytes of one record, which become as safe as its put asked for. A kill waits for bytes in memory to be written.
 */
export class SafePoint implements SafeBytes {
  readonly file: SafeFile
  readonly end: number
  private readonly isSynced: boolean

  constructor(file: SafeFile, end: number, durability: Durability) {
    this.file = file
    this.end = end
    this.isSynced = durability === 'synced'
  }

  get isSafe(): boolean {
    const { file, end } = this
    return file.failure !== null || (this.isSynced ? file.syncedEnd : file.writtenEnd) >= end
  }
}
