/**
 * What: a file's bytes by offset, so that a dump need not hold the whole file.
 */
export interface ByteSource {
  /** The size of the file, as found at the beginning. */
  readonly size: number
  /** Reads bytes, fewer than asked for only at the end of the file. Lent: good until the next call. */
  read(offset: number, bytes: number): Uint8Array
}

/** Makes a source of a file that is in memory; what it gives stays good. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
}
