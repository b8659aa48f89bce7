/**
 * What: the one place that says what an entry means to a reader. Iterators, tables and merges carry its kind byte
 * (base/entry.ts: kind and version flags) unopened, and ask about it here.
 *
 * `isSeen`       is there a value for a reader at this time?     reads, iterators
 * `isTombstone`  does it only hide older versions?  retention, counts
 * `isApart`      does the value stand in a value log, and here only its handle?     reads
 * `isCarried`    does a merge carry the newest version of a key on as it stands?  values, and handles of values
 * `isPlain`      is the value all that the entry says, as it stands? The fast paths of blocks and merges, which
 *                step aside by themselves for any other kind and for any version flag
 * Thread: any (pure). Called once an entry: plain numbers in, nothing allocated.
 */
import { EntryKind, KIND_MASK, VersionFlag } from '../base/index.js'

/**
 * True when the entry is a value that has not expired. If the newest version that a reader may see is none, the key is
 * not there for it: an expired version hides older ones as a tombstone does.
 */
export function isSeen(kind: number, expiryMs: number, timeMs: number): boolean {
  return kind !== EntryKind.tombstone && (expiryMs === 0 || expiryMs > timeMs)
}

/** True when the entry's value begins with an expiry. */
export function mayExpire(kind: number): boolean {
  return (kind & VersionFlag.expiry) !== 0
}

export function isTombstone(kind: number): boolean {
  return kind === EntryKind.tombstone
}

/** The value stands in a value log: what the entry has is a handle (base/value-handle.ts). */
export function isApart(kind: number): boolean {
  return (kind & KIND_MASK) === EntryKind.valueHandle
}

/** The kind byte of a value without version flags. */
export const PLAIN_KIND: number = EntryKind.value

export function isPlain(kind: number): boolean {
  return kind === PLAIN_KIND
}

/** True for a value, or the handle of one, without version flags. */
export function isCarried(kind: number): boolean {
  return kind === PLAIN_KIND || kind === EntryKind.valueHandle
}
