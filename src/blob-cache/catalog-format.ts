/**
 * What: changes, the lines of the catalog, as bytes (docs/format/blob-catalog.md). A group is the body of a frame of
 * type 3: changes one behind the other, each { u16 tag, u16 zero, u32 bytes of what follows, what follows }, at
 * multiples of 8.
 *
 *   tag
 *     1  numbers        u64 sequence number, u64 file number, u64 zero: nothing above them was ever promised
 *     2  add segment    u32 number, u32 queue (0 young, 1 main, 2 returned), 8 B salt
 *     3  seal segment   u32 number, u32 bytes of the file
 *     4  remove segment u32 number, u32 zero
 *     5  kills          each: u64 hash, u32 segment, u32 record number
 *     6  limit          u32 number of a main segment, u32 bytes that count
 *     7  purge          u32 hash of a namespace, 0: all, u32 zero, u64 sequence number
 *     8  dead           u32 segment, u32 bytes, a bit for each record number. In the first group only
 *     9  index          u32 number, u32 zero, u64 bytes, 8 B salt: the snapshot of the index that counts while no group
 *                       stands behind this one
 *
 * Every group begins with tag 1. An unknown tag is UNSUPPORTED_FORMAT: whoever skipped it could serve what it declares
 * dead.
 * Thread: any (pure).
 */
import { BadBytes, ByteReader, ByteWriter, SALT_BYTES, SEQ_NUM_MAX } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { CACHE_FILE_NUM_MAX } from './cache-names.js'

/** Tags of changes. They are on disk: do not change these numbers. */
export const ChangeTag = {
  numbers: 1, addSegment: 2, sealSegment: 3, removeSegment: 4, kills: 5, limit: 6, purge: 7, dead: 8, index: 9,
} as const

/**
 * What a segment has: young: new blobs; main: moved ones; returned: new ones of keys that were dropped a short while
 * ago, which have main's place in the queue.
 */
export type SegmentQueue = 'young' | 'main' | 'returned'
export const SEGMENT_QUEUES: readonly SegmentQueue[] = ['young', 'main', 'returned']

/** One dead record. */
export interface Kill {
  low: number
  high: number
  segment: number
  recordNum: number
}

/** The highest numbers that were given so far. */
export interface PromisedNumbers {
  seqNum: SeqNum
  fileNum: number
}

/** The file of a snapshot of the index. */
export interface NamedSnapshot {
  fileNum: number
  /** Bytes of the file. */
  bytes: number
  salt: Uint8Array
}

/** One change of what the cache holds. */
export type Change =
  | ({ tag: typeof ChangeTag.numbers } & PromisedNumbers)
  | { tag: typeof ChangeTag.addSegment; segment: number; queue: SegmentQueue; salt: Uint8Array }
  | { tag: typeof ChangeTag.sealSegment; segment: number; bytes: number }
  | { tag: typeof ChangeTag.removeSegment; segment: number }
  | { tag: typeof ChangeTag.kills; kills: readonly Kill[] }
  | { tag: typeof ChangeTag.limit; segment: number; bytes: number }
  | { tag: typeof ChangeTag.purge; namespace: number; seqNum: SeqNum }
  | { tag: typeof ChangeTag.dead; segment: number; bits: Uint8Array }
  | ({ tag: typeof ChangeTag.index } & NamedSnapshot)

/** Bytes of a kill in a group. */
const KILL_BYTES = 16

/** A change of a later version, or bits that mean nothing to this one. */
export class UnknownChange extends BadBytes {}

export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const out = new ByteWriter(64 * changes.length)
  for (const change of changes) {
    const value = encodeValue(change)
    out.u32(change.tag).bytes(value).align(8)
  }
  return out.finish()
}

function encodeValue(change: Change): Uint8Array {
  const out = new ByteWriter(24)
  switch (change.tag) {
    case ChangeTag.numbers: return out.u53(change.seqNum).u53(change.fileNum).u53(0).finish()
    case ChangeTag.addSegment:
      return out.u32(change.segment).u32(SEGMENT_QUEUES.indexOf(change.queue)).raw(change.salt).finish()
    case ChangeTag.sealSegment:
    case ChangeTag.limit: return out.u32(change.segment).u32(change.bytes).finish()
    case ChangeTag.removeSegment: return out.u32(change.segment).u32(0).finish()
    case ChangeTag.kills:
      for (const { low, high, segment, recordNum } of change.kills) out.u32(low).u32(high).u32(segment).u32(recordNum)
      return out.finish()
    case ChangeTag.purge: return out.u32(change.namespace).u32(0).u53(change.seqNum).finish()
    case ChangeTag.dead: return out.u32(change.segment).bytes(change.bits).finish()
    case ChangeTag.index: return out.u32(change.fileNum).u32(0).u53(change.bytes).raw(change.salt).finish()
  }
}

/**
 * Reads the changes in bytes[start, end). Throws BadBytes for bytes that no version writes, UnknownChange for a tag
 * that this one does not know.
 */
export function decodeChanges(bytes: Uint8Array, start: number, end: number): Change[] {
  const reader = new ByteReader(bytes, start, end)
  const changes: Change[] = []
  while (reader.left > 0) {
    const at = reader.position
    const tag = reader.u32()
    const length = reader.u32()
    if (length > reader.left) throw new BadBytes(at, `change of ${length} bytes, ${reader.left} are left`)
    const value = new ByteReader(bytes, reader.position, reader.position + length)
    changes.push(decodeValue(tag, value, at))
    if (value.left > 0) throw new BadBytes(value.position, `${value.left} bytes behind change ${tag}`)
    reader.position += length
    for (let left = (8 - ((reader.position - start) % 8)) % 8; left > 0; left--) {
      if (reader.u8() !== 0) throw new BadBytes(reader.position - 1, 'not zeros between changes')
    }
  }
  return changes
}

function decodeValue(tag: number, value: ByteReader, at: number): Change {
  switch (tag) {
    case ChangeTag.numbers: return readNumbers(value)
    case ChangeTag.addSegment:
      return { tag, segment: value.u32(), queue: queueOf(value), salt: value.raw(SALT_BYTES) }
    case ChangeTag.sealSegment:
    case ChangeTag.limit: return { tag, segment: value.u32(), bytes: value.u32() }
    case ChangeTag.removeSegment: return { tag, segment: withZeros(value.u32(), value) }
    case ChangeTag.kills: return { tag, kills: readKills(value) }
    case ChangeTag.purge: return { tag, namespace: withZeros(value.u32(), value), seqNum: seqNumOf(value) }
    case ChangeTag.dead: return { tag, segment: value.u32(), bits: value.bytes(value.left) }
    case ChangeTag.index:
      return { tag, fileNum: withZeros(value.u32(), value), bytes: value.u53(), salt: value.raw(SALT_BYTES) }
    default: throw new UnknownChange(at, `change ${tag}`)
  }
}

function readNumbers(value: ByteReader): Change {
  const at = value.position
  const [seqNum, fileNum] = [value.u53(), value.u53()]
  if (seqNum > SEQ_NUM_MAX) throw new BadBytes(at, 'sequence number of 2^51 or more')
  if (fileNum > CACHE_FILE_NUM_MAX) throw new BadBytes(at + 8, 'file number of 2^32 or more')
  if (value.u53() !== 0) throw new UnknownChange(at + 16, 'number')
  return { tag: ChangeTag.numbers, seqNum, fileNum }
}

function seqNumOf(value: ByteReader): SeqNum {
  const at = value.position
  const seqNum = value.u53()
  if (seqNum > SEQ_NUM_MAX) throw new BadBytes(at, 'sequence number of 2^51 or more')
  return seqNum
}

function queueOf(value: ByteReader): SegmentQueue {
  const at = value.position
  const queue = SEGMENT_QUEUES[value.u32()]
  if (queue === undefined) throw new UnknownChange(at, 'queue')
  return queue
}

function withZeros(number: number, value: ByteReader): number {
  const at = value.position
  if (value.u32() !== 0) throw new UnknownChange(at, 'bits')
  return number
}

function readKills(value: ByteReader): Kill[] {
  const at = value.position
  if (value.left % KILL_BYTES !== 0) throw new BadBytes(at, `kills of ${value.left} bytes`)
  const kills: Kill[] = []
  while (value.left > 0) {
    kills.push({ low: value.u32(), high: value.u32(), segment: value.u32(), recordNum: value.u32() })
  }
  return kills
}
