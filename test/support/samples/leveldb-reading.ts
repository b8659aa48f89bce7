/** What: reads LevelDB directories as tests need it: all entries at once, and what they are compared with. */
import { createHash } from 'node:crypto'
import { compareBytes, systemClock, VarveError } from '../../../src/base/index.js'
import { readLevelDatabase } from '../../../src/leveldb/index.js'
import type { LevelEntry, LevelReadOptions, LevelReadReport } from '../../../src/leveldb/index.js'
import type { Vfs } from '../../../src/vfs/index.js'

export interface LevelContent {
  entries: LevelEntry[]
  report: LevelReadReport
}

export async function readAll(vfs: Vfs, dir: string, options: Partial<LevelReadOptions> = {}): Promise<LevelContent> {
  const { chunks, report } = readLevelDatabase(vfs, dir, { clock: systemClock, ...options })
  const entries: LevelEntry[] = []
  for await (const chunk of chunks) entries.push(...chunk)
  return { entries, report }
}

/** Gives the entries as pairs of text in which each character is a byte. */
export function textOf(entries: readonly LevelEntry[]): [string, string][] {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  return entries.map(({ key, value }) => [text(key), text(value)])
}

/** The number of entries and a checksum of all of them, as scripts/make-leveldb-fixtures.mjs writes it. */
export function digestOf(entries: readonly LevelEntry[]): { entries: number; sha256: string } {
  const hash = createHash('sha256')
  for (const [i, { key, value }] of entries.entries()) {
    if (i > 0 && compareBytes(entries[i - 1]!.key, key) >= 0) throw new Error('keys do not ascend')
    hash.update(Uint32Array.of(key.length, value.length)).update(key).update(value)
  }
  return { entries: entries.length, sha256: hash.digest('hex') }
}

/** Reads what must fail, and gives the error. */
export async function readError(vfs: Vfs, dir: string, options: Partial<LevelReadOptions> = {}): Promise<VarveError> {
  try {
    await readAll(vfs, dir, options)
  } catch (error) {
    if (VarveError.is(error)) return error
    throw error
  }
  throw new Error('it could be read')
}
