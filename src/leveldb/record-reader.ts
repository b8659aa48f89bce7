/**
 * What: the records of a log or a manifest of LevelDB. A file is a row of blocks of 32 KiB; a record stands whole in a
 * block, or in pieces in several. Before each piece stands its checksum (u32), its length (u16) and what it is (u8).
 *
 * A file that was being written when its process or machine died ends in the middle of a record, or in zeros that were
 * reserved. That is an end, which `tornEnd` tells of. Whatever else is not as it should be is CORRUPTION: so a length
 * that leads behind the end of the file is an end only where no shorter piece has the right checksum.
 *
 * Owns: the place in the file. Thread: one.
 */
import { corruption, getU32 } from '../base/index.js'
import type { VarveError } from '../base/index.js'
import { crc32c, unmaskedCrc } from './crc32c.js'
import { ReadWindow } from './read-window.js'
import type { FileAccess } from './read-window.js'

const BLOCK_BYTES = 32 * 1024
const PIECE_HEADER_BYTES = 7
/** What was never synced is lost in units of sectors. */
const SECTOR_BYTES = 512
const AHEAD_BLOCKS = 16

const RESERVED = 0
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

/** What came of looking for the next record: there is one, or bytes have to be read first, or it is the end. */
export type RecordStep = 'record' | 'wait' | 'end'

/** A piece that has the wrong checksum: whether that is damage is seen when the rest of the file is. */
interface Doubt {
  offset: number
  pieceEnd: number
}

export class RecordReader {
  /** The record: bytes[start, end). Valid until the next call. */
  bytes: Uint8Array = new Uint8Array()
  start = 0
  end = 0
  /** Where the record begins in the file. */
  offset = 0
  /** Where the file ends in the middle of a record; null when it does not. */
  tornEnd: number | null = null
  /** Where zeros stand between records; null when there are none. */
  gapAt: number | null = null

  private readonly window: ReadWindow
  private readonly size: number
  private position = 0
  /** Pieces of a record that has not ended, in `joined`. */
  private joined: Uint8Array = new Uint8Array()
  private joinedBytes = 0
  private isOpen = false
  private zerosAt: number | null = null
  private doubt: Doubt | null = null

  /** `size` is the size of the file when reading began: what comes behind it is not looked at. */
  constructor(access: FileAccess, name: string, size: number) {
    this.window = new ReadWindow(access, name, AHEAD_BLOCKS * BLOCK_BYTES)
    this.size = size
  }

  get name(): string {
    return this.window.name
  }

  close(): Promise<void> {
    return this.window.close()
  }

  /** Goes to the next record. Throws CORRUPTION, IO_ERROR. */
  async next(): Promise<boolean> {
    for (;;) {
      const step = this.nextNow()
      if (step !== 'wait') return step === 'record'
      await this.fill()
    }
  }

  /** Goes to the next record as far as that needs no reading. Throws CORRUPTION. */
  nextNow(): RecordStep {
    for (;;) {
      const { position, size } = this
      const blockEnd = position - (position % BLOCK_BYTES) + BLOCK_BYTES
      const left = Math.min(blockEnd, size) - position
      if (this.doubt !== null) return 'wait'
      if (left < PIECE_HEADER_BYTES && blockEnd <= size) {
        this.position = blockEnd
        continue
      }
      if (left < PIECE_HEADER_BYTES) return this.finish(left > 0 ? position : null)
      if (!this.window.has(position, left)) return 'wait'
      if (this.takePiece(left, blockEnd > size)) return 'record'
    }
  }

  /** Reads what `nextNow` waits for. */
  async fill(): Promise<void> {
    if (this.doubt !== null) return this.resolveDoubt(this.doubt)
    const blockStart = this.position - (this.position % BLOCK_BYTES)
    const length = Math.min(BLOCK_BYTES, this.size - blockStart)
    await this.window.read(blockStart, length, this.size)
  }

  /** Ends the file; `cutAt` is where a piece is cut, if one is. */
  private finish(cutAt: number | null): RecordStep {
    if (this.isOpen) this.tornEnd = this.offset
    else if (cutAt !== null) this.tornEnd = cutAt
    this.isOpen = false
    this.position = this.size
    return 'end'
  }

  /** Takes the piece at the position, of which the window has `left` bytes; true when it ends a record. */
  private takePiece(left: number, isLastBlock: boolean): boolean {
    const { bytes } = this.window
    const at = this.window.placeOf(this.position)
    const length = bytes[at + 4]! | (bytes[at + 5]! << 8)
    const kind = bytes[at + 6]!
    if (kind === RESERVED && length === 0) return this.passZeros(at, left)
    if (length > left - PIECE_HEADER_BYTES) {
      if (!isLastBlock || isWholeWithoutLength(bytes, at, left)) throw this.damage(`a piece of ${length} bytes`)
      this.finish(this.position)
      return false
    }
    if (unmaskedCrc(getU32(bytes, at)) !== crc32c(bytes, at + 6, at + PIECE_HEADER_BYTES + length)) {
      this.doubt = { offset: this.position, pieceEnd: this.position + PIECE_HEADER_BYTES + length }
      return false
    }
    if (this.zerosAt !== null) {
      if (this.isOpen) throw this.damage('zeros stand in the middle of a record')
      this.gapAt ??= this.zerosAt
      this.zerosAt = null
    }
    return this.join(kind, at + PIECE_HEADER_BYTES, length)
  }

  private join(kind: number, start: number, length: number): boolean {
    const pieceAt = this.position
    const isBegin = kind === FULL || kind === FIRST
    // LevelDB before 2011 wrote an empty first piece where a block was full, and began the record anew in the next one.
    if (isBegin && this.isOpen && this.joinedBytes > 0) throw this.damage('a record begins in the middle of another')
    if (!isBegin && !this.isOpen) throw this.damage('a record has no beginning')
    if (kind > LAST) throw this.damage(`a piece of kind ${kind}`)
    this.position += PIECE_HEADER_BYTES + length
    if (isBegin) {
      this.offset = pieceAt
      this.joinedBytes = 0
    }
    this.isOpen = kind === FIRST || kind === MIDDLE
    if (kind === FULL) {
      this.bytes = this.window.bytes
      this.start = start
      this.end = start + length
      return true
    }
    this.append(start, length)
    if (kind !== LAST) return false
    this.bytes = this.joined
    this.start = 0
    this.end = this.joinedBytes
    return true
  }

  private append(start: number, length: number): void {
    const bytes = this.joinedBytes + length
    if (this.joined.length < bytes) {
      const grown = new Uint8Array(Math.max(2 * this.joined.length, bytes))
      grown.set(this.joined.subarray(0, this.joinedBytes))
      this.joined = grown
    }
    this.joined.set(this.window.bytes.subarray(start, start + length), this.joinedBytes)
    this.joinedBytes = bytes
  }

  /** Passes over zeros to the end of the block. They were reserved and never written. */
  private passZeros(at: number, left: number): false {
    if (!isZero(this.window.bytes, at, at + left)) throw this.damage('zeros where a record should begin')
    this.zerosAt ??= this.position
    this.position += left
    return false
  }

  /**
   * A piece with the wrong checksum is the end of the file if from a sector inside of it all the rest is zeros: these
   * sectors never came to the disk.
   */
  private async resolveDoubt({ offset, pieceEnd }: Doubt): Promise<void> {
    let lastAt = offset
    for (let from = offset; from < this.size; from = this.window.end) {
      await this.window.read(from, Math.min(BLOCK_BYTES, this.size - from), this.size)
      const { bytes, end } = this.window
      for (let at = this.window.placeOf(end) - 1; at >= 0; at--) {
        if (bytes[at] === 0) continue
        lastAt = Math.max(lastAt, from + at)
        break
      }
    }
    const lostAt = (Math.floor(lastAt / SECTOR_BYTES) + 1) * SECTOR_BYTES
    if (lostAt >= pieceEnd) throw this.damage('a piece has the wrong checksum')
    this.doubt = null
    this.finish(offset)
  }

  private damage(what: string): VarveError {
    return corruption(this.name, this.position, what)
  }
}

/**
 * True when a piece begins here that has the right checksum with a shorter length than it says: the length is damaged.
 * Requires: room for its header.
 */
function isWholeWithoutLength(bytes: Uint8Array, at: number, left: number): boolean {
  const expected = unmaskedCrc(getU32(bytes, at))
  const end = at + left
  let crc = crc32c(bytes, at + 6, at + PIECE_HEADER_BYTES)
  for (let next = at + PIECE_HEADER_BYTES; ; next++) {
    // Chance gives one of so many lengths the right checksum; hardly ever the next piece looks like one then too.
    if (crc === expected && (end - next < PIECE_HEADER_BYTES || bytes[next + 6]! <= LAST)) return true
    if (next === end) return false
    crc = crc32c(bytes, next, next + 1, crc)
  }
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}
