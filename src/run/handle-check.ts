/**
 * What: follows a value handle to the record that it names, in a value log or in a promoted log, and compares key,
 * length and checksum. The value itself is read only where its record has no checksum.
 * Does not own: the files. Thread: any; reads block.
 */
import {
  alignUp, compareRanges, crc32, ENTRY_BYTES_MIN, entryKeyBytes, EXPIRY_BYTES, FILE_HEADER_BYTES, fileSeed, getU32,
  handleChecksum, handleFileNum, handleLength, handleOffset, hasValueChecksum, KiB, runSync, valueLogFileName,
} from '../base/index.js'
import type { FileNum, InternalIterator } from '../base/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import { readFully } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'

/** A value without a checksum of its own is read in pieces, whatever its handle says of its length. */
const PIECE_BYTES = 256 * KiB

interface OpenLog {
  facts: ValueLogFacts
  file: VfsFile
  seed: number
}

export class HandleCheck {
  private readonly open: (name: string) => VfsFile
  private readonly facts: ReadonlyMap<FileNum, ValueLogFacts>
  private readonly logs = new Map<FileNum, OpenLog>()

  constructor(open: (name: string) => VfsFile, valueLogs: readonly ValueLogFacts[]) {
    this.open = open
    this.facts = new Map(valueLogs.map((facts) => [facts.fileNum, facts]))
  }

  /** Opens all value logs. */
  openAll(): void {
    for (const facts of this.facts.values()) this.openLog(facts)
  }

  private openLog(facts: ValueLogFacts): OpenLog {
    const log = { facts, file: this.open(valueLogFileName(facts)), seed: fileSeed(facts) }
    this.logs.set(facts.fileNum, log)
    return log
  }

  /** Tells what is wrong with the handle at valueBytes[at] of an entry, or null. */
  check({ keyBytes, keyStart, keyEnd, valueBytes }: InternalIterator, at: number): string | null {
    const [fileNum, offset] = [handleFileNum(valueBytes, at), handleOffset(valueBytes, at)]
    const [length, checksum] = [handleLength(valueBytes, at), handleChecksum(valueBytes, at)]
    const log = this.logs.get(fileNum)
    if (log === undefined) return `its value is in value log ${fileNum}, which the manifest does not list`
    if (offset + length > log.facts.bytes) return `its value is behind the end of value log ${fileNum}`
    const headBytes = EXPIRY_BYTES + ENTRY_BYTES_MIN + keyEnd - keyStart
    if (offset < FILE_HEADER_BYTES) return `its value is in the header of value log ${fileNum}`
    if (offset < headBytes) return `no record of this key stands at offset ${offset} of value log ${fileNum}`
    const head = read(log.file, offset - headBytes, headBytes)
    // Whether the record has a front is told by nothing but the record; a later touch may have given the entry one.
    for (const frontBytes of [0, EXPIRY_BYTES]) {
      const keyAt = headBytes - frontBytes - (keyEnd - keyStart)
      const entryAt = keyAt - ENTRY_BYTES_MIN
      const isRecord = entryAt >= 0 && entryKeyBytes(head, entryAt) === keyEnd - keyStart &&
        getU32(head, entryAt + 4) === frontBytes + length &&
        compareRanges(head, keyAt, headBytes - frontBytes, keyBytes, keyStart, keyEnd) === 0
      if (!isRecord) continue
      const own = hasValueChecksum(head, entryAt)
        ? storedChecksum(log.file, offset, length, headBytes - entryAt)
        : checksumOf(log, offset, length)
      return own === checksum ? null : `its value in value log ${fileNum} has another checksum`
    }
    return `no record of this key stands at offset ${offset} of value log ${fileNum}`
  }
}

/** The checksum behind a value whose entry begins so many bytes before it. */
function storedChecksum(file: VfsFile, offset: number, length: number, entryBytes: number): number {
  const contentBytes = entryBytes + length
  const padding = alignUp(contentBytes, 4) - contentBytes
  return getU32(read(file, offset + length + padding, 4), 0)
}

function checksumOf({ file, seed }: OpenLog, offset: number, length: number): number {
  let crc = (seed ^ offset) >>> 0
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const count = Math.min(PIECE_BYTES, length - at)
    crc = crc32(read(file, offset + at, count), 0, count, crc)
  }
  return crc
}

function read(file: VfsFile, offset: number, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes)
  runSync(readFully(file, target, bytes, offset))
  return target
}
