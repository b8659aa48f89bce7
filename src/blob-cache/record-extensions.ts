/**
 * What: what a record carries beside key and value: extensions, each { u8 type, u16 bytes, content }, between the two.
 *
 *   type
 *     1  version  u64, above 0: only a larger one replaces it
 *
 * Others are of later versions, and are passed over: what a reader must understand is not put here.
 * Thread: any (pure).
 */
import { getU53, putU53 } from '../base/index.js'

const VERSION = 1
const VERSION_BYTES = 8
const HEAD_BYTES = 3
const NONE = new Uint8Array(0)

/** Makes the extensions of a record; version 0 is none. */
export function encodeExtensions(version: number): Uint8Array {
  if (version === 0) return NONE
  const bytes = new Uint8Array(HEAD_BYTES + VERSION_BYTES)
  bytes[0] = VERSION
  bytes[1] = VERSION_BYTES
  putU53(bytes, HEAD_BYTES, version)
  return bytes
}

/** Gives the version that stands in the extensions bytes[start, end); 0 when there is none. */
export function versionIn(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at + HEAD_BYTES <= end;) {
    const length = bytes[at + 1]! + bytes[at + 2]! * 256
    const content = at + HEAD_BYTES
    if (bytes[at] === VERSION && length === VERSION_BYTES && content + length <= end) return getU53(bytes, content)
    at = content + length
  }
  return 0
}
