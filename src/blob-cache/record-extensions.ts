/**
 * What: what a record carries beside key and value: extensions, each { u8 type, u16 bytes, content }, between the two.
 *
 *   type
 *     1  version  u64, above 0: only a larger one replaces it
 *     2  meta     bytes of the caller
 *
 * Others are of later versions, and are passed over: what a reader must understand is not put here.
 * Thread: any (pure).
 */
import { getU53, putU53 } from '../base/index.js'

const VERSION = 1
const META = 2
const VERSION_BYTES = 8
const HEAD_BYTES = 3
const NO_EXTENSIONS = new Uint8Array(0)
/** All extensions of a record have a u16 for their bytes. */
export const META_BYTES_MAX = 60_000

/** Makes the extensions of a record; version 0 is none, and so is empty meta. */
export function encodeExtensions(version: number, meta: Uint8Array): Uint8Array {
  if (version === 0 && meta.length === 0) return NO_EXTENSIONS
  const versionBytes = version === 0 ? 0 : HEAD_BYTES + VERSION_BYTES
  const bytes = new Uint8Array(versionBytes + (meta.length === 0 ? 0 : HEAD_BYTES + meta.length))
  if (version !== 0) {
    putHead(bytes, 0, VERSION, VERSION_BYTES)
    putU53(bytes, HEAD_BYTES, version)
  }
  if (meta.length > 0) {
    putHead(bytes, versionBytes, META, meta.length)
    bytes.set(meta, versionBytes + HEAD_BYTES)
  }
  return bytes
}

function putHead(bytes: Uint8Array, at: number, type: number, length: number): void {
  bytes[at] = type
  bytes[at + 1] = length
  bytes[at + 2] = length >>> 8
}

/** Gives the version that stands in the extensions bytes[start, end); 0 when there is none. */
export function versionIn(bytes: Uint8Array, start: number, end: number): number {
  const found = find(bytes, start, end, VERSION)
  return found?.length === VERSION_BYTES ? getU53(found, 0) : 0
}

/** Gives a copy of the caller's bytes that stand in the extensions bytes[start, end); empty when there are none. */
export function metaIn(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(find(bytes, start, end, META) ?? [])
}

function find(bytes: Uint8Array, start: number, end: number, type: number): Uint8Array | null {
  for (let at = start; at + HEAD_BYTES <= end;) {
    const content = at + HEAD_BYTES
    const length = bytes[at + 1]! + bytes[at + 2]! * 256
    at = content + length
    const isIt = bytes[content - HEAD_BYTES] === type && at <= end
    if (isIt) return new Uint8Array(bytes.buffer, bytes.byteOffset + content, length)
  }
  return null
}
