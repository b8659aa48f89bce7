/** Segments and snapshots of a blob cache as a test needs them. */
import {
  encodeFileHeader, FILE_HEADER_BYTES, fileSeed, newFileHeader, SeededRandom,
} from '../../../src/base/index.js'
import type { FileHeader } from '../../../src/base/index.js'
import type { BlobIndex } from '../../../src/blob-cache/blob-index.js'
import { encodeFooter } from '../../../src/blob-cache/segment-footer.js'
import type { FooterEntry } from '../../../src/blob-cache/segment-footer.js'
import {
  emptyRecordHeader, RECORD_HEADER_BYTES, recordBytes, sealRecord,
} from '../../../src/blob-cache/segment-format.js'
import type { RecordHeader } from '../../../src/blob-cache/segment-format.js'
import { entryOf } from '../../../src/blob-cache/segment-scan.js'
import { encodeBlock, encodeSnapshotEnd, snapshotBytes } from '../../../src/blob-cache/snapshot-format.js'
import type { SnapshotSegment } from '../../../src/blob-cache/snapshot-format.js'

export interface SampleRecord {
  key: string
  value: Uint8Array
  header?: Partial<RecordHeader>
}

export interface SampleSegment {
  bytes: Uint8Array
  header: FileHeader
  seed: number
  entries: FooterEntry[]
  /** Where the records end. */
  end: number
}

export function sampleOrigin(): { databaseId: Uint8Array; generation: number; lineage: number; random: SeededRandom } {
  const random = new SeededRandom(7, 'blob samples')
  const databaseId = new Uint8Array(16)
  random.fill(databaseId)
  return { databaseId, generation: 3, lineage: 0, random }
}

/** Gives `length` bytes that differ with `salt`. */
export function sampleValue(length: number, salt = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) * 7 + salt * 13) & 0xff)
}

/** Makes a segment of these records, sealed or not. */
export function sampleSegment(records: readonly SampleRecord[], isSealed: boolean): SampleSegment {
  const header = newFileHeader('varveseg', sampleOrigin(), 13)
  const seed = fileSeed(header)
  const parts: Uint8Array[] = [new Uint8Array(FILE_HEADER_BYTES)]
  encodeFileHeader(header, parts[0]!)
  const entries: FooterEntry[] = []
  let end = FILE_HEADER_BYTES
  for (const [recordNum, { key, value, header: fields }] of records.entries()) {
    const keyBytes = new TextEncoder().encode(key)
    const record: RecordHeader = {
      ...emptyRecordHeader(), keyBytes: keyBytes.length, storedBytes: value.length, plainBytes: value.length,
      seqNum: 100 + recordNum, recordNum, low: 1000 + recordNum, high: 2 ** 31 + recordNum,
      createdMs: 1_700_000_000_000, ...fields,
    }
    const bytes = new Uint8Array(recordBytes(record))
    bytes.set(keyBytes, RECORD_HEADER_BYTES)
    bytes.set(value, RECORD_HEADER_BYTES + keyBytes.length)
    sealRecord(bytes, 0, end, seed, record)
    entries.push(entryOf(record, end, bytes.length, keyBytes))
    parts.push(bytes)
    end += bytes.length
  }
  if (isSealed) parts.push(encodeFooter(entries, end, seed))
  const total = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    total.set(part, at)
    at += part.length
  }
  return { bytes: total, header, seed, entries, end }
}

/** Makes a snapshot of an index, as file number 15. */
export function sampleSnapshot(index: BlobIndex, segments: readonly SnapshotSegment[]): Uint8Array {
  const header = newFileHeader('varvebix', sampleOrigin(), 15)
  const seed = fileSeed(header)
  const pages = index.pagesInOrder()
  const [items, blocks] = [index.count, pages.length]
  const bytes = new Uint8Array(snapshotBytes({ items, segments: segments.length, blocks }))
  encodeFileHeader(header, bytes)
  let offset = FILE_HEADER_BYTES
  for (const page of pages) offset = encodeBlock(page, bytes, offset, offset, seed)
  bytes.set(encodeSnapshotEnd(segments, { items, offset, blocks }, seed), offset)
  return bytes
}
