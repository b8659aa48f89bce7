/**
 * What: recognizes the directory of another database by the names in it, before anything is made there: no file of
 * Varve, not even its lock's, may lie among LevelDB's.
 */
import { VarveError } from '../base/index.js'
import { readMarker } from './marker.js'

const MIGRATION = 'docs/migration.md tells how to copy its entries; give Varve a directory of its own'

/** Throws UNSUPPORTED_FORMAT when the names are those of another database, and no database of Varve is beside it. */
export function checkNotForeign(dir: string, names: readonly string[]): void {
  const kind = foreignKind(new Set(names))
  if (kind === null || readMarker(names) !== null) return
  if (kind === BLOB_CACHE) {
    throw new VarveError('UNSUPPORTED_FORMAT', `${dir} holds a blob cache, no database`, {
      hint: 'give the database a directory of its own; nothing was changed',
    })
  }
  const hint = kind === 'LevelDB'
    ? `\`varve import TARGET ${dir}\`, or Varve.import, makes a database of it in another directory` : MIGRATION
  throw new VarveError('UNSUPPORTED_FORMAT', `${dir} holds a ${kind} database, none of Varve`, { hint })
}

const BLOB_CACHE = 'blob cache'

function foreignKind(names: ReadonlySet<string>): string | null {
  if (names.has('CURRENT') && some(names, /^MANIFEST-\d+$/)) {
    return names.has('IDENTITY') || some(names, /^OPTIONS-\d+$/) ? 'RocksDB' : 'LevelDB'
  }
  if (some(names, /^cache-marker\.\d{6,16}\.\d{6,10}$/)) return BLOB_CACHE
  return names.has('data.mdb') ? 'LMDB' : null
}

function some(names: ReadonlySet<string>, pattern: RegExp): boolean {
  for (const name of names) if (pattern.test(name)) return true
  return false
}

/** The first bytes of files that users give in the place of a directory. */
const FILE_KINDS: readonly { begins: string; at: number; kind: string }[] = [
  { begins: 'SQLite format 3\0', at: 0, kind: 'SQLite' },
  { begins: '\xde\xc0\xef\xbe', at: 16, kind: 'LMDB' },
]

export const FOREIGN_FILE_BYTES = 20

/** Throws when the first bytes of a file are those of another kind of database. */
export function checkFileNotForeign(path: string, bytes: Uint8Array): void {
  const text = String.fromCharCode(...bytes)
  const found = FILE_KINDS.find(({ begins, at }) => text.startsWith(begins, at))
  if (found === undefined) return
  throw new VarveError('UNSUPPORTED_FORMAT', `${path} is a ${found.kind} database, none of Varve`, { hint: MIGRATION })
}
