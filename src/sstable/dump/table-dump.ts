/**
 * What: a table as annotated sections, whatever state it is in, for dumps and golden files. A part that
 * cannot be read is told as such, and the others are described all the same.
 * Does not own: the file. Thread: any; blocking. Holds one block or section at a time, and the index.
 */
import { FILE_HEADER_BYTES, fileSeedOf, ioError, runSync } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import { fileHeaderSection, problemOf, unknownSection } from '../../dump/index.js'
import type { ByteSource, Problem, Section } from '../../dump/index.js'
import { parseAt, readContent } from '../block/block-io.js'
import type { TableSource } from '../block/block-io.js'
import { BlockReader } from '../block/block-reader.js'
import { PACKED_FILE_BYTES_MAX } from '../block/packed-format.js'
import type { TableIndex } from '../lookup/table-index.js'
import { TableBlocks } from '../read/table-blocks.js'
import { checkAgreement, readIndex, readProperties, sizeOf } from '../read/table-open.js'
import type { TableFile } from '../read/table-open.js'
import { Codec, contentBytes, decodeFooter, FOOTER_BYTES, SectionSlot, TABLE_MAGIC } from '../table-format.js'
import type { Extent, Footer } from '../table-format.js'
import {
  blockSection, filterSection, footerSection, indexSection, packedSection, pointHashSection, propertiesSection,
  SECTION_TITLES, spansSection,
} from './table-sections.js'

/** Describes every byte of a table, in the order of the file. Throws IO_ERROR when there is nothing to read. */
export function* describeTable(table: TableFile): Generator<Section> {
  const bytes = new TableBytes(table)
  const { size } = bytes
  const head = bytes.read(0, FILE_HEADER_BYTES)
  yield fileHeaderSection(head, TABLE_MAGIC, table.name)
  if (head.length < FILE_HEADER_BYTES) return
  if (size >= FILE_HEADER_BYTES + FOOTER_BYTES) {
    yield* new Layout({ ...table, seed: fileSeedOf(head) }, bytes).describe()
    return
  }
  const problems = [{ offset: size, message: `${table.name} at offset ${size}: the file is cut short` }]
  const rest = { offset: FILE_HEADER_BYTES, bytes: size - FILE_HEADER_BYTES }
  yield unknownSection(bytes, { ...rest, title: 'no footer', problems })
}

/** The bytes of the file as they stand there. */
class TableBytes implements ByteSource {
  readonly size: number
  private readonly table: TableFile

  constructor(table: TableFile) {
    this.table = table
    this.size = sizeOf(table)
  }

  read(offset: number, bytes: number): Uint8Array {
    const { file, name } = this.table
    const target = new Uint8Array(bytes)
    try {
      return target.subarray(0, file.readSync(target, 0, bytes, offset))
    } catch (error) {
      throw ioError(error, 'read', name)
    }
  }
}

/** The outcome of reading something that may be damaged. */
interface Attempt<T> {
  value: T | null
  problems: Problem[]
}

function attempt<T>(read: () => T): Attempt<T> {
  try {
    return { value: read(), problems: [] }
  } catch (error) {
    return { value: null, problems: [problemOf(error)] }
  }
}

class Layout {
  private readonly source: TableSource
  private readonly bytes: ByteSource

  constructor(source: TableSource, bytes: ByteSource) {
    this.source = source
    this.bytes = bytes
  }

  *describe(): Generator<Section> {
    const { source, bytes } = this
    const end = bytes.size - FOOTER_BYTES
    const content = bytes.read(end, FOOTER_BYTES)
    const footer = attempt(() => decodeFooter(content, bytes.size, source.seed, source.name))
    if (footer.value !== null) yield* this.describeParts(footer.value)
    else if (end > FILE_HEADER_BYTES) yield this.unknown('not readable without the footer', dataPart(end), [])
    yield { ...footerSection(content, end), problems: footer.problems }
  }

  private *describeParts(footer: Footer): Generator<Section> {
    const index = attempt(() => runSync(readIndex(this.source, footer)))
    const dataEnd = footer.sections[SectionSlot.index]!.offset
    if (index.value !== null) yield* this.describeBlocks(footer, index.value)
    else yield this.unknown('blocks, not readable without the index', dataPart(dataEnd), [])
    for (const slot of footer.sections.keys()) {
      if (footer.sections[slot]!.bytes > 0) yield this.section(slot, footer, index)
    }
  }

  private *describeBlocks(footer: Footer, index: TableIndex): Generator<Section> {
    const blocks = new TableBlocks({ source: this.source, footer, index }, new BlockCache(0))
    const reader = new BlockReader()
    for (let number = 0; number < blocks.count; number++) {
      const extent = { offset: index.offset(number), bytes: index.bytes(number) }
      const { problems } = attempt(() => blocks.read(reader, number))
      if (problems.length > 0) yield this.unknown(`block ${number}`, extent, problems)
      else yield this.block(reader, number, extent)
    }
  }

  private block(reader: BlockReader, number: number, extent: Extent): Section {
    const section = blockSection(reader, number, extent)
    // A value may be large: of a block in which nothing is packed the reader has all bytes.
    if (extent.bytes > PACKED_FILE_BYTES_MAX) return section
    const content = this.bytes.read(extent.offset, extent.bytes)
    return content[contentBytes(extent.bytes)] === Codec.packed ? packedSection(section, content) : section
  }

  private section(slot: number, footer: Footer, index: Attempt<TableIndex>): Section {
    const { source } = this
    const described = attempt(() => this.knownSection(slot, footer, index.value))
    if (described.value === null) {
      return this.unknown(SECTION_TITLES[slot] ?? `section ${slot}`, footer.sections[slot]!, described.problems)
    }
    const section = described.value
    if (slot !== SectionSlot.properties || index.value === null) return section
    const { value } = index
    const agreement = attempt(() => checkAgreement(source, footer, value, runSync(readProperties(source, footer))))
    return { ...section, problems: agreement.problems }
  }

  /** Describes the section in a slot of the footer; throws what is wrong with it. */
  private knownSection(slot: number, footer: Footer, index: TableIndex | null): Section {
    const { source } = this
    const extent = footer.sections[slot]!
    const properties = slot === SectionSlot.properties ? runSync(readProperties(source, footer)) : null
    const known = index ?? (slot === SectionSlot.index ? runSync(readIndex(source, footer)) : null)
    const content = runSync(readContent(source, extent.offset, extent.bytes))
    return parseAt(source, extent.offset, () => {
      if (slot === SectionSlot.index) return indexSection(known!, content, extent)
      if (slot === SectionSlot.filter) return filterSection(content, extent)
      if (slot === SectionSlot.pointHash) return pointHashSection(content, extent)
      if (slot === SectionSlot.properties) return propertiesSection(properties!, content, extent)
      if (slot === SectionSlot.spans) return spansSection(content, extent)
      if (slot === SectionSlot.prefixFilter) return filterSection(content, extent, SECTION_TITLES[slot])
      return this.unknown(`section ${slot}`, extent, [])
    })
  }

  private unknown(title: string, extent: Extent, problems: Problem[]): Section {
    return unknownSection(this.bytes, { title, ...extent, problems })
  }
}

/** Gives what stands between the file header and `end`. */
function dataPart(end: number): Extent {
  return { offset: FILE_HEADER_BYTES, bytes: end - FILE_HEADER_BYTES }
}
