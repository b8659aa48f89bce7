/**
 * What: a copy of one key. It tells whether the next entry has the same key, after the iterator has taken
 * its lent bytes back.
 */

/** Above this many bytes a call into the runtime is faster than a loop (measured on Node 20). */
const LOOP_BYTES_MAX = 64
const BYTES_MIN = 64

const NO_BYTES = new Uint8Array(0)

export class SavedKey {
  /** Memory for the key, made with the first one. It is at least one byte longer, so that the key's successor fits. */
  bytes: Uint8Array = NO_BYTES
  length = 0

  save(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length >= this.bytes.length) this.bytes = new Uint8Array(Math.max(BYTES_MIN, 2 * length + 1))
    this.length = length
    const target = this.bytes
    if (length > LOOP_BYTES_MAX) target.set(bytes.subarray(start, end))
    else for (let i = 0; i < length; i++) target[i] = bytes[start + i]!
  }

  /** Compares from the end, since neighbours in a sorted sequence differ there. */
  equals(bytes: Uint8Array, start: number, end: number): boolean {
    const length = this.length
    if (end - start !== length) return false
    const saved = this.bytes
    for (let i = length - 1; i >= 0; i--) if (saved[i] !== bytes[start + i]) return false
    return true
  }

  /** Makes bytes[0, end) the smallest key above this one, and gives that end. */
  successorEnd(): number {
    this.bytes[this.length] = 0
    return this.length + 1
  }
}
