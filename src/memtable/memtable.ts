/**
 * What: the newest writes in memory: a hash index and, on demand, an order over the frames of one slab, and the spans
 * of its range tombstones, which are no entries of index and order.
 * Owns: the index, the order, a hold on the slab and on value files that its entries name, the count of its own users.
 * Does not own: the bytes (slab) nor what is published (commit gives only published frames).
 * Thread: main.
 * States: empty (takes no memory) → filled (has its slab, takes inserts) → sealed (no more inserts) → freed with its
 * last user. An empty one may be sealed, too.
 * Invariants: MEM-1 an entry is visible here only after its frame is in the log (the caller inserts
 * published frames, in order). MEM-2 sequence numbers rise in insertion order.
 */
import {
  alignUp, assert, compareRanges, entryEnd, entryEndBehind, entryKeyBytes, entryKeyEnd, entryKeyStart, entryKind,
  EntryKind, entryValueBytes, entryValueEnd, equalRanges, EXTENSION_HEADER_BYTES, ExtensionType, FRAME_HEADER_BYTES,
  frameBytes, FrameType, frontBytes, getU32, getU53, handleFileNum, hashRange,
} from '../base/index.js'
import type { FileNum, HashSeed, InternalIterator, KeyHash, PointResult, SeqNum } from '../base/index.js'
import type { Executor } from '../exec/index.js'
import { isApart, isPlain, isTombstone, mayExpire } from '../iterator/index.js'
import type { Span, Spans } from '../iterator/index.js'
import type { Slab } from '../slab/index.js'
import { EntryTable } from './entry-table.js'
import { keyWord } from './entry-sort.js'
import { HashIndex } from './hash-index.js'
import { MemtableOrder } from './memtable-order.js'
import { MemtableSpans } from './memtable-spans.js'
import { RunIterator } from './run-iterator.js'
import { WalkUse } from './walk-use.js'

export interface MemtableOptions {
  logNum: FileNum
  /** Where its frames begin in the slab. */
  start: number
  /** The last sequence number before those of its entries. */
  baseSeqNum: SeqNum
  /** The seed of its hashes, that of the tables: secret, so that keys cannot be aimed at one slot. */
  hashSeed: HashSeed
  /** The executor that sorts ahead. With null everything is sorted when an iterator needs it. */
  executor: Executor | null
  /** What the memtables of a database know of walks; by default it has its own. */
  walks?: WalkUse
}

/** Counts the users of value files that entries of a log name. */
export interface ValueFileHolds {
  hold(fileNum: FileNum): void
  release(fileNum: FileNum): void
}

/** One version of a key; the value is lent while the memtable is held. */
export interface MemtableVersion extends PointResult {
  seqNum: SeqNum
  /** Where its entry starts in the slab, and so in the log. */
  offset: number
}

const NO_BYTES = new Uint8Array(0)
const NO_SPANS: readonly Spans[] = []
/** The index of every empty memtable. Nothing is ever put into it. */
const NO_INDEX = new HashIndex()

export class Memtable {
  private slabNow: Slab | null = null
  /** Number of the log whose bytes these are. */
  readonly logNum: FileNum
  /** Where its frames begin in the slab. */
  readonly start: number
  private readonly seed: HashSeed
  private readonly baseSeqNum: SeqNum
  private readonly executor: Executor | null
  private readonly walks: WalkUse
  /** The slab's; none while it is empty. */
  bytes: Uint8Array = NO_BYTES
  private readonly entries = new EntryTable()
  private index = NO_INDEX
  private order: MemtableOrder | null = null
  private spans: MemtableSpans | null = null
  private users = 1
  private holds: ValueFileHolds | null = null
  /** Where the handles of streamed values start in the slab, in order of arrival. */
  readonly handleStarts: number[] = []
  /** End of the last inserted frame in the slab. */
  publishedEnd: number
  lastSeqNum: SeqNum
  tombstoneCount = 0
  /** Bytes of keys and values, without framing. */
  rawBytes = 0
  /** Count of the entries that expire. */
  expiringCount = 0
  /** The external position of the last batch that carried one, or null. */
  position: Uint8Array | null = null

  constructor(options: MemtableOptions) {
    const { logNum, start, baseSeqNum } = options
    this.logNum = logNum
    this.start = start
    this.publishedEnd = start
    this.baseSeqNum = baseSeqNum
    this.lastSeqNum = baseSeqNum
    this.seed = options.hashSeed
    this.executor = options.executor
    this.walks = options.walks ?? new WalkUse()
  }

  /**
   * Gives the memtable the slab in which its frames stand, and holds it. `expectedKeys` says about how many different
   * keys will come, 0 when that is not known. Requires: the memtable is empty.
   */
  fill(slab: Slab, expectedKeys = 0): void {
    assert(this.slabNow === null, 'a memtable has one slab')
    this.slabNow = slab
    this.bytes = slab.bytes
    this.index = new HashIndex(expectedKeys)
    this.order = new MemtableOrder(slab, this.entries, this.executor, this.walks)
    slab.hold()
  }

  /** The slab with its frames. Requires: the memtable is filled. */
  get slab(): Slab {
    assert(this.slabNow !== null, 'an empty memtable has no slab')
    return this.slabNow
  }

  /** The capacity of its slab, or 0 while it is empty. */
  get slabBytes(): number {
    return this.bytes.length
  }

  /** The count of entries that are not range tombstones. */
  get entryCount(): number {
    return this.entries.count
  }

  /** The count of range tombstones. */
  get spanCount(): number {
    return this.spans?.count ?? 0
  }

  /** True while there is neither an entry nor a range tombstone. */
  get isEmpty(): boolean {
    return this.entries.count === 0 && this.spans === null
  }

  /** The range tombstones that are there now; empty when there are none. */
  get spansNow(): readonly Spans[] {
    return this.spans?.now ?? NO_SPANS
  }

  /** The count of different keys. */
  get keyCount(): number {
    return this.index.keyCount
  }

  /** Memory that the memtable takes besides the slab. */
  get indexBytes(): number {
    const { order } = this
    if (order === null) return 0
    return this.entries.memoryBytes + this.index.memoryBytes + order.memoryBytes + (this.spans?.memoryBytes ?? 0)
  }

  /** The count of chunks that are being sorted, or are sorted and not yet delivered. */
  get sortsBehind(): number {
    return this.order?.sortsBehind ?? 0
  }

  hold(): void {
    this.users++
  }

  /**
   * From now on the memtable holds the value files that its entries name, as long as it has users itself. Calling it
   * again changes nothing.
   */
  holdFiles(holds: ValueFileHolds): void {
    if (this.holds === holds) return
    assert(this.holds === null, 'the value files of a memtable have one owner')
    this.holds = holds
    for (const start of this.handleStarts) holds.hold(handleFileNum(this.bytes, start))
  }

  release(): void {
    assert(this.users > 0, 'memtable released more often than held')
    if (--this.users > 0) return
    for (const start of this.handleStarts) this.holds?.release(handleFileNum(this.bytes, start))
    this.order?.close()
    this.slabNow?.release()
  }

  /** Indexes the frames from `publishedEnd` to `end`. Requires: they are whole and in the log. */
  insertFrames(end: number): void {
    const { bytes } = this
    let at = this.publishedEnd
    while (at < end) {
      const bodyBytes = getU32(bytes, at + 4)
      if (bytes[at + 12] === FrameType.batch) {
        const extensionBytes = bytes[at + 14]! | (bytes[at + 15]! << 8)
        const entries = at + FRAME_HEADER_BYTES + extensionBytes
        if (extensionBytes > 0) this.position = findPosition(bytes, entries - extensionBytes, entries) ?? this.position
        this.insertEntries(entries, getU32(bytes, at + 24), getU53(bytes, at + 16))
      } else if (bytes[at + 12] === FrameType.ingestNote) {
        this.lastSeqNum = getU53(bytes, at + 16)
      }
      at += frameBytes(bodyBytes)
    }
    assert(at === end, 'frames end where the log ends')
    this.publishedEnd = end
    this.order!.noteInserted()
  }

  private insertEntries(start: number, count: number, firstSeqNum: SeqNum): void {
    let at = start
    let seqDelta = firstSeqNum - this.baseSeqNum
    for (let i = 0; i < count; i++) {
      at = this.insertEntry(at, seqDelta)
      seqDelta++
    }
    this.lastSeqNum = firstSeqNum + count - 1
  }

  /** Returns where the next entry starts. */
  private insertEntry(offset: number, seqDelta: number): number {
    const { bytes, entries, index } = this
    const kind = entryKind(bytes, offset)
    if (kind === EntryKind.rangeTombstone) return this.insertSpan(offset, seqDelta)
    const keyStart = entryKeyStart(bytes, offset)
    const keyEnd = keyStart + entryKeyBytes(bytes, offset)
    const valueEnd = keyEnd + entryValueBytes(bytes, offset)
    const hash = hashRange(bytes, keyStart, keyEnd, this.seed)
    let older = index.find(hash)
    while (older !== 0 && !this.keyIs(older - 1, bytes, keyStart, keyEnd)) older = index.next(hash)
    index.put(hash, entries.add(offset, seqDelta, older, keyWord(bytes, offset, 0)))
    if (!isPlain(kind)) this.noteKind(kind, keyEnd)
    this.rawBytes += valueEnd - keyStart
    return entryEndBehind(bytes, offset, valueEnd)
  }

  private insertSpan(offset: number, seqDelta: number): number {
    const span = spanOfEntry(this.bytes, offset, this.baseSeqNum + seqDelta)
    this.spans ??= new MemtableSpans()
    this.spans.add(span)
    this.rawBytes += span.lower.length + (span.upper?.length ?? 0)
    return entryEnd(this.bytes, offset)
  }

  private noteKind(kind: number, valueStart: number): void {
    if (isTombstone(kind)) this.tombstoneCount++
    if (mayExpire(kind)) this.expiringCount++
    if (!isApart(kind)) return
    const handleStart = valueStart + frontBytes(kind)
    this.handleStarts.push(handleStart)
    this.holds?.hold(handleFileNum(this.bytes, handleStart))
  }

  private keyIs(id: number, key: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this
    const offset = this.entries.offset(id)
    const keyStart = entryKeyStart(bytes, offset)
    return equalRanges(bytes, keyStart, keyStart + entryKeyBytes(bytes, offset), key, start, end)
  }

  /**
   * Finds the newest version of key[start, end) with a sequence number ≤ `snapshot`; false when there is none. What a
   * range tombstone hides is found as a tombstone, also where there is no version. `keyHash` has begun with this key.
   */
  get(
    key: Uint8Array, start: number, end: number, snapshot: SeqNum, out: PointResult, keyHash: KeyHash,
  ): boolean {
    const { spans } = this
    if (spans === null) return this.find(key, start, end, snapshot, out, keyHash) !== 0
    const cover = spans.coverAt(key, start, end, snapshot)
    const found = this.find(key, start, end, snapshot, out, keyHash)
    if (found !== 0 && this.baseSeqNum + this.entries.seqDelta(found - 1) > cover) return true
    out.kind = EntryKind.tombstone
    return found !== 0 || cover > 0
  }

  /** Gives the id + 1 of the version that `get` finds among the entries; 0 when there is none. */
  private find(
    key: Uint8Array, start: number, end: number, snapshot: SeqNum, out: PointResult, keyHash: KeyHash,
  ): number {
    const { entries, index } = this
    const hash = keyHash.of(key, start, end, this.seed)
    let found = index.find(hash)
    while (found !== 0 && !this.keyIs(found - 1, key, start, end)) found = index.next(hash)
    const deltaMax = snapshot - this.baseSeqNum
    while (found !== 0 && entries.seqDelta(found - 1) > deltaMax) found = entries.older(found - 1)
    if (found === 0) return 0
    const { bytes } = this
    const offset = entries.offset(found - 1)
    out.kind = entryKind(bytes, offset)
    out.valueBytes = bytes
    out.valueStart = entryKeyEnd(bytes, offset)
    out.valueEnd = out.valueStart + entryValueBytes(bytes, offset)
    return found
  }

  /** Every version of a key and where it stands in the log, newest first. */
  versionsOf(key: Uint8Array): MemtableVersion[] {
    const { bytes, entries, index, seed } = this
    const hash = hashRange(key, 0, key.length, seed)
    let found = index.find(hash)
    while (found !== 0 && !this.keyIs(found - 1, key, 0, key.length)) found = index.next(hash)
    const versions: MemtableVersion[] = []
    for (; found !== 0; found = entries.older(found - 1)) {
      const offset = entries.offset(found - 1)
      const [valueStart, valueEnd] = [entryKeyEnd(bytes, offset), entryValueEnd(bytes, offset)]
      const seqNum = this.baseSeqNum + entries.seqDelta(found - 1)
      versions.push({ offset, seqNum, kind: entryKind(bytes, offset), valueBytes: bytes, valueStart, valueEnd })
    }
    return versions
  }

  /** Called when writes pause: what iterators walk over becomes few runs, if there are any iterators. */
  gather(): void {
    this.order?.gather()
  }

  /** The first key in [lower, upper) that was put since there were `entryCount` entries, as a copy, or null. */
  firstPutSince(entryCount: number, lower: Uint8Array, upper: Uint8Array | null): Uint8Array | null {
    const { bytes, entries } = this
    let first = upper
    for (let id = entryCount; id < entries.count; id++) {
      const offset = entries.offset(id)
      if (isTombstone(entryKind(bytes, offset))) continue
      const start = entryKeyStart(bytes, offset)
      const end = entryKeyEnd(bytes, offset)
      if (compareRanges(bytes, start, end, lower, 0, lower.length) < 0) continue
      if (first !== null && compareRanges(bytes, start, end, first, 0, first.length) >= 0) continue
      first = new Uint8Array(end - start)
      first.set(bytes.subarray(start, end))
    }
    return first === upper ? null : first
  }

  /**
   * Gives an iterator over all entries that are there now; it does not see later inserts. It is valid while the
   * memtable is held. Requires: there are entries.
   */
  iterator(): InternalIterator {
    const { bytes, entries, baseSeqNum } = this
    return this.order!.iterator((run) => new RunIterator(bytes, entries, baseSeqNum, run))
  }
}

/** Gives the range tombstone that stands at bytes[offset] as an entry with this number, with copies of its bounds. */
export function spanOfEntry(bytes: Uint8Array, offset: number, seqNum: SeqNum): Span {
  const keyEnd = entryKeyEnd(bytes, offset)
  const valueEnd = entryValueEnd(bytes, offset)
  return {
    lower: bytes.slice(entryKeyStart(bytes, offset), keyEnd),
    upper: valueEnd === keyEnd ? null : bytes.slice(keyEnd, valueEnd),
    seqNum,
  }
}

/** The external position among a frame's extensions, as a copy. */
function findPosition(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  let at = start
  while (at + EXTENSION_HEADER_BYTES <= end) {
    const length = bytes[at + 2]! | (bytes[at + 3]! << 8)
    const valueStart = at + EXTENSION_HEADER_BYTES
    if (valueStart + length > end) return null
    if (bytes[at] === ExtensionType.position) {
      const position = new Uint8Array(length)
      position.set(bytes.subarray(valueStart, valueStart + length))
      return position
    }
    at = alignUp(valueStart + length, 4)
  }
  return null
}
