/**
 * What: brings blobs that were put while the disk took none from memory to the disk, once it takes them again.
 * Memory: a copy of one blob. Thread: main, in steps.
 * Invariants: BC-1 a blob is put again only while it is what its key has.
 */
import type { Clock } from '../base/index.js'
import { MiB } from '../base/index.js'
import type { BlobIndex } from './blob-index.js'
import type { PutResult } from './durability.js'
import type { MemorySegment, MemorySegments } from './memory-segments.js'
import type { FooterEntry } from './segment-footer.js'
import { emptyRecordHeader, readRecordFields, RECORD_HEADER_BYTES, valueStart } from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import type { NewBlob } from './waiting-puts.js'

/** Bytes that are put in one turn of the event loop. */
const TURN_BYTES = MiB

export interface MemoryDrainOptions {
  clock: Clock
  index: BlobIndex
  memory: MemorySegments
  put: (blob: NewBlob) => Promise<PutResult>
  /** Tells of a record whether it is not to be given any more. */
  goneReason: (header: RecordHeader) => string | null
  /** True when the disk takes nothing again, or the cache is being closed. */
  isOver: () => boolean
}

/** Puts all that is in memory to the disk; what cannot be put is dropped. Ends early when the disk fails again. */
export async function drainMemory(options: MemoryDrainOptions): Promise<void> {
  const { clock, index, memory, put, goneReason, isOver } = options
  let left = TURN_BYTES
  for (const segment of [...memory.list()]) {
    for (const entry of segment.entries) {
      if (isOver()) return
      if (!isThere(index, segment.segment, entry)) continue
      const { blob, header } = blobAt(segment, entry)
      if (goneReason(header) === null) await put(blob)
      left -= entry.bytes
      if (left > 0) continue
      left = TURN_BYTES
      await new Promise<void>((resolve) => clock.deferWork(resolve))
    }
    if (!isOver()) memory.drop(segment, index)
  }
}

function isThere(index: BlobIndex, segment: number, { low, high, recordNum }: FooterEntry): boolean {
  const slot = index.find(low, high)
  return slot >= 0 && index.segmentAt(slot) === segment && index.recordNumAt(slot) === recordNum
}

function blobAt({ part }: MemorySegment, { low, high, offset, bytes }: FooterEntry) {
  const header = emptyRecordHeader()
  const memory = part.slab.bytes
  readRecordFields(memory, offset, header)
  const { keyBytes, storedBytes, plainBytes, codec, namespace, expiresMs, staleMs } = header
  const keyEnd = offset + RECORD_HEADER_BYTES + keyBytes
  const valueAt = offset + valueStart(header)
  const blob: NewBlob = {
    key: { bytes: memory.slice(offset + RECORD_HEADER_BYTES, keyEnd), low, high },
    value: memory.slice(valueAt, valueAt + storedBytes), valueBytes: storedBytes, recordBytes: bytes,
    plainBytes, codecNumber: codec,
    durability: 'memory', namespace, expiresMs, staleMs, extensions: memory.slice(keyEnd, valueAt), isReturning: false,
  }
  return { blob, header }
}
