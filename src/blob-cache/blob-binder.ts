/**
 * What: binding: in one step a blob gets its number and its place, what was under its key is killed, and the index
 * points to it. Nothing is awaited in between, so calls bind one after the other, in the order in which they come here.
 * Owns: nothing. Does not own: the ways of a put until it binds (blob-puts.ts), and what follows (segment-streams.ts).
 * Thread: main.
 * Invariants: BC-1 what binds last counts. BC-9 the answer of a bind is as safe as its put asked for.
 */
import type { BlobDeaths } from './blob-deaths.js'
import type { BlobEvictor } from './blob-eviction.js'
import type { HashedKey } from './blob-hash.js'
import type { BlobIndex } from './blob-index.js'
import { SafePoint } from './durability.js'
import type { PutResult } from './durability.js'
import type { LargeWriter } from './large-writer.js'
import type { RecordWriter } from './record-writer.js'
import type { FooterEntry } from './segment-footer.js'
import type { SegmentStreams } from './segment-streams.js'
import type { StoreNumbers } from './store-numbers.js'
import type { StoreParts } from './store-parts.js'
import type { StoreRetreat } from './store-retreat.js'
import type { LargeBlob } from './streamed-puts.js'
import type { NewBlob } from './waiting-puts.js'

export interface BlobBinderOptions {
  index: BlobIndex
  deaths: BlobDeaths
  numbers: StoreNumbers
  writer: RecordWriter
  streams: SegmentStreams
  evictor: BlobEvictor
  /** Takes the blobs while the disk takes none. */
  retreat: StoreRetreat
  counts: StoreParts['counts']
}

export class BlobBinder {
  /** Hears of each record that binds in a file. */
  onBound: ((entry: FooterEntry) => void) | null = null
  private readonly options: BlobBinderOptions

  constructor(options: BlobBinderOptions) {
    this.options = options
  }

  /** Makes a blob visible, and tells when it is as safe as it asked for. Null when there is no place for it now. */
  bind(blob: NewBlob): Promise<PutResult> | null {
    const { retreat, streams, writer, numbers } = this.options
    if (retreat.isLeft) return Promise.resolve(retreat.put(blob))
    const { key, recordBytes: bytes, durability } = blob
    const reserved = streams.reserve(bytes, key.bytes.length, blob.isReturning)
    if (reserved === null) return null
    const { file, place } = reserved
    const entry = writer.write(blob, place, file.seed, numbers.nextSeqNum())
    const point = new SafePoint(file, place.offset + bytes, durability)
    this.enter(key, entry, point, blob.plainBytes)
    file.add(entry)
    return streams.acknowledge(point, durability)
  }

  /** Makes a blob visible that stands in its place already. */
  bindLarge(large: LargeWriter, blob: LargeBlob): Promise<PutResult> {
    const { streams, writer, numbers } = this.options
    const entry = large.bind(writer.fieldsOf(blob, numbers.nextSeqNum()))
    const point = new SafePoint(large.file, entry.offset + entry.bytes, blob.durability)
    this.enter(blob.key, entry, point, blob.plainBytes)
    return streams.acknowledge(point, blob.durability)
  }

  private enter(key: HashedKey, entry: FooterEntry, point: SafePoint, plainBytes: number): void {
    const { deaths, index, evictor, counts } = this.options
    const { offset, bytes, recordNum } = entry
    deaths.killOld(key, point)
    index.set(key.low, key.high, point.file.segment, offset, bytes, recordNum, 0)
    this.onBound?.(entry)
    evictor.notePut(bytes)
    counts.puts++
    counts.bytesPut += plainBytes
  }
}
