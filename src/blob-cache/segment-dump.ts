/**
 * What: a segment as annotated sections, for people: each record, then the footer. Values are not shown whole.
 * Thread: any (pure).
 */
import { FILE_HEADER_BYTES, fileSeedOf } from '../base/index.js'
import { Annotator, fileHeaderSection, unknownSection } from '../dump/index.js'
import type { ByteSource, Problem, Section } from '../dump/index.js'
import { Footer, FOOTER_TAIL_BYTES, readFooterTail } from './segment-footer.js'
import type { FooterTail } from './segment-footer.js'
import {
  chunkCount, emptyRecordHeader, isKeyGood, isValueGood, readRecordHeader, RECORD_HEADER_BYTES, recordBytes,
} from './segment-format.js'
import type { RecordHeader } from './segment-format.js'

/** Describes every byte of a segment, damaged or not. */
export function* describeSegment(source: ByteSource, file: string): Generator<Section> {
  const header = source.read(0, FILE_HEADER_BYTES).slice()
  yield fileHeaderSection(header, 'varveseg', file)
  if (header.length < FILE_HEADER_BYTES) return
  const seed = fileSeedOf(header)
  const tail = tailOf(source, seed)
  const end = tail?.offset ?? source.size
  let at = FILE_HEADER_BYTES
  while (at < end) {
    const section = recordSection(source, at, end, seed)
    if (section === null) break
    yield section
    at += section.bytes
  }
  if (at < end) yield noRecordSection(source, at, end, file)
  if (tail !== null) yield* footerSections(source, tail, seed, file)
}

function tailOf(source: ByteSource, seed: number): FooterTail | null {
  if (source.size < FILE_HEADER_BYTES + FOOTER_TAIL_BYTES) return null
  return readFooterTail(source.read(source.size - FOOTER_TAIL_BYTES, FOOTER_TAIL_BYTES), source.size, seed)
}

function recordSection(source: ByteSource, offset: number, end: number, seed: number): Section | null {
  const record = emptyRecordHeader()
  const head = source.read(offset, RECORD_HEADER_BYTES)
  if (!readRecordHeader(head, 0, head.length, offset, seed, record)) return null
  const bytes = recordBytes(record)
  if (offset + bytes > end) return null
  const content = source.read(offset, bytes).slice()
  const problems: Problem[] = []
  if (!isKeyGood(content, 0, offset, seed, record)) {
    problems.push({ offset, message: 'the key is not what was written' })
  }
  if (!isValueGood(content, 0, offset, seed, record)) {
    problems.push({ offset, message: 'the value is not what was written' })
  }
  const it = new Annotator(content, offset)
  const data = readRecord(it, record)
  const summary = `${record.storedBytes} bytes of value, sequence number ${record.seqNum}`
  const title = `record ${record.recordNum}`
  return { title, offset, bytes, summary, content, fields: it.fields, data, problems }
}

function readRecord(it: Annotator, record: RecordHeader): Record<string, unknown> {
  it.checksum('checksum of the header')
  it.u16('key bytes')
  it.u16('extension bytes')
  it.u16('codec')
  it.raw(6, 'created, ms')
  it.u53('sequence number')
  it.u32('hash, low half')
  it.u32('hash, high half')
  it.u32('stored bytes')
  it.u32('plain bytes')
  it.u32('record number')
  it.u32('namespace')
  it.raw(6, 'expires, ms')
  it.raw(6, 'stale from, ms')
  it.checksum('checksum of key and extensions')
  it.u53('purge marks applied up to')
  const key = new TextDecoder().decode(it.raw(record.keyBytes, 'key'))
  if (record.extensionBytes > 0) it.raw(record.extensionBytes, 'extensions')
  it.raw(record.storedBytes, 'value')
  for (let i = 0; i < chunkCount(record.storedBytes); i++) it.checksum(`checksum of part ${i}`)
  it.zeros(it.left)
  const { seqNum, recordNum, storedBytes, createdMs } = record
  return { type: 'record', recordNum, seqNum, key, storedBytes, createdMs }
}

function noRecordSection(source: ByteSource, at: number, end: number, file: string): Section {
  const problems = [{ offset: at, message: `${file} at offset ${at}: no record; what follows does not count` }]
  return unknownSection(source, { title: 'no record', offset: at, bytes: end - at, problems })
}

function* footerSections(source: ByteSource, tail: FooterTail, seed: number, file: string): Generator<Section> {
  const bytes = source.size - FOOTER_TAIL_BYTES - tail.offset
  const content = source.read(tail.offset, bytes).slice()
  const tailBytes = source.read(source.size - FOOTER_TAIL_BYTES, FOOTER_TAIL_BYTES).slice()
  const it = new Annotator(content, tail.offset)
  const entries = Array.from({ length: tail.count }, () => readEntry(it))
  it.raw(Math.min(tail.keyBytes, it.left), 'keys')
  it.zeros(it.left)
  const problems: Problem[] = []
  if (Footer.of(content, tail, tailBytes, seed) === null) {
    problems.push({ offset: tail.offset, message: `${file} at offset ${tail.offset}: the footer is damaged` })
  }
  yield {
    title: 'footer', offset: tail.offset, bytes, summary: `${tail.count} entries`, content, fields: it.fields,
    data: { type: 'footer', entries }, problems,
  }
  yield tailSection(tailBytes, source.size - FOOTER_TAIL_BYTES)
}

function readEntry(it: Annotator): Record<string, unknown> {
  it.u32('entry: hash, low half')
  it.u32('hash, high half')
  const seqNum = it.u53('sequence number')
  const offset = it.u32('offset of the record')
  const bytes = it.u32('bytes of the record')
  const recordNum = it.u32('record number')
  const expires = it.u32('expires, seconds')
  it.u32('namespace')
  it.u16('key bytes')
  const isDead = it.u8('dead') !== 0
  const visits = it.u8('visits')
  return { recordNum, seqNum, offset, bytes, expires, isDead, visits }
}

function tailSection(content: Uint8Array, offset: number): Section {
  const it = new Annotator(content, offset)
  const count = it.u32('entries')
  const footer = it.u32('offset of the footer')
  it.u32('bytes of keys')
  it.checksum('checksum of entries and keys')
  it.u53('smallest sequence number')
  it.u53('largest sequence number')
  it.u53('latest expiry, seconds')
  it.zeros(12)
  it.checksum('checksum of the tail')
  it.raw(8, 'magic')
  return {
    title: 'tail', offset, bytes: content.length, summary: '', content, fields: it.fields,
    data: { type: 'tail', count, footer }, problems: [],
  }
}
