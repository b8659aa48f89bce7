/**
 * What: reads large values where their handles say they stand: one positional read into memory of the caller's own.
 * Thread: main. No state but the counts of reads.
 * Invariants: VLG-6 a value is given only when it has the length and the checksum of its handle; what is wrong is read
 * once more, and then it is CORRUPTION with file, offset and key. No length is believed, and nothing allocated for it,
 * unless it lies within the bytes of the file that count.
 */
import {
  corruption, crc32, errnoOf, handleChecksum, handleFileNum, handleLength, handleOffset, handleProblem, KiB,
  MiB, shownKey, unfilledBytes, VarveError, vlogFileName,
} from '../base/index.js'
import type { Bytes, PointResult, Turns } from '../base/index.js'
import { cutShort, isRight, readBytesSync, seedAt, ValuePlace, wrongValue } from '../tables/index.js'
import type { OpenValueLog, OpenValueLogs } from '../tables/index.js'
import { inPool } from '../vfs/index.js'

/** From this many bytes on, a read that can wait goes through the thread pool; below, the way there costs more. */
export const POOL_READ_BYTES_MIN = 128 * KiB
/** A longer value is read and checked in pieces: the event loop turns, and others have their turn in the pool. */
export const PIECE_BYTES = MiB
const TRIES = 2
const TABLE_HINT = 'the table that has this handle is damaged: restore the database from a backup'

/** True of the handle of a value that is worth the way through the thread pool. */
export function isLarge(bytes: Uint8Array, start: number): boolean {
  return handleLength(bytes, start) >= POOL_READ_BYTES_MIN
}

/**
 * Finds the value of the handle at valueBytes[valueStart, valueEnd). Throws CORRUPTION for a handle that no version can
 * have, and what opening the file throws.
 */
export function placeOf(
  valueLogs: OpenValueLogs, { valueBytes, valueStart, valueEnd }: Omit<PointResult, 'kind'>,
): ValuePlace {
  const problem = handleProblem(valueBytes, valueStart, valueEnd)
  if (problem !== null) throw new VarveError('CORRUPTION', `a table has ${problem}`, { hint: TABLE_HINT })
  const fileNum = handleFileNum(valueBytes, valueStart)
  const offset = handleOffset(valueBytes, valueStart)
  const length = handleLength(valueBytes, valueStart)
  const log = valueLogs.get(fileNum)
  if (log === null) throw badHandle(vlogFileName(fileNum), offset, 'a table points to it, but no version lists it')
  if (offset + length > log.bytes) {
    throw badHandle(log.name, offset, `a table points to ${length} bytes here, but only ${log.bytes} of the file count`)
  }
  return new ValuePlace(log, offset, length, handleChecksum(valueBytes, valueStart))
}

function badHandle(file: string, offset: number, what: string): VarveError {
  return corruption(file, offset, what, TABLE_HINT)
}

/** The value, in memory of its own. */
export function readPlaceSync(place: ValuePlace): Uint8Array {
  const { log, offset, length } = place
  const target = unfilledBytes(length)
  for (let tries = TRIES; ; tries--) {
    try {
      readBytesSync(log, target, 0, length, offset)
      if (isRight(place, target, 0)) return target
      if (tries === 1) throw wrongValue(place)
    } catch (error) {
      if (tries === 1 || errnoOf(error) !== 'EIO') throw readError(error, place)
    }
  }
}

/** Reads as `readPlaceSync` does, through the thread pool. */
export async function readPlace(place: ValuePlace, turns: Turns): Promise<Uint8Array> {
  const { length } = place
  const target = unfilledBytes(length)
  for (let tries = TRIES; ; tries--) {
    try {
      if ((await readInPieces(place, target, turns)) === place.checksum) return target
      if (tries === 1) throw wrongValue(place)
    } catch (error) {
      if (tries === 1 || errnoOf(error) !== 'EIO') throw readError(error, place)
    }
  }
}

/** Fills `target`; the next piece is on its way while one is checked. Resolves to the checksum. */
async function readInPieces({ log, offset, length }: ValuePlace, target: Uint8Array, turns: Turns): Promise<number> {
  let crc = seedAt(log, offset)
  let next = readPiece(log, target, 0, Math.min(PIECE_BYTES, length), offset)
  for (let at = 0; ; at += PIECE_BYTES) {
    await next
    const end = Math.min(at + PIECE_BYTES, length)
    if (end < length) {
      next = readPiece(log, target, end, Math.min(PIECE_BYTES, length - end), offset + end)
      next.catch(() => undefined) // it is awaited in the next round
    }
    crc = crc32(target, at, end, crc)
    if (end === length) return crc
    if (turns.isOverNow()) await turns.next()
  }
}

/**
 * The bytes [start, end) of the value in pieces, each read when it is asked for. The last piece of a whole value is
 * given only when the checksum is right; of a part, no byte is given before the whole was read once and was right.
 */
export async function* piecesOf(place: ValuePlace, start: number, end: number): AsyncGenerator<Uint8Array, undefined> {
  const { log, offset, length, checksum } = place
  const isWhole = start === 0 && end === length
  if (!isWhole && start < end) for await (const piece of piecesOf(place, 0, length)) void piece
  let crc = seedAt(log, offset)
  for (let at = start; at < end; at += PIECE_BYTES) {
    const piece = unfilledBytes(Math.min(PIECE_BYTES, end - at))
    try {
      await readPiece(log, piece, 0, piece.length, offset + at)
    } catch (error) {
      throw readError(error, place)
    }
    crc = crc32(piece, 0, piece.length, crc)
    if (isWhole && at + piece.length === length && crc !== checksum) throw wrongValue(place)
    yield piece
  }
}

/** Reads `length` bytes at `position` of the file to target[at, at + length), in the thread pool. */
function readPiece(
  log: OpenValueLog, target: Uint8Array, at: number, length: number, position: number,
): Promise<void> {
  return inPool(() => fill(log, target, at, length, position))
}

/** Reads `length` bytes at `position` into new memory, in the thread pool; memory is taken when there is room in it. */
export function readBytes(log: OpenValueLog, length: number, position: number): Promise<Uint8Array> {
  return inPool(async () => {
    const target = unfilledBytes(length)
    await fill(log, target, 0, length, position)
    return target
  })
}

async function fill(
  { file, name, reads }: OpenValueLog, target: Uint8Array, at: number, length: number, position: number,
): Promise<void> {
  for (let done = 0; done < length;) {
    const count = await file.read(target, at + done, length - done, position + done)
    if (count === 0) throw cutShort(name, position + done)
    reads.note(count)
    reads.poolCount++
    done += count
  }
}

function readError(error: unknown, { log: { name }, offset }: ValuePlace): VarveError {
  if (VarveError.is(error)) return error
  const reason = errnoOf(error) || String(error)
  return new VarveError('IO_ERROR', `read ${name} at offset ${offset} failed: ${reason}`, {
    cause: error, file: name, offset,
  })
}

/** Gives the error again, with the key whose value could not be read. */
export function ofKey(error: unknown, key: Bytes): unknown {
  if (!VarveError.is(error)) return error
  const { code, file, offset, hint } = error
  return new VarveError(code, `value of key ${shownKey(key)}: ${error.message}`, {
    cause: error,
    ...(file === undefined ? {} : { file }), ...(offset === undefined ? {} : { offset }),
    ...(hint === undefined ? {} : { hint }),
  })
}
