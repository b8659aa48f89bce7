/**
 * What: one log that is read again and again while its writer appends to it: each reading goes on behind the last good
 * frame, into the same slab while that has room.
 *
 * A writer never changes what it has appended, so the good frames stay what they are as long as it is the same file,
 * with the same header and the same bytes before their end. Zeros behind that end were written ahead: reading stops
 * there. Bytes that are no whole frame are read again the next time.
 * Owns: the slab, and what was found in it. Thread: main; runs blocking or awaited.
 */
import { FILE_BYTES_MAX, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, ioError, KiB, logFileName, MiB } from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import type { Slab, SlabPool } from '../slab/index.js'
import { readFully, withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { isZero, scanOn, scanSlices } from './log-reader.js'
import type { ScannedLog } from './log-reader.js'

/** The first piece of a log that has grown; each further one is twice as long. */
const PIECE_BYTES_MIN = 64 * KiB
const PIECE_BYTES_MAX = 4 * MiB
/** Bytes that are compared before and behind the end of the good frames. */
const EDGE_BYTES = FRAME_HEADER_BYTES

export interface LogTailPlace {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  pool: SlabPool
  /** Bytes that a log in use may reach: so much room its slab gets at once. */
  roomBytes: number
  /** Gives way to others when this turn has gone on for long. */
  giveWay: () => Steps<void>
}

/** What has become of a log: nothing new, more of it was read, or it is not the file that was read. */
export type LogChange = 'same' | 'grown' | 'other'

export class LogTail {
  readonly fileNum: FileNum
  /** All that was found. Only readings change it; who decides about history takes a copy. */
  readonly scan: ScannedLog
  /** Bytes of the file when it was last looked at. */
  fileBytes: number
  /** Bytes that were read from the file, all in all. */
  readBytes: number
  private slabNow: Slab
  private readonly place: LogTailPlace
  private readonly identity: string

  private constructor(place: LogTailPlace, slab: Slab, scan: ScannedLog, identity: string) {
    this.place = place
    this.fileNum = scan.fileNum
    this.scan = scan
    this.slabNow = slab
    this.identity = identity
    this.fileBytes = scan.fileBytes
    this.readBytes = scan.fileBytes
  }

  /** Reads the whole log. `isInUse`: it may grow. */
  static *read(place: LogTailPlace, fileNum: FileNum, isInUse: boolean): Steps<LogTail> {
    const { pool, databaseId, roomBytes, giveWay } = place
    return yield* inLog(place, fileNum, function* (file) {
      const size = sizeOf(file)
      const hasFrames = size > FILE_HEADER_BYTES
      const slab = pool.take(isInUse && hasFrames ? Math.max(size, roomBytes) : size)
      try {
        const bytes = yield* readFully(file, slab.bytes, size)
        const slices = scanSlices(fileNum, slab.bytes, bytes, databaseId)
        for (;;) {
          const { done, value } = slices.next()
          if (done === true) return new LogTail(place, slab, value, file.identitySync())
          yield* giveWay()
        }
      } catch (error) {
        slab.release()
        throw error
      }
    })
  }

  get slab(): Slab {
    return this.slabNow
  }

  /** Tells whether the file is as it was: the same one, not shorter, and only zeros behind the good frames. */
  *isSame(): Steps<boolean> {
    const { place, fileNum, scan } = this
    if (scan.header === null) return false
    return yield* inLog(place, fileNum, (file) => this.look(file))
  }

  private *look(file: VfsFile): Steps<boolean> {
    if (!(yield* this.isMine(file))) return false
    const next = new Uint8Array(EDGE_BYTES)
    const count = yield* readFully(file, next, EDGE_BYTES, this.scan.goodEnd)
    return isZero(next, 0, count)
  }

  /** True when this is the file that was read, and holds all that was good in it. */
  private *isMine(file: VfsFile): Steps<boolean> {
    const { goodEnd } = this.scan
    this.fileBytes = sizeOf(file)
    if (file.identitySync() !== this.identity || this.fileBytes < goodEnd) return false
    // File systems give the number of a file that is gone to the next one.
    if (!(yield* this.hasStill(file, 0, FILE_HEADER_BYTES))) return false
    return yield* this.hasStill(file, goodEnd - EDGE_BYTES, goodEnd)
  }

  private *hasStill(file: VfsFile, start: number, end: number): Steps<boolean> {
    const now = new Uint8Array(end - start)
    if ((yield* readFully(file, now, now.length, start)) < now.length) return false
    return now.every((byte, i) => byte === this.slabNow.bytes[start + i])
  }

  /** Reads on behind the good frames. After 'other' it must not be used any more. */
  *readOn(): Steps<LogChange> {
    const { place, fileNum, scan } = this
    if (scan.header === null) return 'other'
    const before = scan.goodEnd
    return yield* inLog(place, fileNum, (file) => this.readPieces(file, before))
  }

  private *readPieces(file: VfsFile, before: number): Steps<LogChange> {
    if (!(yield* this.isMine(file))) return 'other'
    const { scan, place: { giveWay } } = this
    let start = before
    for (let piece = PIECE_BYTES_MIN; ; piece = Math.min(2 * piece, PIECE_BYTES_MAX)) {
      const length = Math.min(piece, this.fileBytes - start)
      this.makeRoom(start + length)
      const count = yield* readFully(file, this.slabNow.bytes.subarray(start), length, start)
      this.readBytes += count
      scan.fileBytes = start + count
      for (const _ of scanOn(scan)) yield* giveWay()
      yield* giveWay()
      // Zeros go on up to the end of the file: only writers of today append to it, and they do so in order.
      if (count < length || scan.fileBytes === this.fileBytes || scan.endsClean && scan.goodEnd < scan.fileBytes) break
      start = scan.fileBytes
    }
    return scan.goodEnd > before ? 'grown' : 'same'
  }

  /** Whoever has the old slab keeps it as it is. */
  private makeRoom(bytes: number): void {
    const old = this.slabNow
    if (bytes <= old.capacity) return
    const { pool, roomBytes } = this.place
    const capacity = Math.max(bytes, roomBytes, old.capacity * 2)
    const slab = pool.take(Math.min(Math.max(bytes, FILE_BYTES_MAX), capacity))
    slab.bytes.set(old.bytes.subarray(0, this.scan.fileBytes))
    this.slabNow = slab
    this.scan.bytes = slab.bytes
    old.release()
  }

  /** The slab goes back when no memtable needs it. */
  release(): void {
    this.slabNow.release()
  }
}

function sizeOf(file: VfsFile): number {
  const size = file.sizeSync()
  if (size > FILE_BYTES_MAX) throw new RangeError(`${size} bytes are more than a log can have`)
  return size
}

function* inLog<T>({ vfs, dir }: LogTailPlace, fileNum: FileNum, use: (file: VfsFile) => Steps<T>): Steps<T> {
  const name = logFileName(fileNum)
  try {
    return yield* withFile(vfs, vfs.join(dir, name), 'read', use)
  } catch (error) {
    throw ioError(error, 'read', name)
  }
}
