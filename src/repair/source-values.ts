/**
 * What: the value logs of a source: which are whole, and which values can still be read from those that are not.
 * Owns: the files that it has open. Thread: main; reads block, with pauses.
 * Invariants: REP-4 a value counts only when it has the length and the checksum that its handle says.
 */
import {
  compareBytes, crc32, decodeFileHeader, emptyFrameHeader, entryContentStart, entryValueEnd, errnoOf,
  FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES,
  frameBytes, frameProblem, FrameType, handleChecksum, handleFileNum, handleLength, handleOffset, ioError, logFileName,
  readFrame, readFrameHeader, runSync, VALUE_LOG_FRAMES, valueLogFileName, VarveError, vlogFileName, corruption,
} from '../base/index.js'
import type { FileHeader, FileNum } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { isLoss } from '../sstable/index.js'
import { checkFile } from '../tables/index.js'
import { readFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'
import { scanSlices } from '../wal/index.js'
import type { SourcePlace } from './found-source.js'
import { openSource } from './source-table.js'

/** A value log that tables or entries of logs point to. */
export interface SourceValueLog {
  readonly fileNum: FileNum
  /** Relative to the source. */
  readonly name: string
  readonly state: 'whole' | 'damaged' | 'missing'
  /** What the manifest of the target will say; null for one that is not taken over. */
  readonly facts: NewValueLog | null
}

interface Place extends SourcePlace {
  readonly databaseId: Uint8Array
  note(bytes: number): void
}

export class SourceValues {
  readonly logs = new Map<FileNum, SourceValueLog>()
  private readonly place: Place
  private readonly open = new Map<FileNum, { file: VfsFile; seed: number } | null>()
  /** Salts that the manifest gives, for files whose headers are damaged. */
  private readonly salts = new Map<FileNum, Uint8Array>()

  constructor(place: Place) {
    this.place = place
  }

  /** Looks at a value log that the manifest lists. */
  *addListed(listed: NewValueLog): Generator<undefined, void, unknown> {
    this.salts.set(listed.fileNum, listed.salt)
    yield* this.add(listed.fileNum, valueLogFileName(listed), listed)
  }

  /** Looks at one that no manifest lists: a log or a file of its own. */
  *addFound(fileNum: FileNum, names: readonly string[], namedInLog: FileNum): Generator<undefined, void, unknown> {
    if (this.logs.has(fileNum)) return
    const own = vlogFileName(fileNum)
    const name = names.includes(own) ? own : logFileName(fileNum)
    yield* this.add(fileNum, name, null, namedInLog)
  }

  private *add(
    fileNum: FileNum, name: string, listed: NewValueLog | null, namedInLog: FileNum = 0,
  ): Generator<undefined, void, unknown> {
    const { vfs, dir, ledger } = this.place
    let file: VfsFile
    try {
      file = openSource(vfs, vfs.join(dir, name), name)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      ledger.missing(name, `${name} is missing, but values stand in it`)
      this.logs.set(fileNum, { fileNum, name, state: 'missing', facts: null })
      return
    }
    try {
      ledger.checked(file.sizeSync(), 1)
      const found = yield* this.check(file, fileNum, name, listed)
      this.logs.set(fileNum, { fileNum, name, state: 'whole', facts: listed ?? { ...found, namedInLog } })
    } catch (error) {
      if (!isLoss(error)) throw error
      ledger.damage(name, null, error)
      this.logs.set(fileNum, { fileNum, name, state: 'damaged', facts: null })
    } finally {
      file.closeSync()
    }
  }

  private *check(
    file: VfsFile, fileNum: FileNum, name: string, listed: NewValueLog | null,
  ): Generator<undefined, NewValueLog, unknown> {
    const isLog = name === logFileName(fileNum)
    const header = headerOf(file, name, isLog)
    const isSame = header.fileNum === fileNum && compareBytes(header.databaseId, this.place.databaseId) === 0 &&
      (listed === null || compareBytes(header.salt, listed.salt) === 0)
    if (!isSame) throw corruption(name, 0, 'this is another file than the one that is meant')
    const found = isLog
      ? yield* this.checkLog(file, header, name, listed?.bytes ?? 0) : yield* this.checkOwn(file, header, name)
    if (listed !== null && found.bytes < listed.bytes) throw corruption(name, found.bytes, 'the file is cut short')
    return { fileNum, isLog, salt: header.salt, namedInLog: 0, ...found }
  }

  private *checkLog(
    file: VfsFile, { fileNum, databaseId, salt }: FileHeader, name: string, bytes: number,
  ): Generator<undefined, Pick<NewValueLog, 'bytes' | 'putCount' | 'putBytes'>, unknown> {
    const content = new Uint8Array(new SharedArrayBuffer(file.sizeSync()))
    const size = runSync(readFully(file, content, content.length))
    this.place.note(size)
    const log = yield* scanSlices(fileNum, content, size, databaseId)
    if (log.goodEnd < bytes) throw corruption(name, log.goodEnd, 'a frame is damaged')
    const facts = { fileNum, salt, bytes: bytes || log.goodEnd, isExact: true, mustExist: true }
    const { problems } = yield* checkFile({ ...this.place, databaseId }, { kind: 'log', facts }, { level: 'full' })
    const damage = problems.find(({ severity }) => severity === 'damage')
    if (damage !== undefined) throw corruption(name, damage.offset ?? 0, damage.message)
    return { bytes: bytes || log.goodEnd, putCount: log.entryCount, putBytes: log.goodEnd }
  }

  /** Reads a file of values from end to end. It holds one value at a time. */
  private *checkOwn(
    file: VfsFile, header: FileHeader, name: string,
  ): Generator<undefined, Pick<NewValueLog, 'bytes' | 'putCount' | 'putBytes'>, unknown> {
    const seed = fileSeed(header)
    const size = file.sizeSync()
    const frame = emptyFrameHeader()
    let [putCount, putBytes] = [0, 0]
    for (let at = FILE_HEADER_BYTES; ;) {
      const head = readAt(file, name, at, FRAME_HEADER_BYTES)
      const isHeader = head.length === FRAME_HEADER_BYTES && readFrameHeader(head, 0, at, seed, frame)
      const length = frameBytes(frame.bodyBytes)
      if (!isHeader || at + length > size) throw corruption(name, at, 'a frame is damaged')
      const bytes = readAt(file, name, at, length)
      const isGood = readFrame(bytes, 0, bytes.length, at, seed, VALUE_LOG_FRAMES, frame) === 'good' &&
        bytes.subarray(FRAME_HEADER_BYTES + frame.bodyBytes).every((byte) => byte === 0)
      if (!isGood) throw corruption(name, at, 'a frame is damaged')
      this.place.note(length)
      if (frame.type === FrameType.mark) {
        if (frame.count === putCount && at + length === size) return { bytes: size, putCount, putBytes }
        throw corruption(name, at, 'the mark at the end is not at the end')
      }
      const problem = frameProblem(bytes, 0, frame, name, at)
      if (problem !== null) throw problem
      putCount++
      const entry = FRAME_HEADER_BYTES + frame.extensionBytes
      putBytes += entryValueEnd(bytes, entry) - entryContentStart(bytes, entry)
      at += length
      yield
    }
  }

  isWhole(fileNum: FileNum): boolean {
    return this.logs.get(fileNum)?.state === 'whole'
  }

  /** True when the handle at bytes[at] points into a whole file. */
  standsWhole(bytes: Uint8Array, at: number): boolean {
    return this.isWhole(handleFileNum(bytes, at))
  }

  /** True when the value behind the handle at bytes[at] is as it was written. One of a whole file is. */
  isGood(bytes: Uint8Array, at: number): boolean {
    return this.standsWhole(bytes, at) || this.read(bytes, at) !== null
  }

  /** The value behind the handle at bytes[at]; null when it is lost. */
  read(bytes: Uint8Array, at: number): Uint8Array | null {
    const fileNum = handleFileNum(bytes, at)
    const [offset, length] = [handleOffset(bytes, at), handleLength(bytes, at)]
    const opened = this.openOne(fileNum)
    if (opened === null) return null
    const value = new Uint8Array(length)
    try {
      if (runSync(readFully(opened.file, value, length, offset)) !== length) return null
    } catch (error) {
      if (errnoOf(error) === 'EIO') return null
      throw ioError(error, 'read', this.logs.get(fileNum)!.name)
    }
    this.place.note(length)
    return crc32(value, 0, length, (opened.seed ^ offset) >>> 0) === handleChecksum(bytes, at) ? value : null
  }

  private openOne(fileNum: FileNum): { file: VfsFile; seed: number } | null {
    const known = this.open.get(fileNum)
    if (known !== undefined) return known
    const log = this.logs.get(fileNum)
    const { vfs, dir } = this.place
    let opened: { file: VfsFile; seed: number } | null = null
    if (log !== undefined && log.state !== 'missing') {
      if (this.open.size >= 16) this.close()
      const file = openSource(vfs, vfs.join(dir, log.name), log.name)
      const salt = this.salts.get(fileNum) ?? saltOf(file, log.name)
      if (salt === null) file.closeSync()
      else opened = { file, seed: fileSeed({ fileNum, salt }) }
    }
    this.open.set(fileNum, opened)
    return opened
  }

  close(): void {
    for (const opened of this.open.values()) opened?.file.closeSync()
    this.open.clear()
  }
}

function headerOf(file: VfsFile, name: string, isLog: boolean): FileHeader {
  return decodeFileHeader(readAt(file, name, 0, FILE_HEADER_BYTES), isLog ? 'varvelog' : 'varvevlg', name)
}

function saltOf(file: VfsFile, name: string): Uint8Array | null {
  try {
    return headerOf(file, name, name.endsWith('.wal')).salt
  } catch (error) {
    if (VarveError.is(error) && error.code === 'CORRUPTION') return null
    throw error
  }
}

function readAt(file: VfsFile, name: string, offset: number, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes)
  try {
    return target.subarray(0, runSync(readFully(file, target, bytes, offset)))
  } catch (error) {
    throw ioError(error, 'read', name)
  }
}
