/**
 * What: stage 2, build: makes one table, synced in strict mode, of the published frames of one memtable, with its range
 * tombstones, which drop what only they let go of before it is written. Large values
 * stay in the log, or go to a value log, or into the table (value-rules.ts). Of a value that has expired for everybody
 * a tombstone is left.
 * Owns: the new files while it runs; removes them when it fails.
 * Does not own: file numbers (given), the files' final names (publish-tables.ts).
 * Thread: any. It takes plain data and shared memory, and gives plain data.
 * Invariants: FLUSH-2 only published frames are read. FLUSH-3 a version is dropped only when neither
 * the newest state nor a held snapshot sees it.
 */
import {
  assert, entryContentStart, entryEnd, entryKeyBytes, entryKeyEnd, entryKeyStart, EntryKind, entryKind, entryValueBytes,
  entryValueEnd, EXPIRY_BYTES, expiryOf, FRAME_HEADER_BYTES, frameBytes, FrameType, frontBytes, getU32, getU53,
  KIND_MASK, KiB, VALUE_HANDLE_BYTES,
} from '../base/index.js'
import type { FileHeader, FileNum, SeqNum, TableFacts } from '../base/index.js'
import { CoverWalk, isVersionSeen, RetentionFilter, Spans } from '../iterator/index.js'
import type { RetentionRule } from '../iterator/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { sortEntries, spanOfEntry } from '../memtable/index.js'
import { replacedByFlush } from '../sstable/index.js'
import type { TableBuilder } from '../sstable/index.js'
import { NewTable, SpareMemory } from '../tables/index.js'
import type { NewTableOptions, TableJobContext, TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'
import { SeparatedValues } from './separated-values.js'
import { ValueCopies } from './value-copies.js'
import type { ValueLogTarget } from './value-copies.js'
import { decideValues, isLargeValue, largeBytesMin, VALUE_COPY_BYTES_MIN } from './value-rules.js'
import type { LargeValues, ValueDecision, ValueRule, ValueSettings } from './value-rules.js'

export interface FlushBuildInput extends Pick<NewTableOptions, 'dir' | 'fileName' | 'isSynced'>, RetentionRule {
  header: FileHeader
  settings: TableSettings
  slab: SharedArrayBuffer
  /** The frames are the bytes [start, end) of the slab. */
  start: number
  end: number
  logNum: FileNum
  /** Bytes of the log that a crash does not take, or that are synced before an edit names them. */
  provenBytes: number
  values: ValueSettings
  /** The value logs into which values may be copied, if that pays; empty: there are none. */
  valueLogs: readonly ValueLogTarget[]
  /** Tables that are in no version, and whose removal is not known to be durable. The new table names them. */
  unlisted: readonly FileNum[]
}

export interface FlushBuildOutput {
  /** The facts of the new table; null when no entry is kept, and so there is no file. */
  facts: TableFacts | null
  keptCount: number
  droppedCount: number
  /** Values that had expired for everybody: tombstones are in their place. */
  expiredCount: number
  /** What was decided about large values. */
  decision: ValueDecision
  /** Large values in the table, or behind its handles, and their bytes. */
  largeCount: number
  largeBytes: number
  /** The value logs, or the promoted log, that handles of the new table point into; empty when there are none. */
  valueLogs: NewValueLog[]
}

const ENTRIES_PER_PAUSE = 1024
const BYTES_PER_PAUSE = 512 * KiB

export function* buildTable(
  input: FlushBuildInput, { vfs, spare = new SpareMemory() }: { vfs: Vfs } & TableJobContext,
): Generator<undefined, FlushBuildOutput, unknown> {
  const bytes = new Uint8Array(input.slab)
  const largeMin = largeBytesMin(input.values.rules)
  const { offsets, seqNums, largeBytes, spanOffsets, spanSeqNums } = collectEntries(
    bytes, input.start, input.end, largeMin)
  yield
  if (offsets.length + spanOffsets.length === 0) return NOTHING_BUILT
  const spans = joinSpans(input, bytes, spanOffsets, spanSeqNums)
  const order = sortEntries(bytes, offsets)
  yield
  const { dir, fileName, isSynced, header, settings, logNum } = input
  const options = { ...header, ...settings, firstLog: logNum, lastLog: logNum }
  const entries = { bytes, offsets, seqNums, order, spans }
  const decision = mayBeSeparated(input, largeBytes) ? decide(input, yield* sumKept(input, entries)) : 'keep'
  const memory = spare.take(settings.blockBytes, 0)
  const table = new NewTable({ vfs, dir, fileName, isSynced, table: options, memory })
  let values: SeparatedValues | null = null
  let isBuilt = false
  try {
    values = separate(input, vfs, bytes, decision)
    const output = { ...yield* writeTable(input, entries, table, values), decision }
    isBuilt = true
    return output
  } finally {
    // A caller that gives the job up between two steps comes here too, without an error.
    if (!isBuilt) {
      table.discard()
      values?.discard()
    }
    spare.give(memory)
  }
}

/** What a build gives that writes no table. */
export const NOTHING_BUILT: FlushBuildOutput = {
  facts: null, keptCount: 0, droppedCount: 0, expiredCount: 0, decision: 'keep', largeCount: 0, largeBytes: 0,
  valueLogs: [],
}

/** Looks at large values that may be dropped, too: mostly it says no, and nothing is gone through twice. */
function mayBeSeparated({ values }: FlushBuildInput, largeBytes: number): boolean {
  return largeBytes > 0 && largeBytes >= Math.min(values.promoteBytesMin, VALUE_COPY_BYTES_MIN)
}

function decide({ end, provenBytes, valueLogs, values }: FlushBuildInput, large: LargeValues): ValueDecision {
  return decideValues(large, { logBytes: end, provenBytes, mayCopy: valueLogs.length > 0 }, values)
}

/** What large values the table will have, of those that are there. */
function* sumKept(input: FlushBuildInput, entries: SortedEntries): Generator<undefined, LargeValues, unknown> {
  const { bytes, offsets, seqNums, order, spans } = entries
  const retention = new RetentionFilter(input)
  const cover = spans === null ? null : new CoverWalk(spans)
  const { rules } = input.values
  const large: LargeValues = { bytes: 0, end: 0 }
  let previous = -1
  for (let i = 0; i < order.length; i++) {
    if (i % ENTRIES_PER_PAUSE === ENTRIES_PER_PAUSE - 1) yield
    const at = offsets[order[i]!]!
    const isOlder = previous >= 0 && hasSameKey(bytes, previous, at)
    previous = at
    const seqNum = seqNums[order[i]!]!
    const coverSeqNum = cover?.above(bytes, entryKeyStart(bytes, at), entryKeyEnd(bytes, at), seqNum)
    const kind = entryKind(bytes, at)
    const expiryMs = expiryOf(kind, bytes, entryKeyEnd(bytes, at))
    if (!retention.keep(seqNum, kind, isOlder, coverSeqNum, expiryMs) || retention.isExpired) continue
    if (!isLarge(rules, bytes, at)) continue
    const end = entryValueEnd(bytes, at)
    large.bytes += end - entryContentStart(bytes, at)
    if (end > large.end) large.end = end
  }
  return large
}

function isLarge(rules: readonly ValueRule[], bytes: Uint8Array, at: number): boolean {
  if ((entryKind(bytes, at) & KIND_MASK) !== EntryKind.value) return false
  const contentBytes = entryValueEnd(bytes, at) - entryContentStart(bytes, at)
  return isLargeValue(rules, bytes, entryKeyStart(bytes, at), entryKeyEnd(bytes, at), contentBytes)
}

/** Null: values stay in the table. */
function separate(
  input: FlushBuildInput, vfs: Vfs, slab: Uint8Array, decision: ValueDecision,
): SeparatedValues | null {
  const { dir, isSynced, logNum, end, provenBytes, valueLogs, values } = input
  if (decision === 'promote') return new SeparatedValues(slab, { logNum, bytes: Math.min(end, provenBytes) })
  if (decision === 'keep') return null
  return new SeparatedValues(slab, new ValueCopies({ vfs, dir, isSynced }, valueLogs, values.fileBytes))
}

function* writeTable(
  input: FlushBuildInput, entries: SortedEntries, table: NewTable, values: SeparatedValues | null,
): Generator<undefined, Omit<FlushBuildOutput, 'decision'>, unknown> {
  const retention = new RetentionFilter(input)
  const writer = new EntryWriter(entries, table.builder, retention, { rules: input.values.rules, values })
  const count = entries.order.length
  const step = Math.min(ENTRIES_PER_PAUSE, Math.ceil(BYTES_PER_PAUSE / bytesEach(entries)))
  for (let from = 0; from < count; from += step) {
    writer.write(from, Math.min(count, from + step))
    table.syncSome()
    values?.syncSome()
    yield
  }
  const valueLogs = values?.finish() ?? []
  if (entries.spans !== null) table.builder.addSpans(entries.spans)
  const { header: { fileNum }, unlisted } = input
  const facts = yield* table.finish({ ...replacedByFlush(unlisted), group: fileNum, index: 0, isLast: true })
  const { keptCount, droppedVersionCount, droppedTombstoneCount, expiredCount } = retention
  assert(facts.entryCount === Math.max(1, keptCount), 'the table holds what was kept, or its range tombstones alone')
  const { largeCount, largeBytes } = writer
  return {
    facts, keptCount, droppedCount: droppedVersionCount + droppedTombstoneCount, expiredCount, largeCount, largeBytes,
    valueLogs,
  }
}

interface SortedEntries {
  bytes: Uint8Array
  /** The offset of each entry in the slab, in arrival order. */
  offsets: Uint32Array
  seqNums: Float64Array
  /** Indexes into `offsets` and `seqNums`, in key order. */
  order: Uint32Array
  /** The range tombstones that are kept; null when there are none. */
  spans: Spans | null
}

/** Joins the range tombstones at these offsets, without numbers that no reader needs. */
function joinSpans(
  rule: RetentionRule, bytes: Uint8Array, offsets: readonly number[], seqNums: readonly SeqNum[],
): Spans | null {
  const all = offsets.map((at, i) => Spans.of(spanOfEntry(bytes, at, seqNums[i]!)))
  return Spans.join(all, (seqNum, newer) => isVersionSeen(rule, seqNum, newer))
}

/** The average number of bytes of the slab for each entry. */
function bytesEach({ offsets }: SortedEntries): number {
  return offsets.length === 0 ? 1 : 1 + (offsets.at(-1)! - offsets[0]!) / offsets.length
}

/** The number of entries that are brought into the processor's cache at a time. */
const BATCH_ENTRIES = 64
const CACHE_LINE_BYTES = 64
const LINES_TOUCHED_MAX = 4

/** Brings entries from the slab to the builder. */
class EntryWriter {
  private readonly entries: SortedEntries
  private readonly builder: TableBuilder
  private readonly retention: RetentionFilter
  private readonly view: DataView
  /** Offsets of the entries of the present batch. */
  private readonly places = new Uint32Array(BATCH_ENTRIES)
  /** Sequence numbers of the entries of the present batch. */
  private readonly numbers = new Float64Array(BATCH_ENTRIES)
  private readonly touched = new Uint8Array(BATCH_ENTRIES)
  private lastPlace = -1
  private readonly linesTouched: number
  private readonly rules: readonly ValueRule[]
  /** No shorter value is large. */
  private readonly largeMin: number
  /** Where large values go; null: into the table. */
  private readonly values: SeparatedValues | null
  private readonly cover: CoverWalk | null
  /** A handle, behind the front of its value. */
  private readonly content = new Uint8Array(EXPIRY_BYTES + VALUE_HANDLE_BYTES)
  largeCount = 0
  largeBytes = 0

  constructor(
    entries: SortedEntries, builder: TableBuilder, retention: RetentionFilter,
    { rules, values }: { rules: readonly ValueRule[]; values: SeparatedValues | null },
  ) {
    this.rules = rules
    this.largeMin = largeBytesMin(rules)
    this.values = values
    this.entries = entries
    this.cover = entries.spans === null ? null : new CoverWalk(entries.spans)
    this.builder = builder
    this.retention = retention
    this.view = new DataView(entries.bytes.buffer)
    this.linesTouched = Math.min(LINES_TOUCHED_MAX, Math.ceil(bytesEach(entries) / CACHE_LINE_BYTES))
  }

  /** Writes those of the entries [from, to) of the order that are kept. */
  write(from: number, to: number): void {
    for (let start = from; start < to; start += BATCH_ENTRIES) {
      const count = Math.min(to - start, BATCH_ENTRIES)
      this.gather(start, count)
      this.touch(count)
      this.add(count)
    }
  }

  /**
   * Collects a batch. Entries are in the slab in arrival order, so in key order nearly every load is a cache miss.
   * Loads that do not wait for each other overlap, so each kind of load has a loop of its own
   * (docs/design/0019-merge-speed.md).
   */
  private gather(from: number, count: number): void {
    const { offsets, seqNums, order } = this.entries
    const { places, numbers } = this
    for (let i = 0; i < count; i++) {
      const ordinal = order[from + i]!
      places[i] = offsets[ordinal]!
      numbers[i] = seqNums[ordinal]!
    }
  }

  private touch(count: number): void {
    const { bytes } = this.entries
    const { places, touched, linesTouched } = this
    const last = bytes.length - 1
    for (let i = 0; i < count; i++) {
      let sum = 0
      for (let line = 0, at = places[i]!; line < linesTouched; line++, at += CACHE_LINE_BYTES) {
        sum += bytes[at < last ? at : last]!
      }
      touched[i] = sum
    }
  }

  private add(count: number): void {
    const { bytes } = this.entries
    const { builder, places, numbers, retention, view, largeMin, cover } = this
    let previous = this.lastPlace
    for (let i = 0; i < count; i++) {
      const at = places[i]!
      const keyStart = entryKeyStart(bytes, at)
      const keyEnd = keyStart + entryKeyBytes(bytes, at)
      const seqNum = numbers[i]!
      const kind = entryKind(bytes, at)
      const isOlder = previous >= 0 && hasSameKey(bytes, previous, at)
      const coverSeqNum = cover === null ? Infinity : cover.above(bytes, keyStart, keyEnd, seqNum)
      if (retention.keep(seqNum, kind, isOlder, coverSeqNum, expiryOf(kind, bytes, keyEnd))) {
        if (coverSeqNum !== Infinity && !isOlder) builder.noteCovered()
        const valueEnd = keyEnd + entryValueBytes(bytes, at)
        const contentBytes = valueEnd - keyEnd - frontBytes(kind)
        if (retention.isExpired) {
          builder.addBehind(bytes, view, keyStart, keyEnd, keyEnd, seqNum, EntryKind.tombstone)
        } else if (contentBytes < largeMin || !isLargeValue(this.rules, bytes, keyStart, keyEnd, contentBytes)) {
          builder.addBehind(bytes, view, keyStart, keyEnd, valueEnd, seqNum, kind)
        } else this.addLarge(at, keyStart, keyEnd, valueEnd, seqNum)
      }
      previous = at
    }
    this.lastPlace = previous
  }

  /** Requires: it is a value. (Tombstones have none, and nothing else stands in a log.) */
  private addLarge(at: number, keyStart: number, keyEnd: number, valueEnd: number, seqNum: SeqNum): void {
    const { entries: { bytes }, builder, values, view, content } = this
    const kind = entryKind(bytes, at)
    const ownFrontBytes = frontBytes(kind)
    this.largeCount++
    this.largeBytes += valueEnd - keyEnd - ownFrontBytes
    if (values === null) {
      builder.addBehind(bytes, view, keyStart, keyEnd, valueEnd, seqNum, kind)
      return
    }
    values.put(at, seqNum)
    content.set(bytes.subarray(keyEnd, keyEnd + ownFrontBytes))
    content.set(values.handle, ownFrontBytes)
    const handleKind = kind - EntryKind.value + EntryKind.valueHandle
    builder.add(bytes, keyStart, keyEnd, seqNum, handleKind, content, 0, ownFrontBytes + VALUE_HANDLE_BYTES)
  }
}

/** True when both entries have the same key. It compares from the end, where neighbours in key order differ. */
function hasSameKey(bytes: Uint8Array, a: number, b: number): boolean {
  const keyBytes = entryKeyBytes(bytes, a)
  if (entryKeyBytes(bytes, b) !== keyBytes) return false
  const aStart = entryKeyStart(bytes, a)
  const bStart = entryKeyStart(bytes, b)
  for (let k = keyBytes - 1; k >= 0; k--) if (bytes[aStart + k] !== bytes[bStart + k]) return false
  return true
}

interface CollectedEntries {
  offsets: Uint32Array
  seqNums: Float64Array
  largeBytes: number
  /** The range tombstones, which are not among the others. */
  spanOffsets: number[]
  spanSeqNums: SeqNum[]
}

/**
 * Collects the offsets and sequence numbers of all entries, in arrival order, and sums up the values that have
 * `largeMin` bytes or more.
 */
function collectEntries(bytes: Uint8Array, start: number, end: number, largeMin: number): CollectedEntries {
  let count = 0
  for (let at = start; at < end; at += frameBytes(getU32(bytes, at + 4))) {
    if (bytes[at + 12] === FrameType.batch) count += getU32(bytes, at + 24)
  }
  const offsets = new Uint32Array(count)
  const seqNums = new Float64Array(count)
  const spanOffsets: number[] = []
  const spanSeqNums: SeqNum[] = []
  let i = 0
  let largeBytes = 0
  for (let at = start; at < end; at += frameBytes(getU32(bytes, at + 4))) {
    if (bytes[at + 12] !== FrameType.batch) continue
    const firstSeqNum = getU53(bytes, at + 16)
    const entryCount = getU32(bytes, at + 24)
    let entry = at + FRAME_HEADER_BYTES + (bytes[at + 14]! | (bytes[at + 15]! << 8))
    for (let n = 0; n < entryCount; n++) {
      if (entryKind(bytes, entry) === EntryKind.rangeTombstone) {
        spanOffsets.push(entry)
        spanSeqNums.push(firstSeqNum + n)
        entry = entryEnd(bytes, entry)
        continue
      }
      offsets[i] = entry
      seqNums[i++] = firstSeqNum + n
      const valueBytes = entryValueBytes(bytes, entry)
      if (valueBytes >= largeMin) largeBytes += valueBytes
      entry = entryEnd(bytes, entry)
    }
  }
  return { offsets: offsets.subarray(0, i), seqNums: seqNums.subarray(0, i), largeBytes, spanOffsets, spanSeqNums }
}
