/** Write buffers over files that a test controls. */
import { encodeFileHeader, FILE_HEADER_BYTES, NO_FEATURES } from '../../../src/base/index.js'
import type { FileHeader, SeqNum } from '../../../src/base/index.js'
import { sampleLineage } from './manifest-samples.js'
import { WriteBuffer } from '../../../src/commit/index.js'
import { Memtable } from '../../../src/memtable/index.js'
import { SlabPool } from '../../../src/slab/index.js'
import { MemoryVfs } from '../../../src/vfs/index.js'
import { LogFile } from '../../../src/wal/index.js'
import { HandFile } from '../fakes/hand-file.js'

export const sampleDatabaseId = new Uint8Array(16).fill(0xdb)

export function sampleLogHeader(fileNum: number, firstSalt = 1): FileHeader {
  const salt = Uint8Array.of(firstSalt, 2, 3, 4, 5, 6, 7, fileNum)
  const more = { databaseId: sampleDatabaseId, fileNum, salt, generation: 4, lineage: sampleLineage }
  return { magic: 'varvelog', features: NO_FEATURES, ...more }
}

/** Makes a log over a file that a test controls. When it is opened once more, `openSync` gives the handle. */
export function sampleLog(
  file: HandFile, header: FileHeader, headerBytes = new Uint8Array(FILE_HEADER_BYTES), openSync = (): HandFile => file,
): LogFile {
  const vfs = Object.assign(new MemoryVfs(), { openSync })
  return new LogFile({ vfs, path: file.path, file }, header, headerBytes)
}

export interface SampleBuffer {
  buffer: WriteBuffer
  file: HandFile
}

export interface SampleBufferOptions {
  lastSeqNum?: SeqNum
  capacity?: number
  calls?: string[]
  /** True when it has its slab, the default. */
  isFilled?: boolean
  /** The first byte of the log's salt. */
  firstSalt?: number
}

/** Makes a buffer for log `fileNum`, not begun; its file holds the header. */
export function sampleBuffer(fileNum: number, options: SampleBufferOptions = {}): SampleBuffer {
  const { lastSeqNum = 0, capacity = 64 * 1024, calls = [], isFilled = true, firstSalt = 1 } = options
  const header = sampleLogHeader(fileNum, firstSalt)
  const headerBytes = new Uint8Array(FILE_HEADER_BYTES)
  encodeFileHeader(header, headerBytes)
  const file = new HandFile(`${fileNum}.wal`)
  file.writeSync(headerBytes, 0, FILE_HEADER_BYTES, 0)
  const named = new HandFile(file.path, calls)
  Object.assign(named, { bytes: file.bytes, size: file.size })
  const memtable = new Memtable({
    logNum: fileNum, start: FILE_HEADER_BYTES, baseSeqNum: lastSeqNum, hashSeed: { low: 7, high: 2 }, executor: null,
  })
  const buffer = new WriteBuffer(sampleLog(named, header, headerBytes), memtable, 4)
  if (isFilled) fillBuffer(buffer, capacity)
  return { buffer, file: named }
}

export function fillBuffer(buffer: WriteBuffer, capacity: number): void {
  const slab = new SlabPool(capacity, 1).take(capacity)
  buffer.fill(slab)
  slab.release()
}
