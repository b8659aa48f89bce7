/**
 * What: the one place that reads a table file: exact ranges, checksums, one second try. It gives the content of blocks
 * and sections, so its callers need not know that a trailer stands behind each in the file.
 * Does not own: the file.
 * Thread: any.
 *
 * A wrong checksum or EIO is read once more: the page cache or the cable may have erred. A second failure
 * is thrown, CORRUPTION or IO_ERROR with file and offset; nothing is guessed.
 */
import { BadBytes, corruption, errnoOf, step, unsupportedFormat, VarveError } from '../../base/index.js'
import type { Steps } from '../../base/index.js'
import type { ReadableFile } from '../../vfs/index.js'
import { checkTrailer, Codec, contentBytes, TRAILER_BYTES, trailerHolds, UnknownCode } from '../table-format.js'
import { fileBlockOfThread } from './file-block.js'
import type { FileBlock } from './file-block.js'
import { FILE_BLOCK_AT, PACKED_FILE_BYTES_MAX } from './packed-format.js'

export interface TableSource {
  file: ReadableFile
  /** File name relative to the database directory, for errors. */
  name: string
  /** The `fileSeed` of the header. */
  seed: number
}

/** The file of blocks, and whether its footer says that some of them are packed. */
export interface BlockSource extends TableSource {
  saysPacked: boolean
}

const TRIES = 2

type Check = (bytes: Uint8Array) => boolean

/**
 * Reads the block that takes `bytes` at `offset` of the file to target[at, at + bytes), and checks it. Returns how long
 * its content is, which starts at `at`.
 */
export function readBlock(
  source: BlockSource, offset: number, bytes: number, target: Uint8Array, at: number,
): number {
  for (let tries = TRIES; ; tries--) {
    try {
      const count = source.file.readSync(target, at, bytes, offset)
      if (count !== bytes) throw cutShort(source.name, offset, count)
      if (trailerHolds(target, at, at + bytes, offset, source.seed)) break
      if (tries === 1) throw corruption(source.name, offset, 'checksum differs')
    } catch (error) {
      if (tries === 1 || errnoOf(error) !== 'EIO') throw readError(error, source.name, offset)
    }
  }
  return checkCodec(source, offset, bytes, target, at)
}

/** Reads the first `bytes` of what stands at `offset`, without a check; false when that fails in any way. */
export function readPart({ file }: TableSource, offset: number, bytes: number, target: Uint8Array): boolean {
  try {
    return file.readSync(target, 0, bytes, offset) === bytes
  } catch {
    return false
  }
}

/** Checks a block that was read already without a check; a block that fails is read again. */
export function checkBlock(
  source: BlockSource, offset: number, bytes: number, target: Uint8Array, at: number,
): number {
  if (!trailerHolds(target, at, at + bytes, offset, source.seed)) return readBlock(source, offset, bytes, target, at)
  return checkCodec(source, offset, bytes, target, at)
}

function checkCodec(
  { name, saysPacked }: BlockSource, offset: number, bytes: number, target: Uint8Array, at: number,
): number {
  checkTrailer(target, at + bytes, offset + bytes, name, Codec.packed)
  const length = contentBytes(bytes)
  if (!isPacked(target, at + length) || (saysPacked && bytes <= PACKED_FILE_BYTES_MAX)) return length
  if (saysPacked) throw corruption(name, offset, `a packed block of ${bytes} bytes`)
  throw corruption(name, offset, 'a packed block in a table that does not say that it has some')
}

/** True when the block whose content ends at bytes[end] is packed. Requires: it was checked. */
function isPacked(bytes: Uint8Array, end: number): boolean {
  return bytes[end] === Codec.packed
}

/**
 * Reads a block of at most `PACKED_FILE_BYTES_MAX` bytes, packed or not, and checks it. What it gives is good until the
 * next block is read.
 */
export function readFileBlock(source: BlockSource, offset: number, bytes: number): FileBlock {
  const block = fileBlockOfThread()
  const length = readBlock(source, offset, bytes, block.bytes, FILE_BLOCK_AT)
  parseAt(source, offset, () => block.begin(length, isPacked(block.bytes, FILE_BLOCK_AT + length)))
  return block
}

/**
 * Gives the block whose checked content is bytes[at, at + length) when it is packed, else null. What it gives is good
 * until the next block is read.
 */
export function packedBlockAt(
  source: BlockSource, offset: number, bytes: Uint8Array, at: number, length: number,
): FileBlock | null {
  if (!isPacked(bytes, at + length)) return null
  const block = fileBlockOfThread()
  block.bytes.set(bytes.subarray(at, at + length + TRAILER_BYTES), FILE_BLOCK_AT)
  parseAt(source, offset, () => block.begin(length, true))
  return block
}

/** Reads a section in steps, into a buffer of its own; gives the content without the trailer. */
export function* readContent(source: TableSource, offset: number, bytes: number): Steps<Uint8Array> {
  const isGood = (target: Uint8Array): boolean => trailerHolds(target, 0, bytes, offset, source.seed)
  const target = yield* readExactly(source, offset, bytes, isGood)
  if (!isGood(target)) throw corruption(source.name, offset, 'checksum differs')
  checkTrailer(target, bytes, offset + bytes, source.name)
  return target.subarray(0, contentBytes(bytes))
}

/** Reads the range, a second time when `isGood` refuses it; the caller decides what a second refusal means. */
export function* readExactly(
  source: Omit<TableSource, 'seed'>, offset: number, bytes: number, isGood: Check,
): Steps<Uint8Array> {
  const { file, name } = source
  const target = new Uint8Array(bytes)
  for (let tries = TRIES; ; tries--) {
    try {
      const count = yield* step({
        sync: () => file.readSync(target, 0, bytes, offset),
        async: () => file.read(target, 0, bytes, offset),
      })
      if (count !== bytes) throw cutShort(name, offset, count)
      if (tries === 1 || isGood(target)) return target
    } catch (error) {
      if (tries === 1 || errnoOf(error) !== 'EIO') throw readError(error, name, offset)
    }
  }
}

function cutShort(name: string, offset: number, count: number): Error {
  return corruption(name, offset + count, 'the file ends here, inside a block or section')
}

function readError(error: unknown, file: string, offset: number): VarveError {
  if (VarveError.is(error)) return error
  const reason = errnoOf(error) || String(error)
  const message = `read ${file} at offset ${offset} failed: ${reason}`
  return new VarveError('IO_ERROR', message, { cause: error, file, offset })
}

/**
 * Runs a parser of what stands at `offset`: bad bytes become CORRUPTION, and unknown codes UNSUPPORTED_FORMAT. What was
 * unpacked stands nowhere in the file: then the error names the offset of the whole.
 */
export function parseAt<T>(source: { name: string }, offset: number, parse: () => T, isUnpacked = false): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    const at = isUnpacked ? offset : offset + error.offset
    if (error instanceof UnknownCode) throw unsupportedFormat(source.name, at, error.message)
    throw corruption(source.name, at, error.message)
  }
}
