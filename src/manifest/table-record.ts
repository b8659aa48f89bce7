/**
 * What: the manifest's record of one table.
 *
 *   offset size
 *        0    4  level
 *        4    4  keyspace id: 0 until there are keyspaces
 *        8    8  file number
 *       16    8  bytes of the file
 *       24    8  entries
 *       32    8  tombstones
 *       40    8  raw bytes
 *       48    8  smallest sequence number
 *       56    8  largest sequence number
 *       64    8  first log
 *       72    8  last log
 *       80    8  the earliest expiry of an entry, in milliseconds since 1970; 0 when none expires
 *       88    8  the latest one: likewise
 *       96    8  salt
 *      104       smallest key, largest key: u32 length and bytes each
 *        …    4  count of value files, then { u64 file number, u64 values, u64 bytes } each
 *        …       fields as in an edit, for later additions, tags ascending:
 *                tag 1, ignorable, u64 versions that a newer one in the table hides; only when above 0
 *                tag 2, ignorable, u64 entries that expire; only when there are some
 *                tag 3, u32 fragments of range tombstones, then the first key that they delete and the bound behind
 *                the last, u32 length and bytes each; an empty bound is none; only when there are some
 *                tag 4, ignorable, u32 stretches of deleted keys, then { u64 sequence number, lower, upper } each
 *                tag 5, the 16 bytes of the database id and u64 file number, 0, in the header of a table from outside
 *                tag 6, u64 sequence number that counts in place of those in the file; with tag 5, and only with it
 *                tag 8, ignorable, u64 entries whose values stand in value files; only when above 0
 *                tag 10, ignorable, eight u64: about when each eighth of the entries that expire has expired
 */
import { BadBytes, ByteWriter, handleCountOf, KEY_BYTES_MAX, OUTSIDE_FILE_NUM, SALT_BYTES } from '../base/index.js'
import type {
  ByteReader, ExpiryFacts, LevelNum, SpanFacts, TableFacts, TableOrigin, ValueFileReference, WideSpan,
} from '../base/index.js'
import { UnknownField } from './fields.js'
import { FIELD_IGNORABLE, LEVELS_MAX, RecordTag } from './manifest-format.js'

const VALUE_FILE_BYTES = 24
/** A sequence number and two lengths. */
const WIDE_SPAN_BYTES_MIN = 16
const NO_BYTES = new Uint8Array(0)
const DATABASE_ID_BYTES = 16

export interface LevelTable {
  readonly level: LevelNum
  readonly facts: TableFacts
}

export function encodeTableRecord(writer: ByteWriter, { level, facts }: LevelTable): void {
  writer.u32(level).u32(facts.keyspaceId)
  writer.u53(facts.fileNum).u53(facts.bytes)
  writer.u53(facts.entryCount).u53(facts.tombstoneCount).u53(facts.rawBytes)
  writer.u53(facts.smallestSeqNum).u53(facts.largestSeqNum)
  writer.u53(facts.firstLog).u53(facts.lastLog)
  writer.u53(facts.expiry?.earliestMs ?? 0).u53(facts.expiry?.latestMs ?? 0)
  writer.raw(facts.salt).bytes(facts.smallestKey).bytes(facts.largestKey)
  writer.u32(facts.valueFiles.length)
  for (const file of facts.valueFiles) encodeValueFile(writer, file)
  if (facts.hiddenCount > 0) encodeCount(writer, RecordTag.hiddenCount, facts.hiddenCount)
  if (facts.expiry !== null) encodeCount(writer, RecordTag.expiringCount, facts.expiry.count)
  if (facts.spans !== null) encodeSpans(writer, facts.spans)
  if (facts.origin) encodeOrigin(writer, facts.origin)
  if (facts.valueFiles.length > 0) encodeCount(writer, RecordTag.handleCount, handleCountOf(facts.valueFiles))
  if (facts.expiry !== null) encodeOctiles(writer, facts.expiry.octilesMs)
}

function encodeOrigin(writer: ByteWriter, { databaseId, seqNum }: TableOrigin): void {
  writer.u32(RecordTag.origin).bytes(new ByteWriter(24).raw(databaseId).u53(OUTSIDE_FILE_NUM).finish())
  writer.u32(RecordTag.sequenceOverride).u32(8).u53(seqNum)
}

function decodeOrigin(value: ByteReader): TableOrigin {
  const databaseId = value.raw(DATABASE_ID_BYTES)
  const at = value.position
  const fileNum = value.u53()
  if (fileNum !== OUTSIDE_FILE_NUM) throw new UnknownField(at, `a table of another database, file number ${fileNum}`)
  return { databaseId, seqNum: 0 }
}

/** It counts with the origin alone: tags ascend, so that is known. */
function decodeOverride(facts: TableFacts, value: ByteReader): void {
  const at = value.position
  const seqNum = value.u53()
  if (!facts.origin || seqNum === 0) throw new BadBytes(at, `sequence number ${seqNum} for a table without an origin`)
  facts.origin.seqNum = seqNum
}

function encodeOctiles(writer: ByteWriter, octilesMs: readonly number[]): void {
  const value = new ByteWriter(64)
  for (const ms of octilesMs) value.u53(ms)
  writer.u32(RecordTag.expiryOctiles + FIELD_IGNORABLE * 2 ** 16).bytes(value.finish())
}

/** How many entries expire a field tells; until then it is one. */
function decodeExpiry(reader: ByteReader): ExpiryFacts | null {
  const [earliestMs, latestMs] = [reader.u53(), reader.u53()]
  return latestMs === 0 && earliestMs === 0 ? null : { count: 1, earliestMs, latestMs, octilesMs: [] }
}

function encodeCount(writer: ByteWriter, tag: number, count: number): void {
  writer.u32(tag + FIELD_IGNORABLE * 2 ** 16).u32(8).u53(count)
}

function encodeSpans(writer: ByteWriter, { count, lower, upper, widest }: SpanFacts): void {
  const value = new ByteWriter().u32(count).bytes(lower).bytes(upper ?? NO_BYTES).finish()
  writer.u32(RecordTag.spans).bytes(value)
  const list = new ByteWriter().u32(widest.length)
  for (const span of widest) list.u53(span.seqNum).bytes(span.lower).bytes(span.upper ?? NO_BYTES)
  writer.u32(RecordTag.widestSpans + FIELD_IGNORABLE * 2 ** 16).bytes(list.finish())
}

function decodeSpans(value: ByteReader): SpanFacts {
  return { count: value.u32(), ...decodeBounds(value), widest: [] }
}

function decodeWidest(value: ByteReader): WideSpan[] {
  const count = value.count(WIDE_SPAN_BYTES_MIN)
  return Array.from({ length: count }, () => ({ seqNum: value.u53(), ...decodeBounds(value) }))
}

function decodeBounds(value: ByteReader): { lower: Uint8Array; upper: Uint8Array | null } {
  const lower = value.bytes(KEY_BYTES_MAX)
  const upper = value.bytes(KEY_BYTES_MAX)
  return { lower, upper: upper.length === 0 ? null : upper }
}

/** Decodes a record up to the fields at its end, which the caller reads (`decodeRecordField`). */
export function decodeTableRecord(reader: ByteReader): LevelTable {
  const at = reader.position
  const level = decodeLevel(reader)
  const facts: TableFacts = {
    keyspaceId: reader.u32(),
    fileNum: reader.u53(),
    bytes: reader.u53(),
    entryCount: reader.u53(),
    tombstoneCount: reader.u53(),
    hiddenCount: 0,
    rawBytes: reader.u53(),
    smallestSeqNum: reader.u53(),
    largestSeqNum: reader.u53(),
    firstLog: reader.u53(),
    lastLog: reader.u53(),
    expiry: decodeExpiry(reader),
    salt: reader.raw(SALT_BYTES),
    smallestKey: reader.bytes(KEY_BYTES_MAX),
    largestKey: reader.bytes(KEY_BYTES_MAX),
    valueFiles: decodeValueFiles(reader),
    spans: null,
  }
  const { fileNum, keyspaceId } = facts
  if (keyspaceId !== 0) throw new UnknownField(at + 4, `table ${fileNum} is of keyspace ${keyspaceId}, not 0`)
  return { level, facts }
}

/** Decodes a field at the end of a record. Requires: `RecordTag` has its tag. */
export function decodeRecordField(facts: TableFacts, tag: number, value: ByteReader): void {
  switch (tag) {
    case RecordTag.hiddenCount: facts.hiddenCount = value.u53(); break
    case RecordTag.spans: facts.spans = decodeSpans(value); break
    case RecordTag.widestSpans: if (facts.spans !== null) facts.spans.widest = decodeWidest(value); break
    case RecordTag.expiringCount: if (facts.expiry !== null) facts.expiry.count = value.u53(); break
    case RecordTag.expiryOctiles: decodeOctiles(facts, value); break
    case RecordTag.origin: facts.origin = decodeOrigin(value); break
    case RecordTag.sequenceOverride: decodeOverride(facts, value); break
    case RecordTag.handleCount: checkHandleCount(facts, value)
  }
}

function decodeOctiles(facts: TableFacts, value: ByteReader): void {
  const octilesMs = Array.from({ length: value.left / 8 }, () => value.u53())
  if (facts.expiry !== null) facts.expiry = { ...facts.expiry, octilesMs }
}

/** What a record says twice. */
function checkHandleCount(facts: TableFacts, value: ByteReader): void {
  const at = value.position
  const count = value.u53()
  const sum = handleCountOf(facts.valueFiles)
  if (count !== sum) throw new BadBytes(at, `${count} value handles, the value files have ${sum}`)
}

export function decodeLevel(reader: ByteReader): LevelNum {
  const at = reader.position
  const level = reader.u32()
  if (level >= LEVELS_MAX) {
    throw new BadBytes(at, `level ${level} is above the limit ${LEVELS_MAX - 1}`)
  }
  return level
}

function decodeValueFiles(reader: ByteReader): ValueFileReference[] {
  const count = reader.count(VALUE_FILE_BYTES)
  const files: ValueFileReference[] = []
  for (let i = 0; i < count; i++) files.push(decodeValueFile(reader))
  return files
}

export function encodeValueFile(writer: ByteWriter, file: ValueFileReference): void {
  writer.u53(file.fileNum).u53(file.valueCount).u53(file.valueBytes)
}

export function decodeValueFile(reader: ByteReader): ValueFileReference {
  return { fileNum: reader.u53(), valueCount: reader.u53(), valueBytes: reader.u53() }
}
