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
 *       80    8  smallest expiry: 0 until entries can expire
 *       88    8  largest expiry: likewise
 *       96    8  salt
 *      104       smallest key, largest key: u32 length and bytes each
 *        …    4  count of value files, then { u64 file number, u64 values, u64 bytes } each
 *        …       fields as in an edit, for later additions, tags ascending:
 *                tag 1, ignorable, u64 versions that a newer one in the table hides; only when above 0
 *                tag 8, ignorable, u64 entries whose values stand in value files; only when above 0
 */
import { BadBytes, handleCountOf, KEY_BYTES_MAX, SALT_BYTES } from '../base/index.js'
import type {
  ByteReader, ByteWriter, LevelNum, TableFacts, ValueFileReference,
} from '../base/index.js'
import { UnknownField } from './fields.js'
import { FIELD_IGNORABLE, LEVELS_MAX, RecordTag } from './manifest-format.js'

const VALUE_FILE_BYTES = 24

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
  writer.u53(facts.expiryMin).u53(facts.expiryMax)
  writer.raw(facts.salt).bytes(facts.smallestKey).bytes(facts.largestKey)
  writer.u32(facts.valueFiles.length)
  for (const file of facts.valueFiles) encodeValueFile(writer, file)
  if (facts.hiddenCount > 0) encodeCount(writer, RecordTag.hiddenCount, facts.hiddenCount)
  if (facts.valueFiles.length > 0) encodeCount(writer, RecordTag.handleCount, handleCountOf(facts.valueFiles))
}

function encodeCount(writer: ByteWriter, tag: number, count: number): void {
  writer.u32(tag + FIELD_IGNORABLE * 2 ** 16).u32(8).u53(count)
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
    expiryMin: reader.u53(),
    expiryMax: reader.u53(),
    salt: reader.raw(SALT_BYTES),
    smallestKey: reader.bytes(KEY_BYTES_MAX),
    largestKey: reader.bytes(KEY_BYTES_MAX),
    valueFiles: decodeValueFiles(reader),
  }
  const { fileNum, keyspaceId, expiryMin, expiryMax } = facts
  if (keyspaceId !== 0) throw new UnknownField(at + 4, `table ${fileNum} is of keyspace ${keyspaceId}, not 0`)
  if (expiryMin !== 0 || expiryMax !== 0) throw new UnknownField(at + 80, `table ${fileNum} has entries with expiry`)
  return { level, facts }
}

/** Decodes a field at the end of a record. Requires: `RecordTag` has its tag. */
export function decodeRecordField(facts: TableFacts, tag: number, value: ByteReader): void {
  switch (tag) {
    case RecordTag.hiddenCount: facts.hiddenCount = value.u53(); break
    case RecordTag.handleCount: checkHandleCount(facts, value)
  }
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
