/**
 * What: a log or value log as annotated sections: header, frames, entries. Drawn in base/entry.ts. Reserved fields have
 * their names, too; what a reader refuses is told beside them.
 * Thread: any (pure).
 */
import {
  EncodingFlag, EntryKind, EXPIRY_BYTES, ExtensionType, frameProblem, FrameType, KIND_MASK, LOG_FRAMES, toHex,
  VALUE_HANDLE_BYTES, VALUE_LOG_FRAMES, VersionFlag,
} from '../base/index.js'
import type { FrameHeader } from '../base/index.js'
import type { Annotator, Section } from './annotate.js'
import type { ByteSource } from './byte-source.js'
import { flagNames, frameSections, keyOf, nameOf } from './file-sections.js'
import type { FrameFormat } from './file-sections.js'
import { printBytes } from './hex-dump.js'

/** How many entries of one batch are shown; the others are told as one field. */
const ENTRIES_SHOWN = 4096

const LOG_FORMAT: FrameFormat = {
  magic: 'varvelog',
  known: LOG_FRAMES,
  readBody: describeBody,
  problemIn: (content, frame, file, offset) => frameProblem(content, 0, frame, file, offset),
}

/** Describes every byte of a log, whatever state it is in. */
export function describeLog(source: ByteSource, file: string): Generator<Section> {
  return frameSections(source, file, LOG_FORMAT)
}

const VALUE_LOG_FORMAT: FrameFormat = { ...LOG_FORMAT, magic: 'varvevlg', known: VALUE_LOG_FRAMES }

/** Likewise; a log that was promoted is a log still. */
export function describeValueLog(source: ByteSource, file: string): Generator<Section> {
  return frameSections(source, file, VALUE_LOG_FORMAT)
}

function describeBody(it: Annotator, frame: FrameHeader): Record<string, unknown> {
  const extensions = describeExtensions(it, frame.extensionBytes)
  if (frame.type === FrameType.predecessor) return describePredecessor(it)
  if (frame.type === FrameType.ingestNote) return describeNote(it, frame.count)
  if (frame.type !== FrameType.batch && frame.type !== FrameType.values) return extensions
  const entries: Record<string, unknown>[] = []
  for (let i = 0; i < Math.min(frame.count, ENTRIES_SHOWN) && it.left > 0; i++) {
    entries.push({ seqNum: frame.firstSeqNum + i, ...describeEntry(it) })
  }
  const hiddenCount = frame.count - entries.length
  if (hiddenCount > 0 && it.left === 0) it.missing(`${hiddenCount} of ${frame.count} entries are missing`)
  if (hiddenCount === 0) return { ...extensions, entries }
  it.raw(it.left, `${hiddenCount} entries more`)
  return { ...extensions, entries, hiddenCount }
}

/** Describes a predecessor frame's body, which is drawn in wal/log-format.ts. */
function describePredecessor(it: Annotator): Record<string, unknown> {
  const predecessor = {
    fileNum: it.u53('log before this one'),
    lastSeqNum: it.u53('last sequence number before this log'),
    end: it.u32('end of the frames in that log'),
  }
  it.zeros(4)
  return { predecessor: { ...predecessor, salt: toHex(it.raw(8, 'salt of that log')) } }
}

/** Describes the body of a note of tables from outside, which is drawn in wal/ingest-note.ts. */
function describeNote(it: Annotator, count: number): Record<string, unknown> {
  const stretches: Record<string, unknown>[] = []
  for (let i = 0; i < count && it.left > 0; i++) {
    const entryCount = it.u53('entries')
    const kind = it.u32('upper bound', (n) => ['the last key', 'the key behind the last', 'none'][n] ?? String(n))
    it.zeros(4)
    const lower = printBytes(it.bytes('lower bound'), 64)
    const upper = printBytes(it.bytes('upper bound'), 64)
    stretches.push({ entryCount, lower, upper: kind === 2 ? null : upper, isUpperInside: kind === 0 })
  }
  return { stretches }
}

/** Describes a batch's extensions; the position is the only one with a meaning so far. */
function describeExtensions(it: Annotator, bytes: number): Record<string, unknown> {
  const end = it.position + bytes
  const data: Record<string, unknown> = {}
  while (it.position < end) {
    const type = it.u8('extension', (n) => nameOf(ExtensionType, n))
    it.zeros(1)
    const value = it.raw(it.u16('extension, bytes'), 'extension')
    it.zeros(Math.min(-value.length & 3, end - it.position))
    if (type === ExtensionType.position) data['position'] = printBytes(value, 64)
  }
  return data
}

function describeEntry(it: Annotator): Record<string, unknown> {
  const start = it.position
  const kind = it.u8('kind', kindText)
  const flags = it.u8('encoding flags', (n) => flagNames(EncodingFlag, n))
  const keyBytes = it.u16('key bytes')
  const valueBytes = it.u32('value bytes')
  const keyspaceId = flags & EncodingFlag.keyspace ? it.u32BigEndian('keyspace id') : 0
  const key = it.raw(keyBytes, 'key')
  const hasExpiry = (kind & VersionFlag.expiry) !== 0 && valueBytes >= 8
  const expiry = hasExpiry ? it.u53('expiry, ms') : 0
  const contentBytes = hasExpiry ? valueBytes - EXPIRY_BYTES : valueBytes
  const isHandle = (kind & KIND_MASK) === EntryKind.valueHandle && contentBytes === VALUE_HANDLE_BYTES
  const isRange = (kind & KIND_MASK) === EntryKind.rangeTombstone
  const shown = isHandle ? { handle: describeHandle(it) }
    : isRange ? { upper: valueBytes === 0 ? null : printBytes(it.raw(valueBytes, 'upper bound'), 64) }
    : { value: printBytes(it.raw(contentBytes, 'value'), 64) }
  it.zeros(Math.min((start - it.position) & 3, it.left))
  if (flags & EncodingFlag.checksum) it.checksum('checksum of the value')
  return {
    kind: keyOf(EntryKind, kind & KIND_MASK),
    key: printBytes(key, 64), ...shown, valueBytes,
    ...(keyspaceId === 0 ? {} : { keyspaceId }), ...(expiry === 0 ? {} : { expiry }),
  }
}

/** Describes where a streamed value stands, which is drawn in base/value-handle.ts. */
function describeHandle(it: Annotator): Record<string, unknown> {
  const offset = it.u32('handle: offset of the value')
  const bytes = it.u32('handle: bytes of the value')
  it.checksum('handle: checksum of the value')
  const fileNum = it.u48('handle: file')
  it.zeros(2)
  return { fileNum, offset, bytes }
}

function kindText(byte: number): string {
  const flags = byte & ~KIND_MASK
  return `${nameOf(EntryKind, byte & KIND_MASK)}${flags === 0 ? '' : ` with ${flagNames(VersionFlag, flags)}`}`
}
