/**
 * What: gets blobs: from slabs where they still are, else from their segments, with every checksum checked and the key
 * compared.
 * Owns: the reads under way, and their count in bytes. Thread: main.
 * Invariants: BC-1 a hit is exactly what was put under this key. BC-8 bytes of reads under way are bounded.
 */
import { equalRanges, errnoOf, MiB, runAsync, VarveError } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import type { BlobIndex } from './blob-index.js'
import { ByteGate } from './byte-gate.js'
import {
  emptyRecordHeader, isKeyGood, isValueGood, readRecordFields, readRecordHeader, RECORD_HEADER_BYTES, recordBytes,
  valueStart,
} from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

const READ_BYTES_MAX = 64 * MiB

/** Why there is no value. */
export type MissReason = 'absent' | 'collision' | 'corrupt' | 'io'

/** A key with its hash. */
export interface HashedKey {
  readonly bytes: Uint8Array
  readonly low: number
  readonly high: number
}

/** Where a record stands. */
export interface RecordPlace {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly recordNum: number
}

export interface BlobReaderOptions {
  index: BlobIndex
  slabs: SlabSupply
  segments: SegmentSet
  /** Called when the bytes at a place are not what was written; the index may point elsewhere by now. */
  onCorrupt: (key: HashedKey, place: RecordPlace) => void
}

export class BlobReader {
  private readonly options: BlobReaderOptions
  private readonly gate = new ByteGate(READ_BYTES_MAX)
  private readonly header = emptyRecordHeader()

  constructor(options: BlobReaderOptions) {
    this.options = options
  }

  /** The place of a key now, or null. */
  find({ low, high }: HashedKey): RecordPlace | null {
    const { index } = this.options
    const slot = index.find(low, high)
    if (slot < 0) return null
    return {
      segment: index.segmentAt(slot), offset: index.offsetAt(slot), bytes: index.bytesAt(slot),
      recordNum: index.recordNumAt(slot),
    }
  }

  /** Gives a private copy of the value, or the reason why there is none. */
  async get(key: HashedKey): Promise<Uint8Array | MissReason> {
    let place = this.find(key)
    for (let attempt = 0; place !== null; attempt++) {
      const { slabs, index } = this.options
      const part = slabs.find(place.segment, place.offset)
      const found = part === null
        ? await this.read(key, place)
        : copyOf(this.valueIn(part.slab.bytes, place.offset - part.start, key))
      if (found instanceof Uint8Array) {
        const slot = index.find(key.low, key.high)
        if (slot >= 0) index.visit(slot)
        return found
      }
      const now = this.find(key)
      const hasMoved = now?.segment !== place.segment || now.recordNum !== place.recordNum
      if (!hasMoved && found === 'corrupt') this.options.onCorrupt(key, place)
      if (!hasMoved || attempt > 0) return found
      place = now
    }
    return 'absent'
  }

  /** Gives the value of a record in memory; lent. */
  private valueIn(bytes: Uint8Array, at: number, key: HashedKey): Uint8Array | 'collision' {
    const { header } = this
    readRecordFields(bytes, at, header)
    return isKeyOf(bytes, at, header, key) ? valueOf(bytes, at, header) : 'collision'
  }

  private async read(key: HashedKey, place: RecordPlace): Promise<Uint8Array | MissReason> {
    const turn = this.gate.enter(place.bytes)
    if (turn !== null) await turn
    try {
      return await this.readAndCheck(key, place)
    } finally {
      this.gate.leave(place.bytes)
    }
  }

  private async readAndCheck(key: HashedKey, place: RecordPlace): Promise<Uint8Array | MissReason> {
    const { bytes: length, offset, segment } = place
    const bytes = new Uint8Array(length)
    let seed = 0
    for (let attempt = 0; ; attempt++) {
      try {
        const reader = await this.options.segments.reader(segment)
        if (reader === null) return 'io'
        seed = reader.seed
        if ((await runAsync(readFully(reader.file, bytes, length, offset))) < length) return 'corrupt'
        break
      } catch (error) {
        if (VarveError.is(error) && error.code === 'CORRUPTION') return 'corrupt'
        if (errnoOf(error) !== 'EIO') return 'io'
        if (attempt > 0) return 'corrupt'
      }
    }
    const header = emptyRecordHeader()
    const isGood = readRecordHeader(bytes, 0, length, offset, seed, header) &&
      header.recordNum === place.recordNum && recordBytes(header) === length &&
      isKeyGood(bytes, 0, offset, seed, header) && isValueGood(bytes, 0, offset, seed, header)
    if (!isGood) return 'corrupt'
    return isKeyOf(bytes, 0, header, key) ? valueOf(bytes, 0, header) : 'collision'
  }
}

function isKeyOf(bytes: Uint8Array, at: number, { keyBytes }: RecordHeader, key: HashedKey): boolean {
  const start = at + RECORD_HEADER_BYTES
  return equalRanges(bytes, start, start + keyBytes, key.bytes, 0, key.bytes.length)
}

function valueOf(bytes: Uint8Array, at: number, header: RecordHeader): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at + valueStart(header), header.storedBytes)
}

function copyOf(found: Uint8Array | MissReason): Uint8Array | MissReason {
  return found instanceof Uint8Array ? new Uint8Array(found) : found
}
