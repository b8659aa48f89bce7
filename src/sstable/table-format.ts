/**
 * What: the outline of a table file: where its sections are and how each is checked. On disk: do not change.
 *
 *   file header (base/file-header.ts, magic 'varvetab')   128 bytes
 *   data blocks (block-format.ts)
 *   index (table-index.ts)
 *   filter (bloom-filter.ts)
 *   point hash (point-hash.ts); one of the two may be absent
 *   properties (properties.ts)
 *   spans (spans-section.ts), when there are range tombstones
 *   prefix filter (bloom-filter.ts), when its writer was asked for one
 *   footer                                                128 bytes
 *
 * Blocks and sections stand one behind the other without a gap. Each ends with zeros up to a multiple of
 * 8 and a trailer:
 *
 *   offset size
 *        0    1  codec: 0 none; 1, of a block only, packed (packed-format.ts); others are reserved
 *        1    3  zero
 *        4    4  CRC-32 of everything before, seeded with fileSeed XOR the offset of the block or section
 *
 * Footer:
 *
 *   offset size
 *        0   64  8 times offset u32, bytes u32 (with trailer): index, filter, point hash, properties,
 *                spans, prefix filter, dictionary (reserved), one free. In this order in the file; zeros when absent
 *       64    4  data blocks
 *       68    4  bytes of a trailer: 8
 *       72    4  bytes of the file
 *       76   12  feature bits, three words (base/features.ts): what the table has; the file header, which is written
 *                first, says what is known by then, and both count
 *       88    1  unit of offsets and lengths: 0 = bytes
 *       89   23  zero
 *      112    4  format version
 *      116    4  CRC-32 of footer bytes 0–115, seeded with fileSeed XOR the footer's offset
 *      120    8  magic 'varvetab'
 *
 * So every byte of the file is under a checksum or compared with what it must be.
 *
 * Codes that have a meaning in a later version are refused by name, with UNSUPPORTED_FORMAT: what this version does not
 * know it would misread.
 */
import {
  BadBytes, checkMustKnow, corruption, crc32, FILE_HEADER_BYTES, FORMAT_VERSION, getFeatures, getU32, GiB, MustKnow,
  putFeatures, putU32, unsupportedFormat,
} from '../base/index.js'
import type { Features, VarveError } from '../base/index.js'

export const TABLE_MAGIC = 'varvetab'
export const TRAILER_BYTES = 8
export const FOOTER_BYTES = 128
/** Codecs of blocks. On disk: do not change these numbers. */
export const Codec = { none: 0, packed: 1 } as const
export type Codec = (typeof Codec)[keyof typeof Codec]
/** Names of codecs, also of those that later versions have. On disk: do not change these numbers. */
const CODEC_NAMES: Readonly<Record<number, string>> = { 1: 'packed columns', 2: 'plain LZ4', 3: 'zstd' }

const SECTION_SLOTS = 8
/** Slots of sections that later versions have. On disk: do not change these numbers. */
const RESERVED_SLOTS: Readonly<Record<number, string>> = { 6: 'a dictionary' }
const FEATURES_OFFSET = 76
const UNIT_OFFSET = 88
/** The bits of the first word that this version knows in a footer. */
const KNOWN_FEATURES =
  MustKnow.expiry | MustKnow.spans | MustKnow.valueHandles | MustKnow.rowBlocks | MustKnow.packedBlocks
/** A larger section is neither written nor believed. */
export const SECTION_BYTES_MAX = GiB
const FOOTER_CRC_OFFSET = 116

/** Slots of the sections in the footer. On disk: do not change. */
export const SectionSlot = { index: 0, filter: 1, pointHash: 2, properties: 3, spans: 4, prefixFilter: 5 } as const
export type SectionSlot = (typeof SectionSlot)[keyof typeof SectionSlot]

/** A block or section with its trailer; `bytes` is 0 when it is absent. */
export interface Extent {
  offset: number
  bytes: number
}

export interface Footer {
  features: Features
  sections: Extent[]
  blockCount: number
  fileBytes: number
}

/** Thrown by parsers that meet a code of a later version; their callers make UNSUPPORTED_FORMAT of it (block-io.ts). */
export class UnknownCode extends BadBytes {}

export function emptySections(): Extent[] {
  return Array.from({ length: SECTION_SLOTS }, () => ({ offset: 0, bytes: 0 }))
}

export function encodeFooter(footer: Footer, seed: number): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES)
  footer.sections.forEach((section, slot) => {
    putU32(bytes, slot * 8, section.offset)
    putU32(bytes, slot * 8 + 4, section.bytes)
  })
  putU32(bytes, 64, footer.blockCount)
  putU32(bytes, 68, TRAILER_BYTES)
  putU32(bytes, 72, footer.fileBytes)
  putFeatures(bytes, FEATURES_OFFSET, footer.features)
  putU32(bytes, 112, FORMAT_VERSION)
  const offset = footer.fileBytes - FOOTER_BYTES
  putU32(bytes, FOOTER_CRC_OFFSET, crc32(bytes, 0, FOOTER_CRC_OFFSET, (seed ^ offset) >>> 0))
  for (let i = 0; i < 8; i++) bytes[120 + i] = TABLE_MAGIC.charCodeAt(i)
  return bytes
}

/**
 * Reads the footer of a file of `fileBytes`. Ensures: the sections follow each other without a gap up to the
 * footer; index, properties and something that finds a key are there; what is before the index is at least the
 * header. Throws UNSUPPORTED_FORMAT when something is there that this version does not know.
 */
export function decodeFooter(bytes: Uint8Array, fileBytes: number, seed: number, file: string): Footer {
  const offset = fileBytes - FOOTER_BYTES
  const bad = (at: number, what: string): VarveError => corruption(file, offset + at, what)
  for (let i = 0; i < 8; i++) {
    if (bytes[120 + i] !== TABLE_MAGIC.charCodeAt(i)) throw bad(120 + i, 'footer magic differs')
  }
  const crc = crc32(bytes, 0, FOOTER_CRC_OFFSET, (seed ^ offset) >>> 0)
  if (getU32(bytes, FOOTER_CRC_OFFSET) !== crc) throw bad(FOOTER_CRC_OFFSET, 'footer checksum differs')
  const features = getFeatures(bytes, FEATURES_OFFSET)
  const sections = emptySections().map((_, slot) => ({
    offset: getU32(bytes, slot * 8), bytes: getU32(bytes, slot * 8 + 4),
  }))
  const unknown = unknownInFooter(bytes, sections)
  if (unknown !== null) throw unsupportedFormat(file, offset + unknown.at, unknown.what)
  checkMustKnow(features, KNOWN_FEATURES, featuresPlace(fileBytes, file))
  if (saysRows({ features }) && saysPacked({ features })) {
    throw bad(FEATURES_OFFSET, 'both blocks of rows and packed ones')
  }
  if (getU32(bytes, 72) !== fileBytes) throw bad(72, `footer says ${getU32(bytes, 72)} bytes`)
  for (let i = UNIT_OFFSET + 1; i < 112; i++) if (bytes[i] !== 0) throw bad(i, 'reserved bytes are not zero')
  const fault = sectionFault(sections, offset)
  if (fault !== null) throw bad(fault.slot * 8, fault.what)
  if (saysSpans({ features }) !== sections[SectionSlot.spans]!.bytes > 0) {
    throw bad(SectionSlot.spans * 8, 'the features differ about range tombstones')
  }
  return { features, sections, blockCount: getU32(bytes, 64), fileBytes }
}

/** True when the table says that handles of values are among its entries. */
export function saysHandles({ features }: Footer): boolean {
  return (features.mustKnow & MustKnow.valueHandles) !== 0
}

/** True when the table says that some of its entries expire. */
export function saysExpiry({ features }: Footer): boolean {
  return (features.mustKnow & MustKnow.expiry) !== 0
}

/** True when the table says that it has range tombstones. */
export function saysSpans({ features }: Pick<Footer, 'features'>): boolean {
  return (features.mustKnow & MustKnow.spans) !== 0
}

/** True when the table says that some of its blocks are packed. */
export function saysPacked({ features }: Pick<Footer, 'features'>): boolean {
  return (features.mustKnow & MustKnow.packedBlocks) !== 0
}

/** True when the table says that some of its blocks have rows. */
export function saysRows({ features }: Pick<Footer, 'features'>): boolean {
  return (features.mustKnow & MustKnow.rowBlocks) !== 0
}

/** Where a footer tells the features of its table, for errors. */
export function featuresPlace(fileBytes: number, file: string): { file: string; offset: number } {
  return { file, offset: fileBytes - FOOTER_BYTES + FEATURES_OFFSET }
}

/** Finds what only a later version says in a footer, except for features. */
function unknownInFooter(bytes: Uint8Array, sections: readonly Extent[]): { at: number; what: string } | null {
  const [version, trailerBytes, unit] = [getU32(bytes, 112), getU32(bytes, 68), bytes[UNIT_OFFSET]!]
  if (version !== FORMAT_VERSION) return { at: 112, what: `table format ${version}` }
  if (trailerBytes !== TRAILER_BYTES) return { at: 68, what: `trailers of ${trailerBytes} bytes` }
  if (unit !== 0) return { at: UNIT_OFFSET, what: `offsets in unit ${unit}` }
  const slot = sections.findIndex(({ bytes: length }, at) => at > SectionSlot.prefixFilter && length > 0)
  return slot < 0 ? null : { at: 8 * slot, what: `section ${slot}, ${RESERVED_SLOTS[slot] ?? 'unknown'}` }
}

function sectionFault(sections: Extent[], end: number): { slot: number; what: string } | null {
  let next = sections[SectionSlot.index]!.offset
  if (next < FILE_HEADER_BYTES) return { slot: 0, what: 'index stands inside the file header' }
  for (let slot = 0; slot < SECTION_SLOTS; slot++) {
    const { offset, bytes } = sections[slot]!
    if (bytes === 0) {
      const isNeeded = slot === SectionSlot.index || slot === SectionSlot.properties
      if (isNeeded || offset !== 0) return { slot, what: 'section is missing' }
      continue
    }
    const isSized = bytes % 8 === 0 && bytes >= TRAILER_BYTES && bytes <= SECTION_BYTES_MAX
    if (offset !== next || !isSized) {
      return { slot, what: 'section is not where it must be' }
    }
    next = offset + bytes
  }
  if (sections[SectionSlot.filter]!.bytes + sections[SectionSlot.pointHash]!.bytes === 0) {
    return { slot: SectionSlot.filter, what: 'neither filter nor point hash' }
  }
  return next === end ? null : { slot: 0, what: 'sections do not reach the footer' }
}

/** Gives the bytes of a block or section without its trailer, for one that takes `bytes` in the file. */
export function contentBytes(bytes: number): number {
  return bytes - TRAILER_BYTES
}

/** Writes the trailer behind bytes[start, end); `offset` is the place of `start` in the file. */
export function putTrailer(
  bytes: Uint8Array, start: number, end: number, offset: number, seed: number, codec: Codec = Codec.none,
): void {
  bytes[end] = codec
  bytes[end + 1] = bytes[end + 2] = bytes[end + 3] = 0
  putU32(bytes, end + 4, crc32(bytes, start, end + 4, (seed ^ offset) >>> 0))
}

/** True when the checksum of the block or section bytes[start, end) at `offset` of the file is right. */
export function trailerHolds(
  bytes: Uint8Array, start: number, end: number, offset: number, seed: number,
): boolean {
  return getU32(bytes, end - 4) === crc32(bytes, start, end - 4, (seed ^ offset) >>> 0)
}

/** Checks the rest of the trailer before bytes[end], which is `offset` in the file. The codec is `known`, or none. */
export function checkTrailer(
  bytes: Uint8Array, end: number, offset: number, file: string, known: Codec = Codec.none,
): void {
  const at = end - TRAILER_BYTES
  const codec = bytes[at]!
  if (codec !== Codec.none && codec !== known) {
    throw unsupportedFormat(file, offset - TRAILER_BYTES, `codec ${codec}, ${CODEC_NAMES[codec] ?? 'unknown'}`)
  }
  if (bytes[at + 1] !== 0 || bytes[at + 2] !== 0 || bytes[at + 3] !== 0) {
    throw corruption(file, offset - TRAILER_BYTES + 1, 'reserved bytes are not zero')
  }
}
