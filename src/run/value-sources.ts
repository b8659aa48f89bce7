/**
 * What: the condemned value logs of a run: each is opened with its first value, and checked to be the file that the
 * manifest means.
 * Owns: the open files. Thread: worker or main; reads block.
 */
import {
  compareBytes, corruption, decodeFileHeader, FILE_HEADER_BYTES, fileSeed, ioError, openListedError,
  valueLogFileName, VarveError,
} from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import type { TableContext } from '../sstable/index.js'
import { PooledFile } from '../vfs/index.js'
import type { ReadableFile } from '../vfs/index.js'

/** A value log that values are moved out of. */
export interface ValueSource {
  readonly facts: ValueLogFacts
  /** File name relative to the database directory, for errors. */
  readonly name: string
  /** The checksum of a value begins with this XOR its offset. */
  readonly seed: number
  readonly file: PooledFile
}

/** The place of a value, and what its bytes must be. */
export interface ValuePlace {
  readonly source: ValueSource
  readonly offset: number
  readonly length: number
  readonly checksum: number
}

export class ValueSources {
  private readonly place: TableContext
  private readonly facts: ReadonlyMap<FileNum, ValueLogFacts>
  private readonly opened = new Map<FileNum, ValueSource>()

  constructor(place: TableContext, condemned: readonly ValueLogFacts[]) {
    this.place = place
    this.facts = new Map(condemned.map((facts) => [facts.fileNum, facts]))
  }

  /** Gives the condemned log of this number, opened; null when the log is not condemned. */
  get(fileNum: FileNum): ValueSource | null {
    const facts = this.facts.get(fileNum)
    return facts === undefined ? null : this.opened.get(fileNum) ?? this.open(facts)
  }

  close(): void {
    for (const { file } of this.opened.values()) file.closeSync()
    this.opened.clear()
  }

  private open(facts: ValueLogFacts): ValueSource {
    const { vfs, dir, pool, databaseId } = this.place
    const name = valueLogFileName(facts)
    const check = (opened: ReadableFile): void => checkSameFile(opened, name, facts, databaseId)
    const reopenError = (error: unknown): unknown => openListedError(error, name)
    const file = new PooledFile({ vfs, path: vfs.join(dir, name), pool, check, reopenError })
    try {
      file.openSync()
      check(file)
    } catch (error) {
      file.closeSync()
      throw openListedError(error, name)
    }
    const source = { facts, name, seed: fileSeed(facts), file }
    this.opened.set(facts.fileNum, source)
    return source
  }
}

/** Reads `length` bytes; throws CORRUPTION when the file ends before. */
export function readPlace(
  { file, name }: ValueSource, target: Uint8Array, at: number, length: number, offset: number,
): void {
  try {
    for (let done = 0; done < length;) {
      const count = file.readSync(target, at + done, length - done, offset + done)
      if (count === 0) throw corruption(name, offset + done, 'a value log ends inside a value')
      done += count
    }
  } catch (error) {
    throw VarveError.is(error) ? error : ioError(error, 'read', name)
  }
}

export function wrongValueError({ source, offset, length }: ValuePlace): VarveError {
  return corruption(source.name, offset, `the checksum of a value of ${length} bytes differs`)
}

/** Throws CORRUPTION unless it is the file that the manifest means, with all bytes that count. */
function checkSameFile(
  file: Pick<ReadableFile, 'readSync' | 'sizeSync'>, name: string, facts: ValueLogFacts, databaseId: Uint8Array,
): void {
  const size = file.sizeSync()
  if (size < facts.bytes) {
    throw corruption(name, size, `it has ${size} bytes, the manifest says ${facts.bytes} at least`)
  }
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  const count = file.readSync(bytes, 0, bytes.length, 0)
  const header = decodeFileHeader(bytes.subarray(0, count), facts.isLog ? 'varvelog' : 'varvevlg', name)
  if (compareBytes(header.databaseId, databaseId) !== 0) throw corruption(name, 24, 'it belongs to another database')
  if (header.fileNum !== facts.fileNum) throw corruption(name, 40, `it is file number ${header.fileNum}`)
  if (compareBytes(header.salt, facts.salt) !== 0) throw corruption(name, 48, 'another file of this number')
}
