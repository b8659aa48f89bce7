/**
 * What: memory for bytes that are read into it, or copied, at once. Filling 64 KiB with zeros first takes as long as
 * half of reading them, so where the platform has memory that is not filled, that is taken.
 * Whoever takes it gives it to nobody before all of it is written: it may hold what the process once had there.
 * Thread: each sets its own.
 */

type MakeBytes = (length: number) => Uint8Array

/** Filling less with zeros takes no time that can be measured. */
const UNFILLED_BYTES_MIN = 16 * 1024

let make: MakeBytes | null = null

/** Sets the function that makes memory of its own for so many bytes, where the platform has one. */
export function useUnfilledBytes(makeBytes: MakeBytes | null): void {
  make = makeBytes
}

/** Memory of its own. Requires: the caller writes all of it. */
export function unfilledBytes(length: number): Uint8Array {
  if (make === null || length < UNFILLED_BYTES_MIN) return new Uint8Array(length)
  const bytes = make(length)
  return bytes.buffer.byteLength === length ? bytes : new Uint8Array(length)
}

/** A copy of bytes[start, end) in memory of its own. */
export function ownCopy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = unfilledBytes(end - start)
  copy.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
  return copy
}
