/**
 * What: the head of a key: six bytes of it as one number, so that a binary search compares numbers that stand side by
 * side, and not keys that lie far apart.
 *
 * All keys that are compared share the bytes before the head. A smaller head is a smaller key; equal heads leave it
 * open, since a key may go on behind its head, or end inside it (zeros are added).
 * Thread: any (pure). 48 bits are exact in a double, so nothing is allocated.
 */

/** Gives the head of a key that goes on at bytes[start, end) behind what all keys share. */
export function keyHead(bytes: Uint8Array, start: number, end: number): number {
  if (end - start >= 6) {
    const high = (bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!
    const low = (bytes[start + 3]! << 16) | (bytes[start + 4]! << 8) | bytes[start + 5]!
    return high * 0x1000000 + low
  }
  let head = 0
  for (let i = start; i < start + 6; i++) head = head * 256 + (i < end ? bytes[i]! : 0)
  return head
}
