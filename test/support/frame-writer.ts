/** Batch frames in a slab, with any sequence numbers, kinds and keys. */
import {
  emptyFrameHeader, entryBytes, EXTENSION_POSITION, FRAME_HEADER_BYTES, FrameType, putU32, sealFrame,
} from '../../src/base/index.js'
import type { TestEntry } from './array-iterator.js'

export interface FrameWriter {
  readonly end: number
  /** One frame; the entries' sequence numbers follow each other. */
  batch(entries: readonly TestEntry[], position?: Uint8Array): void
}

export function frameWriter(bytes: Uint8Array, start: number): FrameWriter {
  let end = start
  const writeEntry = (at: number, { key, kind, value }: TestEntry): number => {
    bytes[at] = kind
    bytes[at + 1] = 0
    bytes[at + 2] = key.length
    bytes[at + 3] = key.length >>> 8
    putU32(bytes, at + 4, value.length)
    bytes.set(key, at + 8)
    bytes.set(value, at + 8 + key.length)
    return at + entryBytes(key.length, value.length)
  }
  const batch = (entries: readonly TestEntry[], position?: Uint8Array) => {
    const body = end + FRAME_HEADER_BYTES
    let at = body
    if (position !== undefined) {
      bytes.set([EXTENSION_POSITION, 0, position.length, position.length >>> 8], at)
      bytes.set(position, at + 4)
      at += (4 + position.length + 3) & ~3
    }
    const extensionBytes = at - body
    for (const entry of entries) at = writeEntry(at, entry)
    end += sealFrame(bytes, end, end, 0, {
      ...emptyFrameHeader(), type: FrameType.batch, bodyBytes: at - body, extensionBytes,
      firstSeqNum: entries[0]?.seqNum ?? 0, count: entries.length,
    })
  }
  return { get end() { return end }, batch }
}
