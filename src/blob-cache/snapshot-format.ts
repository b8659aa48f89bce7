/**
 * What: the snapshot of the index that a clean close leaves (docs/format/blob-index.md). Behind the file header (magic
 * 'varvebix'), at multiples of 8, without gaps:
 *
 *   blocks, in the order of the hashes of their items
 *        0    4  CRC-32 of the items
 *        4    4  items
 *        8    4  depth: the block has 1/2^depth of all hashes, from where the one before it ends; 0–16
 *       12    4  CRC-32 of bytes 0–11
 *       16       items of 24 bytes, in the order of their hashes, each: u64 hash, u32 segment, u32 offset with visits
 *                in its low 3 bits, u32 bytes of the record, u32 record number
 *   segments of 24 bytes, in the order in which they go
 *        0    4  number
 *        4    4  flags: 1 it stands in the main queue, 2 it was kept as a whole once
 *        8    4  bytes of the file, 0: it was not sealed
 *       12    4  items of the index that stand in it
 *       16    8  latest expiry in seconds, 0 = some blob never expires
 *   tail of 64 bytes, at the end of the file
 *        0    8  items
 *        8    8  offset of the segments
 *       16    4  segments
 *       20    4  blocks
 *       24    4  CRC-32 of the segments
 *       28   24  zeros
 *       52    4  CRC-32 of bytes 0–51
 *       56    8  'varvebix'
 *
 * All checksums start from the file's seed XOR the low 32 bits of the offset at which the checked bytes begin.
 * Thread: any (pure).
 */
import { crc32, FILE_HEADER_BYTES, getU32, getU53, putU32, putU53 } from '../base/index.js'
import { IndexPage, ITEM_BYTES, VISITS_MAX } from './index-page.js'

export const BLOCK_HEADER_BYTES = 16
export const SNAPSHOT_TAIL_BYTES = 64
const SNAPSHOT_SEGMENT_BYTES = 24
const TAIL_CHECKED_BYTES = 52
const MAGIC = 'varvebix'
const FLAG_MAIN = 1
const FLAG_KEPT = 2
/** The depth of the smallest blocks. */
const DEPTH_MAX = 16
/** Blocks have their parts of the hashes in units of this part of all. */
const HASH_UNITS = 2 ** DEPTH_MAX

/** A segment as a snapshot tells it. */
export interface SnapshotSegment {
  segment: number
  isMain: boolean
  wasKept: boolean
  /** Bytes of the file, 0: it was not sealed. */
  bytes: number
  /** Items of the index that stand in it. */
  items: number
  /** Milliseconds since 1970, whole seconds of them; Infinity: some blob never expires. */
  expiresMs: number
}

export interface SnapshotCounts {
  items: number
  segments: number
  blocks: number
}

export interface SnapshotTail extends SnapshotCounts {
  /** Where the segments begin, which is where the blocks end. */
  offset: number
  /** The checksum of the segments. */
  checksum: number
}

/** The bytes of all blocks. */
export function blocksBytes({ items, blocks }: Omit<SnapshotCounts, 'segments'>): number {
  return blocks * BLOCK_HEADER_BYTES + items * ITEM_BYTES
}

/** The bytes of a snapshot. */
export function snapshotBytes(counts: SnapshotCounts): number {
  return FILE_HEADER_BYTES + blocksBytes(counts) + counts.segments * SNAPSHOT_SEGMENT_BYTES + SNAPSHOT_TAIL_BYTES
}

function checksum(bytes: Uint8Array, start: number, end: number, seed: number, offset: number): number {
  return crc32(bytes, start, end, (seed ^ offset) >>> 0)
}

/** Writes a page of the index as the block at bytes[at…], which stands at `offset` in the file; gives its end. */
export function encodeBlock(page: IndexPage, bytes: Uint8Array, at: number, offset: number, seed: number): number {
  const start = at + BLOCK_HEADER_BYTES
  const end = page.pack(bytes, start)
  putU32(bytes, at, checksum(bytes, start, end, seed, offset + BLOCK_HEADER_BYTES))
  putU32(bytes, at + 4, page.count)
  putU32(bytes, at + 8, page.depth)
  putU32(bytes, at + 12, checksum(bytes, at, at + 12, seed, offset))
  return end
}

export interface BlockHeader {
  count: number
  depth: number
  /** Bytes of the whole block. */
  bytes: number
}

/** Reads the header of the block at bytes[at…], which stands at `offset` in the file; null when it is none. */
export function readBlockHeader(bytes: Uint8Array, at: number, offset: number, seed: number): BlockHeader | null {
  if (getU32(bytes, at + 12) !== checksum(bytes, at, at + 12, seed, offset)) return null
  const [count, depth] = [getU32(bytes, at + 4), getU32(bytes, at + 8)]
  return depth > DEPTH_MAX ? null : { count, depth, bytes: BLOCK_HEADER_BYTES + count * ITEM_BYTES }
}

/** Makes pages of blocks, one after the other. */
export class BlockReader {
  readonly pages: IndexPage[] = []
  items = 0
  /** Where the hashes of the next block begin, in units of 2^-16 of all. */
  private next = 0
  private readonly seed: number

  constructor(seed: number) {
    this.seed = seed
  }

  /** True when the blocks have all hashes. */
  get isWhole(): boolean {
    return this.next === HASH_UNITS
  }

  /** Takes the block at bytes[at…], all of which is there. False when it is not what was written as the next one. */
  add(bytes: Uint8Array, at: number, offset: number, { count, depth }: BlockHeader): boolean {
    const start = at + BLOCK_HEADER_BYTES
    const end = start + count * ITEM_BYTES
    if (getU32(bytes, at) !== checksum(bytes, start, end, this.seed, offset + BLOCK_HEADER_BYTES)) return false
    const { next } = this
    const share = HASH_UNITS / 2 ** depth
    if (next % share !== 0 || next >= HASH_UNITS) return false
    if (!areItems(bytes, start, end)) return false
    if (count > 0 && (unitOf(bytes, start) < next || unitOf(bytes, end - ITEM_BYTES) >= next + share)) return false
    this.next += share
    this.pages.push(IndexPage.unpack(depth, bytes, start, count))
    this.items += count
    return true
  }
}

/** The part of all hashes in which that of an item is. */
function unitOf(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + 4) >>> (32 - DEPTH_MAX)
}

/** True when items stand at bytes[start, end): each with a larger hash than the one before it. */
function areItems(bytes: Uint8Array, start: number, end: number): boolean {
  let [lastHigh, lastLow] = [-1, 0]
  for (let at = start; at < end; at += ITEM_BYTES) {
    const low = getU32(bytes, at)
    const high = getU32(bytes, at + 4)
    if (high < lastHigh || (high === lastHigh && low <= lastLow)) return false
    if (getU32(bytes, at + 8) === 0 || (bytes[at + 12]! & 7) > VISITS_MAX) return false
    lastHigh = high
    lastLow = low
  }
  return true
}

/** Gives the bytes behind the blocks: segments and tail. `tail` says where they stand, and of how many items. */
export function encodeSnapshotEnd(
  segments: readonly SnapshotSegment[], { items, offset, blocks }: Pick<SnapshotTail, 'items' | 'offset' | 'blocks'>,
  seed: number,
): Uint8Array {
  const tail = segments.length * SNAPSHOT_SEGMENT_BYTES
  const bytes = new Uint8Array(tail + SNAPSHOT_TAIL_BYTES)
  for (const [i, segment] of segments.entries()) putSegment(bytes, i * SNAPSHOT_SEGMENT_BYTES, segment)
  putU53(bytes, tail, items)
  putU53(bytes, tail + 8, offset)
  putU32(bytes, tail + 16, segments.length)
  putU32(bytes, tail + 20, blocks)
  putU32(bytes, tail + 24, checksum(bytes, 0, tail, seed, offset))
  putU32(bytes, tail + TAIL_CHECKED_BYTES, tailChecksum(bytes, tail, offset + tail, seed))
  for (let i = 0; i < MAGIC.length; i++) bytes[tail + 56 + i] = MAGIC.charCodeAt(i)
  return bytes
}

function putSegment(bytes: Uint8Array, at: number, segment: SnapshotSegment): void {
  const { isMain, wasKept, expiresMs } = segment
  putU32(bytes, at, segment.segment)
  putU32(bytes, at + 4, (isMain ? FLAG_MAIN : 0) + (wasKept ? FLAG_KEPT : 0))
  putU32(bytes, at + 8, segment.bytes)
  putU32(bytes, at + 12, segment.items)
  // A segment without a blob expires at once.
  putU53(bytes, at + 16, expiresMs === Infinity ? 0 : Math.max(1, Math.ceil(expiresMs / 1000)))
}

function tailChecksum(bytes: Uint8Array, at: number, offset: number, seed: number): number {
  return checksum(bytes, at, at + TAIL_CHECKED_BYTES, seed, offset)
}

/** Reads the last 64 bytes of a file of `fileBytes`. Null when no snapshot ends there whose parts fill the file. */
export function readSnapshotTail(tail: Uint8Array, fileBytes: number, seed: number): SnapshotTail | null {
  if (tail.length !== SNAPSHOT_TAIL_BYTES) return null
  for (let i = 0; i < MAGIC.length; i++) if (tail[56 + i] !== MAGIC.charCodeAt(i)) return null
  if (getU32(tail, TAIL_CHECKED_BYTES) !== tailChecksum(tail, 0, fileBytes - SNAPSHOT_TAIL_BYTES, seed)) return null
  const found = {
    items: getU53(tail, 0), offset: getU53(tail, 8), segments: getU32(tail, 16), blocks: getU32(tail, 20),
    checksum: getU32(tail, 24),
  }
  const { offset, segments } = found
  const fits = snapshotBytes(found) === fileBytes &&
    offset === fileBytes - SNAPSHOT_TAIL_BYTES - segments * SNAPSHOT_SEGMENT_BYTES
  return fits ? found : null
}

/** Reads the bytes between blocks and tail. Null when they are not what was written. */
export function readSnapshotSegments(bytes: Uint8Array, tail: SnapshotTail, seed: number): SnapshotSegment[] | null {
  if (checksum(bytes, 0, bytes.length, seed, tail.offset) !== tail.checksum) return null
  return Array.from({ length: tail.segments }, (_, i) => segmentAt(bytes, i * SNAPSHOT_SEGMENT_BYTES))
}

function segmentAt(bytes: Uint8Array, at: number): SnapshotSegment {
  const flags = getU32(bytes, at + 4)
  const expires = getU53(bytes, at + 16)
  return {
    segment: getU32(bytes, at), isMain: (flags & FLAG_MAIN) !== 0, wasKept: (flags & FLAG_KEPT) !== 0,
    bytes: getU32(bytes, at + 8), items: getU32(bytes, at + 12), expiresMs: expires === 0 ? Infinity : expires * 1000,
  }
}
