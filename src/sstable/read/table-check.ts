/**
 * What: reads every byte of a table and compares all that is said twice: in the file, in the manifest.
 * Does not own: the file. Thread: any; blocking, with a pause after each block.
 */
import {
  compareBytes, corruption, equalRanges, hashRange, KEY_BYTES_MAX, readHashSeed, runSync,
} from '../../base/index.js'
import type { HashSeed, TableFacts, VarveError } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import { isTombstone } from '../../iterator/index.js'
import { readContent } from '../block/block-io.js'
import { BlockReader } from '../block/block-reader.js'
import { SectionSlot } from '../table-format.js'
import { TableBlocks } from './table-blocks.js'
import { checkFacts, checkSize, readParts } from './table-open.js'
import type { TableFile, TableParts } from './table-open.js'

export interface TableCheckOptions extends TableFile {
  databaseId: Uint8Array
  /** The facts that the manifest has. */
  facts: TableFacts
}

/** Ends when the table is good; throws CORRUPTION at the first thing that is not. */
export function* checkTable(options: TableCheckOptions): Generator<undefined, void, unknown> {
  checkSize(options, options.facts)
  const parts = runSync(readParts(options, { pointHash: true, filter: 'always' }))
  checkFacts(parts, options.facts, options.databaseId)
  for (const { offset, bytes } of parts.footer.sections.slice(SectionSlot.properties + 1)) {
    if (bytes > 0) runSync(readContent(parts.source, offset, bytes))
  }
  yield
  const tally = new Tally(parts)
  const blocks = new TableBlocks(parts, new BlockCache(0))
  const reader = new BlockReader()
  for (let number = 0; number < blocks.count; number++) {
    blocks.read(reader, number)
    for (let i = 0; i < reader.count; i++) tally.add(reader, number, i)
    yield
  }
  tally.compare()
}

const COUNTED = ['keyCount', 'tombstoneCount', 'rawBytes', 'smallestSeqNum', 'largestSeqNum'] as const

/** Counts what the entries are, and looks each key up in filter and point hash. */
class Tally {
  private readonly parts: TableParts
  private readonly smallestKey: Uint8Array
  private readonly hashSeed: HashSeed
  private key = new Uint8Array(KEY_BYTES_MAX)
  private lastKey = new Uint8Array(KEY_BYTES_MAX)
  private lastKeyBytes = -1
  private keyCount = 0
  private tombstoneCount = 0
  private rawBytes = 0
  private smallestSeqNum = Infinity
  private largestSeqNum = 0

  constructor(parts: TableParts) {
    this.parts = parts
    this.smallestKey = parts.properties.smallestKey
    this.hashSeed = readHashSeed(parts.properties.hashSeed)
  }

  add(reader: BlockReader, number: number, i: number): void {
    const { key, lastKey } = this
    const keyBytes = reader.copyKey(i, key)
    const seqNum = reader.seqNumAt(i)
    if (!equalRanges(key, 0, keyBytes, lastKey, 0, this.lastKeyBytes)) this.addKey(keyBytes, number, i)
    this.key = lastKey
    this.lastKey = key
    this.lastKeyBytes = keyBytes
    this.rawBytes += keyBytes + reader.valueEnd(i) - reader.valueStart(i)
    if (isTombstone(reader.kindAt(i))) this.tombstoneCount++
    if (seqNum < this.smallestSeqNum) this.smallestSeqNum = seqNum
    if (seqNum > this.largestSeqNum) this.largestSeqNum = seqNum
  }

  private addKey(keyBytes: number, number: number, i: number): void {
    const { key, parts } = this
    if (this.keyCount++ === 0 && compareBytes(key.subarray(0, keyBytes), this.smallestKey) !== 0) {
      throw this.bad(SectionSlot.properties, 'the smallest key is another')
    }
    const hash = hashRange(key, 0, keyBytes, this.hashSeed)
    if (parts.filter?.mayContain(hash) === false) throw this.bad(SectionSlot.filter, 'the filter misses a key')
    if (parts.pointHash?.holds(hash, number, i) === false) {
      throw this.bad(SectionSlot.pointHash, 'the point hash misses the newest version of a key')
    }
  }

  compare(): void {
    const { properties, pointHash } = this.parts
    for (const name of COUNTED) {
      if (this[name] === properties[name]) continue
      const what = `${name} is ${this[name]}, the properties say ${properties[name]}`
      throw this.bad(SectionSlot.properties, what)
    }
    if (pointHash !== null && pointHash.usedCount() !== this.keyCount) {
      throw this.bad(SectionSlot.pointHash, 'the point hash has more slots in use than there are keys')
    }
  }

  private bad(slot: SectionSlot, what: string): VarveError {
    return corruption(this.parts.source.name, this.parts.footer.sections[slot]!.offset, what)
  }
}
