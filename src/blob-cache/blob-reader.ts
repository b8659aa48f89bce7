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
import { isOfMemory } from './memory-segments.js'
import { versionIn } from './record-extensions.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

const READ_BYTES_MAX = 64 * MiB
/** Bytes that are read for extensions before it is known how many there are. */
const EXTENSION_BYTES_SOME = 64

/** Why there is no value. */
export type MissReason = 'absent' | 'expired' | 'purged' | 'collision' | 'corrupt' | 'io'

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

/** What a record tells of its blob. */
export interface RecordFacts {
  /** 0: none. */
  readonly version: number
  readonly storedBytes: number
  /** 0: never. */
  readonly staleMs: number
}

export interface BlobReaderOptions {
  index: BlobIndex
  slabs: SlabSupply
  segments: SegmentSet
  /** Tells of a record whether it is not to be given any more. */
  goneReason: (header: RecordHeader) => 'expired' | 'purged' | null
  /** Called when the bytes at a place are not what was written, or were purged. */
  onDead: (key: HashedKey, place: RecordPlace) => void
}

export class BlobReader {
  private readonly options: BlobReaderOptions
  private readonly gate = new ByteGate(READ_BYTES_MAX)
  private readonly header = emptyRecordHeader()
  /** True when the files may be another's: only what is in memory is found. */
  isDiskLost = false

  constructor(options: BlobReaderOptions) {
    this.options = options
  }

  /** The place of a key now, or null. */
  find({ low, high }: HashedKey): RecordPlace | null {
    const { index } = this.options
    const slot = index.find(low, high)
    if (slot < 0 || (this.isDiskLost && !isOfMemory(index.segmentAt(slot)))) return null
    return {
      segment: index.segmentAt(slot), offset: index.offsetAt(slot), bytes: index.bytesAt(slot),
      recordNum: index.recordNumAt(slot),
    }
  }

  /** Gives a private copy of the value, or the reason why there is none. */
  async get(key: HashedKey): Promise<Uint8Array | MissReason> {
    const found = await this.look(key, (place) => {
      const part = this.options.slabs.find(place.segment, place.offset)
      return part === null
        ? this.read(key, place)
        : copyOf(this.valueIn(part.slab.bytes, place.offset - part.start, key))
    })
    if (!(found instanceof Uint8Array)) return found
    const { index } = this.options
    const slot = index.find(key.low, key.high)
    if (slot >= 0) index.visit(slot)
    return found
  }

  /** Tells what there is under a key, without its value, and without a visit. */
  async peek(key: HashedKey): Promise<RecordFacts | MissReason> {
    return this.look(key, (place) => {
      const part = this.options.slabs.find(place.segment, place.offset)
      return part === null
        ? this.readFacts(key, place)
        : this.factsIn(part.slab.bytes, place.offset - part.start, this.header, key)
    })
  }

  /** Looks under a key; once more, when it has another place afterwards and nothing was found. */
  private async look<T extends object>(
    key: HashedKey, lookAt: (place: RecordPlace) => Promise<T | MissReason> | T | MissReason,
  ): Promise<T | MissReason> {
    let place = this.find(key)
    for (let attempt = 0; place !== null; attempt++) {
      const found = await lookAt(place)
      if (typeof found !== 'string') return found
      const now = this.find(key)
      const hasMoved = now?.segment !== place.segment || now.recordNum !== place.recordNum
      if (!hasMoved && (found === 'corrupt' || found === 'purged')) this.options.onDead(key, place)
      if (!hasMoved || attempt > 0) return found
      place = now
    }
    return 'absent'
  }

  /** Gives the value of a record in memory; lent. */
  private valueIn(bytes: Uint8Array, at: number, key: HashedKey): Uint8Array | MissReason {
    const { header } = this
    readRecordFields(bytes, at, header)
    return this.reasonAgainst(bytes, at, header, key) ?? valueOf(bytes, at, header)
  }

  private factsIn(bytes: Uint8Array, at: number, header: RecordHeader, key: HashedKey): RecordFacts | MissReason {
    readRecordFields(bytes, at, header)
    const { storedBytes, staleMs } = header
    return this.reasonAgainst(bytes, at, header, key)
      ?? { version: versionIn(bytes, at + extensionStart(header), at + valueStart(header)), storedBytes, staleMs }
  }

  private reasonAgainst(bytes: Uint8Array, at: number, header: RecordHeader, key: HashedKey): MissReason | null {
    return isKeyOf(bytes, at, header, key) ? this.options.goneReason(header) : 'collision'
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
    const { bytes: length, offset } = place
    const header = emptyRecordHeader()
    const found = await this.readPart(place, length, header)
    if (typeof found === 'string') return found
    const { bytes, seed } = found
    const isGood = isKeyGood(bytes, 0, offset, seed, header) && isValueGood(bytes, 0, offset, seed, header)
    if (!isGood) return 'corrupt'
    return this.reasonAgainst(bytes, 0, header, key) ?? valueOf(bytes, 0, header)
  }

  private async readFacts(key: HashedKey, place: RecordPlace): Promise<RecordFacts | MissReason> {
    const header = emptyRecordHeader()
    for (let wanted = RECORD_HEADER_BYTES + key.bytes.length + EXTENSION_BYTES_SOME; ;) {
      const length = Math.min(wanted, place.bytes)
      const found = await this.readPart(place, length, header)
      if (typeof found === 'string') return found
      wanted = valueStart(header)
      if (wanted > length) continue
      if (!isKeyGood(found.bytes, 0, place.offset, found.seed, header)) return 'corrupt'
      return this.factsIn(found.bytes, 0, header, key)
    }
  }

  /** Reads the first bytes of a record, and its header, which is checked. */
  private async readPart(
    place: RecordPlace, length: number, header: RecordHeader,
  ): Promise<{ bytes: Uint8Array; seed: number } | MissReason> {
    const { offset, segment, recordNum } = place
    const bytes = new Uint8Array(length)
    for (let attempt = 0; ; attempt++) {
      try {
        const reader = await this.options.segments.reader(segment)
        if (reader === null) return 'io'
        const { seed } = reader
        if ((await runAsync(readFully(reader.file, bytes, length, offset))) < length) return 'corrupt'
        const isGood = readRecordHeader(bytes, 0, length, offset, seed, header) && header.recordNum === recordNum &&
          recordBytes(header) === place.bytes
        return isGood ? { bytes, seed } : 'corrupt'
      } catch (error) {
        if (VarveError.is(error) && error.code === 'CORRUPTION') return 'corrupt'
        if (errnoOf(error) !== 'EIO') return 'io'
        if (attempt > 0) return 'corrupt'
      }
    }
  }
}

function extensionStart({ keyBytes }: RecordHeader): number {
  return RECORD_HEADER_BYTES + keyBytes
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
