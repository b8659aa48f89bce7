/**
 * What: the body of a batch frame whose large values have checksums of their own: the frame's checksum leaves out the
 * bytes of those values, so that one can be read, checked and copied without its neighbours.
 *
 *   covered by the checksum of the body: extensions, headers, keys, fronts of values, values without a checksum of
 *                                        their own, padding, and the checksums of values
 *   covered by its own:                  each value whose entry has the encoding flag checksum, behind its front
 *
 * Only the entries tell which bytes are covered, and they are not checked yet. So they are walked inside the bounds of
 * the body, and a walk that does not end exactly where the body ends means a bad frame.
 * Thread: any (pure).
 */
import { crc32 } from './checksum.js'
import { entryContentStart, entryEndWithin, entryValueEnd, hasValueChecksum, valueChecksum } from './entry.js'

/** The body of a frame in memory, and what its checksums start from. */
export interface ApartBody {
  bytes: Uint8Array
  start: number
  /** Where the first entry stands, behind the extensions. */
  entries: number
  end: number
  count: number
  /** Offset in the file minus the place in `bytes`. */
  shift: number
  seed: number
}

/** The checksum of the body, begun with the seed `first`; -1 when the entries do not fill the body exactly. */
export function apartChecksum(body: ApartBody, first: number): number {
  const { bytes, count, end } = body
  let crc = first
  let covered = body.start
  let at = body.entries
  for (let i = 0; i < count; i++) {
    const next = entryEndWithin(bytes, at, end)
    if (next < 0) return -1
    if (hasValueChecksum(bytes, at)) {
      const valueStart = entryContentStart(bytes, at)
      const valueEnd = entryValueEnd(bytes, at)
      if (valueStart > valueEnd) return -1
      crc = crc32(bytes, covered, valueStart, crc)
      covered = valueEnd
    }
    at = next
  }
  return at === end ? crc32(bytes, covered, end, crc) : -1
}

/** True when every value with a checksum of its own matches it. Requires: the checksum of the body was right. */
export function areValuesGood({ bytes, entries, end, shift, seed }: ApartBody): boolean {
  for (let at = entries; at < end; at = entryEndWithin(bytes, at, end)) {
    if (!hasValueChecksum(bytes, at)) continue
    const start = entryContentStart(bytes, at)
    const crc = crc32(bytes, start, entryValueEnd(bytes, at), (seed ^ (start + shift)) >>> 0)
    if (crc !== valueChecksum(bytes, at)) return false
  }
  return true
}
