/**
 * What: a file's bytes by place, so that a dump need not hold the whole file.
 */
export interface ByteSource {
  /** Bytes of the file, as found at the beginning. */
  readonly size: number
  /** Lent: good until the next call. Fewer bytes than asked for only at the end of the file. */
  read(offset: number, bytes: number): Uint8Array
}

/** A file that is in memory; what it gives stays good. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
}
