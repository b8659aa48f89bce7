/**
 * What: describes a table file part by part, for dumps and for people.
 * Does not own: the file; printing (who asks does it). Thread: any; blocking or awaited.
 */
import { alignUp, FILE_HEADER_BYTES, getU53 } from '../base/index.js'
import type { Steps } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { BLOCK_HEADER_BYTES } from './block-format.js'
import { readContent } from './block-io.js'
import { BlockReader } from './block-reader.js'
import { describeProperties } from './properties.js'
import { TableBlocks } from './table-blocks.js'
import { FOOTER_BYTES, SectionSlot, shownBytes, TRAILER_BYTES } from './table-format.js'
import { readParts } from './table-open.js'
import type { TableFile, TableParts } from './table-open.js'

/** One piece of the file: bytes [offset, offset + bytes). */
export interface LayoutPart {
  section: string
  offset: number
  bytes: number
  what: string
}

/** Collects parts that stand one behind the other. */
class Layout {
  readonly parts: LayoutPart[] = []
  private section = ''
  private offset = 0

  begin(section: string, offset: number): this {
    this.section = section
    this.offset = offset
    return this
  }

  add(bytes: number, what: string): this {
    if (bytes > 0) this.parts.push({ section: this.section, offset: this.offset, bytes, what })
    this.offset += bytes
    return this
  }

  /** Zeros up to `end`, then the trailer. */
  end(end: number): void {
    this.add(end - TRAILER_BYTES - this.offset, 'zeros').add(1, 'codec').add(3, 'zero').add(4, 'CRC-32')
  }
}

/**
 * All parts of a good table, without a gap; throws CORRUPTION for a bad one. Without `fields` a block or
 * a section is one part.
 */
export function* describeTable(table: TableFile, fields: boolean): Steps<LayoutPart[]> {
  const parts = yield* readParts(table, { pointHash: true, filter: 'always' })
  const layout = new Layout()
  if (fields) describeHeader(layout, parts)
  else layout.begin('header', 0).add(FILE_HEADER_BYTES, `file number ${parts.header.fileNum}`)
  describeBlocks(layout, parts, fields)
  for (const [name, slot] of Object.entries(SectionSlot)) {
    const { offset, bytes } = parts.footer.sections[slot]
    if (bytes === 0) continue
    layout.begin(name, offset)
    if (!fields) layout.add(bytes, sectionSummary(parts, slot))
    else describeSection(layout, slot, yield* readContent(parts.source, offset, bytes), parts)
    if (fields) layout.end(offset + bytes)
  }
  describeFooter(layout, parts, fields)
  return layout.parts
}

function describeHeader(layout: Layout, { header }: TableParts): void {
  layout.begin('header', 0).add(8, `magic '${header.magic}'`).add(4, 'format version').add(12, 'feature bits')
    .add(16, 'database id').add(8, `file number ${header.fileNum}`).add(8, 'salt')
    .add(8, `writer generation ${header.generation}`).add(8, 'key id').add(52, 'reserved').add(4, 'CRC-32')
}

function describeBlocks(layout: Layout, { source, index }: TableParts, fields: boolean): void {
  const blocks = new TableBlocks(source, index, new BlockCache(0))
  const reader = new BlockReader()
  for (let number = 0; number < blocks.count; number++) {
    const offset = index.offsets[number]
    const end = index.offsets[number + 1]
    blocks.read(reader, number)
    layout.begin(`block ${number}`, offset)
    if (fields) describeBlock(layout, reader, end)
    else layout.add(end - offset, `${reader.count} entries, prefix ${prefixOf(reader)}`)
  }
}

function prefixOf({ bytes, prefixStart, prefixBytes }: BlockReader): string {
  return shownBytes(bytes.subarray(prefixStart, prefixStart + prefixBytes))
}

function describeBlock(layout: Layout, reader: BlockReader, end: number): void {
  const { bytes, count, prefixBytes, prefixStart } = reader
  const width = (prefixStart - BLOCK_HEADER_BYTES - (2 * count + 1) * 4) / count
  layout.add(2, `${count} entries`).add(1, `sequence column ${width} bytes wide`).add(1, 'flags')
    .add(2, `prefix of ${prefixBytes} bytes`).add(2, 'zero').add(8, `base sequence number ${getU53(bytes, 8)}`)
  for (let i = 0; i < count; i++) {
    layout.add(4, `entry ${i}: suffix at ${reader.suffixStart(i)}, kind ${reader.kindAt(i)}`)
  }
  for (let i = 0; i < count; i++) layout.add(4, `entry ${i}: value at ${reader.valueStart(i)}`)
  layout.add(4, `values end at ${reader.valueEnd(count - 1)}`)
  for (let i = 0; i < count; i++) layout.add(width, `entry ${i}: sequence number ${reader.seqNumAt(i)}`)
  layout.add(prefixBytes, `prefix ${prefixOf(reader)}`)
  for (let i = 0; i < count; i++) {
    const suffix = bytes.subarray(reader.suffixStart(i), reader.suffixEnd(i))
    layout.add(suffix.length, `entry ${i}: suffix ${shownBytes(suffix)}`)
  }
  for (let i = 0; i < count; i++) {
    layout.add(reader.valueEnd(i) - reader.valueStart(i), `entry ${i}: value`)
  }
  layout.end(end)
}

function sectionSummary({ index, filter, pointHash, properties }: TableParts, slot: number): string {
  if (slot === SectionSlot.index) return `${index.blockCount} blocks`
  if (slot === SectionSlot.filter) return `${filter!.lineCount} lines of 512 bits, ${filter!.probes} probes`
  if (slot === SectionSlot.pointHash) return `${pointHash!.keyCount} keys in ${pointHash!.slots.length} slots`
  return `${properties.entryCount} entries, ${properties.keyCount} keys`
}

function describeSection(layout: Layout, slot: number, content: Uint8Array, parts: TableParts): void {
  if (slot === SectionSlot.index) describeIndex(layout, parts)
  else if (slot === SectionSlot.filter) describeFilter(layout, parts)
  else if (slot === SectionSlot.pointHash) describePointHash(layout, parts)
  else for (const { bytes, what } of describeProperties(content)) layout.add(bytes, what)
}

function describeIndex(layout: Layout, { index }: TableParts): void {
  const { blockCount: n, offsets, counts, keyStarts, keyBytes, seqNums } = index
  layout.add(4, `${n} blocks`).add(4, `${keyBytes.length} bytes of bound keys`)
  for (let i = 0; i < n; i++) layout.add(4, `block ${i} at ${offsets[i]}`)
  layout.add(4, `data part ends at ${offsets[n]}`)
  for (let i = 0; i < n; i++) layout.add(4, `block ${i}: ${counts[i]} entries`)
  for (let i = 0; i < n; i++) layout.add(4, `bound key ${i} at ${keyStarts[i]}`)
  layout.add(4, `bound keys end at ${keyStarts[n]}`)
  const used = 8 + (3 * n + 2) * 4
  layout.add(alignUp(used, 8) - used, 'zeros')
  for (let i = 0; i < n; i++) layout.add(8, `block ${i}: bound sequence number ${seqNums[i]}`)
  for (let i = 0; i < n; i++) {
    const key = keyBytes.subarray(keyStarts[i], keyStarts[i + 1])
    layout.add(key.length, `block ${i}: bound key ${shownBytes(key)}`)
  }
}

function describeFilter(layout: Layout, { filter }: TableParts): void {
  const { lineCount, probes } = filter!
  layout.add(4, `${lineCount} lines`).add(1, 'kind').add(1, `${probes} probes`).add(10, 'zero')
  for (let i = 0; i < lineCount; i++) layout.add(64, `line ${i}`)
}

function describePointHash(layout: Layout, { pointHash }: TableParts): void {
  const { slots, keyCount, entryBits, placeBits, placeMask } = pointHash!
  layout.add(4, `${slots.length} slots`).add(4, `${keyCount} keys`)
    .add(1, `entry number in ${entryBits} bits`).add(1, `place in ${placeBits} bits`).add(6, 'zero')
  slots.forEach((slot, i) => {
    const place = (slot & placeMask) - 1
    const where = `block ${place >>> entryBits} entry ${place & ((1 << entryBits) - 1)}`
    layout.add(4, slot === 0 ? `slot ${i}: empty` : `slot ${i}: ${where}, tag ${slot >>> placeBits}`)
  })
}

function describeFooter(layout: Layout, { footer }: TableParts, fields: boolean): void {
  const { sections, blockCount, fileBytes } = footer
  layout.begin('footer', fileBytes - FOOTER_BYTES)
  if (!fields) {
    layout.add(FOOTER_BYTES, `${blockCount} blocks, ${fileBytes} bytes`)
    return
  }
  const names = Object.keys(SectionSlot)
  sections.forEach(({ offset, bytes }, slot) => {
    layout.add(8, bytes === 0 ? `section ${slot}: none` : `${names[slot]} at ${offset}, ${bytes} bytes`)
  })
  layout.add(4, `${blockCount} blocks`).add(4, 'bytes of a trailer').add(4, `file of ${fileBytes} bytes`)
    .add(36, 'reserved').add(4, 'format version').add(4, 'CRC-32').add(8, 'magic')
}
