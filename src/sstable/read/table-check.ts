/**
 * What: reads every byte of a table and compares all that is said twice: in the file, in the manifest. What is wrong is
 * told, and the check goes on with the other parts, as far as the index tells where they are.
 * Does not own: the file. Thread: any; blocking, with a pause after each block.
 * Invariants: TAB-1 filter and point hash, as far as they are there, cover every user key.
 */
import {
  addedSeqNum, checkFileIdentity, compareBytes, corruption, equalRanges, expiryOf, FILE_HEADER_BYTES, frontBytes,
  hashRange, KEY_BYTES_MAX, KeyHash, KiB, readHashSeed, runSync, VarveError,
} from '../../base/index.js'
import type { HashSeed, TableFacts } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import { isApart, isTombstone, mayExpire } from '../../iterator/index.js'
import type { Spans } from '../../iterator/index.js'
import { WindowReader } from '../../vfs/index.js'
import { checkBlock, readBlock } from '../block/block-io.js'
import type { BlockSource, TableSource } from '../block/block-io.js'
import { BlockReader } from '../block/block-reader.js'
import type { TableIndex } from '../lookup/table-index.js'
import { sameExpiry, sameValueFiles } from '../properties.js'
import type { TableProperties } from '../properties.js'
import { findReplacesProblem } from '../replaces.js'
import { seqNumsOf } from '../spans-section.js'
import { FOOTER_BYTES, saysPacked, saysRows, SectionSlot } from '../table-format.js'
import type { Extent, Footer } from '../table-format.js'
import { ValueReferences } from '../value-references.js'
import { ExpiryTally } from '../expiry-tally.js'
import { checkRowAt, TableBlocks } from './table-blocks.js'
import {
  checkAgreement, checkFacts, checkPropertyFacts, checkSize, checkSpanFacts, readFilter, readOutline, readParts,
  readPointHash, readPrefixFilter, readProperties, readSpans, renumbered,
} from './table-open.js'
import type { TableFile, TableLookups, TableOutline } from './table-open.js'

/** One read of blocks: it stays in the cache of a processor. */
const WINDOW_BYTES = 256 * KiB
/** All blocks. */
const WHOLE: BlockPart = { from: 0, bytesMax: Infinity }

export interface TableCheckOptions extends TableFile {
  databaseId: Uint8Array
  /** The facts that the manifest has. */
  facts: TableFacts
  /** Hears of each part of the file whose bytes were read and compared, good or not. */
  covered?: ((extent: Extent) => void) | undefined
}

/** Something in a table that is not as it must be. */
export interface TableProblem {
  /** The part of the file that cannot be believed. */
  readonly extent: Extent
  /** The number of the block that this part is; null for any other part. */
  readonly block: number | null
  /** The first key of which entries may stand in the part. */
  readonly from: Uint8Array
  /** The last key of which entries may stand in the part. */
  readonly last: Uint8Array
  /** The error that a reader of the part would meet. */
  readonly error: VarveError
}

/** Some blocks of a table, for a check that goes on later. */
export interface BlockPart {
  /** The number of the first one. */
  from: number
  bytesMax: number
}

/**
 * Checks the bytes of a table: all sections, what they say of one another, and the checksum of each block, whose
 * entries are not looked at. That finds whatever a disk does, and takes a small part of the time of `checkTable`. Of a
 * part only its blocks are checked, and all else with the first block. Gives the number of the next block; -1 when that
 * was the last one.
 */
export function* checkTableBytes(
  options: TableCheckOptions, report: (problem: TableProblem) => void, part: BlockPart = WHOLE,
): Generator<undefined, number, unknown> {
  const { facts, covered = () => undefined } = options
  const reporter = new Reporter(report, facts)
  const outline = readChecked(options, reporter)
  if (outline === null) return -1
  if (part.from === 0) {
    for (const extent of fixedParts(outline)) covered(extent)
    readTally(outline, facts, reporter)
  }
  const { index, footer } = outline
  const source = { ...outline.source, saysPacked: saysPacked(footer) }
  let window = new WindowReader(options.file, Math.min(WINDOW_BYTES, facts.bytes, part.bytesMax))
  let bytes = 0
  for (let number = part.from; number < index.blockCount; number++) {
    if (bytes > 0 && bytes >= part.bytesMax) return number
    yield
    const extent = { offset: index.offset(number), bytes: index.bytes(number) }
    bytes += extent.bytes
    covered(extent)
    if (extent.bytes > window.bytes.length) window = new WindowReader(options.file, 2 * extent.bytes)
    reporter.attempt(extent, () => checkInWindow(source, window, extent), number)
  }
  return -1
}

/** Checks a block where it stands in the window; one that is not good there is read anew. */
function checkInWindow(source: BlockSource, window: WindowReader, { offset, bytes }: Extent): number {
  try {
    if (window.bring(offset, bytes) === bytes) {
      return checkBlock(source, offset, bytes, window.bytes, offset - window.start)
    }
  } catch (error) {
    if (VarveError.is(error)) throw error
  }
  // What failed may stand behind this block, and is told with its own.
  window.forget()
  return readBlock(source, offset, bytes, window.bytes, 0)
}

/** Checks a table and tells each problem. What `report` throws ends the check. */
export function* checkTable(
  options: TableCheckOptions, report: (problem: TableProblem) => void,
): Generator<undefined, void, unknown> {
  const { facts, covered = () => undefined } = options
  const reporter = new Reporter(report, facts)
  const outline = readChecked(options, reporter)
  if (outline === null) return
  for (const extent of fixedParts(outline)) covered(extent)
  const tally = readTally(outline, facts, reporter)
  yield
  const blocks = new TableBlocks(outline, new BlockCache(0))
  const reader = new BlockReader()
  for (let number = 0; number < blocks.count; number++) {
    const extent = { offset: outline.index.offset(number), bytes: outline.index.bytes(number) }
    covered(extent)
    const isGood = reporter.attempt(extent, () => readDeep(blocks, reader, number, outline.source), number) !== null
    if (isGood) tally?.addBlock(reader, number)
    else tally?.skipBlock()
    yield
  }
  tally?.compare(blocks)
}

/** Checks what tells where everything else is, and all but filters and blocks. Blocking, without a pause. */
export function checkTableOutline(options: TableCheckOptions, report: (problem: TableProblem) => void): void {
  const { facts, databaseId } = options
  new Reporter(report, facts).attempt({ offset: 0, bytes: facts.bytes }, () => {
    checkSize(options, facts)
    const parts = runSync(readParts(options, { pointHash: false, filter: 'never' }, addedSeqNum(facts)))
    checkFacts(parts, facts, databaseId)
    return true
  })
}

/** Reads the outline of the table that is meant; null after its problem was told. */
function readChecked(options: TableCheckOptions, reporter: Reporter): TableOutline | null {
  const { facts, databaseId } = options
  const outline = reporter.attempt({ offset: 0, bytes: facts.bytes }, () => {
    checkSize(options, facts)
    const read = runSync(readOutline(options))
    checkFileIdentity(options.name, read.header, facts, databaseId)
    return read
  })
  reporter.index = outline?.index ?? null
  return outline
}

/** The parts of a table beside its blocks. */
function fixedParts({ footer }: TableOutline): Extent[] {
  const footerAt = { offset: footer.fileBytes - FOOTER_BYTES, bytes: FOOTER_BYTES }
  return [{ offset: 0, bytes: FILE_HEADER_BYTES }, ...footer.sections.filter(({ bytes }) => bytes > 0), footerAt]
}

/** Reads a block and checks all that is in it, also what only reads of single rows look at. */
function readDeep(blocks: TableBlocks, reader: BlockReader, number: number, source: TableSource): true {
  blocks.read(reader, number)
  for (let i = 0; reader.isRows && i < reader.count; i++) checkRowAt(source, reader, i, blocks.index.offset(number))
  return true
}

/** Reads all but the blocks. Null: there are no properties to compare the entries with. */
function readTally(outline: TableOutline, facts: TableFacts, reporter: Reporter): Tally | null {
  const { source, footer, index } = outline
  const [, filterAt, pointHashAt, propertiesAt, spansAt, prefixesAt] =
    footer.sections as [Extent, Extent, Extent, Extent, Extent, Extent]
  const properties = reporter.attempt(propertiesAt, () => {
    const read = runSync(readProperties(source, footer))
    checkAgreement(source, footer, index, read)
    return read
  })
  const lookups: TableLookups = {
    pointHash: reporter.attempt(pointHashAt, () => runSync(readPointHash(source, footer, properties))),
    filter: reporter.attempt(filterAt, () => runSync(readFilter(source, footer, SectionSlot.filter))),
    prefixFilter: properties === null
      ? null : reporter.attempt(prefixesAt, () => runSync(readPrefixFilter(source, footer, properties))),
  }
  if (properties === null) return null
  reporter.attempt(propertiesAt, () => checkPropertyFacts(source, footer, properties, facts))
  const spans = reporter.attempt(spansAt, () => {
    const read = runSync(readSpans(outline, properties))
    checkSpanFacts(source, footer, renumbered(read, addedSeqNum(facts)), facts)
    return read
  })
  const tally = new Tally({ name: source.name, footer, properties, lookups, spans }, reporter)
  const wrong = properties.replaces === null ? null : findReplacesProblem(properties.replaces, facts)
  if (wrong !== null) tally.tell(SectionSlot.properties, `replaces: ${wrong}`)
  return tally
}

class Reporter {
  private readonly report: (problem: TableProblem) => void
  private readonly facts: TableFacts
  /** Tells which keys stand in a block, once it was read. */
  index: TableIndex | null = null

  constructor(report: (problem: TableProblem) => void, facts: TableFacts) {
    this.report = report
    this.facts = facts
  }

  /** Gives what `read` gives; null after its problem was told. */
  attempt<T>(extent: Extent, read: () => T, block: number | null = null): T | null {
    try {
      return read()
    } catch (error) {
      if (!VarveError.is(error)) throw error
      this.tell(extent, error, block)
      return null
    }
  }

  tell(extent: Extent, error: VarveError, block: number | null = null): void {
    const { facts: { smallestKey, largestKey }, index } = this
    const isKnown = block !== null && index !== null
    const from = isKnown && block > 0 ? index.boundKey(block - 1) : smallestKey
    this.report({ extent, block, from, last: isKnown ? index.boundKey(block) : largestKey, error })
  }
}

interface Known {
  name: string
  footer: Footer
  properties: TableProperties
  lookups: TableLookups
  spans: Spans | null
}

const COUNTED = ['keyCount', 'tombstoneCount', 'rawBytes', 'smallestSeqNum', 'largestSeqNum'] as const

/** Counts what the entries are, and looks each key up in filter and point hash. */
class Tally {
  private readonly known: Known
  private readonly reporter: Reporter
  private readonly hashSeed: HashSeed
  private key = new Uint8Array(KEY_BYTES_MAX)
  private lastKey = new Uint8Array(KEY_BYTES_MAX)
  private lastKeyBytes = -1
  /** True when a block is missing: then nothing is compared with what all blocks have together. */
  private hasGap = false
  /** True when the block before is missing: then nobody knows whether the next key is a new one. */
  private isBehindGap = false
  /** Kinds of problems that were told, each once, since a bad section misses many keys. */
  private readonly told = new Set<string>()
  private keyCount = 0
  private tombstoneCount = 0
  private rawBytes = 0
  private readonly references = new ValueReferences()
  private readonly expiry = new ExpiryTally()
  private smallestSeqNum = Infinity
  private largestSeqNum = 0

  constructor(known: Known, reporter: Reporter) {
    this.known = known
    this.reporter = reporter
    this.hashSeed = readHashSeed(known.properties.hashSeed)
    if (known.spans === null) return
    const { smallest, largest } = seqNumsOf(known.spans)
    this.smallestSeqNum = smallest
    this.largestSeqNum = largest
  }

  skipBlock(): void {
    this.hasGap = true
    this.isBehindGap = true
  }

  addBlock(reader: BlockReader, number: number): void {
    for (let i = 0; i < reader.count; i++) this.add(reader, number, i)
  }

  private add(reader: BlockReader, number: number, i: number): void {
    const { key, lastKey } = this
    const keyBytes = reader.copyKey(i, key)
    const seqNum = reader.seqNumAt(i)
    if (!equalRanges(key, 0, keyBytes, lastKey, 0, this.lastKeyBytes)) this.addKey(reader, keyBytes, number, i)
    this.key = lastKey
    this.lastKey = key
    this.lastKeyBytes = keyBytes
    const kind = reader.kindAt(i)
    const valueStart = reader.valueStart(i)
    const contentStart = valueStart + frontBytes(kind)
    this.rawBytes += keyBytes + reader.valueEnd(i) - contentStart
    if (isTombstone(kind)) this.tombstoneCount++
    if (isApart(kind)) this.references.add(reader.bytes, contentStart)
    if (mayExpire(kind)) this.expiry.add(expiryOf(kind, reader.bytes, valueStart))
    if (seqNum < this.smallestSeqNum) this.smallestSeqNum = seqNum
    if (seqNum > this.largestSeqNum) this.largestSeqNum = seqNum
  }

  private addKey(reader: BlockReader, keyBytes: number, number: number, i: number): void {
    const { key, isBehindGap, known: { properties, lookups: { filter, pointHash, prefixFilter } } } = this
    this.keyCount++
    this.isBehindGap = false
    const isFirst = number === 0 && i === 0
    if (isFirst && compareBytes(key.subarray(0, keyBytes), properties.smallestKey) !== 0) {
      this.tell(SectionSlot.properties, 'the smallest key is another')
    }
    const hash = hashRange(key, 0, keyBytes, this.hashSeed)
    if (filter?.mayContain(hash) === false) this.tell(SectionSlot.filter, 'the filter misses a key')
    const prefixEnd = prefixFilter?.extractor.end(key, 0, keyBytes) ?? -1
    if (prefixEnd >= 0 && !prefixFilter!.mayHave(key, prefixEnd, new KeyHash())) {
      this.tell(SectionSlot.prefixFilter, 'the prefix filter misses a prefix')
    }
    const low = reader.placeLowOf(i, pointHash?.isRows === true)
    if (!isBehindGap && pointHash?.holds(hash, number, low) === false) {
      this.tell(SectionSlot.pointHash, 'the point hash misses the newest version of a key')
    }
  }

  /** Compares what is said of all blocks with what they are. */
  compare({ packedCount, rowCount }: TableBlocks): void {
    if (this.hasGap) return
    const { name, footer, properties, lookups: { pointHash } } = this.known
    const offset = footer.fileBytes - FOOTER_BYTES
    for (const [isSaid, count, what] of [
      [saysPacked(footer), packedCount, 'is packed'], [saysRows(footer), rowCount, 'has rows'],
    ] as const) {
      if (!isSaid || count > 0) continue
      const error = corruption(name, offset, `no block ${what}, although the footer says so`)
      this.reporter.tell({ offset, bytes: FOOTER_BYTES }, error)
    }
    this.rawBytes += this.references.extraBytes
    if (!sameValueFiles(this.references.list(), properties.valueFiles)) {
      this.tell(SectionSlot.properties, 'the value handles are not those that the properties speak of')
    }
    if (!sameExpiry(this.expiry.facts(), properties.expiry)) {
      this.tell(SectionSlot.properties, 'the entries that expire are not those that the properties speak of')
    }
    for (const name of COUNTED) {
      if (this[name] === properties[name]) continue
      this.tell(SectionSlot.properties, `${name} is ${this[name]}, the properties say ${properties[name]}`)
    }
    if (pointHash !== null && pointHash.usedCount() !== this.keyCount) {
      this.tell(SectionSlot.pointHash, 'the point hash has more slots in use than there are keys')
    }
  }

  tell(slot: SectionSlot, what: string): void {
    if (this.told.has(what)) return
    this.told.add(what)
    const extent = this.known.footer.sections[slot]!
    this.reporter.tell(extent, corruption(this.known.name, extent.offset, what))
  }
}
