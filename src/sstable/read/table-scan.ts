/**
 * What: reads tables from the first block to the last, one after the other, for a merge: large reads into
 * memory of its own, past the block cache.
 * Owns: its part of the memory; the heads of the block it stands on.
 * Does not own: the memory as a whole, the files.
 * Thread: one; reads block. Nothing is allocated per entry.
 * Invariants: what `nextBlock` shows was checked like any block that is read (table-blocks.ts), and its
 * keys lie between the smallest and the largest key of the table's facts.
 */
import { addedSeqNum, corruption, runSync } from '../../base/index.js'
import type { SeqNum, TableFacts } from '../../base/index.js'
import { checkEntries } from '../block/block-check.js'
import { checkBlock, packedBlockAt, parseAt, readBlock } from '../block/block-io.js'
import type { BlockSource } from '../block/block-io.js'
import { BlockReader } from '../block/block-reader.js'
import type { BuildBuffer } from '../block/build-buffer.js'
import { KeyHeads } from '../block/key-heads.js'
import { UNPACKED_ROOM_BYTES } from '../block/packed-format.js'
import { saysPacked } from '../table-format.js'
import { checkBlockBounds } from './table-blocks.js'
import { checkFacts, checkSize, readParts } from './table-open.js'
import type { TableFile, TableParts } from './table-open.js'

export interface TableScanOptions {
  memory: BuildBuffer
  /** Bytes of one read, a multiple of 8; a larger block is read alone. Taken from the memory. */
  pieceBytes: number
  /** Leading bytes that all keys of all tables share. */
  headAt: number
}

/** The parts of the table that is scanned. */
interface ScanParts extends TableParts {
  source: BlockSource
}

/** Bytes that a scan takes of the memory. */
export function scanBytes(pieceBytes: number): number {
  return pieceBytes + UNPACKED_ROOM_BYTES
}

export class TableScan {
  /** The block on which the scan stands. */
  readonly block = new BlockReader()
  /** A view over the memory of the block. */
  view: DataView
  /** Where the block stands in its file, and the seed of that file. */
  blockOffset = 0
  fileSeed = 0
  readonly heads: KeyHeads
  /** Bytes of blocks read so far, of all tables. */
  readBytes = 0
  private readonly memory: BuildBuffer
  private readonly pieceBytes: number
  private readonly pieceAt: number
  /** Where a packed block is unpacked. */
  private readonly unpackedAt: number
  private parts: ScanParts | null = null
  private smallestKey: Uint8Array = new Uint8Array(0)
  private addedSeqNum: SeqNum = 0
  /** Number of the block to which `nextBlock` goes. */
  private next = 0
  /** Blocks [pieceFirst, pieceEnd) stand in the memory. */
  private pieceFirst = 0
  private pieceEnd = 0
  /** Content bytes of the piece when it is one block that was checked; else 0. */
  private checkedBytes = 0

  constructor({ memory, pieceBytes, headAt }: TableScanOptions) {
    this.memory = memory
    this.view = memory.view
    this.heads = new KeyHeads(headAt)
    this.pieceBytes = pieceBytes
    this.pieceAt = memory.take(pieceBytes)
    this.unpackedAt = memory.take(UNPACKED_ROOM_BYTES)
  }

  /** Turns to the start of a table. Throws CORRUPTION when it is not good or not the one of `facts`. */
  open(table: TableFile, facts: TableFacts, databaseId: Uint8Array): void {
    this.parts = null
    checkSize(table, facts)
    this.addedSeqNum = addedSeqNum(facts)
    const parts = runSync(readParts(table, { pointHash: false, filter: 'never' }, this.addedSeqNum))
    // A job is not told what its inputs point to: that would be most of its message.
    const { valueFiles } = facts.valueFiles.length === 0 ? parts.properties : facts
    checkFacts(parts, { ...facts, valueFiles }, databaseId)
    this.parts = { ...parts, source: { ...parts.source, saysPacked: saysPacked(parts.footer) } }
    this.smallestKey = facts.smallestKey
    this.next = this.pieceFirst = this.pieceEnd = 0
  }

  /** Goes on to the next block of the table; false when there is none. Requires: a table is open. */
  nextBlock(): boolean {
    const parts = this.parts!
    const number = this.next
    if (number === parts.index.blockCount) return false
    this.next++
    if (number >= this.pieceEnd) this.readPiece(parts, number)
    this.enter(parts, number)
    return true
  }

  private readPiece({ source, index }: ScanParts, first: number): void {
    const { block, memory, pieceAt, pieceBytes } = this
    const start = index.offset(first)
    let end = first + 1
    while (end < index.blockCount && index.bytes(first, end + 1) <= pieceBytes) end++
    block.bytes = memory.bytes
    block.words = memory.words
    this.view = memory.view
    this.pieceFirst = first
    const isAlone = end === first + 1 || !readWhole(source.file, block.bytes, pieceAt, index.bytes(first, end), start)
    // What could not be read at once is read block by block, so that an error tells which one it is.
    if (isAlone) end = first + 1
    this.pieceEnd = end
    const length = index.bytes(first, end)
    this.readBytes += length
    this.checkedBytes = 0
    if (!isAlone) return
    if (length > pieceBytes) {
      block.makeRoom(length)
      this.view = new DataView(block.bytes.buffer)
    }
    this.checkedBytes = readBlock(source, start, length, block.bytes, length > pieceBytes ? 0 : pieceAt)
  }

  private enter(parts: ScanParts, number: number): void {
    const { source, index } = parts
    const { block, heads } = this
    const { bytes, words } = block
    const offset = index.offset(number)
    this.blockOffset = offset
    this.fileSeed = source.seed
    const isInMemory = bytes === this.memory.bytes
    const base = isInMemory ? this.pieceAt + index.bytes(this.pieceFirst, number) : 0
    const length = this.checkedBytes || checkBlock(source, offset, index.bytes(number), bytes, base)
    const packed = packedBlockAt(source, offset, bytes, base, length)
    if (packed === null) block.open(bytes, words, base, this.addedSeqNum)
    else {
      const { memory, unpackedAt } = this
      parseAt(source, offset, () => packed.unpackTo(memory, unpackedAt))
      block.open(memory.bytes, memory.words, unpackedAt, this.addedSeqNum)
      this.view = memory.view
    }
    const isUnpacked = packed !== null
    parseAt(source, offset, () => checkEntries(block, packed?.plainBytes ?? length), isUnpacked)
    checkBlockBounds(parts, block, number)
    const { smallestKey } = this
    if (number === 0 && !block.keyEquals(0, smallestKey, 0, smallestKey.length)) {
      throw corruption(source.name, offset, 'the smallest key is another')
    }
    parseAt(source, offset, () => heads.read(block, this.view), isUnpacked)
  }
}

/** Reads the whole range; gives false when the read failed or was short. */
function readWhole(
  file: TableFile['file'], target: Uint8Array, at: number, length: number, offset: number,
): boolean {
  try {
    return file.readSync(target, at, length, offset) === length
  } catch {
    return false
  }
}
