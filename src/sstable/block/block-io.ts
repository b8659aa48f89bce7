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
import { checkTrailer, contentBytes, trailerHolds, UnknownCode } from '../table-format.js'

export interface TableSource {
  file: ReadableFile
  /** File name relative to the database directory, for errors. */
  name: string
  /** The `fileSeed` of the header. */
  seed: number
}

const TRIES = 2

type Check = (bytes: Uint8Array) => boolean

/**
 * Reads the block that takes `bytes` at `offset` of the file to target[at, at + bytes), and checks it. Returns how long
 * its content is, which starts at `at`.
 */
export function readBlock(
  source: TableSource, offset: number, bytes: number, target: Uint8Array, at: number,
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
  checkTrailer(target, at + bytes, offset + bytes, source.name)
  return contentBytes(bytes)
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
  source: TableSource, offset: number, bytes: number, target: Uint8Array, at: number,
): number {
  if (!trailerHolds(target, at, at + bytes, offset, source.seed)) return readBlock(source, offset, bytes, target, at)
  checkTrailer(target, at + bytes, offset + bytes, source.name)
  return contentBytes(bytes)
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

/** Runs a parser of what stands at `offset`: bad bytes become CORRUPTION, and unknown codes UNSUPPORTED_FORMAT. */
export function parseAt<T>(source: { name: string }, offset: number, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof UnknownCode) throw unsupportedFormat(source.name, offset + error.offset, error.message)
    if (error instanceof BadBytes) throw corruption(source.name, offset + error.offset, error.message)
    throw error
  }
}
