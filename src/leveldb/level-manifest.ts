/**
 * What: reads the manifest of a LevelDB directory: which tables make up the database, and which logs hold what stands
 * in no table yet. It is a log whose records change one version into the next.
 * Thread: main.
 */
import { BadBytes, compareRanges, corruption, VarveError } from '../base/index.js'
import { FieldReader } from './level-fields.js'
import { RecordReader } from './record-reader.js'
import type { FileAccess } from './read-window.js'

/** The order of keys that Varve has too. */
export const BYTEWISE_COMPARATOR = 'leveldb.BytewiseComparator'

/** A key with its tag behind it: the number of the write, and what it was. */
export const TAG_BYTES = 8

/** A table that the manifest lists. */
export interface ListedTable {
  fileNum: number
  level: number
  bytes: number
  /** Its first and its last key, with their tags. */
  smallest: Uint8Array
  largest: Uint8Array
}

export interface LevelVersion {
  comparator: string | null
  /** Logs from this number on hold what stands in no table. */
  logNum: number
  /** One more log does; 0 for none. */
  previousLogNum: number
  /** No file that the manifest knows of has this number, or a higher one. */
  nextFileNum: number
  tables: ListedTable[]
  /** Where the manifest ends in the middle of a record; null when it does not. */
  tornEnd: number | null
}

/** Fields of a record, by their number. */
const FIELD = {
  comparator: 1, logNum: 2, nextFileNum: 3, lastSeqNum: 4, compactPointer: 5, deletedTable: 6, newTable: 7,
  previousLogNum: 9,
} as const

/** Collects what the records say. */
class VersionBuilder {
  comparator: string | null = null
  logNum: number | null = null
  previousLogNum = 0
  nextFileNum: number | null = null
  hasLastSeqNum = false
  private readonly tables = new Map<string, ListedTable>()

  /** Applies a record. What it removes is removed before what it adds is added. */
  apply(record: FieldReader): void {
    const added: ListedTable[] = []
    while (record.left > 0) this.takeField(record, added)
    for (const table of added) this.tables.set(`${table.level}/${table.fileNum}`, table)
  }

  private takeField(record: FieldReader, added: ListedTable[]): void {
    const at = record.position
    const field = record.varint()
    switch (field) {
      case FIELD.comparator: {
        this.comparator = new TextDecoder().decode(record.sized())
        return
      }
      case FIELD.logNum: {
        this.logNum = record.varint()
        return
      }
      case FIELD.previousLogNum: {
        this.previousLogNum = record.varint()
        return
      }
      case FIELD.nextFileNum: {
        this.nextFileNum = record.varint()
        return
      }
      case FIELD.lastSeqNum: {
        record.varint()
        this.hasLastSeqNum = true
        return
      }
      case FIELD.compactPointer: {
        record.varint()
        record.sized()
        return
      }
      case FIELD.deletedTable: {
        const level = record.varint()
        this.tables.delete(`${level}/${record.varint()}`)
        return
      }
      case FIELD.newTable: {
        added.push(readTable(record))
        return
      }
      default:
        throw new UnknownField(at, `field ${field} of a manifest`)
    }
  }

  /** Gives the version. Throws BadBytes when something is missing that every manifest has. */
  finish(offset: number): Omit<LevelVersion, 'tornEnd'> {
    const { comparator, logNum, previousLogNum, nextFileNum, tables } = this
    if (logNum === null || nextFileNum === null || !this.hasLastSeqNum) {
      throw new BadBytes(offset, 'it names no log, no next file number or no last sequence number')
    }
    const listed = [...tables.values()]
    const isOdd = (table: ListedTable): boolean => compareTagged(table.smallest, table.largest) > 0
    if (comparator === BYTEWISE_COMPARATOR && listed.some(isOdd)) {
      throw new BadBytes(offset, 'a table ends before it begins')
    }
    return { comparator, logNum, previousLogNum, nextFileNum, tables: listed }
  }
}

/** Says that a record has a right checksum, and something that LevelDB does not write. */
class UnknownField extends BadBytes {}

function readTable(record: FieldReader): ListedTable {
  const level = record.varint()
  const fileNum = record.varint()
  const bytes = record.varint()
  const [smallest, largest] = [readKey(record), readKey(record)]
  return { level, fileNum, bytes, smallest, largest }
}

function readKey(record: FieldReader): Uint8Array {
  const at = record.position
  const key = record.sized()
  if (key.length < TAG_BYTES) throw new BadBytes(at, 'a key without its tag')
  return key
}

/** Reads the manifest. Throws CORRUPTION, UNSUPPORTED_FORMAT, IO_ERROR. */
export async function readManifest(access: FileAccess, name: string, size: number): Promise<LevelVersion> {
  const records = new RecordReader(access, name, size)
  const version = new VersionBuilder()
  try {
    while (await records.next()) {
      const { bytes, start, end } = records
      version.apply(new FieldReader(bytes, start, end))
    }
    return { ...version.finish(records.start), tornEnd: records.tornEnd }
  } catch (error) {
    throw manifestError(error, records)
  } finally {
    await records.close()
  }
}

function manifestError(error: unknown, { name, offset, start }: RecordReader): unknown {
  if (!(error instanceof BadBytes)) return error
  const at = `${error.message}, ${error.offset - start} bytes into the record`
  if (!(error instanceof UnknownField)) return corruption(name, offset, at)
  return new VarveError('UNSUPPORTED_FORMAT', `${name} at offset ${offset}: ${at}, which LevelDB does not have`, {
    file: name, offset, hint: 'if another program wrote it, export the database with that; nothing was changed',
  })
}

/** Order of keys with tags: ascending keys, of one key the newest first. */
export function compareTagged(a: Uint8Array, b: Uint8Array): number {
  const keys = compareRanges(a, 0, a.length - TAG_BYTES, b, 0, b.length - TAG_BYTES)
  if (keys !== 0) return keys
  for (let back = 1; back <= TAG_BYTES; back++) {
    const difference = b[b.length - back]! - a[a.length - back]!
    if (difference !== 0) return difference
  }
  return 0
}
