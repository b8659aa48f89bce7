/**
 * What: the blocks of a LevelDB table in memory, checked and unpacked. Behind a block stands how it is packed (u8) and
 * a checksum over both (u32):
 *
 *   0  not at all        1  Snappy        2  deflate with the header of zlib, or zstd        4  deflate
 *
 * 2 and 4 with deflate are those of Minecraft's LevelDB, 2 with zstd that of newer versions of LevelDB.
 * Thread: one.
 * Invariants: LDB-3 nothing is unpacked before its checksum was compared. A block of some MiB takes many turns.
 */
import { BadBytes, corruption, getU32, KiB, MiB, VALUE_BYTES_MAX, VarveError } from '../base/index.js'
import type { Codec, CodecName } from '../vfs/index.js'
import { crc32c, unmaskedCrc } from './crc32c.js'
import type { ReadWindow } from './read-window.js'
import { SnappyDecoder } from './snappy.js'

/** Where a block stands in its file, without its trailer. */
export interface BlockHandle {
  offset: number
  size: number
}

export const BLOCK_TRAILER_BYTES = 5
/** What is done without a look at the clock: a millisecond or less. */
const STEP_BYTES = 256 * KiB
/** A block ends with the entry that fills it: no entry that Varve takes makes a larger one. */
const PLAIN_BYTES_MAX = VALUE_BYTES_MAX + 64 * MiB

const RAW = 0
const SNAPPY = 1
const ZLIB_OR_ZSTD = 2
const DEFLATE = 4

/** What every loader of a reading shares. */
export interface LoaderParts {
  /** Ends a turn of the event loop that was long; throws when the caller wants no more. */
  pause(): Promise<void>
  codecOf(name: CodecName): Codec | null
  /** How much is read, and how much memory for plain bytes is taken, at a time. */
  aheadBytes: number
}

export class BlockLoader {
  /** The plain bytes of the block: bytes[start, end). They stay as they are, whatever is loaded then. */
  bytes: Uint8Array = new Uint8Array()
  start = 0
  end = 0
  private readonly parts: LoaderParts
  private readonly snappy = new SnappyDecoder()
  /** Memory in which unpacked blocks stand one after the other, and where the next one goes. */
  private plain: Uint8Array = new Uint8Array()
  private plainAt = 0

  constructor(parts: LoaderParts) {
    this.parts = parts
  }

  /** Loads the block if that needs no waiting and no long work; else gives false. Throws CORRUPTION. */
  loadNow(window: ReadWindow, { offset, size }: BlockHandle): boolean {
    if (size > STEP_BYTES || !window.has(offset, size + BLOCK_TRAILER_BYTES)) return false
    const at = window.placeOf(offset)
    const packing = window.bytes[at + size]!
    if (packing > SNAPPY) return false
    checkCrc(window, { offset, size }, crc32c(window.bytes, at, at + size + 1))
    if (packing === RAW) this.takeRaw(window, at, size)
    else if (this.beginSnappy(window, { offset, size }) > STEP_BYTES) return false
    else this.unpackSnappy(window, { offset, size }, Infinity)
    return true
  }

  /** Loads the block, of which the file has bytes below `limit`. Throws CORRUPTION, NOT_SUPPORTED, IO_ERROR. */
  async load(window: ReadWindow, handle: BlockHandle, limit: number): Promise<void> {
    const { offset, size } = handle
    const length = size + BLOCK_TRAILER_BYTES
    if (!window.has(offset, length)) await window.read(offset, length, limit)
    if (this.loadNow(window, handle)) return
    const at = window.placeOf(offset)
    let crc = 0
    for (let from = at; from <= at + size; from += STEP_BYTES) {
      crc = crc32c(window.bytes, from, Math.min(from + STEP_BYTES, at + size + 1), crc)
      await this.parts.pause()
    }
    checkCrc(window, handle, crc)
    await this.unpack(window, handle)
  }

  private async unpack(window: ReadWindow, handle: BlockHandle): Promise<void> {
    const { offset, size } = handle
    const at = window.placeOf(offset)
    const packed = window.bytes.subarray(at, at + size)
    switch (window.bytes[at + size]) {
      case RAW:
        return this.takeRaw(window, at, size)
      case SNAPPY: {
        this.beginSnappy(window, handle)
        while (!this.unpackSnappy(window, handle, STEP_BYTES)) await this.parts.pause()
        return
      }
      case ZLIB_OR_ZSTD: {
        if (isZstd(packed)) return this.unpackWith('zstd', window, handle, packed)
        return this.unpackWith('deflate', window, handle, isZlib(packed) ? packed.subarray(2) : packed)
      }
      case DEFLATE:
        return this.unpackWith('deflate', window, handle, packed)
      default:
        throw unknownPacking(window, offset, `packing ${window.bytes[at + size]}`)
    }
  }

  private takeRaw(window: ReadWindow, at: number, size: number): void {
    window.give()
    this.bytes = window.bytes
    this.start = at
    this.end = at + size
  }

  /** Begins to unpack a block, and gives how many bytes it has. */
  private beginSnappy(window: ReadWindow, { offset, size }: BlockHandle): number {
    const at = window.placeOf(offset)
    try {
      const plainBytes = this.snappy.begin(window.bytes, at, at + size)
      if (this.plain.length - this.plainAt < plainBytes) {
        this.plain = new Uint8Array(Math.max(plainBytes, this.parts.aheadBytes))
        this.plainAt = 0
      }
      this.bytes = this.plain
      this.start = this.plainAt
      this.end = this.plainAt += plainBytes
      this.snappy.into(this.plain, this.start)
      return plainBytes
    } catch (error) {
      throw unpackError(error, window, offset)
    }
  }

  private unpackSnappy(window: ReadWindow, { offset }: BlockHandle, stepBytes: number): boolean {
    try {
      return this.snappy.run(stepBytes)
    } catch (error) {
      throw unpackError(error, window, offset)
    }
  }

  private async unpackWith(
    name: CodecName, window: ReadWindow, { offset }: BlockHandle, packed: Uint8Array,
  ): Promise<void> {
    const codec = this.parts.codecOf(name)
    if (codec === null) throw unknownPacking(window, offset, `packing ${name}`)
    const plain = await codec.decompress(packed, PLAIN_BYTES_MAX)
    if (plain === null) throw corruption(window.name, offset, `a block that ${name} cannot unpack`)
    this.bytes = plain
    this.start = 0
    this.end = plain.length
  }
}

function checkCrc(window: ReadWindow, { offset, size }: BlockHandle, crc: number): void {
  const stored = getU32(window.bytes, window.placeOf(offset) + size + 1)
  if (unmaskedCrc(stored) !== crc) throw corruption(window.name, offset, 'a block has the wrong checksum')
}

function unpackError(error: unknown, window: ReadWindow, offset: number): unknown {
  if (!(error instanceof BadBytes)) return error
  return corruption(window.name, offset, `a block that Snappy cannot unpack: ${error.message}`)
}

function unknownPacking(window: ReadWindow, offset: number, what: string): VarveError {
  return new VarveError('NOT_SUPPORTED', `${window.name} at offset ${offset}: a block with ${what}`, {
    file: window.name, offset,
    hint: 'this version of the platform cannot unpack it: a newer one may, or write the database anew with Snappy',
  })
}

function isZstd(packed: Uint8Array): boolean {
  return packed.length >= 4 && getU32(packed, 0) === 0xfd2fb528
}

/** True for the two bytes that zlib begins with: the method is deflate, and the two are a multiple of 31. */
function isZlib(packed: Uint8Array): boolean {
  return packed.length >= 2 && (packed[0]! & 0x8f) === 8 && (packed[0]! * 256 + packed[1]!) % 31 === 0
}
