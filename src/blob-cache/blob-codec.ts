/**
 * What: compressed values. They stand as frames, each of 256 KiB of the plain value, the last one of the rest:
 * { u32 bytes that follow, bit 31: they are plain; bytes }. So a part is read without the rest in memory.
 * The rule of an eighth: a value, or the first frame of a streamed one, that becomes not shorter by an eighth stays
 * plain.
 * Thread: any. The codecs themselves are the platform's (vfs/codec.ts).
 */
import { getU32, KiB, putU32 } from '../base/index.js'
import type { Codec, CodecName } from '../vfs/index.js'

/** Plain bytes of a frame. */
export const FRAME_PLAIN_BYTES = 256 * KiB
export const FRAME_HEAD_BYTES = 4
const PLAIN = 2 ** 31
/** Numbers of codecs in records. They are on disk: do not change them. */
const CODEC_NUMBERS: Readonly<Record<CodecName, number>> = { deflate: 1, brotli: 2, zstd: 3 }

/** A codec with its number in records. */
export interface BlobCodec extends Codec {
  readonly number: number
}

/** The codecs that a cache can read, by number. */
export type BlobCodecs = ReadonlyMap<number, BlobCodec>

/** Finds the platform's codecs. */
export function findCodecs(find: (name: CodecName) => Codec | null): BlobCodecs {
  const codecs = new Map<number, BlobCodec>()
  for (const name of Object.keys(CODEC_NUMBERS) as CodecName[]) {
    const [codec, number] = [find(name), CODEC_NUMBERS[name]]
    if (codec !== null) codecs.set(number, { ...codec, number })
  }
  return codecs
}

/** Gives the codec of this name, or null where the platform has none. */
export function codecOf(codecs: BlobCodecs, name: CodecName): BlobCodec | null {
  return codecs.get(CODEC_NUMBERS[name]) ?? null
}

/** True when so many bytes are fewer by an eighth. */
function isWorthIt(bytes: number, plainBytes: number): boolean {
  return bytes <= plainBytes - plainBytes / 8
}

/** Gives a value in memory compressed, or null when that is not worth it. */
export async function compressWhole(plain: Uint8Array, codec: BlobCodec): Promise<Uint8Array | null> {
  const frames: Uint8Array[] = []
  let total = 0
  for (let at = 0; at < plain.length; at += FRAME_PLAIN_BYTES) {
    const frame = await compressFrame(plain.subarray(at, at + FRAME_PLAIN_BYTES), codec)
    frames.push(frame)
    total += frame.length
    if (!isWorthIt(total, plain.length)) return null
  }
  return join(frames, total)
}

function join(parts: readonly Uint8Array[], total: number): Uint8Array {
  const whole = new Uint8Array(total)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

async function compressFrame(plain: Uint8Array, codec: BlobCodec): Promise<Uint8Array> {
  const compressed = await codec.compress(plain, Math.max(1, Math.floor(plain.length * 7 / 8)))
  const content = compressed ?? plain
  const frame = new Uint8Array(FRAME_HEAD_BYTES + content.length)
  putU32(frame, 0, compressed === null ? content.length + PLAIN : content.length)
  frame.set(content, FRAME_HEAD_BYTES)
  return frame
}

/** Compresses a value that comes in pieces; the first frame decides whether it is done at all. */
export class BlobCompressor {
  /** The number of the codec in the record, 0: the value stays plain. */
  codecNumber: number
  private readonly codec: BlobCodec
  private frame = new Uint8Array(FRAME_PLAIN_BYTES)
  private used = 0
  private isFirst = true

  constructor(codec: BlobCodec) {
    this.codec = codec
    this.codecNumber = codec.number
  }

  /** Takes a piece, and hands on what is to be stored. */
  async write(piece: Uint8Array, store: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (let at = 0; at < piece.length;) {
      if (this.codecNumber === 0) return store(piece.subarray(at))
      const length = Math.min(FRAME_PLAIN_BYTES - this.used, piece.length - at)
      this.frame.set(piece.subarray(at, at + length), this.used)
      this.used += length
      at += length
      if (this.used === FRAME_PLAIN_BYTES) await this.flush(store)
    }
  }

  /** Hands on the rest. */
  async flush(store: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    if (this.used === 0) return
    const plain = this.frame.subarray(0, this.used)
    this.used = 0
    const frame = await compressFrame(plain, this.codec)
    if (this.isFirst && !isWorthIt(frame.length, plain.length)) this.codecNumber = 0
    this.isFirst = false
    await store(this.codecNumber === 0 ? plain : frame)
  }
}

/** What the head of a frame says. */
export function readFrameHead(bytes: Uint8Array, at: number): { length: number; isPlain: boolean } {
  const head = getU32(bytes, at)
  return head >= PLAIN ? { length: head - PLAIN, isPlain: true } : { length: head, isPlain: false }
}

/** Gives the plain bytes of a frame, or null when they are not what was written. */
export async function decompressFrame(
  content: Uint8Array, isPlain: boolean, plainBytes: number, codec: BlobCodec,
): Promise<Uint8Array | null> {
  const plain = isPlain ? content : await codec.decompress(content, plainBytes)
  return plain?.length === plainBytes ? plain : null
}
