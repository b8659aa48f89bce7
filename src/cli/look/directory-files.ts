/**
 * What: every file of a database directory, what it is, and who needs it. Reads names, and what a read-only view knows.
 */
import { lstat, readdir } from 'node:fs/promises'
import path from 'node:path'
import { readersOf } from '../../api/index.js'
import type { Varve } from '../../api/index.js'
import { parseFileName } from '../../base/index.js'
import type { FileName, TableFacts } from '../../base/index.js'
import { readMarker } from '../../directory/index.js'
import { pinsOf } from '../../manifest/index.js'
import type { ValueLogFacts, Version } from '../../manifest/index.js'
import { KEPT_BECAUSE } from '../../stats/index.js'
import type { Stats } from '../../stats/index.js'
import { lockHolder } from '../../vfs/index.js'

export type ListedKind =
  | 'table' | 'log' | 'value log' | 'manifest' | 'marker' | 'lock' | 'unfinished' | 'not listed' | 'foreign'

/** A file of the directory. */
export interface ListedFile {
  file: string
  kind: ListedKind
  bytes: number
  /** How long ago it was written last. */
  ageMs: number
  /** The level of a table; null for all others. */
  level: number | null
  /** The keys of a table; null for all others. */
  keys: { from: Uint8Array; to: Uint8Array } | null
  entries: number | null
  /** What needs it, in words; empty: nothing does. */
  neededBy: string[]
  /** Bytes in it that nobody needs, as far as is known. */
  wasteBytes: number
}

interface Known {
  version: Version
  stats: Stats
  names: readonly string[]
  tables: ReadonlyMap<number, { level: number; facts: TableFacts }>
  users: ReadonlyMap<number, number>
  /** True when a process has the database open for writing. */
  hasWriter: boolean
}

/** Lists every name in the directory; one that a process beside has removed meanwhile is left out. */
export async function listFiles(db: Varve, nowMs: number): Promise<ListedFile[]> {
  const { version } = readersOf(db).view.state
  const names = await readdir(db.location)
  const tables = new Map(version.levels.flatMap((each, level) =>
    each.tables.map((facts): [number, { level: number; facts: TableFacts }] => [facts.fileNum, { level, facts }])))
  const known = {
    version, stats: db.stats(), names, tables, users: usersOf(tables.values()),
    hasWriter: (await lockHolder(db.location)) !== null,
  }
  const files: ListedFile[] = []
  for (const name of names.sort()) {
    const info = await lstat(path.join(db.location, name)).catch(() => null)
    if (info === null) continue
    const base = {
      file: name, bytes: info.isFile() ? info.size : 0, ageMs: Math.max(0, Math.round(nowMs - info.mtimeMs)),
      level: null, keys: null, entries: null, neededBy: [], wasteBytes: 0,
    }
    files.push({ ...base, kind: 'foreign', ...describe(name, base.bytes, known) })
  }
  return files
}

/** How many tables point into each value log. */
function usersOf(tables: Iterable<{ facts: TableFacts }>): Map<number, number> {
  const users = new Map<number, number>()
  for (const { facts } of tables) {
    for (const { fileNum } of facts.valueFiles) users.set(fileNum, (users.get(fileNum) ?? 0) + 1)
  }
  return users
}

function describe(name: string, bytes: number, known: Known): Partial<ListedFile> {
  const parsed = parseFileName(name)
  const kept = known.stats.recovery?.keptFiles.find(({ file }) => file === name)
  if (kept !== undefined) return { kind: 'not listed', neededBy: [KEPT_BECAUSE[kept.reason]] }
  switch (parsed?.kind) {
    case undefined: return { kind: 'foreign', neededBy: ['not of Varve'] }
    case 'table': return describeTable(parsed.fileNum, bytes, known)
    case 'vlog': return describeValueLog(known.version.valueLogs.get(parsed.fileNum), parsed.fileNum, bytes, known)
    case 'log': return describeLog(parsed.fileNum, bytes, known)
    case 'manifest': return describeNamed(parsed, 'manifest', bytes, known)
    case 'marker': return describeNamed(parsed, 'marker', bytes, known)
    case 'lock': return { kind: 'lock', neededBy: ['the lock'] }
    case 'temp':
      return known.hasWriter
        ? { kind: 'unfinished', neededBy: ['the writer'] } : { kind: 'unfinished', wasteBytes: bytes }
    case 'probe': return { kind: 'unfinished', wasteBytes: bytes }
  }
}

function describeTable(fileNum: number, bytes: number, { tables }: Known): Partial<ListedFile> {
  const table = tables.get(fileNum)
  if (table === undefined) return { kind: 'not listed', wasteBytes: bytes }
  const { facts: { entryCount, hiddenCount, smallestKey, largestKey }, level } = table
  const wasteBytes = entryCount === 0 ? 0 : Math.round(bytes * hiddenCount / entryCount)
  return {
    kind: 'table', level, entries: entryCount, keys: { from: smallestKey, to: largestKey },
    neededBy: [`level ${level}`], wasteBytes,
  }
}

function describeLog(fileNum: number, bytes: number, known: Known): Partial<ListedFile> {
  const { version } = known
  const neededBy = fileNum >= version.logPointer ? ['replay'] : []
  neededBy.push(...pinsOf(fileNum, version.pins).map((pin) => `pin ${JSON.stringify(pin)}`))
  const values = version.valueLogs.get(fileNum)
  if (values === undefined) return { kind: 'log', neededBy, wasteBytes: neededBy.length === 0 ? bytes : 0 }
  const described = describeValueLog(values, fileNum, bytes, known)
  return { ...described, neededBy: [...neededBy, ...described.neededBy ?? []] }
}

function describeValueLog(
  facts: ValueLogFacts | undefined, fileNum: number, bytes: number, { version, users }: Known,
): Partial<ListedFile> {
  if (facts === undefined) {
    return { kind: 'value log', neededBy: fileNum >= version.logPointer ? ['entries of the logs'] : [] }
  }
  const count = users.get(fileNum) ?? 0
  const neededBy = count === 0 ? [] : [`${count} table${count === 1 ? '' : 's'}`]
  if (facts.namedInLog >= version.logPointer) neededBy.push('entries of the logs')
  const liveShare = facts.putBytes === 0 ? 1 : facts.liveBytes / facts.putBytes
  return { kind: 'value log', entries: facts.liveCount, neededBy, wasteBytes: Math.round(bytes * (1 - liveShare)) }
}

/** The manifest or marker that counts is needed; an older one is not. */
function describeNamed(
  parsed: Extract<FileName, { kind: 'manifest' | 'marker' | 'log' | 'table' | 'vlog' }>,
  kind: 'manifest' | 'marker', bytes: number, { names, stats }: Known,
): Partial<ListedFile> {
  const marker = readMarker(names)
  const counts = parsed.kind === 'marker'
    ? parsed.iteration === marker?.iteration
    : parsed.fileNum === (marker?.manifest ?? stats.manifest.fileNum)
  return counts ? { kind, neededBy: ['every open'] } : { kind, wasteBytes: bytes }
}
