/**
 * What: the parts of a table that was read, field by field; table-dump.ts puts them in order.
 * Thread: any (pure).
 */
import { alignUp, EntryKind, getFeatures, getU32, getU53, listFeatures, toHex } from '../../base/index.js'
import { keyOf, printBytes } from '../../dump/index.js'
import type { Section } from '../../dump/index.js'
import { BLOCK_HEADER_BYTES } from '../block/block-format.js'
import type { BlockReader } from '../block/block-reader.js'
import { FRONT_CODED } from '../block/packed-format.js'
import { ROW_UNIT_SHIFT } from '../block/row-format.js'
import { BloomFilter } from '../lookup/bloom-filter.js'
import { PointHash } from '../lookup/point-hash.js'
import type { TableIndex } from '../lookup/table-index.js'
import { describeProperties } from '../properties.js'
import type { TableProperties } from '../properties.js'
import { decodeSpans } from '../spans-section.js'
import { FOOTER_BYTES } from '../table-format.js'
import type { Extent } from '../table-format.js'
import { firstOf, SectionFields } from './fields.js'

/** Titles of the sections, by their slots in the footer. */
export const SECTION_TITLES = ['index', 'filter', 'point hash', 'properties', 'spans', 'prefix filter']

/** The most bytes of a key or value that the data of a section has. */
const DATA_BYTES_SHOWN = 64

/** Describes the block to which `reader` was turned. */
export function blockSection(reader: BlockReader, number: number, extent: Extent): Section {
  const { bytes, count, prefixBytes, prefixStart } = reader
  const prefix = printBytes(bytes.subarray(prefixStart, prefixStart + prefixBytes), DATA_BYTES_SHOWN)
  return {
    title: `block ${number}`, ...extent, summary: `${count} entries, prefix ${prefix}`,
    content: bytes.subarray(0, extent.bytes), fields: blockFields(reader, extent, prefix), problems: [],
    data: { block: number, prefix, entries: firstOf(count, (i) => entryData(reader, i)) },
  }
}

/** Describes a block as it is packed; `unpacked` describes what it holds. */
export function packedSection(unpacked: Section, content: Uint8Array): Section {
  const { offset, bytes, summary, data } = unpacked
  const [plainBytes, packedBytes] = [getU32(content, 0), getU32(content, 12)]
  const fields = new SectionFields(offset)
    .add(4, `unpacks to ${plainBytes} bytes`).add(2, 'entries').add(1, `sequence numbers of ${content[6]} bytes`)
    .add(1, content[7] === FRONT_CODED ? 'flags: front-coded suffixes' : 'flags: none')
    .add(4, `stream of ${getU32(content, 8)} bytes`).add(4, `LZ4 block of ${packedBytes} bytes`)
    .add(packedBytes, 'LZ4 block')
  return {
    ...unpacked, content, summary: `${summary}, packed from ${plainBytes} bytes`, fields: fields.end(offset + bytes),
    data: { ...data, packedFrom: plainBytes },
  }
}

function entryData(reader: BlockReader, i: number): Record<string, unknown> {
  const { bytes, prefixStart, prefixBytes } = reader
  const key = new Uint8Array(prefixBytes + reader.suffixEnd(i) - reader.suffixStart(i))
  key.set(bytes.subarray(prefixStart, prefixStart + prefixBytes))
  key.set(bytes.subarray(reader.suffixStart(i), reader.suffixEnd(i)), prefixBytes)
  const value = bytes.subarray(reader.valueStart(i), reader.valueEnd(i))
  return {
    seqNum: reader.seqNumAt(i), kind: keyOf(EntryKind, reader.kindAt(i)),
    key: printBytes(key, DATA_BYTES_SHOWN), value: printBytes(value, DATA_BYTES_SHOWN), valueBytes: value.length,
  }
}

function blockFields(reader: BlockReader, { offset, bytes: length }: Extent, prefix: string): Section['fields'] {
  if (reader.isRows) return rowFields(reader, { offset, bytes: length }, prefix)
  const { bytes, count, prefixBytes, prefixStart } = reader
  const width = (prefixStart - BLOCK_HEADER_BYTES - (2 * count + 1) * 4) / count
  const fields = new SectionFields(offset)
    .add(2, `${count} entries`).add(1, `sequence column ${width} bytes wide`).add(1, 'block flags')
    .add(2, `prefix of ${prefixBytes} bytes`).add(2, 'zero').add(8, `base sequence number ${getU53(bytes, 8)}`)
    .addEach(count, 4, (i) => {
      return `entry ${i}: suffix at ${reader.suffixStart(i)}, kind ${keyOf(EntryKind, reader.kindAt(i))}`
    })
    .addEach(count, 4, (i) => `entry ${i}: value at ${reader.valueStart(i)}`)
    .add(4, `values end at ${reader.valueEnd(count - 1)}`)
    .addEach(count, width, (i) => `entry ${i}: sequence number ${reader.seqNumAt(i)}`)
    .add(prefixBytes, 'prefix', prefix)
  for (let i = 0; i < count; i++) {
    const suffix = bytes.subarray(reader.suffixStart(i), reader.suffixEnd(i))
    fields.add(suffix.length, `entry ${i}: suffix`, printBytes(suffix))
  }
  for (let i = 0; i < count; i++) {
    const value = bytes.subarray(reader.valueStart(i), reader.valueEnd(i))
    fields.add(value.length, `entry ${i}: value`, printBytes(value))
  }
  return fields.end(offset + length)
}

function rowFields(reader: BlockReader, { offset, bytes: length }: Extent, prefix: string): Section['fields'] {
  const { bytes, base, count, prefixBytes, seqWidth } = reader
  const fields = new SectionFields(offset)
    .add(2, `${count} entries`).add(1, `sequence numbers of ${seqWidth} bytes`).add(1, 'block flags: rows')
    .add(2, `prefix of ${prefixBytes} bytes`).add(1, 'unit').add(1, 'heads and checks')
    .add(8, `base sequence number ${getU53(bytes, base + 8)}`)
    .addEach(count, 4, (i) => `entry ${i}: head`)
    .addEach(count, 2, (i) => `entry ${i}: row at ${reader.rowAt(i) - base}`)
    .add(prefixBytes, 'prefix', prefix)
  for (let i = 0, end = reader.prefixStart + prefixBytes; i < count; i++) {
    const row = reader.rowAt(i)
    const { kind, seqNum, suffixStart, suffixEnd, valueStart, valueEnd } = reader.entryAt(i)
    fields.add(row - end, 'zeros').add(4, `entry ${i}: check`).add(1, `entry ${i}: kind ${keyOf(EntryKind, kind)}`)
      .add(suffixStart - row - 5, `entry ${i}: bytes of suffix and value`)
      .add(suffixEnd - suffixStart, `entry ${i}: suffix`, printBytes(bytes.subarray(suffixStart, suffixEnd)))
      .add(valueEnd - valueStart, `entry ${i}: value`, printBytes(bytes.subarray(valueStart, valueEnd)))
      .add(seqWidth, `entry ${i}: sequence number ${seqNum}`)
    end = valueEnd + seqWidth
  }
  return fields.end(offset + length)
}

/** Makes a section of `content`, which is without its trailer; the trailer stands behind it in its buffer. */
function section(
  title: string, extent: Extent, content: Uint8Array, said: Pick<Section, 'summary' | 'data' | 'fields'>,
): Section {
  const whole = new Uint8Array(content.buffer, content.byteOffset, extent.bytes)
  return { title, ...extent, ...said, content: whole, problems: [] }
}

export function indexSection(index: TableIndex, content: Uint8Array, extent: Extent): Section {
  const { blockCount: n, counts, prefixes, keyStarts, keyBytes, seqNums } = index
  const boundKey = (i: number): Uint8Array => keyBytes.subarray(keyStarts[i], keyStarts[i + 1])
  const prefixZeros = alignUp(2 * prefixes.length, 4) - 2 * prefixes.length
  const used = 8 + (3 * n + 2) * 4 + 2 * prefixes.length + prefixZeros
  const fields = new SectionFields(extent.offset)
    .add(4, `${n} blocks`).add(4, `${keyBytes.length} bytes of bound keys`)
    .addEach(n, 4, (i) => `block ${i} at ${index.offset(i)}`)
    .add(4, `data part ends at ${index.offset(n)}`)
    .addEach(n, 4, (i) => `block ${i}: ${counts[i]} entries`)
    .addEach(prefixes.length, 2, (i) => `block ${i}: prefix of ${prefixes[i]} bytes`).add(prefixZeros, 'zeros')
    .addEach(n, 4, (i) => `bound key ${i} at ${keyStarts[i]}`).add(4, `bound keys end at ${keyStarts[n]}`)
    .add(alignUp(used, 8) - used, 'zeros')
    .addEach(n, 8, (i) => `block ${i}: bound sequence number ${seqNums[i]}`)
  const keys = firstOf(n, boundKey)
  keys.forEach((key, i) => fields.add(key.length, `block ${i}: bound key`, printBytes(key)))
  fields.add(keyBytes.length - keyStarts[keys.length]!, `${n - keys.length} more`)
  const blocks = keys.map((key, i) => ({
    offset: index.offset(i), entryCount: counts[i], boundKey: printBytes(key, DATA_BYTES_SHOWN),
    boundSeqNum: seqNums[i],
  }))
  return section('index', extent, content, {
    summary: `${n} blocks`, fields: fields.end(extent.offset + extent.bytes), data: { blockCount: n, blocks },
  })
}

/** Describes a filter; throws BadBytes. */
export function filterSection(content: Uint8Array, extent: Extent, title = 'filter'): Section {
  const { lineCount, probes } = new BloomFilter(content)
  const fields = new SectionFields(extent.offset)
    .add(4, `${lineCount} lines`).add(1, 'kind').add(1, `${probes} probes`).add(10, 'zero')
    .addEach(lineCount, 64, (i) => `line ${i}`)
  return section(title, extent, content, {
    summary: `${lineCount} lines of 512 bits, ${probes} probes`,
    fields: fields.end(extent.offset + extent.bytes), data: { lineCount, probes },
  })
}

/** Describes a point hash; throws BadBytes. */
export function pointHashSection(content: Uint8Array, extent: Extent): Section {
  const { slots, keyCount, entryBits, placeBits, placeMask, isRows } = new PointHash(content)
  const slotName = (i: number): string => {
    const slot = slots[i]!
    const place = (slot & placeMask) - 1
    const low = place & ((1 << entryBits) - 1)
    const where = `block ${place >>> entryBits} ${isRows ? `row at ${low << ROW_UNIT_SHIFT}` : `entry ${low}`}`
    return slot === 0 ? `slot ${i}: empty` : `slot ${i}: ${where}, tag ${slot >>> placeBits}`
  }
  const fields = new SectionFields(extent.offset)
    .add(4, `${slots.length} slots`).add(4, `${keyCount} keys`)
    .add(1, `${isRows ? 'start of a row' : 'entry number'} in ${entryBits} bits`).add(1, `place in ${placeBits} bits`)
    .add(1, 'place kind').add(5, 'zero')
    .addEach(slots.length, 4, slotName)
  return section('point hash', extent, content, {
    summary: `${keyCount} keys in ${slots.length} slots`,
    fields: fields.end(extent.offset + extent.bytes),
    data: { slotCount: slots.length, keyCount, entryBits, placeBits },
  })
}

export function propertiesSection(properties: TableProperties, content: Uint8Array, extent: Extent): Section {
  const { entryCount, keyCount, smallestKey, largestKey, hashSeed } = properties
  const fields = new SectionFields(extent.offset)
  for (const { bytes, what } of describeProperties(content)) fields.add(bytes, what)
  const shown = {
    smallestKey: printBytes(smallestKey, DATA_BYTES_SHOWN), largestKey: printBytes(largestKey, DATA_BYTES_SHOWN),
    hashSeed: toHex(hashSeed),
  }
  return section('properties', extent, content, {
    summary: `${entryCount} entries, ${keyCount} keys`,
    fields: fields.end(extent.offset + extent.bytes), data: { ...properties, ...shown },
  })
}

/** Describes range tombstones; throws BadBytes. */
export function spansSection(content: Uint8Array, extent: Extent): Section {
  const spans = decodeSpans(content, true)
  const { count: n, bounds, starts, firsts, numbers, hasEnd } = spans
  const used = 16 + 4 * (2 * n + 1) + 4 * (n + 1)
  const boundName = (i: number): string => `fragment ${i >>> 1}: ${i % 2 === 0 ? 'lower' : 'upper'} bound`
  const fields = new SectionFields(extent.offset)
    .add(4, `${n} fragments`).add(4, `${numbers.length} sequence numbers`).add(4, `${bounds.length} bytes of bounds`)
    .add(4, hasEnd ? 'flags: none' : 'flags: the last fragment has no end')
    .addEach(2 * n, 4, (i) => `${boundName(i)} at ${starts[i]}`).add(4, `bounds end at ${starts[2 * n]}`)
    .addEach(n, 4, (i) => `fragment ${i}: numbers from ${firsts[i]} on`).add(4, `${firsts[n]} numbers`)
    .add(alignUp(used, 8) - used, 'zeros')
    .addEach(numbers.length, 8, (i) => `sequence number ${numbers[i]}`)
  const shown = firstOf(2 * n, (i) => bounds.subarray(starts[i], starts[i + 1]))
  shown.forEach((bound, i) => fields.add(bound.length, boundName(i), printBytes(bound)))
  fields.add(bounds.length - starts[shown.length]!, `${2 * n - shown.length} more`)
  const fragments = firstOf(n, (i) => ({
    lower: printBytes(spans.lower(i), DATA_BYTES_SHOWN),
    upper: spans.isEndless(i) ? null : printBytes(spans.upper(i)!, DATA_BYTES_SHOWN),
    seqNums: [...numbers.subarray(firsts[i], firsts[i + 1])],
  }))
  return section('spans', extent, content, {
    summary: `${n} fragments of range tombstones`, fields: fields.end(extent.offset + extent.bytes),
    data: { fragmentCount: n, fragments },
  })
}

/** Describes a footer, whatever it says. */
export function footerSection(content: Uint8Array, offset: number): Omit<Section, 'problems'> {
  const fields = new SectionFields(offset)
  const sections: { name: string; offset: number; bytes: number }[] = []
  for (let at = 0, slot = 0; at < 64; at += 8, slot++) {
    const place = { offset: getU32(content, at), bytes: getU32(content, at + 4) }
    const name = SECTION_TITLES[slot] ?? `section ${slot}`
    fields.add(8, place.bytes === 0 ? `${name}: none` : `${name} at ${place.offset}, ${place.bytes} bytes`)
    if (place.bytes > 0) sections.push({ name, ...place })
  }
  const features = getFeatures(content, 76)
  const [blockCount, fileBytes, format] = [getU32(content, 64), getU32(content, 72), getU32(content, 112)]
  fields.add(4, `${blockCount} blocks`).add(4, 'bytes of a trailer').add(4, `file of ${fileBytes} bytes`)
    .add(4, `must know: ${listFeatures(features.mustKnow) || 'nothing'}`)
    .add(4, 'features a writer must know').add(4, 'features anyone may ignore')
    .add(1, 'unit').add(23, 'zero').add(4, `format version ${format}`).add(4, 'CRC-32').add(8, 'magic')
  return {
    title: 'footer', offset, bytes: FOOTER_BYTES, summary: `${blockCount} blocks, ${fileBytes} bytes`,
    content, fields: fields.fields, data: { sections, blockCount, fileBytes, features, format },
  }
}
