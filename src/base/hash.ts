/**
 * What: the 32-bit hash of a key range, for memtable index, table point hash and filter.
 * MurmurHash3_x86_32 (Austin Appleby, public domain). The seed is random per memtable and stored per
 * table, so that crafted keys cannot be aimed at one bucket. On disk: do not change.
 */
export function hashRange(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0
  let i = start
  for (const stop = end - 3; i < stop; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    k = Math.imul(k, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  if (i < end) {
    let k = bytes[i]!
    if (i + 1 < end) k |= bytes[i + 1]! << 8
    if (i + 2 < end) k |= bytes[i + 2]! << 16
    k = Math.imul(k, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
  }
  return finishHash(hash ^ (end - start))
}

/** The same number, from a view that reaches at least three bytes behind `end`: a third faster. */
export function hashView(view: DataView, start: number, end: number, seed: number): number {
  let hash = seed | 0
  let i = start
  for (const stop = end - 3; i < stop; i += 4) {
    let k = Math.imul(view.getInt32(i, true), 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  if (i < end) {
    let k = Math.imul(view.getInt32(i, true) & (0xffffff >>> (8 * (3 - end + i))), 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
  }
  return finishHash(hash ^ (end - start))
}

function finishHash(bits: number): number {
  let hash = bits ^ (bits >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
