/**
 * What: the value of one record, read in parts of 256 KiB, each checked before anything of it is given on.
 * Memory: one part, and four bytes for each; of a compressed value a frame more. Thread: main.
 * Invariants: BC-1 no byte is given that is not what was written.
 */
import { errnoOf, getU32, runAsync, unfilledBytes } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import { decompressFrame, FRAME_HEAD_BYTES, FRAME_PLAIN_BYTES, readFrameHead } from './blob-codec.js'
import type { BlobCodecs } from './blob-codec.js'
import type { MissReason, RecordFacts } from './record-facts.js'
import type { ByteGate } from './byte-gate.js'
import { CHUNK_BYTES, chunkChecksum, chunkCount } from './segment-format.js'
import type { Hold } from './segment-holds.js'
import type { SegmentSet } from './segment-set.js'

/** Why a part cannot be given. */
export class PartMissing extends Error {
  readonly reason: MissReason

  constructor(reason: MissReason) {
    super(reason)
    this.reason = reason
  }
}

export interface RecordPartsOptions {
  segments: SegmentSet
  facts: RecordFacts
  codecs: BlobCodecs
  /** Bounds the bytes that are read at once; null when the caller has passed it. */
  gate: ByteGate | null
  hold: Hold
}

/** Gives the bytes [start, end) of the value as it was put, piece by piece. Rejects with PartMissing. */
export function readParts(options: RecordPartsOptions, start: number, end: number): AsyncGenerator<Uint8Array, void> {
  const { facts, codecs } = options
  const parts = new RecordParts(options)
  if (facts.codecNumber === 0) return parts.range(start, end)
  return rangeOf(plainOf(parts.range(0, facts.storedBytes), facts, codecs), start, end)
}

class RecordParts {
  private readonly options: RecordPartsOptions
  private sums: Uint8Array | null = null

  constructor(options: RecordPartsOptions) {
    this.options = options
  }

  /** Gives the bytes [start, end) of the stored value. */
  async *range(start: number, end: number): AsyncGenerator<Uint8Array, void> {
    for (let at = start; at < end;) {
      const from = Math.floor(at / CHUNK_BYTES) * CHUNK_BYTES
      const chunk = await this.chunk(from)
      const until = Math.min(end, from + chunk.length)
      yield chunk.subarray(at - from, until - from)
      at = until
    }
  }

  private async chunk(from: number): Promise<Uint8Array> {
    const { gate, hold, facts: { storedBytes } } = this.options
    const length = Math.min(CHUNK_BYTES, storedBytes - from)
    const turn = gate?.enter(length)
    if (turn !== null && turn !== undefined) await turn
    hold.begin()
    try {
      return await this.readChunk(from, length)
    } finally {
      hold.end()
      gate?.leave(length)
    }
  }

  private async readChunk(from: number, length: number): Promise<Uint8Array> {
    const { valueAt, storedBytes } = this.options.facts
    this.sums ??= (await this.read(valueAt + storedBytes, 4 * chunkCount(storedBytes))).bytes
    const { bytes, seed } = await this.read(valueAt + from, length)
    const sum = chunkChecksum(bytes, 0, length, valueAt + from, seed)
    if (sum !== getU32(this.sums, 4 * from / CHUNK_BYTES)) throw new PartMissing('corrupt')
    return bytes
  }

  private async read(offset: number, length: number): Promise<{ bytes: Uint8Array; seed: number }> {
    const { segments, facts: { place: { segment } }, hold } = this.options
    const bytes = unfilledBytes(length)
    for (let attempt = 0; ; attempt++) {
      if (hold.isBroken) throw new PartMissing('io')
      try {
        const reader = await segments.heldReader(segment)
        if (reader === null) throw new PartMissing('io')
        if ((await runAsync(readFully(reader.file, bytes, length, offset))) < length) throw new PartMissing('corrupt')
        return { bytes, seed: reader.seed }
      } catch (error) {
        if (error instanceof PartMissing) throw error
        if (errnoOf(error) !== 'EIO') throw new PartMissing('io')
        if (attempt > 0) throw new PartMissing('corrupt')
      }
    }
  }
}

/** Gives a compressed value plain, frame by frame. */
export async function* plainOf(
  stored: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, { codecNumber, plainBytes }: PlainFacts, codecs: BlobCodecs,
): AsyncGenerator<Uint8Array, void> {
  const codec = codecs.get(codecNumber)
  if (codec === undefined) throw new PartMissing('io')
  let rest: Uint8Array = new Uint8Array(0)
  let left = plainBytes
  for await (const piece of stored) {
    rest = rest.length === 0 ? piece : concat(rest, piece)
    while (rest.length >= FRAME_HEAD_BYTES) {
      const { length, isPlain } = readFrameHead(rest, 0)
      if (length > FRAME_PLAIN_BYTES) throw new PartMissing('corrupt')
      const end = FRAME_HEAD_BYTES + length
      if (rest.length < end) break
      const frameBytes = Math.min(left, FRAME_PLAIN_BYTES)
      const plain = await decompressFrame(rest.subarray(FRAME_HEAD_BYTES, end), isPlain, frameBytes, codec)
      if (plain === null) throw new PartMissing('corrupt')
      yield plain
      left -= frameBytes
      rest = rest.subarray(end)
    }
  }
  if (left > 0 || rest.length > 0) throw new PartMissing('corrupt')
}

type PlainFacts = Pick<RecordFacts, 'codecNumber' | 'plainBytes'>

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** Gives the bytes [start, end) of what comes. */
async function* rangeOf(
  pieces: AsyncIterable<Uint8Array>, start: number, end: number,
): AsyncGenerator<Uint8Array, void> {
  let at = 0
  for await (const piece of pieces) {
    const [from, until] = [Math.max(0, start - at), Math.min(piece.length, end - at)]
    if (from < until) yield piece.subarray(from, until)
    at += piece.length
    if (at >= end) return
  }
}
