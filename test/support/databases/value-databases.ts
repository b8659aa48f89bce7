/** Databases that are made by hand, whose large values stand in value logs: for tests of who reads them. */
import {
  crc32, EntryKind, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, newFileHeader, putValueHandle, runSync, SeededRandom,
  tableFileName, VALUE_HANDLE_BYTES, valueLogFileName,
} from '../../../src/base/index.js'
import type { FileNum } from '../../../src/base/index.js'
import { applyEdits, emptyVersion } from '../../../src/manifest/index.js'
import type { NewValueLog, Version } from '../../../src/manifest/index.js'
import { TableBuilder } from '../../../src/sstable/index.js'
import { writeManifest } from '../../../src/versions/index.js'
import type { Vfs } from '../../../src/vfs/index.js'
import { ValueLogWriter } from '../../../src/vlog/index.js'

export const DATABASE_ID = new Uint8Array(16).fill(0x5a)

/** An entry of a table. */
export interface MadeEntry {
  key: string
  value: Uint8Array
  /** The value log that has the value; without: it stands in the table. */
  log?: FileNum
  /** What the handle says, instead of what is true. */
  lies?: { offset?: number; length?: number; checksum?: number; fileNum?: FileNum }
}

export interface MadePlace {
  /** The offset of the value in its file. */
  offset: number
  length: number
  checksum: number
}

export interface MadeDatabase {
  version: Version
  /** Where the value of each key stands that is in a value log. */
  places: Map<string, MadePlace>
}

export interface DatabasePlan {
  entries: MadeEntry[]
  /** Files of entries that are promoted logs. */
  promoted?: FileNum[]
  /** What the manifest says of a value log instead of what is true. */
  facts?: (facts: NewValueLog) => NewValueLog
  /** Made over the files of one that is there. */
  tableNum?: FileNum
  manifestNum?: FileNum
  seed?: number
}

const LOG_POINTER = 900

/** Values of 300 B in the table, of 4 KiB and more in value logs: one of its own, and a promoted log. */
export function sampleEntries(count = 60): MadeEntry[] {
  const random = new SeededRandom(7)
  return Array.from({ length: count }, (_, i) => {
    const key = `key ${String(i).padStart(4, '0')}`
    if (i % 4 === 0) return { key, value: valueOf(300, i) }
    const length = random.pick([4096, 5000, 20_000, 65_536, 150_000])
    return { key, value: valueOf(length, i), log: i % 3 === 0 ? 12 : 14 }
  })
}

/** Bytes of which no two values share many. */
export function valueOf(length: number, seed: number): Uint8Array {
  const value = new Uint8Array(length)
  new SeededRandom(1000 + seed).fill(value)
  return value
}

/** Makes the files of a database in `dir`, which exists: a table in level 1, value logs, manifest and marker. */
export function makeDatabase(vfs: Vfs, dir: string, plan: DatabasePlan): MadeDatabase {
  const { entries, promoted = [12], tableNum = 20, manifestNum = 21, seed = 3 } = plan
  const random = new SeededRandom(seed)
  const origin = { databaseId: DATABASE_ID, generation: 1, lineage: 77, random }
  const logs = new Map<FileNum, MadeLog>()
  for (const { log } of entries) {
    if (log !== undefined && !logs.has(log)) logs.set(log, new MadeLog(vfs, dir, log, promoted.includes(log), origin))
  }
  const { salt } = newFileHeader('varvetab', origin, tableNum)
  const file = vfs.openSync(vfs.join(dir, tableFileName(tableNum)), 'create')
  const builder = new TableBuilder(file, { databaseId: DATABASE_ID, fileNum: tableNum, salt, generation: 1 })
  const places = new Map<string, MadePlace>()
  entries.forEach(({ key, value, log, lies }, i) => {
    const keyBytes = new TextEncoder().encode(key)
    const seqNum = i + 1
    if (log === undefined) {
      builder.add(keyBytes, 0, keyBytes.length, seqNum, EntryKind.value, value, 0, value.length)
      return
    }
    const { offset, checksum } = logs.get(log)!.add(keyBytes, seqNum, value)
    places.set(key, { offset, length: value.length, checksum })
    const handle = new Uint8Array(VALUE_HANDLE_BYTES)
    putValueHandle(
      handle, 0, lies?.offset ?? offset, lies?.length ?? value.length, lies?.checksum ?? checksum, lies?.fileNum ?? log,
    )
    builder.add(keyBytes, 0, keyBytes.length, seqNum, EntryKind.valueHandle, handle, 0, handle.length)
  })
  const table = builder.finish()
  file.closeSync()
  const addValueLogs = [...logs.values()].map((log) => (plan.facts ?? same)(log.finish()))
  const version = applyEdits({ ...emptyVersion, lineage: { own: origin.lineage, parent: 0, partedSeqNum: 0 } }, [{
    addTables: [{ level: 1, facts: table }], addValueLogs, logPointer: LOG_POINTER, lastSeqNum: entries.length,
    nextFileNum: LOG_POINTER + 100,
  }])
  const manifest = runSync(writeManifest({ ...origin, vfs, dir }, manifestNum, version))
  runSync(manifest.close())
  return { version, places }
}

const same = (facts: NewValueLog): NewValueLog => facts

/** One value log while it is made. A promoted one has only what handles name: no frames. */
class MadeLog {
  private readonly facts: Pick<NewValueLog, 'fileNum' | 'isLog' | 'salt'>
  private readonly file: ReturnType<Vfs['openSync']>
  private readonly writer: ValueLogWriter | null
  private readonly seed: number
  private end = FILE_HEADER_BYTES
  private count = 0
  private bytes = 0

  constructor(vfs: Vfs, dir: string, fileNum: FileNum, isLog: boolean, origin: Parameters<typeof newFileHeader>[1]) {
    const header = newFileHeader(isLog ? 'varvelog' : 'varvevlg', origin, fileNum)
    const name = valueLogFileName({ fileNum, isLog })
    this.facts = { fileNum, isLog, salt: header.salt }
    this.file = vfs.openSync(vfs.join(dir, name), 'create')
    this.seed = fileSeed(header)
    this.writer = isLog ? null : new ValueLogWriter(this.file, name, header)
    if (!isLog) return
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    encodeFileHeader(header, bytes)
    this.file.writeSync(bytes, 0, bytes.length, 0)
  }

  add(key: Uint8Array, seqNum: number, value: Uint8Array): { offset: number; checksum: number } {
    this.count++
    this.bytes += value.length
    const { writer, seed, file } = this
    if (writer === null) {
      const offset = this.end
      file.writeSync(value, 0, value.length, offset)
      this.end += value.length
      return { offset, checksum: crc32(value, 0, value.length, (seed ^ offset) >>> 0) }
    }
    writer.stage(key, 0, key.length, seqNum, EntryKind.value)
    writer.add(value, 0, value.length, crc32(value, 0, value.length), 0)
    const handle = new Uint8Array(VALUE_HANDLE_BYTES)
    writer.putHandle(handle, 0)
    const view = new DataView(handle.buffer)
    return { offset: view.getUint32(0, true), checksum: view.getUint32(8, true) }
  }

  finish(): NewValueLog {
    this.writer?.finish()
    this.file.closeSync()
    return {
      ...this.facts, bytes: this.writer?.bytes ?? this.end, putCount: this.count, putBytes: this.bytes, namedInLog: 0,
    }
  }
}
