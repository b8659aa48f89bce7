/**
 * What: a snapshot of the index as annotated sections, for people: each block, then the segments and the tail.
 * Thread: any (pure).
 */
import { FILE_HEADER_BYTES, fileSeedOf } from '../base/index.js'
import { Annotator, fileHeaderSection, unknownSection } from '../dump/index.js'
import type { ByteSource, Problem, Section } from '../dump/index.js'
import {
  BLOCK_HEADER_BYTES, BlockReader, readBlockHeader, readSnapshotSegments, readSnapshotTail, SNAPSHOT_TAIL_BYTES,
} from './snapshot-format.js'
import type { SnapshotTail } from './snapshot-format.js'

/** Describes every byte of a snapshot, damaged or not. */
export function* describeSnapshot(source: ByteSource, file: string): Generator<Section> {
  const header = source.read(0, FILE_HEADER_BYTES).slice()
  yield fileHeaderSection(header, 'varvebix', file)
  if (header.length < FILE_HEADER_BYTES) return
  const seed = fileSeedOf(header)
  const tail = tailOf(source, seed)
  const end = tail?.offset ?? source.size
  const blocks = new BlockReader(seed)
  let at = FILE_HEADER_BYTES
  for (let number = 0; at < end; number++) {
    const section = blockSection(source, at, end, blocks, seed)
    if (section === null) break
    yield { ...section, title: `block ${number}` }
    at += section.bytes
  }
  const problems = [{ offset: at, message: `${file} at offset ${at}: no block; the snapshot does not count` }]
  if (at < end) yield unknownSection(source, { title: 'no block', offset: at, bytes: end - at, problems })
  if (tail !== null) yield* endSections(source, tail, seed, file)
}

function tailOf(source: ByteSource, seed: number): SnapshotTail | null {
  if (source.size < FILE_HEADER_BYTES + SNAPSHOT_TAIL_BYTES) return null
  return readSnapshotTail(source.read(source.size - SNAPSHOT_TAIL_BYTES, SNAPSHOT_TAIL_BYTES), source.size, seed)
}

function blockSection(
  source: ByteSource, offset: number, end: number, blocks: BlockReader, seed: number,
): Omit<Section, 'title'> | null {
  const head = source.read(offset, BLOCK_HEADER_BYTES)
  const block = head.length < BLOCK_HEADER_BYTES ? null : readBlockHeader(head, 0, offset, seed)
  if (block === null || offset + block.bytes > end) return null
  const content = source.read(offset, block.bytes).slice()
  const problems: Problem[] = []
  if (!blocks.add(content, 0, offset, block)) {
    problems.push({ offset, message: `the block at offset ${offset} is not what was written as the next one` })
  }
  const it = new Annotator(content, offset)
  it.checksum('checksum of the items')
  const count = it.u32('items')
  const depth = it.u32('depth')
  it.checksum('checksum of the header')
  const items = Array.from({ length: count }, () => readItem(it))
  return {
    offset, bytes: block.bytes, summary: `${count} items, depth ${depth}`, content, fields: it.fields,
    data: { type: 'block', depth, items }, problems,
  }
}

function readItem(it: Annotator): Record<string, number> {
  it.u32('item: hash, low half')
  it.u32('hash, high half')
  const segment = it.u32('segment')
  const place = it.u32('offset of the record, visits')
  const bytes = it.u32('bytes of the record')
  const recordNum = it.u32('record number')
  return { segment, recordNum, offset: place - (place % 8), bytes, visits: place % 8 }
}

function* endSections(source: ByteSource, tail: SnapshotTail, seed: number, file: string): Generator<Section> {
  const bytes = source.size - SNAPSHOT_TAIL_BYTES - tail.offset
  const content = source.read(tail.offset, bytes).slice()
  const it = new Annotator(content, tail.offset)
  const segments = Array.from({ length: tail.segments }, () => readSegment(it))
  const problems: Problem[] = []
  if (readSnapshotSegments(content, tail, seed) === null) {
    problems.push({ offset: tail.offset, message: `${file} at offset ${tail.offset}: the segments are damaged` })
  }
  yield {
    title: 'segments', offset: tail.offset, bytes, summary: `${tail.segments} segments`, content, fields: it.fields,
    data: { type: 'segments', segments }, problems,
  }
  yield tailSection(source.read(tail.offset + bytes, SNAPSHOT_TAIL_BYTES).slice(), tail.offset + bytes)
}

function readSegment(it: Annotator): Record<string, number> {
  return {
    segment: it.u32('segment'), flags: it.u32('flags'), bytes: it.u32('bytes of the file'), items: it.u32('items'),
    latestExpiry: it.u53('latest expiry, seconds'),
  }
}

function tailSection(content: Uint8Array, offset: number): Section {
  const it = new Annotator(content, offset)
  const items = it.u53('items')
  it.u53('offset of the segments')
  const segments = it.u32('segments')
  const blocks = it.u32('blocks')
  it.checksum('checksum of the segments')
  it.zeros(24)
  it.checksum('checksum of the tail')
  it.raw(8, 'magic')
  return {
    title: 'tail', offset, bytes: content.length, summary: '', content, fields: it.fields,
    data: { type: 'tail', items, segments, blocks }, problems: [],
  }
}
