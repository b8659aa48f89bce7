/**
 * What: makes the files of LevelDB databases byte by byte, with right checksums, also such as no LevelDB writes.
 * Tests need them where a real LevelDB does not do what they are about.
 */
import { deflateRawSync, deflateSync } from 'node:zlib'
import * as zlib from 'node:zlib'
import { ByteWriter, compareBytes } from '../../../src/base/index.js'
import { crc32c } from '../../../src/leveldb/crc32c.js'
import { MemoryVfs } from '../../../src/vfs/index.js'

export interface CraftedEntry {
  key: Uint8Array
  /** Null for a deletion. */
  value: Uint8Array | null
  seq: number
}

type Bounds = readonly [Uint8Array, Uint8Array]

export interface CraftedTable {
  fileNum: number
  level: number
  entries: readonly CraftedEntry[]
  packing?: Packing
  /** How many entries a block has. */
  blockEntries?: number
  ending?: 'ldb' | 'sst'
  /** Bytes that replace the table's own. */
  bytes?: Uint8Array
  /** Replace the first and the last key. */
  bounds?: Bounds
}

/** How blocks are packed: the number in their trailer, and what it stands for. */
export type Packing = 'raw' | 'snappy' | 'zlib' | 'deflate2' | 'deflate4' | 'zstd' | 'unknown'

export interface CraftedDatabase {
  tables?: readonly CraftedTable[]
  /** Records of logs, by the number of the log. */
  logs?: ReadonlyMap<number, readonly Uint8Array[]>
  comparator?: string
  logNum?: number
  previousLogNum?: number
  /** More records of the manifest. */
  edits?: readonly Uint8Array[]
}

export type LevelFiles = Map<string, Uint8Array>

/** Each character is a byte. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

export function put(key: string, value: string, seq: number): CraftedEntry {
  return { key: bytesOf(key), value: bytesOf(value), seq }
}

export function table(
  fileNum: number, level: number, entries: readonly CraftedEntry[], more: Partial<CraftedTable> = {},
): CraftedTable {
  return { fileNum, level, entries, ...more }
}

export function varint(out: ByteWriter, value: number): ByteWriter {
  while (value >= 128) {
    out.u8((value % 128) | 128)
    value = Math.floor(value / 128)
  }
  return out.u8(value)
}

function sized(out: ByteWriter, bytes: Uint8Array): ByteWriter {
  return varint(out, bytes.length).raw(bytes)
}

/** The stored form of a checksum. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  return new ByteWriter(a.length + b.length).raw(a).raw(b).finish()
}

// ── Records ───────────────────────────────────────────────────────────────────────────────────────────

const BLOCK = 32 * 1024

/** A log or a manifest of these records. */
export function logOf(records: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter()
  for (const record of records) appendRecord(out, record)
  return out.finish()
}

function appendRecord(out: ByteWriter, record: Uint8Array): void {
  let [at, isFirst] = [0, true]
  for (;;) {
    let left = BLOCK - (out.length % BLOCK)
    if (left < 7) {
      out.align(BLOCK)
      left = BLOCK
    }
    const length = Math.min(left - 7, record.length - at)
    const isLast = at + length === record.length
    appendPiece(out, isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3, record.subarray(at, at + length))
    at += length
    isFirst = false
    if (isLast) return
  }
}

export function appendPiece(out: ByteWriter, kind: number, bytes: Uint8Array): void {
  const checked = joined(Uint8Array.of(kind), bytes)
  out.u32(maskedCrc(crc32c(checked, 0, checked.length))).u16(bytes.length).raw(checked)
}

/** A batch whose first entry has this number. */
export function batchOf(
  seq: number, entries: readonly Omit<CraftedEntry, 'seq'>[], count = entries.length,
): Uint8Array {
  const out = new ByteWriter().u53(seq).u32(count)
  for (const { key, value } of entries) {
    sized(out.u8(value === null ? 0 : 1), key)
    if (value !== null) sized(out, value)
  }
  return out.finish()
}

// ── Tables ────────────────────────────────────────────────────────────────────────────────────────────

/** A key with its tag. */
export function tagged({ key, value, seq }: CraftedEntry, kind = value === null ? 0 : 1): Uint8Array {
  return new ByteWriter().raw(key).u8(kind).u8(seq).u16(seq >>> 8).u32(Math.floor(seq / 2 ** 24)).finish()
}

/** Order in which tables hold entries. */
export function compareEntries(a: CraftedEntry, b: CraftedEntry): number {
  return compareBytes(a.key, b.key) || b.seq - a.seq
}

function blockOf(pairs: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array {
  const out = new ByteWriter()
  const restarts: number[] = []
  let before = new Uint8Array()
  for (const [i, [key, value]] of pairs.entries()) {
    let shared = 0
    if (i % 16 === 0) restarts.push(out.length)
    else while (shared < before.length && before[shared] === key[shared]) shared++
    varint(varint(varint(out, shared), key.length - shared), value.length).raw(key.subarray(shared)).raw(value)
    before = key.slice()
  }
  if (restarts.length === 0) restarts.push(0)
  for (const restart of restarts) out.u32(restart)
  return out.u32(restarts.length).finish()
}

/** Snappy of literals, and of copies where four bytes or more came before. */
export function snappyOf(bytes: Uint8Array): Uint8Array {
  const out = varint(new ByteWriter(), bytes.length)
  const seen = new Map<number, number>()
  let literal = 0
  const flush = (end: number): void => {
    for (; literal < end; ) {
      const length = Math.min(end - literal, 65_536)
      if (length <= 60) out.u8((length - 1) << 2)
      else if (length <= 256) out.u8(60 << 2).u8(length - 1)
      else out.u8(61 << 2).u16(length - 1)
      out.raw(bytes.subarray(literal, literal + length))
      literal += length
    }
  }
  for (let at = 0; at + 4 <= bytes.length; ) {
    const word = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
    const back = seen.get(word)
    seen.set(word, at)
    let length = 0
    if (back !== undefined) while (length < 64 && bytes[at + length] === bytes[back + length]) length++
    if (length < 4) {
      at++
      continue
    }
    flush(at)
    const distance = at - back!
    if (length < 12 && distance < 2048) out.u8(1 | ((length - 4) << 2) | ((distance >>> 8) << 5)).u8(distance)
    else if (distance < 65_536) out.u8(2 | ((length - 1) << 2)).u16(distance)
    else out.u8(3 | ((length - 1) << 2)).u32(distance)
    literal = at += length
  }
  flush(bytes.length)
  return out.finish()
}

/** Newer versions of Node have this too. */
const newer = zlib as unknown as { zstdCompressSync(bytes: Uint8Array): Uint8Array }

function packed(bytes: Uint8Array, packing: Packing): readonly [Uint8Array, number] {
  switch (packing) {
    case 'raw': return [bytes, 0]
    case 'snappy': return [snappyOf(bytes), 1]
    case 'zlib': return [deflateSync(bytes), 2]
    case 'deflate2': return [deflateRawSync(bytes), 2]
    case 'deflate4': return [deflateRawSync(bytes), 4]
    case 'zstd': return [newer.zstdCompressSync(bytes), 2]
    case 'unknown': return [bytes, 7]
  }
}

export interface TableOptions {
  packing?: Packing
  blockEntries?: number
  magic?: string
  /** Changes a block before it is packed; the index is block -1. */
  change?: (block: Uint8Array, index: number) => Uint8Array
}

/** A table of these pairs of tagged keys and values, in the order given. */
export function tableOf(
  pairs: readonly (readonly [Uint8Array, Uint8Array])[], options: TableOptions = {},
): Uint8Array {
  const { packing = 'raw', blockEntries = 8, magic = '57fb808b247547db', change = (block) => block } = options
  const out = new ByteWriter()
  const append = (block: Uint8Array, how: Packing): Uint8Array => {
    const [bytes, kind] = packed(block, how)
    const checked = joined(bytes, Uint8Array.of(kind))
    const handle = varint(varint(new ByteWriter(), out.length), bytes.length).finish()
    out.raw(checked).u32(maskedCrc(crc32c(checked, 0, checked.length)))
    return handle
  }
  const index: [Uint8Array, Uint8Array][] = []
  for (let at = 0; at < pairs.length; at += blockEntries) {
    const block = pairs.slice(at, at + blockEntries)
    index.push([block.at(-1)![0], append(change(blockOf(block), index.length), packing)])
  }
  const meta = append(blockOf([]), 'raw')
  const indexHandle = append(change(blockOf(index), -1), packing === 'unknown' ? 'raw' : packing)
  const footer = new ByteWriter().raw(meta).raw(indexHandle).align(40)
  while (footer.length < 40) footer.u8(0)
  return out.raw(footer.finish()).raw(Uint8Array.from(Buffer.from(magic, 'hex'))).finish()
}

export function pairsOf(entries: readonly CraftedEntry[]): [Uint8Array, Uint8Array][] {
  return entries.map((entry) => [tagged(entry), entry.value ?? new Uint8Array()])
}

// ── Directories ───────────────────────────────────────────────────────────────────────────────────────

export const edit = {
  comparator: (out: ByteWriter, name: string) => sized(out.u8(1), bytesOf(name)),
  number: (out: ByteWriter, field: number, value: number) => varint(out.u8(field), value),
  deleted: (out: ByteWriter, level: number, fileNum: number) => varint(varint(out.u8(6), level), fileNum),
  added: (out: ByteWriter, file: readonly [level: number, fileNum: number, bytes: number], bounds: Bounds) => {
    out.u8(7)
    for (const number of file) varint(out, number)
    return sized(sized(out, bounds[0]), bounds[1])
  },
}

export function manifestOf(database: CraftedDatabase, sizes: ReadonlyMap<number, number>): Uint8Array {
  const { comparator = 'leveldb.BytewiseComparator', logNum = 5, previousLogNum = 0 } = database
  const { tables = [], edits = [] } = database
  const first = edit.comparator(new ByteWriter(), comparator)
  for (const [field, value] of [[2, 0], [3, 3], [4, 0]] as const) edit.number(first, field, value)
  const rest = new ByteWriter()
  for (const [field, value] of [[2, logNum], [9, previousLogNum], [3, 1000], [4, 2 ** 40]] as const) {
    edit.number(rest, field, value)
  }
  const second = sized(varint(rest.u8(5), 1), tagged({ key: bytesOf('pointer'), value: null, seq: 1 }))
  for (const { level, fileNum, entries, bounds } of tables) {
    edit.added(second, [level, fileNum, sizes.get(fileNum)!], bounds ?? [tagged(entries[0]!), tagged(entries.at(-1)!)])
  }
  return logOf([first.finish(), second.finish(), ...edits])
}

/** The files of a database. */
export function filesOf(database: CraftedDatabase): LevelFiles {
  const files: LevelFiles = new Map()
  const sizes = new Map<number, number>()
  for (const table of database.tables ?? []) {
    const bytes = table.bytes ?? tableOf(pairsOf(table.entries), table)
    sizes.set(table.fileNum, bytes.length)
    files.set(`${String(table.fileNum).padStart(6, '0')}.${table.ending ?? 'ldb'}`, bytes)
  }
  for (const [fileNum, records] of database.logs ?? [[5, []]]) {
    files.set(`${String(fileNum).padStart(6, '0')}.log`, logOf(records))
  }
  files.set('MANIFEST-000004', manifestOf(database, sizes))
  files.set('CURRENT', bytesOf('MANIFEST-000004\n'))
  return files
}

/** A file system that has these files in the directory `db`. */
export function vfsOf(files: LevelFiles): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('db')
  for (const [name, bytes] of files) {
    const file = vfs.openSync(`db/${name}`, 'create')
    file.writeSync(bytes, 0, bytes.length, 0)
    file.closeSync()
  }
  return vfs
}
