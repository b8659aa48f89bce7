/** Manifests with groups that no version of today writes, in frames whose checksums are right. */
import {
  ByteWriter, crc32, decodeFileHeader, emptyFrameHeader, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes,
  FrameType, putU32, readFrameHeader, sealFrame,
} from '../../../src/base/index.js'
import { encodeTableRecord, replayManifest } from '../../../src/manifest/index.js'
import type { LevelTable, Version } from '../../../src/manifest/index.js'

export interface CraftedField {
  tag: number
  flags?: number
  value: Uint8Array
}

function encodeFields(fields: readonly CraftedField[]): Uint8Array {
  const out = new ByteWriter()
  for (const { tag, flags = 0, value } of fields) out.u32(tag + flags * 2 ** 16).bytes(value)
  return out.finish()
}

/** The bytes of a table's record, with these fields at its end. */
export function recordWith(table: LevelTable, fields: readonly CraftedField[] = []): Uint8Array {
  const out = new ByteWriter()
  encodeTableRecord(out, table)
  return out.raw(encodeFields(fields)).finish()
}

/** The value of a field that takes the table away: in front of a record, so that it is only described anew. */
export function deletionOf({ level, facts }: LevelTable): Uint8Array {
  return new ByteWriter().u32(level).u53(facts.fileNum).finish()
}

export function versionIn(manifest: Uint8Array, fileNum: number): Version {
  return replayManifest(manifest, fileNum).version
}

/** One edit. */
export function bodyOf(fields: readonly CraftedField[]): Uint8Array {
  return new ByteWriter().bytes(encodeFields(fields)).finish()
}

export interface CraftedFrame {
  body: Uint8Array
  type?: number
  flags?: number
  extensionBytes?: number
  /** The body's checksum is that of another body. */
  isTorn?: boolean
}

/** The manifest with one more frame of one edit behind its last one, and where that stands. */
export function withFrame(manifest: Uint8Array, crafted: CraftedFrame): { bytes: Uint8Array; at: number } {
  const { body, type = FrameType.editGroup, flags = 0, extensionBytes = 0, isTorn = false } = crafted
  const header = decodeFileHeader(manifest, 'varveman', 'manifest')
  const seed = fileSeed(header)
  const frame = emptyFrameHeader()
  let [at, number] = [FILE_HEADER_BYTES, 1]
  for (; readFrameHeader(manifest, at, at, seed, frame); number++) at += frameBytes(frame.bodyBytes)
  const bytes = new Uint8Array(at + frameBytes(body.length))
  bytes.set(manifest.subarray(0, at))
  bytes.set(body, at + FRAME_HEADER_BYTES)
  sealFrame(bytes, at, at, seed, {
    ...emptyFrameHeader(), type, bodyBytes: body.length, extensionBytes, firstSeqNum: number, count: 1,
    generation: header.generation, markBytes: at,
  })
  bytes[at + 13] = flags
  putU32(bytes, at, crc32(bytes, at + 4, at + FRAME_HEADER_BYTES, (seed ^ at) >>> 0))
  if (isTorn) bytes[at + FRAME_HEADER_BYTES]! ^= 1
  return { bytes, at }
}
