/**
 * What: one change of a version as plain data, and its bytes (drawn in manifest-format.ts).
 * Does not own: what an edit does to a version (version-builder.ts).
 * Thread: any.
 */
import {
  BadBytes, ByteReader, ByteWriter, corruption, HASH_SEED_BYTES, hashSeedBytes, KEY_ORDER_NAME, POSITION_BYTES_MAX,
  readHashSeed, VarveError,
} from '../base/index.js'
import type { FileNum, HashSeed, LevelNum, LogFacts, SeqNum, TableFacts, ValueFileReference } from '../base/index.js'
import { decodeCause, encodeCause } from './edit-cause.js'
import type { EditCause } from './edit-cause.js'
import { EDIT_FIELDS, readFields, RECORD_FIELDS, UnknownField } from './fields.js'
import {
  FIELD_IGNORABLE, FieldTag, IGNORABLE_FIELDS, PIN_NAME_BYTES_MAX, TEXT_BYTES_MAX,
} from './manifest-format.js'
import { decodeLineage, encodeLineage } from './lineage.js'
import type { Lineage } from './lineage.js'
import { decodeLogFacts, encodeLogFacts } from './log-record.js'
import {
  decodeLevel, decodeRecordField, decodeTableRecord, decodeValueFile, encodeTableRecord, encodeValueFile,
} from './table-record.js'
import type { LevelTable } from './table-record.js'
import { decodeValueLog, encodeValueLog } from './value-log-record.js'
import type { NewValueLog } from './value-log-record.js'
import type { DropTime, ScrubPosition, Version } from './version.js'

const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export interface LevelTableNum {
  readonly level: LevelNum
  readonly fileNum: FileNum
}

export interface Pin {
  readonly name: string
  readonly firstLog: FileNum
}

/** A change of a version; an absent field changes nothing. Deletes come first, so a table may change its level. */
export interface VersionEdit {
  /** The name of the key order. Only an edit that holds a whole version has it. */
  readonly keyOrder?: string
  readonly lineage?: Lineage
  readonly hashSeed?: HashSeed
  readonly nextFileNum?: FileNum
  readonly lastSeqNum?: SeqNum
  readonly logPointer?: FileNum
  readonly deleteTables?: readonly LevelTableNum[]
  readonly addTables?: readonly LevelTable[]
  readonly removePins?: readonly string[]
  /** New pins, and known pins that move forward. */
  readonly addPins?: readonly Pin[]
  readonly position?: Uint8Array
  /** Facts of logs, new or changed. */
  readonly logs?: readonly LogFacts[]
  readonly removeValueLogs?: readonly FileNum[]
  readonly addValueLogs?: readonly NewValueLog[]
  /** The values that a job discarded, by file; must agree with the records of the tables. */
  readonly discards?: readonly ValueFileReference[]
  readonly dropTime?: DropTime
  readonly closedAtMs?: number
  /** The job that made it: for people alone, and no part of a version. */
  readonly cause?: EditCause
  readonly scrub?: ScrubPosition
  readonly settings?: string
  readonly flushStats?: string
}

/** Makes the edit that turns the empty version into this one. */
export function versionToEdit(version: Version): VersionEdit {
  const addTables = version.levels.flatMap(({ tables }, level) =>
    tables.map((facts) => ({ level, facts })))
  const addValueLogs = [...version.valueLogs.values()].map(({ liveCount, liveBytes, ...facts }) => facts)
  return {
    keyOrder: KEY_ORDER_NAME,
    lineage: version.lineage,
    ...(version.hashSeed === null ? {} : { hashSeed: version.hashSeed }),
    nextFileNum: version.nextFileNum,
    lastSeqNum: version.lastSeqNum,
    logPointer: version.logPointer,
    addTables,
    addPins: [...version.pins].map(([name, firstLog]) => ({ name, firstLog })),
    ...(version.position === null ? {} : { position: version.position }),
    logs: [...version.logs.values()],
    addValueLogs,
    ...(version.dropTime === null ? {} : { dropTime: version.dropTime }),
    ...(version.closedAtMs === 0 ? {} : { closedAtMs: version.closedAtMs }),
    ...(version.scrub === null ? {} : { scrub: version.scrub }),
    ...(version.settings === '' ? {} : { settings: version.settings }),
    ...(version.flushStats === '' ? {} : { flushStats: version.flushStats }),
  }
}

class FieldWriter {
  readonly out = new ByteWriter()
  private readonly value = new ByteWriter()

  field(tag: number, write: (value: ByteWriter) => void): void {
    const { value } = this
    value.length = 0
    write(value)
    const flags = IGNORABLE_FIELDS.has(tag) ? FIELD_IGNORABLE : 0
    this.out.u32(tag + flags * 2 ** 16).bytes(value.finish())
  }

  fields<T>(
    tag: number, items: readonly T[] | undefined, write: (value: ByteWriter, item: T) => void,
  ): void {
    for (const item of items ?? []) this.field(tag, (value) => write(value, item))
  }

  number(tag: number, n: number | undefined): void {
    if (n !== undefined) this.field(tag, (value) => value.u53(n))
  }

  text(tag: number, text: string | undefined): void {
    if (text !== undefined) this.field(tag, (value) => value.raw(textEncoder.encode(text)))
  }
}

export function encodeEdit(edit: VersionEdit): Uint8Array {
  const writer = new FieldWriter()
  writer.text(FieldTag.keyOrder, edit.keyOrder)
  writer.number(FieldTag.nextFileNum, edit.nextFileNum)
  writer.number(FieldTag.lastSeqNum, edit.lastSeqNum)
  writer.number(FieldTag.logPointer, edit.logPointer)
  const { lineage, hashSeed } = edit
  if (lineage !== undefined) writer.field(FieldTag.lineage, (out) => encodeLineage(out, lineage))
  if (hashSeed !== undefined) writer.field(FieldTag.hashSeed, (out) => out.raw(hashSeedBytes(hashSeed)))
  writer.fields(FieldTag.log, edit.logs, encodeLogFacts)
  writer.fields(FieldTag.deleteTable, edit.deleteTables, (out, table) => {
    out.u32(table.level).u53(table.fileNum)
  })
  writer.fields(FieldTag.addTable, edit.addTables, encodeTableRecord)
  writer.fields(FieldTag.removePin, edit.removePins, (out, name) => {
    out.raw(textEncoder.encode(name))
  })
  writer.fields(FieldTag.addPin, edit.addPins, (out, pin) => {
    out.u53(pin.firstLog).raw(textEncoder.encode(pin.name))
  })
  if (edit.position !== undefined) {
    writer.field(FieldTag.position, (out) => out.raw(edit.position!))
  }
  writer.fields(FieldTag.removeValueLog, edit.removeValueLogs, (out, fileNum) => out.u53(fileNum))
  writer.fields(FieldTag.addValueLog, edit.addValueLogs, encodeValueLog)
  writer.fields(FieldTag.discard, edit.discards, encodeValueFile)
  const { dropTime } = edit
  if (dropTime !== undefined) writer.field(FieldTag.dropTime, (out) => out.u53(dropTime.ms).u53(dropTime.seqNum))
  writer.number(FieldTag.closedAtMs, edit.closedAtMs)
  const { cause } = edit
  if (cause !== undefined) writer.field(FieldTag.cause, (out) => encodeCause(out, cause))
  const { scrub } = edit
  if (scrub !== undefined) {
    writer.field(FieldTag.scrubPosition, (out) => out.u32(0).u53(scrub.table).u53(scrub.beganMs))
  }
  writer.text(FieldTag.settings, edit.settings)
  writer.text(FieldTag.flushStats, edit.flushStats)
  return writer.out.finish()
}

/** Encodes edits as the body of a group. */
export function encodeGroup(edits: readonly VersionEdit[]): Uint8Array {
  const out = new ByteWriter(1024)
  for (const edit of edits) out.bytes(encodeEdit(edit))
  return out.finish()
}

type Draft = {
  -readonly [Key in keyof VersionEdit]:
    VersionEdit[Key] extends readonly (infer T)[] | undefined ? T[] : VersionEdit[Key]
}

/** Tells fields with the same tag apart: two with the same tag and identity are an error. */
type Identity = string | number

type FieldDecoder = (draft: Draft, value: ByteReader) => Identity

const decoders = new Map<number, FieldDecoder>([
  [FieldTag.keyOrder, (draft, value) => ((draft.keyOrder = restText(value, 255)), 0)],
  [FieldTag.nextFileNum, (draft, value) => ((draft.nextFileNum = value.u53()), 0)],
  [FieldTag.lastSeqNum, (draft, value) => ((draft.lastSeqNum = value.u53()), 0)],
  [FieldTag.logPointer, (draft, value) => ((draft.logPointer = value.u53()), 0)],
  [FieldTag.lineage, (draft, value) => ((draft.lineage = decodeLineage(value)), 0)],
  [FieldTag.hashSeed, (draft, value) => ((draft.hashSeed = readHashSeed(value.raw(HASH_SEED_BYTES))), 0)],
  [FieldTag.position, (draft, value) =>
    ((draft.position = restBytes(value, POSITION_BYTES_MAX)), 0)],
  [FieldTag.dropTime, (draft, value) => ((draft.dropTime = { ms: value.u53(), seqNum: value.u53() }), 0)],
  [FieldTag.closedAtMs, (draft, value) => ((draft.closedAtMs = value.u53()), 0)],
  [FieldTag.cause, (draft, value) => ((draft.cause = decodeCause(value)), 0)],
  [FieldTag.scrubPosition, decodeScrub],
  [FieldTag.settings, (draft, value) => ((draft.settings = restText(value, TEXT_BYTES_MAX)), 0)],
  [FieldTag.flushStats, (draft, value) =>
    ((draft.flushStats = restText(value, TEXT_BYTES_MAX)), 0)],
  [FieldTag.deleteTable, (draft, value) =>
    add((draft.deleteTables ??= []), { level: decodeLevel(value), fileNum: value.u53() }).fileNum],
  [FieldTag.addTable, (draft, value) =>
    add((draft.addTables ??= []), decodeTableRecord(value)).facts.fileNum],
  [FieldTag.removePin, (draft, value) =>
    add((draft.removePins ??= []), restText(value, PIN_NAME_BYTES_MAX))],
  [FieldTag.addPin, (draft, value) =>
    add((draft.addPins ??= []), {
      firstLog: value.u53(), name: restText(value, PIN_NAME_BYTES_MAX),
    }).name],
  [FieldTag.log, (draft, value) => add((draft.logs ??= []), decodeLogFacts(value)).fileNum],
  [FieldTag.removeValueLog, (draft, value) => add((draft.removeValueLogs ??= []), value.u53())],
  [FieldTag.addValueLog, (draft, value) =>
    add((draft.addValueLogs ??= []), decodeValueLog(value)).fileNum],
  [FieldTag.discard, (draft, value) =>
    add((draft.discards ??= []), decodeValueFile(value)).fileNum],
])

/** There is one keyspace; what a later version says of another one is passed over. */
function decodeScrub(draft: Draft, value: ByteReader): Identity {
  const [keyspace, table, beganMs] = [value.u32(), value.u53(), value.u53()]
  if (keyspace === 0) draft.scrub = { table, beganMs }
  return 0
}

function add<T>(list: T[], item: T): T {
  list.push(item)
  return item
}

/** Reads the rest of a value. */
function restBytes(value: ByteReader, max: number): Uint8Array {
  if (value.left > max) {
    throw new BadBytes(value.position, `${value.left} bytes, the limit is ${max}`)
  }
  return value.raw(value.left)
}

function restText(value: ByteReader, max: number): string {
  const at = value.position
  try {
    return textDecoder.decode(restBytes(value, max))
  } catch (error) {
    throw error instanceof BadBytes ? error : new BadBytes(at, 'not UTF-8')
  }
}

function decodeEdit(bytes: Uint8Array, start: number, end: number): VersionEdit {
  const draft: Draft = {}
  const seen = new Set<string>()
  for (const { tag, at, value } of readFields(bytes, new ByteReader(bytes, start, end), EDIT_FIELDS)) {
    const name = `${tag} ${decoders.get(tag)!(draft, value)}`
    if (seen.has(name)) throw new BadBytes(at, `field ${name} stands twice`)
    seen.add(name)
    if (tag === FieldTag.addTable) readRecordFields(bytes, value, draft.addTables!.at(-1)!.facts)
    checkEnd(value, tag)
  }
  if (draft.keyOrder !== undefined && draft.keyOrder !== KEY_ORDER_NAME) {
    throw new UnknownField(start, `key order is '${draft.keyOrder}', not '${KEY_ORDER_NAME}'`)
  }
  return draft as VersionEdit
}

/** Reads the fields at the end of a table's record. */
function readRecordFields(bytes: Uint8Array, record: ByteReader, facts: TableFacts): void {
  for (const { tag, value } of readFields(bytes, record, RECORD_FIELDS)) {
    decodeRecordField(facts, tag, value)
    checkEnd(value, tag)
  }
}

function checkEnd(value: ByteReader, tag: number): void {
  if (value.left > 0) throw new BadBytes(value.position, `${value.left} bytes too many in field ${tag}`)
}

/** The file and offset that the bytes of a group come from, for errors. */
export interface GroupPlace {
  count: number
  file: string
  /** The offset of bytes[0] in the file. */
  base?: number
}

/**
 * Decodes the `count` edits that fill bytes[start, end).
 * Throws CORRUPTION, or UNSUPPORTED_FORMAT when a field is unknown and needed.
 */
export function decodeGroup(
  bytes: Uint8Array, start: number, end: number, { count, file, base = 0 }: GroupPlace,
): VersionEdit[] {
  try {
    const reader = new ByteReader(bytes, start, end)
    const edits: VersionEdit[] = []
    for (let i = 0; i < count; i++) {
      const editStart = reader.position + 4
      const editBytes = reader.u32()
      if (editBytes > reader.left) {
        throw new BadBytes(editStart - 4, `edit of ${editBytes} bytes, ${reader.left} are left`)
      }
      edits.push(decodeEdit(bytes, editStart, editStart + editBytes))
      reader.position = editStart + editBytes
    }
    if (reader.left > 0) {
      throw new BadBytes(reader.position, `${reader.left} bytes behind the last edit`)
    }
    return edits
  } catch (error) {
    throw located(error, file, base)
  }
}

function located(error: unknown, file: string, base: number): unknown {
  if (!(error instanceof BadBytes)) return error
  const offset = base + error.offset
  const { message } = error
  if (error instanceof UnknownField) {
    return new VarveError('UNSUPPORTED_FORMAT', `${file} at offset ${offset}: ${message}`, {
      file, offset, hint: 'open it with a newer Varve', cause: error,
    })
  }
  return corruption(file, offset, message)
}
