/** What: what is known of a blob without its value. */
import type { RecordFacts } from './record-facts.js'

/** What is known of a blob. Times are in milliseconds since 1970. */
export interface BlobEntry {
  /** Bytes of the value. */
  size: number
  /** Bytes that it takes on the disk; fewer when it is compressed. */
  storedBytes: number
  /** When it was put. */
  createdAt: number
  /** From when on it is a miss; Infinity: never. */
  expiresAt: number
  /** The version that it was put with, if any. */
  version: number | undefined
  /** What was given as `meta`; empty without it. */
  meta: Uint8Array
}

export function entryOfFacts({ plainBytes, storedBytes, createdMs, expiresMs, version, meta }: RecordFacts): BlobEntry {
  return {
    size: plainBytes, storedBytes, createdAt: createdMs, expiresAt: expiresMs === 0 ? Infinity : expiresMs,
    version: version === 0 ? undefined : version, meta,
  }
}
