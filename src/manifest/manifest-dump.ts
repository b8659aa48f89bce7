/**
 * What: a manifest as annotated sections, and a version as a tree, for people and golden files.
 * Thread: any (pure).
 */
import { FRAME_HEADER_BYTES, FrameType, MANIFEST_FRAMES, SALT_BYTES, toHex, VarveError } from '../base/index.js'
import type { ExpiryFacts, FrameHeader, SpanFacts, TableFacts } from '../base/index.js'
import { frameSections, keyOf, nameOf, printBytes, printJson, treeText } from '../dump/index.js'
import type { Annotator, ByteSource, Section, TreeNode } from '../dump/index.js'
import { causeName } from './edit-cause.js'
import { EDIT_FIELDS, RECORD_FIELDS } from './fields.js'
import type { FieldSet } from './fields.js'
import { FIELD_IGNORABLE, FieldTag, LOG_EXACT, LOG_MUST_EXIST, RecordTag } from './manifest-format.js'
import type { Lineage } from './lineage.js'
import { checkNoExtensions } from './manifest-reader.js'
import { tableCount } from './version.js'
import type { Version } from './version.js'
import { decodeGroup } from './version-edit.js'

/** Describes every byte of a manifest, damaged or not. */
export function describeManifest(source: ByteSource, file: string): Generator<Section> {
  return frameSections(source, file, { magic: 'varveman', known: MANIFEST_FRAMES, readBody, problemIn })
}

/** The reason why a reader refuses a frame, or null. */
function problemIn(content: Uint8Array, frame: FrameHeader, file: string, offset: number): VarveError | null {
  const end = FRAME_HEADER_BYTES + frame.bodyBytes
  try {
    checkNoExtensions(frame, file, offset)
    if (frame.type !== FrameType.editGroup) return null
    decodeGroup(content, FRAME_HEADER_BYTES, end, { count: frame.count, file, base: offset })
    return null
  } catch (error) {
    if (VarveError.is(error)) return error
    throw error
  }
}

function readBody(it: Annotator, frame: FrameHeader): Record<string, unknown> {
  if (frame.type !== FrameType.editGroup) return {}
  const edits: Record<string, unknown>[][] = []
  for (let i = 0; i < frame.count && it.left > 0; i++) {
    const bytes = it.u32('edit, bytes')
    const end = it.position + bytes
    const fields: Record<string, unknown>[] = []
    while (it.position < Math.min(end, it.end)) fields.push(readField(it))
    edits.push(fields)
  }
  return { edits }
}

function readField(it: Annotator, set: FieldSet = EDIT_FIELDS): Record<string, unknown> {
  const tags = { ...set.known, ...set.reserved }
  const tag = it.u16('field', (n) => nameOf(tags, n))
  it.u16('flags', (n) => (n === FIELD_IGNORABLE ? 'ignorable' : String(n)))
  const bytes = it.u32('value, bytes')
  const end = it.position + bytes
  const read = (set === EDIT_FIELDS ? fieldReaders : recordReaders).get(tag)
  const value = read === undefined ? printBytes(it.raw(bytes, 'value')) : read(it, end)
  return { [keyOf(tags, tag)]: value }
}

const decoder = new TextDecoder()

type FieldReader = (it: Annotator, end: number) => unknown

function number(name: string): FieldReader {
  return (it) => it.u53(name)
}

function text(name: string): FieldReader {
  return (it, end) => decoder.decode(it.raw(end - it.position, name))
}

/** Reads a text as JSON; gives the text itself when it is not JSON. */
function json(name: string): FieldReader {
  return (it, end) => {
    const shown = decoder.decode(it.raw(end - it.position, name))
    try {
      return JSON.parse(shown) as unknown
    } catch {
      return shown
    }
  }
}

const fieldReaders = new Map<number, FieldReader>([
  [FieldTag.keyOrder, text('key order')],
  [FieldTag.nextFileNum, number('next file number')],
  [FieldTag.lastSeqNum, number('last sequence number')],
  [FieldTag.logPointer, number('first log to replay')],
  [FieldTag.lineage, (it) => ({
    own: it.u53('lineage'), parent: it.u53('lineage it came from'), partedSeqNum: it.u53('last common sequence number'),
  })],
  [FieldTag.addTable, readTable],
  [FieldTag.deleteTable, (it) => ({ level: it.u32('level'), fileNum: it.u53('file number') })],
  [FieldTag.addPin, (it, end) =>
    ({ firstLog: it.u53('first log kept'), name: text('pin')(it, end) })],
  [FieldTag.removePin, text('pin')],
  [FieldTag.position, (it, end) => printBytes(it.raw(end - it.position, 'position'), 4096)],
  [FieldTag.log, readLog],
  [FieldTag.addValueLog, readValueLog],
  [FieldTag.removeValueLog, number('value log')],
  [FieldTag.discard, readValueFile],
  [FieldTag.dropTime, (it) => ({ ms: it.u53('drop time'), seqNum: it.u53('last sequence number then') })],
  [FieldTag.hashSeed, (it) => ({ low: it.u32('hash seed, low half'), high: it.u32('high half') })],
  [FieldTag.closedAtMs, number('time of the close')],
  [FieldTag.cause, (it) => ({ job: it.u32('job', causeName), ms: it.u53('wall clock') })],
  [FieldTag.scrubPosition, (it) => ({
    keyspace: it.u32('keyspace'), table: it.u53('table that a scrub checked last'), beganMs: it.u53('began'),
  })],
  [FieldTag.settings, json('settings')],
  [FieldTag.flushStats, json('flush statistics')],
])

/** The last time that a Date can say. */
const DATE_MS_MAX = 8.64e15

/** Readers of the fields at the end of a table's record. */
const recordReaders = new Map<number, FieldReader>([
  [RecordTag.hiddenCount, number('hidden versions')], [RecordTag.handleCount, number('value handles')],
  [RecordTag.expiringCount, number('entries that expire')],
  [RecordTag.expiryOctiles, (it, end) => {
    const count = Math.floor((Math.min(end, it.position + it.left) - it.position) / 8)
    return Array.from({ length: count }, () => it.u53('expiries, octile'))
  }],
  [RecordTag.origin, readOrigin],
  [RecordTag.sequenceOverride, (it) => it.u53('sequence number of all that is in the file')],
  [RecordTag.spans, (it) => ({ fragments: it.u32('fragments of range tombstones'), ...readBounds(it) })],
  [RecordTag.widestSpans, (it) => {
    const spans: unknown[] = []
    const count = it.u32('stretches of deleted keys')
    for (let i = 0; i < count && it.left > 0; i++) spans.push({ seqNum: it.u53('sequence number'), ...readBounds(it) })
    return spans
  }],
])

function readOrigin(it: Annotator): Record<string, unknown> {
  return { databaseId: toHex(it.raw(16, 'database id in the file')), fileNum: it.u53('file number in the file') }
}

function readBounds(it: Annotator): Record<string, unknown> {
  const lower = printBytes(it.bytes('first deleted key'))
  const upper = it.bytes('bound behind the last; empty: none')
  return { lower, upper: upper.length === 0 ? null : printBytes(upper) }
}

function readTable(it: Annotator, end: number): Record<string, unknown> {
  const numbers = {
    level: it.u32('level'),
    keyspaceId: it.u32('keyspace id'),
    fileNum: it.u53('file number'),
    bytes: it.u53('bytes of the file'),
    entryCount: it.u53('entries'),
    tombstoneCount: it.u53('tombstones'),
    rawBytes: it.u53('raw bytes'),
    smallestSeqNum: it.u53('smallest sequence number'),
    largestSeqNum: it.u53('largest sequence number'),
    firstLog: it.u53('first log'),
    lastLog: it.u53('last log'),
    expiryMin: it.u53('smallest expiry'),
    expiryMax: it.u53('largest expiry'),
  }
  it.raw(8, 'salt')
  const smallestKey = printBytes(it.bytes('smallest key'))
  const largestKey = printBytes(it.bytes('largest key'))
  const valueFiles: unknown[] = []
  const count = it.u32('value files')
  for (let i = 0; i < count && it.left > 0; i++) valueFiles.push(readValueFile(it))
  const more: unknown[] = []
  while (it.position < Math.min(end, it.end)) more.push(readField(it, RECORD_FIELDS))
  return { ...numbers, smallestKey, largestKey, valueFiles, ...(more.length === 0 ? {} : { more }) }
}

function readLog(it: Annotator): Record<string, unknown> {
  const log = { fileNum: it.u53('log'), salt: toHex(it.raw(SALT_BYTES, 'salt')), bytes: it.u53('bytes known synced') }
  const flags = it.u32('flags', (n) => `${n & LOG_EXACT ? 'exactly these bytes' : 'at least these bytes'}, ${n}`)
  it.zeros(4)
  return { ...log, isExact: (flags & LOG_EXACT) !== 0, mustExist: (flags & LOG_MUST_EXIST) !== 0 }
}

function readValueLog(it: Annotator): Record<string, unknown> {
  const fileNum = it.u53('value log')
  const bytes = it.u53('bytes that count')
  const isLog = it.u32('kind', (n) => (n === 1 ? 'log' : 'value log')) === 1
  it.zeros(4)
  return {
    fileNum, bytes, isLog, salt: toHex(it.raw(SALT_BYTES, 'salt')), putCount: it.u53('values put'),
    putBytes: it.u53('bytes of values put'), namedInLog: it.u53('log that names it'),
  }
}

function readValueFile(it: Annotator): Record<string, unknown> {
  return {
    fileNum: it.u53('value file'),
    valueCount: it.u53('values'),
    valueBytes: it.u53('bytes of values'),
  }
}

/** Prints a version with one line for each fact; empty levels are left out. */
export function versionText(version: Version): string {
  return treeText(versionTree(version))
}

function versionTree(version: Version): TreeNode {
  const levels = version.levels.map(({ tables }, level) =>
    ({ label: `level ${level}`, children: tables.map(tableNode) }))
  const children: TreeNode[] = [
    { label: lineageText(version.lineage) },
    { label: `replay from log ${version.logPointer}` },
    { label: `last sequence number ${version.lastSeqNum}` },
    { label: `next file number ${version.nextFileNum}` },
    ...levels.filter((level) => level.children.length > 0),
    ...[...otherLines(version)].map((label) => ({ label })),
  ]
  return { label: `version, ${tableCount(version)} tables`, children }
}

function lineageText({ own, parent, partedSeqNum }: Lineage): string {
  return `lineage ${own}${parent === 0 ? '' : `, of ${parent} until sequence number ${partedSeqNum}`}`
}

function* otherLines(version: Version): Generator<string> {
  for (const { fileNum, isLog, bytes, liveCount, liveBytes } of version.valueLogs.values()) {
    const what = isLog ? 'log with values' : 'value log'
    yield `${what} ${fileNum}: ${liveCount} live values, ${liveBytes} of ${bytes} bytes`
  }
  for (const { fileNum, bytes, isExact } of version.logs.values()) {
    yield `log ${fileNum}: ${isExact ? 'ends at' : 'synced up to'} ${bytes}`
  }
  for (const [name, log] of version.pins) yield `pin ${JSON.stringify(name)} keeps log ${log} on`
  if (version.position !== null) yield `position ${printBytes(version.position)}`
  if (version.dropTime !== null) yield `what expired up to ${timeText(version.dropTime.ms)} may be gone`
  if (version.settings !== '') yield `settings ${printJson(version.settings)}`
  if (version.flushStats !== '') yield `flush statistics ${printJson(version.flushStats)}`
}

function expiryText({ count, earliestMs, latestMs }: ExpiryFacts): string {
  return `${count} expire from ${timeText(earliestMs)} to ${timeText(latestMs)}`
}

/** A time in milliseconds since 1970, also one that is beyond all dates. */
function timeText(ms: number): string {
  return ms <= DATE_MS_MAX ? new Date(ms).toISOString() : `${ms} ms since 1970`
}

function spansText({ count, lower, upper }: SpanFacts): string {
  const end = upper === null ? 'the end' : printBytes(upper)
  return `${count} fragments of range tombstones from ${printBytes(lower)} to ${end}`
}

function tableNode(table: TableFacts): TreeNode {
  const { fileNum, bytes, entryCount, tombstoneCount, smallestSeqNum, largestSeqNum } = table
  const { firstLog, lastLog } = table
  const facts = [
    `${printBytes(table.smallestKey)} to ${printBytes(table.largestKey)}`,
    `${bytes} bytes`, `${entryCount} entries`, `${tombstoneCount} tombstones`,
    `sequence numbers ${smallestSeqNum} to ${largestSeqNum}`,
    ...(firstLog === 0 ? [] : [`logs ${firstLog} to ${lastLog}`]),
    ...(table.expiry === null ? [] : [expiryText(table.expiry)]),
    ...(table.spans === null ? [] : [spansText(table.spans)]),
    ...(table.origin ? ['made outside'] : []),
  ]
  const children = table.valueFiles.map(({ fileNum: file, valueCount, valueBytes }) =>
    ({ label: `value file ${file}: ${valueCount} values, ${valueBytes} bytes` }))
  return { label: `table ${fileNum}: ${facts.join(', ')}`, children }
}
