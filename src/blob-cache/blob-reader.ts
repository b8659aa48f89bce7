/**
 * What: gets blobs: from slabs where they still are, else from their segments, with every checksum checked and the key
 * compared.
 * Owns: the reads under way, and their count in bytes. Thread: main.
 * Invariants: BC-1 a hit is exactly what was put under this key. BC-8 bytes of reads under way are bounded.
 */
import { equalRanges, errnoOf, MiB, ownCopy, runAsync, unfilledBytes, VarveError } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import type { BlobCodecs } from './blob-codec.js'
import type { HashedKey } from './blob-hash.js'
import type { BlobIndex } from './blob-index.js'
import { ByteGate } from './byte-gate.js'
import {
  emptyRecordHeader, isKeyGood, isValueGood, readRecordFields, readRecordHeader, RECORD_HEADER_BYTES, recordBytes,
  valueStart,
} from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import { isOfMemory } from './memory-segments.js'
import { metaIn, versionIn } from './record-extensions.js'
import { PartMissing, plainOf, readParts } from './record-parts.js'
import type { MissReason, RecordFacts, RecordPlace } from './record-facts.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

const READ_BYTES_MAX = 64 * MiB
/** A record of up to so many bytes is read at once; its checksums take a millisecond or two. */
const WHOLE_BYTES_MAX = 4 * MiB
/** Bytes that are read for extensions before it is known how many there are. */
const EXTENSION_BYTES_SOME = 64

/** A value as it is stored, in memory. */
interface FoundValue {
  readonly bytes: Uint8Array
  readonly codecNumber: number
  readonly plainBytes: number
}

/** Reads parts of a value, from a segment that is held. */
export interface HeldParts {
  /** Gives the bytes [start, end). Rejects with PartMissing. */
  read(start: number, end: number): AsyncGenerator<Uint8Array, void>
  /** Idempotent. */
  release(): void
}

export interface BlobReaderOptions {
  /** Larger records are read part by part, if they have more than 4 MiB. */
  wholeBytesMax: number
  codecs: BlobCodecs
  index: BlobIndex
  slabs: SlabSupply
  segments: SegmentSet
  /** Waits until a record can be read from its file; null when it can be now. */
  whenWritten: (segment: number, end: number) => Promise<void> | null
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
    const found = await this.look<Uint8Array>(key, (place) => this.valueAt(key, place))
    if (!(found instanceof Uint8Array)) return found
    this.visit(key)
    return found
  }

  /** Notes that the blob under a key was read. */
  visit({ low, high }: HashedKey): void {
    const { index } = this.options
    const slot = index.find(low, high)
    if (slot >= 0) index.visit(slot)
  }

  private async valueAt(key: HashedKey, place: RecordPlace): Promise<Uint8Array | MissReason> {
    const part = this.options.slabs.find(place.segment, place.offset)
    if (part === null && place.bytes > WHOLE_BYTES_MAX) return this.inTurn(place, () => this.readWhole(key, place))
    const found = part === null
      ? await this.inTurn(place, () => this.readAndCheck(key, place))
      : copyOf(this.valueIn(part.slab.bytes, place.offset - part.start, key))
    if (typeof found === 'string') return found
    if (found.codecNumber === 0) return found.bytes
    return this.joined(plainOf([found.bytes], found, this.options.codecs), found)
  }

  /** Reads a large value part by part. */
  private async readWhole(key: HashedKey, place: RecordPlace): Promise<Uint8Array | MissReason> {
    const facts = await this.readFacts(key, place)
    if (typeof facts === 'string') return facts
    const parts = this.parts(facts, null)
    if (parts === null) return 'io'
    try {
      return await this.joined(parts.read(0, facts.plainBytes), facts)
    } finally {
      parts.release()
    }
  }

  private async joined(
    pieces: AsyncIterable<Uint8Array>, { plainBytes }: Pick<RecordFacts, 'plainBytes'>,
  ): Promise<Uint8Array | MissReason> {
    const whole = unfilledBytes(plainBytes)
    let at = 0
    try {
      for await (const piece of pieces) {
        whole.set(piece, at)
        at += piece.length
      }
      return at === plainBytes ? whole : 'corrupt'
    } catch (error) {
      if (error instanceof PartMissing) return error.reason
      throw error
    }
  }

  /**
   * Gives what reads parts of a value, from a segment that is held until it is released; null when the segment is gone.
   * `onBroken` is called when the read is broken off, since nobody reads on.
   */
  parts(facts: RecordFacts, onBroken: (() => void) | null): HeldParts | null {
    const { segments, codecs } = this.options
    const hold = segments.hold(facts.place.segment, onBroken ?? (() => undefined))
    if (hold === null) return null
    const gate = onBroken === null ? null : this.gate
    return {
      read: (start, end) => readParts({ segments, facts, codecs, gate, hold }, start, end),
      release: () => hold.release(),
    }
  }

  /** True when a value of this place is read whole. */
  isReadWhole({ segment, offset, bytes }: RecordPlace): boolean {
    return bytes <= Math.min(this.options.wholeBytesMax, MiB) || this.options.slabs.find(segment, offset) !== null
  }

  /** Called when a part of a value was not what was written. */
  noteCorrupt(key: HashedKey, { place }: RecordFacts): void {
    this.options.onDead(key, place)
  }

  /** Tells what there is under a key, without its value, and without a visit. */
  async peek(key: HashedKey): Promise<RecordFacts | MissReason> {
    return this.look(key, (place) => {
      const part = this.options.slabs.find(place.segment, place.offset)
      return part === null
        ? this.readFacts(key, place)
        : this.factsIn(part.slab.bytes, place.offset - part.start, this.header, key, place)
    })
  }

  /** Gives the version of what is there, 0 without one; null when it cannot be read now. */
  async versionOf(key: HashedKey): Promise<number | null> {
    const found = await this.peek(key)
    if (typeof found !== 'string') return found.version
    return found === 'io' ? null : 0
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
  private valueIn(bytes: Uint8Array, at: number, key: HashedKey): FoundValue | MissReason {
    const { header } = this
    readRecordFields(bytes, at, header)
    return this.reasonAgainst(bytes, at, header, key) ?? valueOf(bytes, at, header)
  }

  private factsIn(
    bytes: Uint8Array, at: number, header: RecordHeader, key: HashedKey, place: RecordPlace,
  ): RecordFacts | MissReason {
    readRecordFields(bytes, at, header)
    const reason = this.reasonAgainst(bytes, at, header, key)
    if (reason !== null) return reason
    const { seqNum, createdMs, expiresMs, storedBytes, plainBytes, codec: codecNumber, staleMs } = header
    const [start, end] = [at + extensionStart(header), at + valueStart(header)]
    return {
      place, seqNum, version: versionIn(bytes, start, end), meta: metaIn(bytes, start, end), createdMs, expiresMs,
      valueAt: place.offset + valueStart(header), storedBytes, plainBytes, codecNumber, staleMs,
    }
  }

  private reasonAgainst(bytes: Uint8Array, at: number, header: RecordHeader, key: HashedKey): MissReason | null {
    return isKeyOf(bytes, at, header, key) ? this.options.goneReason(header) : 'collision'
  }

  /** Reads when there is room for the bytes of a record. */
  private async inTurn<T>({ bytes }: RecordPlace, read: () => Promise<T>): Promise<T> {
    const turn = this.gate.enter(bytes)
    if (turn !== null) await turn
    try {
      return await read()
    } finally {
      this.gate.leave(bytes)
    }
  }

  private async readAndCheck(key: HashedKey, place: RecordPlace): Promise<FoundValue | MissReason> {
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
      return this.factsIn(found.bytes, 0, header, key, place)
    }
  }

  /** Reads the first bytes of a record, and its header, which is checked. */
  private async readPart(
    place: RecordPlace, length: number, header: RecordHeader,
  ): Promise<{ bytes: Uint8Array; seed: number } | MissReason> {
    const { offset, segment, recordNum } = place
    const bytes = unfilledBytes(length)
    await this.options.whenWritten(segment, offset + place.bytes)?.catch(() => undefined)
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

function valueOf(bytes: Uint8Array, at: number, header: RecordHeader): FoundValue {
  const { storedBytes, plainBytes, codec: codecNumber } = header
  const value = new Uint8Array(bytes.buffer, bytes.byteOffset + at + valueStart(header), storedBytes)
  return { bytes: value, codecNumber, plainBytes }
}

function copyOf(found: FoundValue | MissReason): FoundValue | MissReason {
  return typeof found === 'string' ? found : { ...found, bytes: ownCopy(found.bytes, 0, found.bytes.length) }
}
