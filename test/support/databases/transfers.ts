/** Databases to export and import: entries that formats have trouble with, sinks and sources in memory. */
import { SeededRandom } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { ExportOptions, ImportOptions, ImportReport, ImportSource, VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'

/** What other tools have lost, cut off, stripped or replaced. */
const HOSTILE: readonly Buffer[] = [
  '00', '0a', '09', '0d', '0d0a', '20', '22', '5c', '2c', 'efbbbf', 'ff', 'eda080', 'edb080', 'eda080edb080', 'e280a8',
  'c080', 'f4908080', 'f09f9880', '3d', '2b', '2d', '40', '27', '273d', '7f', '1b5b33316d', 'efbfbd', '7b7d', '5b315d',
  '6e756c6c', '226122', '2f2f',
].map((hex) => Buffer.from(hex, 'hex'))

export interface Held {
  key: Buffer
  value: Buffer
  expiresAt?: number | undefined
}

/** Entries of hostile parts, with an empty key, the longest key and values on both sides of every limit. */
export function hostileEntries(): Held[] {
  const entries: Held[] = []
  for (const part of HOSTILE) {
    entries.push({ key: part, value: part })
    entries.push({ key: Buffer.concat([Buffer.from('a'), part]), value: Buffer.concat([part, Buffer.from('z')]) })
    entries.push({ key: Buffer.concat([Buffer.from('b'), part, Buffer.from('c')]), value: Buffer.alloc(0) })
    entries.push({ key: Buffer.concat([part, Buffer.from('d')]), value: Buffer.concat([Buffer.from('y'), part, part]) })
  }
  entries.push({ key: Buffer.alloc(0), value: Buffer.from('empty key') })
  entries.push({ key: Buffer.alloc(65_535, 'é'), value: Buffer.alloc(65_536, '"') })
  entries.push({ key: Buffer.alloc(65_535, 0xff), value: Buffer.alloc(65_536, 0) })
  entries.push({ key: Buffer.from('large'), value: Buffer.alloc(3 * 1024 * 1024, 'x,"\n') })
  return sorted(entries)
}

export function sorted(entries: readonly Held[]): Held[] {
  const byKey = new Map(entries.map((entry) => [entry.key.toString('latin1'), entry]))
  return [...byKey.values()].sort((a, b) => Buffer.compare(a.key, b.key))
}

/** Draws a key or value: mostly text, else bytes. */
export function drawBytes(random: SeededRandom, max: number): Buffer {
  const length = random.below(max + 1)
  if (random.chance(0.3)) {
    const bytes = Buffer.alloc(length)
    random.fill(bytes)
    return bytes
  }
  const parts: Buffer[] = []
  for (let size = 0; size < length;) {
    const part = random.chance(0.3) ? random.pick(HOSTILE) : Buffer.from(`w${random.below(100)}`)
    parts.push(part)
    size += part.length
  }
  return Buffer.concat(parts).subarray(0, length)
}

/** A file system in memory with a database in it. */
export class Home {
  readonly vfs = new MemoryVfs()
  readonly options: VarveOptions

  constructor(options: VarveOptions = {}) {
    this.options = { writeBufferSize: 64 * 1024, blockSize: 1024, ...options, components: { vfs: this.vfs } }
  }

  open(location = '/db', options: VarveOptions = {}): Promise<Varve> {
    return Varve.open(location, { ...this.options, ...options })
  }

  /** Imports in this file system. */
  import(location: string, source: ImportSource, options: ImportOptions = {}): Promise<ImportReport> {
    return Varve.import(location, source, { ...options, open: { ...this.options, ...options.open } })
  }

  /** Everything in a database. */
  async held(location: string): Promise<Held[]> {
    const db = await this.open(location, { createIfMissing: false, readOnly: true })
    try {
      return heldBy(db)
    } finally {
      await db.close()
    }
  }

  names(dir = '/'): string[] {
    return this.vfs.listSync(dir).sort()
  }

  bytesOf(file: string): Uint8Array {
    const opened = this.vfs.openSync(file, 'read')
    const bytes = new Uint8Array(opened.sizeSync())
    opened.readSync(bytes, 0, bytes.length, 0)
    opened.closeSync()
    return bytes
  }
}

export function heldBy(db: Varve): Held[] {
  return [...db.entriesSync()].map(([key, value]) => {
    const expiresAt = db.entrySync(key)?.expiresAt ?? undefined
    return { key: Buffer.from(key), value: Buffer.from(value), ...(expiresAt === undefined ? {} : { expiresAt }) }
  })
}

export async function putAll(db: Varve, entries: readonly Held[]): Promise<void> {
  for (const { key, value, expiresAt } of entries) {
    await db.put(key, value, expiresAt === undefined ? {} : { expiresAt })
  }
}

/** Exports into memory. */
export async function exported(db: Varve, options: ExportOptions): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  await db.export(new WritableStream<Uint8Array>({ write: (part) => void parts.push(part) }), options)
  return new Uint8Array(Buffer.concat(parts))
}

/** The bytes in pieces of this size. */
export function* pieces(bytes: Uint8Array, pieceBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}
