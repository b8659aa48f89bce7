/**
 * What: a varve stream as annotated sections; drawn in export-format.ts.
 * Thread: any (pure).
 */
import { EXPORT_FRAMES, FrameType } from '../base/index.js'
import type { FrameHeader } from '../base/index.js'
import { flagNames, frameSections, printBytes } from '../dump/index.js'
import type { Annotator, ByteSource, Section } from '../dump/index.js'
import { EntryFlag } from './export-format.js'

/** How many entries of a frame are shown; the others are told as one field. */
const ENTRIES_SHOWN = 4096

/** Describes every byte of a varve stream that is in a file, whatever state it is in. */
export function* describeExport(source: ByteSource, file: string): Generator<Section> {
  const body = new BodyReader()
  const readBody = (it: Annotator, frame: FrameHeader) => body.read(it, frame)
  for (const section of frameSections(source, file, { magic: 'varvexpt', known: EXPORT_FRAMES, readBody })) {
    const end = section.offset + section.bytes
    if (end >= source.size && section.data['type'] !== 'exportEnd' && section.problems.length === 0) {
      section.problems.push({ offset: end, message: `${file} at offset ${end}: the stream is cut off: it has no end` })
    }
    yield section
  }
}

/** Reads bodies one after the other: a value that began in one goes on in the next. */
class BodyReader {
  /** Bytes that are missing of the value that began last. */
  private missing = 0

  read(it: Annotator, { type, count }: FrameHeader): Record<string, unknown> {
    if (type === FrameType.exportEnd) return readEnd(it)
    if (count === 0) {
      this.missing -= it.left
      it.raw(it.left, 'value goes on')
      return { missing: Math.max(0, this.missing) }
    }
    const entries: Record<string, unknown>[] = []
    while (entries.length < Math.min(count, ENTRIES_SHOWN) && it.left > 0) entries.push(this.readEntry(it))
    const hiddenCount = count - entries.length
    if (hiddenCount === 0) return { entries }
    if (it.left === 0) it.missing(`${hiddenCount} of ${count} entries are missing`)
    it.raw(it.left, `${hiddenCount} entries more`)
    return { entries, hiddenCount }
  }

  private readEntry(it: Annotator): Record<string, unknown> {
    it.u32('keyspace id')
    const flags = it.u16('flags', (n) => flagNames(EntryFlag, n))
    const [keyBytes, valueBytes] = [it.u32('key bytes'), it.u32('value bytes')]
    const facts: Record<string, unknown> = {}
    if (flags & EntryFlag.seqNum) facts['seqNum'] = it.u53('sequence number')
    if (flags & EntryFlag.expiry) facts['expiry'] = it.u53('expiry, ms')
    if (flags & EntryFlag.source) facts['source'] = printBytes(it.bytes('found in'))
    if (flags & EntryFlag.reason) facts['reason'] = printBytes(it.bytes('reason'))
    const key = printBytes(it.raw(keyBytes, 'key'), 64)
    const here = Math.min(valueBytes, it.left)
    this.missing = valueBytes - here
    return { key, value: printBytes(it.raw(here, 'value'), 64), valueBytes, ...facts }
  }
}

function readEnd(it: Annotator): Record<string, unknown> {
  const end = { entryCount: it.u53('entries in the stream'), bytesBefore: it.u53('bytes before this frame') }
  it.checksum('checksum of these bytes')
  it.zeros(4)
  return end
}
