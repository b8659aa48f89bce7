/** Batch frames in a slab, with any sequence numbers, kinds and keys. */
import {
  emptyFrameHeader, ExtensionType, finishEntry, FRAME_HEADER_BYTES, FrameType, newKeyStart, sealFrame,
} from '../../../src/base/index.js'
import type { TestEntry } from '../fakes/array-iterator.js'

export interface FrameWriter {
  readonly end: number
  /** Writes one frame; the entries' sequence numbers follow each other. */
  batch(entries: readonly TestEntry[], position?: Uint8Array): void
}

export function frameWriter(bytes: Uint8Array, start: number): FrameWriter {
  let end = start
  const writeEntry = (at: number, { key, kind, value }: TestEntry): number => {
    bytes.set(key, newKeyStart(at))
    bytes.set(value, newKeyStart(at) + key.length)
    return finishEntry(bytes, at, kind, key.length, value.length)
  }
  const batch = (entries: readonly TestEntry[], position?: Uint8Array) => {
    const body = end + FRAME_HEADER_BYTES
    let at = body
    if (position !== undefined) {
      bytes.set([ExtensionType.position, 0, position.length, position.length >>> 8], at)
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
