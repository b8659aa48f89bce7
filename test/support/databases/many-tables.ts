/** Makes a database of very many tables at once: each would otherwise need a flush of its own. */
import { runSync, SeededRandom, tableFileName } from '../../../src/base/index.js'
import type { FileNum, TableFacts } from '../../../src/base/index.js'
import { emptyVersion, levelOf, newLineage } from '../../../src/manifest/index.js'
import { TableBuilder } from '../../../src/sstable/index.js'
import { writeManifest } from '../../../src/versions/manifest-roll.js'
import type { Vfs } from '../../../src/vfs/index.js'

const databaseId = new Uint8Array(16).fill(0xdb)
const LEVEL = 6

export interface ManyTables {
  /** The number of disjoint tables on a deep level, with two keys each. */
  count: number
  /** The number of tables of level 0 over them that all overlap: the first key, the last, and one of their own. */
  stacked?: number
}

export interface MadeTables {
  /** The entries that the database holds. */
  entries: Map<string, string>
  /** File names of the tables, in key order; those of level 0 at the end, oldest first. */
  names: string[]
}

const keyOf = (i: number): string => `key${String(i).padStart(7, '0')}`

/** Makes directory `dir` with a closed database. */
export function makeTables(vfs: Vfs, dir: string, { count, stacked = 0 }: ManyTables): MadeTables {
  const entries = new Map<string, string>()
  const levels: TableFacts[][] = emptyVersion.levels.map(() => [])
  let seqNum = 0
  let fileNum: FileNum = 0
  const add = (level: number, keys: string[]): void => {
    const pairs = keys.map((key) => [key, `${key}@${seqNum + 1}`, ++seqNum] as const)
    for (const [key, value] of pairs) entries.set(key, value)
    levels[level]!.push(writeTable(vfs, dir, ++fileNum, pairs))
  }
  vfs.mkdirSync(dir)
  for (let i = 0; i < count; i++) add(LEVEL, [keyOf(4 * i), keyOf(4 * i + 2)])
  for (let i = 0; i < stacked; i++) add(0, [keyOf(0), keyOf(4 * i + 1), keyOf(4 * count)])
  const names = levels.flatMap((tables) => tables).map((facts) => tableFileName(facts.fileNum))
  names.push(...names.splice(0, stacked))
  levels[0]!.reverse()
  const random = new SeededRandom(1, 'many tables')
  const lineage = newLineage(random)
  const version = {
    ...emptyVersion, lineage, levels: levels.map((tables, level) => levelOf(level, tables)),
    lastSeqNum: seqNum, logPointer: fileNum + 2, nextFileNum: fileNum + 2,
  }
  const origin = { databaseId, generation: 1, lineage: lineage.own, random }
  const log = runSync(writeManifest({ ...origin, vfs, dir }, fileNum + 1, version))
  runSync(log.closeClean())
  return { entries, names }
}

function writeTable(
  vfs: Vfs, dir: string, fileNum: FileNum, pairs: readonly (readonly [key: string, value: string, seqNum: number])[],
): TableFacts {
  const salt = new Uint8Array(new Uint32Array([fileNum, 77]).buffer)
  const file = vfs.openSync(vfs.join(dir, tableFileName(fileNum)), 'create')
  const builder = new TableBuilder(file, { databaseId, fileNum, salt, generation: 1, blockBytes: 1024 })
  for (const [key, value, seqNum] of pairs) {
    const [keyBytes, valueBytes] = [Buffer.from(key), Buffer.from(value)]
    builder.add(keyBytes, 0, keyBytes.length, seqNum, 1, valueBytes, 0, valueBytes.length)
  }
  const facts = builder.finish()
  file.closeSync()
  return facts
}
