/**
 * What: finds the blocks of a table whose index is lost. A block tells its own length, so each multiple of 8 is tried
 * as the start of one. It is taken for a block only when its checksum holds there, with the file's seed and that
 * offset, and all of it is sound: so none is found where it was not written, whatever a value looks like.
 * Owns: a window of the file. Does not own: the file. Thread: any; reads block, with pauses.
 */
import { alignUp, compareBytes, FILE_HEADER_BYTES, getU32, KiB, VarveError } from '../../base/index.js'
import {
  BLOCK_BYTES_MAX, BLOCK_ENTRIES_MAX, BLOCK_FILE_BYTES_MAX, BLOCK_HEADER_BYTES,
} from '../block/block-format.js'
import { checkBlock } from '../block/block-check.js'
import { parseAt, readBlock, readFileBlock } from '../block/block-io.js'
import type { BlockSource, TableSource } from '../block/block-io.js'
import { BlockReader } from '../block/block-reader.js'
import { PACKED_FILE_BYTES_MAX, PACKED_HEADER_BYTES, SEQ_WIDTH_MAX } from '../block/packed-format.js'
import { EntryParts, ROW_FRONT_BYTES, ROW_UNIT_SHIFT, ROWS_FLAG } from '../block/row-format.js'
import { TRAILER_BYTES, trailerHolds } from '../table-format.js'
import { checkRowAt } from './table-blocks.js'

/** A block and where it stands. */
export interface FoundBlock {
  readonly offset: number
  /** With its trailer. */
  readonly bytes: number
}

const WINDOW_BYTES = 256 * KiB
/** What a block must have in the window to tell its length: header, columns, and the head of its last row. */
const HEAD_BYTES = BLOCK_HEADER_BYTES + 8 * BLOCK_ENTRIES_MAX + 8
const PLACES_PER_PAUSE = 4096

/** Reads and checks one block, whatever an index says of it. Throws CORRUPTION. */
export function readLoneBlock(source: BlockSource, reader: BlockReader, { offset, bytes }: FoundBlock): void {
  const isMaybePacked = source.saysPacked && bytes <= PACKED_FILE_BYTES_MAX
  const packed = isMaybePacked ? readFileBlock(source, offset, bytes) : null
  reader.makeRoom(packed?.roomBytes ?? bytes)
  let length: number
  if (packed === null) length = readBlock(source, offset, bytes, reader.bytes, 0)
  else {
    parseAt(source, offset, () => packed.unpackTo(reader, 0))
    length = packed.plainBytes
  }
  reader.open(reader.bytes, reader.words, 0)
  parseAt(source, offset, () => checkBlock(reader, length), packed?.isPacked)
  if (reader.isRows) for (let i = 0; i < reader.count; i++) checkRowAt(source, reader, i, offset)
}

/**
 * Finds the blocks that begin in [128, end) of the file, in order. Blocks whose keys do not ascend from one to the next
 * are none of this table, and are passed over.
 */
export function* findBlocks(
  source: TableSource, end: number,
): Generator<undefined, { blocks: FoundBlock[]; bounds: BlockKeys[] }, unknown> {
  const search = new BlockSearch(source, end)
  const blocks: FoundBlock[] = []
  const bounds: BlockKeys[] = []
  let tried = 0
  for (let offset = FILE_HEADER_BYTES; offset + BLOCK_HEADER_BYTES + TRAILER_BYTES <= end;) {
    if (++tried % PLACES_PER_PAUSE === 0) yield
    const bytes = search.blockAt(offset)
    const keys = bytes === 0 ? null : search.keys()
    const last = bounds.at(-1)
    if (keys === null || (last !== undefined && compareBytes(last.last, keys.first) > 0)) {
      offset += 8
      continue
    }
    blocks.push({ offset, bytes })
    bounds.push(keys)
    offset += bytes
    if (blocks.length % 64 === 0) yield
  }
  return { blocks, bounds }
}

/** The first and the last key of a block, and how many entries it has. */
export interface BlockKeys {
  readonly first: Uint8Array
  readonly last: Uint8Array
  readonly count: number
}

class BlockSearch {
  private readonly source: BlockSource
  private readonly end: number
  private readonly window = new Uint8Array(WINDOW_BYTES)
  private start = 0
  private length = 0
  private readonly reader = new BlockReader()
  private readonly parts = new EntryParts()

  constructor(source: TableSource, end: number) {
    this.source = { ...source, saysPacked: true }
    this.end = end
  }

  /** The bytes of the block that begins there, or 0. The reader stands at it then. */
  blockAt(offset: number): number {
    for (const bytes of this.lengthsAt(offset)) {
      if (bytes > 0 && offset + bytes <= this.end && this.isBlock(offset, bytes)) return bytes
    }
    return 0
  }

  keys(): BlockKeys {
    const { reader } = this
    return { first: keyOf(reader, 0), last: keyOf(reader, reader.count - 1), count: reader.count }
  }

  private isBlock(offset: number, bytes: number): boolean {
    const at = this.show(offset, bytes)
    if (at >= 0 && !trailerHolds(this.window, at, at + bytes, offset, this.source.seed)) return false
    try {
      readLoneBlock(this.source, this.reader, { offset, bytes })
      return true
    } catch (error) {
      if (!VarveError.is(error) || error.code === 'UNSUPPORTED_FORMAT') throw error
      return false
    }
  }

  /** Brings the range into the window; returns where it stands there, or -1 when it does not fit or is not there. */
  private show(offset: number, bytes: number): number {
    if (bytes > WINDOW_BYTES) return -1
    if (offset < this.start || offset + bytes > this.start + this.length) {
      this.start = offset
      this.length = readSome(this.source, this.window, offset)
    }
    return offset + bytes > this.start + this.length ? -1 : offset - this.start
  }

  /** What the length of the block would be: were it one of columns or rows, and were it a packed one. */
  private lengthsAt(offset: number): [number, number] {
    const at = this.show(offset, Math.min(HEAD_BYTES, this.end - offset))
    if (at < 0) return [0, 0]
    const left = this.start + this.length - offset
    const { window } = this
    const flags = window[at + 3]!
    const plain = flags === 0 ? this.columnsAt(at, left) : flags === ROWS_FLAG ? this.rowsAt(offset, at, left) : 0
    return [plain, this.packedAt(at)]
  }

  private columnsAt(at: number, left: number): number {
    const { window } = this
    const count = window[at]! | (window[at + 1]! << 8)
    const width = window[at + 2]!
    const endAt = BLOCK_HEADER_BYTES + 8 * count
    if (count === 0 || count > BLOCK_ENTRIES_MAX || (width & ~12) !== 0 || endAt + 4 > left) return 0
    const end = getU32(window, at + endAt)
    const bytes = alignUp(end, 8) + TRAILER_BYTES
    if (end < endAt + 4 + count * width || bytes > (count === 1 ? BLOCK_FILE_BYTES_MAX : BLOCK_BYTES_MAX)) return 0
    return bytes
  }

  private rowsAt(offset: number, at: number, left: number): number {
    const { window, parts } = this
    const count = window[at]! | (window[at + 1]! << 8)
    const width = window[at + 2]!
    const lastAt = BLOCK_HEADER_BYTES + 4 * count + 2 * (count - 1)
    if (count === 0 || count > BLOCK_ENTRIES_MAX || (width & ~12) !== 0 || lastAt + 2 > left) return 0
    const row = (window[at + lastAt]! | (window[at + lastAt + 1]! << 8)) << ROW_UNIT_SHIFT
    if (row < BLOCK_HEADER_BYTES + ROW_FRONT_BYTES * count) return 0
    const shown = this.show(offset, row + 16)
    if (shown < 0) return 0
    parts.findRow(window, shown + row)
    return alignUp(parts.valueEnd - shown + width, 8) + TRAILER_BYTES
  }

  private packedAt(at: number): number {
    const { window } = this
    const count = window[at + 4]! | (window[at + 5]! << 8)
    if (count === 0 || count > BLOCK_ENTRIES_MAX || window[at + 6]! > SEQ_WIDTH_MAX) return 0
    if (getU32(window, at + 8) > getU32(window, at)) return 0
    const bytes = alignUp(PACKED_HEADER_BYTES + getU32(window, at + 12), 8) + TRAILER_BYTES
    return bytes <= PACKED_FILE_BYTES_MAX ? bytes : 0
  }
}

function keyOf(reader: BlockReader, i: number): Uint8Array {
  const key = new Uint8Array(reader.keyBytesAt(i))
  reader.copyKey(i, key)
  return key
}

/** Reads as much as there is; nothing where the disk gives nothing. */
function readSome({ file }: TableSource, target: Uint8Array, offset: number): number {
  try {
    return file.readSync(target, 0, target.length, offset)
  } catch {
    return 0
  }
}
