/** A log's bytes with every kind of frame and entry field. */
import {
  EXTENSION_POSITION, EntryKind, FRAME_HEADER_BYTES, FrameType, ByteWriter, NO_FEATURES,
  emptyFrameHeader, encodeFileHeader, fileSeed, frameBytes, sealFrame,
} from '../../src/base/index.js'
import type { FileHeader, FrameHeader } from '../../src/base/index.js'
import { encodePredecessor } from '../../src/wal/index.js'
import { bytesOf, databaseId, sampleLineage } from './manifest-samples.js'

const header: FileHeader = {
  magic: 'varvelog', features: NO_FEATURES, databaseId, fileNum: 12, salt: new Uint8Array(8).fill(0x5a),
  generation: 3, lineage: sampleLineage,
}

interface SampleEntry {
  kind: number
  key: string
  value?: string
  keyspaceId?: number
  expiry?: number
}

function writeEntry(out: ByteWriter, entry: SampleEntry): void {
  const { kind, key, value = '', keyspaceId = 0, expiry = 0 } = entry
  const flags = (keyspaceId === 0 ? 0 : 1) + (expiry === 0 ? 0 : 2)
  out.u8(kind).u8(flags).u8(key.length).u8(key.length >>> 8).u32(value.length)
  if (keyspaceId !== 0) out.u32(keyspaceId)
  if (expiry !== 0) out.u53(expiry)
  out.raw(bytesOf(key)).raw(bytesOf(value)).align(4)
}

function entriesBody(entries: SampleEntry[], position: string) {
  const out = new ByteWriter()
  if (position !== '') {
    out.u8(EXTENSION_POSITION).u8(0).u8(position.length).u8(0).raw(bytesOf(position)).align(4)
  }
  const extensionBytes = out.length
  for (const entry of entries) writeEntry(out, entry)
  return { body: out.finish(), extensionBytes }
}

/** Header, the predecessor frame, three batches and sixteen zeros. */
export function sampleLog(): Uint8Array {
  const bytes = new Uint8Array(4096)
  encodeFileHeader(header, bytes)
  const predecessor = { fileNum: 11, salt: new Uint8Array(8).fill(0x4b), lastSeqNum: 0, end: 4096 }
  let end = encodePredecessor(bytes, fileSeed(header), header.generation, predecessor)
  const addFrame = (entries: SampleEntry[], more: Partial<FrameHeader> = {}, position = '') => {
    const { body, extensionBytes } = entriesBody(entries, position)
    bytes.set(body, end + FRAME_HEADER_BYTES)
    sealFrame(bytes, end, end, fileSeed(header), {
      ...emptyFrameHeader(), type: FrameType.batch, bodyBytes: body.length, extensionBytes,
      count: entries.length, generation: 3, ...more,
    })
    end += frameBytes(body.length)
  }
  addFrame([{ kind: EntryKind.value, key: 'apple', value: 'green' }], { firstSeqNum: 1 })
  addFrame([
    { kind: EntryKind.value, key: 'pear', value: '\u0001\u0002' },
    { kind: EntryKind.tombstone, key: 'apple' },
  ], { firstSeqNum: 2, markDistance: 1, markBytes: 4096 })
  addFrame([
    { kind: EntryKind.value, key: '', value: '', keyspaceId: 5, expiry: 1_700_000_000_000 },
  ], { firstSeqNum: 4, markBytes: 256 }, 'index 77')
  return bytes.slice(0, end + 16)
}
