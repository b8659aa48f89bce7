/**
 * What: the handle of a value that stands in a value log: the value of an entry of kind valueHandle. 20 bytes.
 *
 *   offset size
 *        0    4  offset of the value in the file, behind its front
 *        4    4  bytes of the value
 *        8    4  CRC-32 of the value, from the file's seed XOR the value's offset: the one that stands behind it there
 *       12    6  number of the file
 *       18    2  zero
 *
 * A length is believed only when offset and length lie within the size that the manifest gives the file.
 * Thread: any (pure). Nothing is allocated.
 */
import { getU32, putU32 } from './coding.js'
import type { FileNum } from './ids.js'
import { FILE_BYTES_MAX, VALUE_BYTES_MAX } from './limits.js'

export const VALUE_HANDLE_BYTES = 20

export function putValueHandle(
  bytes: Uint8Array, at: number, offset: number, length: number, checksum: number, fileNum: FileNum,
): void {
  putU32(bytes, at, offset)
  putU32(bytes, at + 4, length)
  putU32(bytes, at + 8, checksum)
  putU32(bytes, at + 12, fileNum >>> 0)
  putU32(bytes, at + 16, Math.floor(fileNum / 2 ** 32))
}

export function handleOffset(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at)
}

export function handleLength(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + 4)
}

export function handleChecksum(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + 8)
}

export function handleFileNum(bytes: Uint8Array, at: number): FileNum {
  return getU32(bytes, at + 12) + (bytes[at + 16]! | (bytes[at + 17]! << 8)) * 2 ** 32
}

/** What is wrong with the bytes of a handle, or null. */
export function handleProblem(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start !== VALUE_HANDLE_BYTES) return `a value handle of ${end - start} bytes`
  if (bytes[start + 18] !== 0 || bytes[start + 19] !== 0) return 'the end of a value handle is not zero'
  if (handleFileNum(bytes, start) === 0) return 'a value handle without a file'
  const length = handleLength(bytes, start)
  if (length > VALUE_BYTES_MAX || handleOffset(bytes, start) + length > FILE_BYTES_MAX) {
    return `a value handle of ${length} bytes at ${handleOffset(bytes, start)}`
  }
  return null
}
