/**
 * What: reads and checks all of a table file but its data blocks.
 * Does not own: the file. Thread: any; runs blocking or awaited.
 */
import {
  addedSeqNum, checkFileIdentity, compareBytes, corruption, decodeFileHeader, FILE_HEADER_BYTES, fileSeed, ioError,
  OUTSIDE_FILE_NUM, PrefixExtractor, readHashSeed, VarveError,
} from '../../base/index.js'
import type { FileHeader, SeqNum, Steps, TableFacts } from '../../base/index.js'
import { Spans } from '../../iterator/index.js'
import type { ReadableFile } from '../../vfs/index.js'
import { parseAt, readContent, readExactly } from '../block/block-io.js'
import type { TableSource } from '../block/block-io.js'
import { BloomFilter } from '../lookup/bloom-filter.js'
import { PointHash } from '../lookup/point-hash.js'
import { PrefixFilter } from '../lookup/prefix-filter.js'
import { TableIndex } from '../lookup/table-index.js'
import { decodeProperties, factsIn, factThatDiffers } from '../properties.js'
import type { TableProperties } from '../properties.js'
import { decodeSpans, sameSpanFacts, seqNumsOf, spanFactsOf } from '../spans-section.js'
import {
  decodeFooter, FOOTER_BYTES, saysExpiry, saysHandles, saysRows, saysSpans, SectionSlot, TABLE_MAGIC,
} from '../table-format.js'
import type { Footer } from '../table-format.js'
import { withTail } from './table-tail.js'

export interface TableFile {
  file: ReadableFile
  /** File name relative to the database directory, for errors. */
  name: string
}

/** The parts of a table that tell where everything else is. */
export interface TableOutline {
  source: TableSource
  header: FileHeader
  footer: Footer
  index: TableIndex
}

/** The parts of a table that find a key without the index, or say that no key of a range is there. */
export interface TableLookups {
  filter: BloomFilter | null
  pointHash: PointHash | null
  prefixFilter: PrefixFilter | null
}

export interface TableParts extends TableOutline, TableLookups {
  properties: TableProperties
  /** The range tombstones; null when there are none. */
  spans: Spans | null
}

/** Says which of the lookups to load, when the file has them; a prefix filter is loaded with each of the others. */
export interface PartChoice {
  pointHash: boolean
  filter: 'always' | 'without point hash' | 'never'
}

/** Gives range tombstones of a table with the numbers that count: all that a table made outside has say 0. */
export function renumbered(spans: Spans | null, added: SeqNum): Spans | null {
  if (spans === null || added === 0) return spans
  const { bounds, starts, firsts, hasEnd } = spans
  return new Spans({ bounds, starts, firsts, hasEnd, numbers: spans.numbers.map((seqNum) => seqNum + added) })
}

/** Reads a table of which nothing is known, unless `added` is what counts besides each sequence number in its file. */
export function* readParts(table: TableFile, choice: PartChoice, added: SeqNum = 0): Steps<TableParts> {
  const { near, ...outline } = yield* readNearOutline(table)
  const { footer, index } = outline
  const properties = yield* readProperties(near, footer)
  checkAgreement(near, footer, index, properties)
  const spans = renumbered(yield* readSpans({ ...outline, source: near }, properties), added)
  const lookups = yield* readLookups({ source: near, footer, properties }, choice)
  return { ...outline, properties, spans, ...lookups }
}

/** Reads the range tombstones of a table alone. Requires: a version lists it, with these facts. */
export function* readTableSpans(table: TableFile, facts: TableFacts): Steps<Spans | null> {
  const fileBytes = sizeOf(table)
  if (fileBytes < FILE_HEADER_BYTES + FOOTER_BYTES) throw corruption(table.name, fileBytes, 'the file is cut short')
  const header = yield* readHeader(table)
  const source = { ...table, seed: fileSeed(header) }
  const footer = yield* readFooter(source, fileBytes)
  return renumbered(yield* readSpans({ source, header, footer }, null), addedSeqNum(facts))
}

/** Reads the parts of a table that tell where everything else is. */
export function* readOutline(table: TableFile): Steps<TableOutline> {
  const { near, ...outline } = yield* readNearOutline(table)
  return outline
}

/** Reads the outline of a table. `near` is the same file with its end in memory, for the parts that are read next. */
function* readNearOutline(table: TableFile): Steps<TableOutline & { near: TableSource }> {
  const { file, name } = table
  const fileBytes = sizeOf(table)
  const isShort = fileBytes < FILE_HEADER_BYTES + FOOTER_BYTES
  if (isShort) throw corruption(name, fileBytes, 'the file is cut short')
  const tail = { file: yield* withTail(file, fileBytes), name }
  const header = yield* readHeader(tail)
  const near = { ...tail, seed: fileSeed(header) }
  const footer = yield* readFooter(near, fileBytes)
  const index = yield* readIndex(near, footer)
  return { near, source: { ...near, file }, header, footer, index }
}

/** Reads what finds a key without the index, as far as it is wanted and the file has it. */
export function* readLookups(
  { source, footer, properties }: Pick<TableParts, 'source' | 'footer' | 'properties'>, choice: PartChoice,
): Steps<TableLookups> {
  const pointHash = choice.pointHash ? yield* readPointHash(source, footer, properties) : null
  const isFilterUsed = choice.filter === 'always' || (choice.filter !== 'never' && pointHash === null)
  const filter = isFilterUsed ? yield* readFilter(source, footer, SectionSlot.filter) : null
  const isPrefixFiltered = pointHash !== null || filter !== null
  const prefixFilter = isPrefixFiltered ? yield* readPrefixFilter(source, footer, properties) : null
  return { filter, pointHash, prefixFilter }
}

/** Throws CORRUPTION when the file was cut or has grown. */
export function checkSize(table: TableFile, facts: TableFacts): void {
  const bytes = sizeOf(table)
  if (bytes === facts.bytes) return
  const offset = Math.min(bytes, facts.bytes)
  throw corruption(table.name, offset, `it has ${bytes} bytes, the manifest says ${facts.bytes}`)
}

/** Checks a table by size and header alone: enough for a file that was looked at before. */
export function* checkSameTable(table: TableFile, facts: TableFacts, databaseId: Uint8Array): Steps<void> {
  checkSize(table, facts)
  checkFileIdentity(table.name, yield* readHeader(table), facts, databaseId)
}

/** Throws CORRUPTION when the file is not the one that `facts` speaks of. */
export function checkFacts(parts: TableParts, facts: TableFacts, databaseId: Uint8Array): void {
  const { source, header, footer, properties, spans } = parts
  checkFileIdentity(source.name, header, facts, databaseId)
  checkPropertyFacts(source, footer, properties, facts)
  checkSpanFacts(source, footer, spans, facts)
}

export function checkSpanFacts(
  { name }: TableSource, footer: Footer, spans: Spans | null, facts: TableFacts,
): void {
  if (sameSpanFacts(spans === null ? null : spanFactsOf(spans), facts.spans)) return
  const { offset } = footer.sections[SectionSlot.spans]!
  throw corruption(name, offset, 'the range tombstones are not as the manifest says')
}

export function checkPropertyFacts(
  { name }: TableSource, footer: Footer, properties: TableProperties, facts: TableFacts,
): void {
  const difference = factThatDiffers(properties, facts)
  const { offset } = footer.sections[SectionSlot.properties]!
  if (difference !== null) throw corruption(name, offset, `not as the manifest says: ${difference}`)
}

/** Reads what a manifest would say of this file, whatever it says now. Throws CORRUPTION unless it is whole. */
export function* readTableFacts(table: TableFile): Steps<TableFacts> {
  return factsOf(yield* readParts(table, { pointHash: false, filter: 'never' }))
}

/**
 * Reads what a file under a table's name is: its header if that is good, and its facts if it is a whole table. Throws
 * IO_ERROR, or UNSUPPORTED_FORMAT when a later version may read it.
 */
export function* readUnlistedTable(
  table: TableFile,
): Steps<{ header: FileHeader | null; facts: TableFacts | null }> {
  let header: FileHeader | null = null
  try {
    header = yield* readHeader(table)
    return { header, facts: yield* readTableFacts(table) }
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'CORRUPTION') throw error
    return { header, facts: null }
  }
}

export function factsOf(parts: TableParts): TableFacts {
  const { fileNum, salt } = parts.header
  return { ...factsIn(parts.properties, parts.spans), fileNum, salt, bytes: parts.footer.fileBytes }
}

export function sizeOf(table: TableFile): number {
  try {
    return table.file.sizeSync()
  } catch (error) {
    throw ioError(error, 'size of', table.name)
  }
}

export function* readHeader(table: TableFile): Steps<FileHeader> {
  const isGood = (bytes: Uint8Array): boolean => {
    try {
      return decodeFileHeader(bytes, TABLE_MAGIC, table.name) !== null
    } catch {
      return false
    }
  }
  const bytes = yield* readExactly(table, 0, FILE_HEADER_BYTES, isGood)
  return decodeFileHeader(bytes, TABLE_MAGIC, table.name)
}

export function* readFooter(source: TableSource, fileBytes: number): Steps<Footer> {
  const { name, seed } = source
  const isGood = (bytes: Uint8Array): boolean => {
    try {
      return decodeFooter(bytes, fileBytes, seed, name) !== null
    } catch {
      return false
    }
  }
  const bytes = yield* readExactly(source, fileBytes - FOOTER_BYTES, FOOTER_BYTES, isGood)
  return decodeFooter(bytes, fileBytes, seed, name)
}

export function* readIndex(source: TableSource, footer: Footer): Steps<TableIndex> {
  const { offset, bytes } = footer.sections[SectionSlot.index]!
  const content = yield* readContent(source, offset, bytes)
  return parseAt(source, offset, () => new TableIndex(content, footer.blockCount, offset, saysRows(footer)))
}

export function* readProperties(source: TableSource, footer: Footer): Steps<TableProperties> {
  const { offset, bytes } = footer.sections[SectionSlot.properties]!
  const content = yield* readContent(source, offset, bytes)
  return parseAt(source, offset, () => decodeProperties(content))
}

/** Null: there is none, or its rule is none that this version knows. */
export function* readPrefixFilter(
  source: TableSource, footer: Footer, { prefixExtractor, hashSeed }: TableProperties,
): Steps<PrefixFilter | null> {
  const filter = yield* readFilter(source, footer, SectionSlot.prefixFilter)
  const extractor = PrefixExtractor.named(prefixExtractor)
  return filter === null || extractor === null ? null : new PrefixFilter(extractor, filter, readHashSeed(hashSeed))
}

export function* readFilter(
  source: TableSource, footer: Footer, slot: typeof SectionSlot.filter | typeof SectionSlot.prefixFilter,
): Steps<BloomFilter | null> {
  const { offset, bytes } = footer.sections[slot]!
  if (bytes === 0) return null
  const content = yield* readContent(source, offset, bytes)
  return parseAt(source, offset, () => new BloomFilter(content))
}

/** Reads the range tombstones with the numbers that stand in the file. Null `properties` are not known. */
export function* readSpans(
  { source, header, footer }: Pick<TableParts, 'source' | 'header' | 'footer'>, properties: TableProperties | null,
): Steps<Spans | null> {
  const { offset, bytes } = footer.sections[SectionSlot.spans]!
  if (bytes === 0) return null
  const content = yield* readContent(source, offset, bytes)
  const isOutside = header.fileNum === OUTSIDE_FILE_NUM
  const spans = parseAt(source, offset, () => decodeSpans(content, isOutside))
  if (properties !== null && !areSpansWithin(spans, properties)) {
    throw corruption(source.name, offset, 'the range tombstones are not those that the properties speak of')
  }
  return spans
}

function areSpansWithin(spans: Spans, properties: TableProperties): boolean {
  const { smallest, largest } = seqNumsOf(spans)
  return spans.count === properties.spanCount && smallest >= properties.smallestSeqNum &&
    largest <= properties.largestSeqNum
}

export function* readPointHash(
  source: TableSource, footer: Footer, properties: TableProperties | null,
): Steps<PointHash | null> {
  const { offset, bytes } = footer.sections[SectionSlot.pointHash]!
  if (bytes === 0) return null
  const content = yield* readContent(source, offset, bytes)
  const pointHash = parseAt(source, offset, () => new PointHash(content))
  if (pointHash.isRows !== saysRows(footer)) {
    throw corruption(source.name, offset, 'point hash and footer differ about rows')
  }
  if (properties === null || pointHash.keyCount === properties.keyCount) return pointHash
  throw corruption(source.name, offset, 'number of keys differs from the properties')
}

export function checkAgreement(
  source: TableSource, footer: Footer, index: TableIndex, properties: TableProperties,
): void {
  const { name } = source
  const { offset } = footer.sections[SectionSlot.properties]!
  let entryCount = 0
  for (const count of index.counts) entryCount += count
  if (entryCount !== properties.entryCount) {
    throw corruption(name, offset, 'number of entries differs from the index')
  }
  if (saysHandles(footer) !== properties.valueFiles.length > 0) {
    throw corruption(name, offset, 'footer and properties differ about value handles')
  }
  if (saysExpiry(footer) !== (properties.expiry !== null)) {
    throw corruption(name, offset, 'footer and properties differ about entries that expire')
  }
  if (saysSpans(footer) !== properties.spanCount > 0) {
    throw corruption(name, offset, 'footer and properties differ about range tombstones')
  }
  if (footer.sections[SectionSlot.prefixFilter]!.bytes > 0 !== (properties.prefixExtractor !== '')) {
    throw corruption(name, offset, 'footer and properties differ about the prefix filter')
  }
  const last = index.blockCount - 1
  const largest = index.keyBytes.subarray(index.keyStarts[last], index.keyStarts[last + 1])
  if (compareBytes(largest, properties.largestKey) !== 0) {
    throw corruption(name, offset, 'largest key differs from the index')
  }
}
