/**
 * What: what is left of a table that is damaged: the blocks that are good, the holes between them with the keys that
 * may have stood there, its range tombstones, and what proves that a key was not in a hole.
 * Does not own: the file. Thread: any; reads block, with a pause after each block.
 * Invariants: REP-2 only a filter and a point hash that were read from the file, under their own checksums, prove that
 * a key is not in a hole; they cover every user key of the table (TAB-1).
 */
import {
  addedSeqNum, checkFileIdentity, compareBytes, errnoOf, FILE_HEADER_BYTES, fileSeed, hashRange, NO_FEATURES,
  OUTSIDE_FILE_NUM, readHashSeed,
  runSync, VarveError,
} from '../../base/index.js'
import type { FileHeader, HashSeed, SeqNum, TableFacts } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import type { Spans } from '../../iterator/index.js'
import type { BlockSource, TableSource } from '../block/block-io.js'
import { BlockReader } from '../block/block-reader.js'
import type { BloomFilter } from '../lookup/bloom-filter.js'
import type { PointHash } from '../lookup/point-hash.js'
import type { TableIndex } from '../lookup/table-index.js'
import { factsIn } from '../properties.js'
import type { TableProperties } from '../properties.js'
import { SectionSlot, saysPacked, TABLE_MAGIC } from '../table-format.js'
import type { Footer } from '../table-format.js'
import { findBlocks, readLoneBlock } from './block-search.js'
import type { BlockKeys, FoundBlock } from './block-search.js'
import { checkRowAt, TableBlocks } from './table-blocks.js'
import {
  readFilter, readFooter, readHeader, readIndex, readParts, readPointHash, readProperties, readSpans,
  renumbered, sizeOf,
} from './table-open.js'
import type { TableFile } from './table-open.js'

/** What the manifest says of a table, or nothing when it is lost. */
export interface KnownTable {
  readonly databaseId: Uint8Array
  readonly facts: TableFacts
}

/** A place in a table whose entries are lost. */
export interface TableHole {
  readonly offset: number
  readonly bytes: number
  /** The first key that may have stood there; null: nothing is known of that side. */
  readonly lower: Uint8Array | null
  /** The last key that may have stood there; null likewise. */
  readonly upper: Uint8Array | null
  /** The numbers that its blocks may have had: from `firstBlock` on, below `endBlock`. */
  readonly firstBlock: number
  readonly endBlock: number
  /** How many of the blocks that are left stand before it. */
  readonly blocksBefore: number
  /** Entries that stood there; null when that is not known. */
  readonly entryCount: number | null
}

export interface SalvagedTable {
  readonly name: string
  readonly blocks: readonly FoundBlock[]
  readonly source: BlockSource
  readonly holes: readonly TableHole[]
  /** The range tombstones that are left. */
  readonly spans: Spans | null
  readonly areSpansLost: boolean
  /** What the file says of itself; null when that is lost. */
  readonly properties: TableProperties | null
  /** Proves that a key is in no hole; null when nothing does. */
  readonly proof: TableProof | null
  /** The largest sequence number that an entry of the table may have. */
  readonly largestSeqNum: SeqNum
  /** What counts besides each number in the blocks. */
  readonly addedSeqNum: SeqNum
  /** Where it is damaged, and what a reader meets there. */
  readonly problems: readonly VarveError[]
}

/** What is left of the lookups of a damaged table. */
export class TableProof {
  private readonly pointHash: PointHash | null
  private readonly filter: BloomFilter | null
  private readonly hashSeed: HashSeed

  constructor(pointHash: PointHash | null, filter: BloomFilter | null, hashSeed: HashSeed) {
    this.pointHash = pointHash
    this.filter = filter
    this.hashSeed = hashSeed
  }

  /** False when the newest version of the key was surely not in the hole. */
  mayBeIn(key: Uint8Array, { firstBlock, endBlock }: TableHole): boolean {
    const hash = hashRange(key, 0, key.length, this.hashSeed)
    if (this.filter?.mayContain(hash) === false) return false
    return this.pointHash === null || this.pointHash.leadsTo(hash, firstBlock, endBlock)
  }
}

/** True for an error that says that bytes are lost, and not that they cannot be read now or by this version. */
export function isLoss(error: unknown): error is VarveError {
  if (!VarveError.is(error)) return false
  return error.code === 'CORRUPTION' || (error.code === 'IO_ERROR' && errnoOf(error.cause) === 'EIO')
}

/**
 * Reads what is left of a table. Null: nothing can be told from another file's bytes, since neither the header nor the
 * manifest says which file it is. Throws UNSUPPORTED_FORMAT, or IO_ERROR.
 */
export function* salvageTable(
  table: TableFile, known: KnownTable | null,
): Generator<undefined, SalvagedTable | null, unknown> {
  const losses = new Losses()
  const header = losses.attempt(() => headerOf(table, known)) ?? (known === null ? null : headerFrom(known))
  if (header === null) return null
  const source: TableSource = { ...table, seed: fileSeed(header) }
  const added = known === null ? 0 : addedSeqNum(known.facts)
  const parts = readLeft(source, header, losses)
  const { footer, index, properties } = parts
  const blockSource = { ...source, saysPacked: footer === null || saysPacked(footer) }
  const expected = known?.facts.entryCount ?? properties?.entryCount ?? null
  const edges = known?.facts ?? properties
  const left = footer !== null && index !== null
    ? yield* goodBlocks({ source, footer, index }, edges, losses)
    : yield* searchedBlocks(source, { footer, expected, edges }, losses)
  const areSpansLost = parts.areSpansLost || (footer === null && known?.facts.spans !== null)
  return {
    name: table.name, source: blockSource, ...left, spans: renumbered(parts.spans, added), areSpansLost, properties,
    addedSeqNum: added,
    proof: parts.proof, largestSeqNum: (known?.facts ?? properties)?.largestSeqNum ?? Infinity,
    problems: losses.problems,
  }
}

/** Reads a good block of a salvaged table again. */
export function readSalvaged({ source }: SalvagedTable, reader: BlockReader, block: FoundBlock): void {
  readLoneBlock(source, reader, block)
}

class Losses {
  readonly problems: VarveError[] = []

  /** Gives null for what is lost. */
  attempt<T>(read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (!isLoss(error)) throw error
      this.problems.push(error)
      return null
    }
  }
}

function headerOf(table: TableFile, known: KnownTable | null): FileHeader {
  const header = runSync(readHeader(table))
  if (known !== null) checkFileIdentity(table.name, header, known.facts, known.databaseId)
  return header
}

function headerFrom({ databaseId, facts: { origin, salt, ...facts } }: KnownTable): FileHeader {
  const fileNum = origin ? OUTSIDE_FILE_NUM : facts.fileNum
  return { magic: TABLE_MAGIC, features: NO_FEATURES, databaseId, fileNum, salt, generation: 0, lineage: 0 }
}

interface LeftParts {
  footer: Footer | null
  index: TableIndex | null
  properties: TableProperties | null
  spans: Spans | null
  areSpansLost: boolean
  proof: TableProof | null
}

function readLeft(source: TableSource, header: FileHeader, losses: Losses): LeftParts {
  const footer = losses.attempt(() => runSync(readFooter(source, sizeOf(source))))
  if (footer === null) {
    return { footer, index: null, properties: null, spans: null, areSpansLost: false, proof: null }
  }
  const index = losses.attempt(() => runSync(readIndex(source, footer)))
  const properties = losses.attempt(() => runSync(readProperties(source, footer)))
  const hadSpans = footer.sections[SectionSlot.spans]!.bytes > 0
  const spans = hadSpans ? losses.attempt(() => runSync(readSpans({ source, header, footer }, properties))) : null
  const pointHash = losses.attempt(() => runSync(readPointHash(source, footer, properties)))
  const filter = losses.attempt(() => runSync(readFilter(source, footer, SectionSlot.filter)))
  const hasProof = properties !== null && (pointHash !== null || filter !== null)
  const proof = hasProof ? new TableProof(pointHash, filter, readHashSeed(properties.hashSeed)) : null
  return { footer, index, properties, spans, areSpansLost: hadSpans && spans === null, proof }
}

/** What bounds the keys of a table as a whole. */
type Edges = Pick<TableFacts, 'smallestKey' | 'largestKey'> | null
type Left = Pick<SalvagedTable, 'blocks' | 'holes'>

function* goodBlocks(
  outline: { source: TableSource; footer: Footer; index: TableIndex }, edges: Edges, losses: Losses,
): Generator<undefined, Left, unknown> {
  const { source, index } = outline
  const blocks = new TableBlocks(outline, new BlockCache(0))
  const reader = new BlockReader()
  const good: FoundBlock[] = []
  const holes: TableHole[] = []
  for (let i = 0; i < index.blockCount; i++) {
    const [offset, bytes] = [index.offset(i), index.bytes(i)]
    const isGood = losses.attempt(() => {
      blocks.read(reader, i)
      if (reader.isRows) for (let row = 0; row < reader.count; row++) checkRowAt(source, reader, row, offset)
      return true
    })
    if (isGood === true) good.push({ offset, bytes })
    else {
      const lower = i === 0 ? edges?.smallestKey ?? null : boundKey(index, i - 1)
      holes.push({
        offset, bytes, lower, upper: boundKey(index, i), firstBlock: i, endBlock: i + 1, blocksBefore: good.length,
        entryCount: index.counts[i]!,
      })
    }
    yield
  }
  blocks.close()
  return { blocks: good, holes }
}

function boundKey({ keyBytes, keyStarts }: TableIndex, i: number): Uint8Array {
  return keyBytes.slice(keyStarts[i], keyStarts[i + 1])
}

function* searchedBlocks(
  source: TableSource, { footer, expected, edges }: { footer: Footer | null; expected: number | null; edges: Edges },
  losses: Losses,
): Generator<undefined, Left, unknown> {
  const size = sizeOf(source)
  const end = footer?.sections[SectionSlot.index]!.offset ?? size
  const { blocks, bounds } = yield* findBlocks(source, Math.min(end, size))
  const counted = bounds.reduce((sum, { count }) => sum + count, 0)
  if (counted === expected) return { blocks, holes: [] }
  const blockCount = footer?.blockCount ?? Infinity
  const missing = expected === null ? null : expected - counted
  const holes = gapsBetween(blocks, { end: footer === null ? null : end, size }).map((gap): TableHole => {
    const before = gap.blocksBefore
    return {
      ...gap, ...keysAround(bounds, before, edges),
      firstBlock: before, endBlock: blockCount - (blocks.length - before), entryCount: null,
    }
  })
  if (holes.length === 1) holes[0] = { ...holes[0]!, entryCount: missing }
  if (losses.problems.length === 0) throw new VarveError('INTERNAL', 'blocks are searched where something is lost')
  return { blocks, holes }
}

function keysAround(
  bounds: readonly BlockKeys[], before: number, edges: Edges,
): Pick<TableHole, 'lower' | 'upper'> {
  return {
    lower: bounds[before - 1]?.last ?? edges?.smallestKey ?? null,
    upper: bounds[before]?.first ?? edges?.largestKey ?? null,
  }
}

/** The stretches without a block. Where the blocks end is not known without the footer: then there may be one more. */
function gapsBetween(
  blocks: readonly FoundBlock[], { end, size }: { end: number | null; size: number },
): Pick<TableHole, 'offset' | 'bytes' | 'blocksBefore'>[] {
  const gaps: Pick<TableHole, 'offset' | 'bytes' | 'blocksBefore'>[] = []
  let at = FILE_HEADER_BYTES
  for (const [blocksBefore, { offset, bytes }] of blocks.entries()) {
    if (offset > at) gaps.push({ offset: at, bytes: offset - at, blocksBefore })
    at = offset + bytes
  }
  const last = end ?? Math.max(size, at + 1)
  if (at < last) gaps.push({ offset: at, bytes: last - at, blocksBefore: blocks.length })
  return gaps
}

/** True when the key may have stood in the hole, as far as its place tells. */
export function isInHole({ lower, upper }: TableHole, key: Uint8Array): boolean {
  return (lower === null || compareBytes(lower, key) <= 0) && (upper === null || compareBytes(key, upper) <= 0)
}

/** What a table says of itself, as far as its end can be read. */
export interface TableAccount {
  /** Null when the header is damaged: then nothing else can be read. */
  readonly header: FileHeader | null
  /** Null without good properties. Where `areSpansLost`, its spans are null. */
  readonly facts: TableFacts | null
  readonly areSpansLost: boolean
  readonly properties: TableProperties | null
}

/** Reads what a table says of itself. Throws UNSUPPORTED_FORMAT, or IO_ERROR. */
export function readTableAccount(table: TableFile): TableAccount {
  const losses = new Losses()
  const header = losses.attempt(() => runSync(readHeader(table)))
  if (header === null) return { header, facts: null, areSpansLost: false, properties: null }
  const source = { ...table, seed: fileSeed(header) }
  const { footer, properties, spans, areSpansLost } = readLeft(source, header, losses)
  if (footer === null || properties === null) return { header, facts: null, areSpansLost, properties }
  const { fileNum, salt } = header
  const facts = { ...factsIn(properties, spans), fileNum, salt, bytes: footer.fileBytes }
  return { header, facts, areSpansLost, properties }
}

/** Opens a table that was found to be whole, to be walked as a salvaged one is. Throws CORRUPTION, or IO_ERROR. */
export function openWholeTable(table: TableFile, facts: TableFacts): SalvagedTable {
  const added = addedSeqNum(facts)
  const choice = { pointHash: false, filter: 'never' } as const
  const { source, index, properties, spans, footer } = runSync(readParts(table, choice, added))
  const blockAt = (i: number): FoundBlock => ({ offset: index.offset(i), bytes: index.bytes(i) })
  const blocks = Array.from({ length: index.blockCount }, (_, i) => blockAt(i))
  return {
    name: table.name, source: { ...source, file: table.file, saysPacked: saysPacked(footer) }, blocks, holes: [], spans,
    areSpansLost: false, properties, proof: null, largestSeqNum: facts.largestSeqNum,
    addedSeqNum: added, problems: [],
  }
}
