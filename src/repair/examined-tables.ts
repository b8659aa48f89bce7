/**
 * What: looks at every table of a source: which are whole, and what is left of the others. The damage that it meets
 * goes into the damage map.
 * Thread: main; reads block, with pauses.
 */
import { errnoOf, frontBytes, OUTSIDE_FILE_NUM, tableFileName, VarveError } from '../base/index.js'
import type { LevelNum, TableFacts } from '../base/index.js'
import { isApart } from '../iterator/index.js'
import type { Version } from '../manifest/index.js'
import { checkTable, isLoss, salvageTable } from '../sstable/index.js'
import type { KnownTable, SalvagedTable } from '../sstable/index.js'
import { extentOfFacts, extentOfSpans } from './damage-map.js'
import type { DamageMap } from './damage-map.js'
import type { SourcePlace, UnlistedTable } from './found-source.js'
import { openSource, TableCursor } from './source-table.js'
import type { SourceTable } from './source-table.js'
import type { SourceValues } from './source-values.js'

/** More keys of lost values than this of one table are told as a range. */
const LOST_KEYS_MAX = 100_000

export interface ExaminePlace extends SourcePlace {
  readonly databaseId: Uint8Array
  readonly damages: DamageMap
  note(bytes: number): void
}

/** Examines the tables of a version, newest first. */
export function* examineVersion(
  place: ExaminePlace, version: Version,
): Generator<undefined, SourceTable[], unknown> {
  const tables: SourceTable[] = []
  let rank = 0
  for (const [level, { runs }] of version.levels.entries()) {
    for (const run of runs) {
      for (const facts of run.tables) tables.push(yield* examineListed(place, facts, level, rank))
      rank++
    }
  }
  return tables
}

function* examineListed(
  place: ExaminePlace, facts: TableFacts, level: LevelNum, rank: number,
): Generator<undefined, SourceTable, unknown> {
  const { databaseId } = place
  const table = tableOf(place, facts, level, rank)
  const salvaged = yield* examineFile(place, table.name, { facts, databaseId })
  if (salvaged === 'whole') return table
  if (salvaged !== null) return damaged(place, table, salvaged)
  return lost(place, table)
}

/** Examines tables that count without a manifest. */
export function* examineUnlisted(
  place: ExaminePlace, unlisted: readonly UnlistedTable[], level: LevelNum,
): Generator<undefined, SourceTable[], unknown> {
  const tables: SourceTable[] = []
  for (const account of unlisted) {
    const { facts, header, name, fileNum } = account
    const table = { ...tableOf(place, facts, level, null), name, fileNum }
    if (header === null) {
      place.ledger.damage(name, null, new VarveError('CORRUPTION', `${name}: the header is damaged`, { file: name }))
      tables.push(lost(place, table))
      continue
    }
    const isOutside = header.fileNum === OUTSIDE_FILE_NUM
    const known = facts === null || account.areSpansLost || isOutside ? null : { facts, databaseId: place.databaseId }
    const salvaged = yield* examineFile(place, name, known)
    if (salvaged === 'whole') tables.push(table)
    else if (salvaged === null) tables.push(lost(place, table))
    else {
      const isJudged = facts !== null && !isOutside
      tables.push(isJudged ? damaged(place, table, salvaged) : unjudged(place, table, salvaged))
    }
  }
  return tables
}

function tableOf({ dir }: ExaminePlace, facts: TableFacts | null, level: LevelNum, rank: number | null): SourceTable {
  const fileNum = facts?.fileNum ?? 0
  return {
    fileNum, name: tableFileName(fileNum), dir, level, rank, facts, extent: extentOfFacts(facts),
    smallestSeqNum: facts?.smallestSeqNum ?? 0, state: 'whole', salvaged: null, isServed: true,
  }
}

/** Gives 'whole', or what is left; null when nothing is. */
function* examineFile(
  { vfs, dir, ledger, note }: ExaminePlace, name: string, known: KnownTable | null,
): Generator<undefined, 'whole' | SalvagedTable | null, unknown> {
  let file
  try {
    file = openSource(vfs, vfs.join(dir, name), name)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    ledger.missing(name, `${name} is missing, but the manifest lists it`)
    return null
  }
  try {
    const bytes = file.sizeSync()
    ledger.checked(bytes, 1)
    let problem: VarveError | null = null
    if (known !== null) {
      const blockBytes = bytes / Math.max(1, known.facts.bytes / 8192)
      for (const _ of checkTable({ file, name, ...known }, ({ error }) => (problem = worse(problem, error)))) {
        note(blockBytes)
        yield
      }
      if (problem === null) return 'whole'
      refuse(problem)
    }
    const salvaged = yield* salvageTable({ file, name }, known)
    for (const error of salvaged?.problems ?? []) ledger.damage(name, null, error)
    if (salvaged?.problems.length === 0 && problem !== null) ledger.damage(name, null, problem)
    return salvaged
  } finally {
    file.closeSync()
  }
}

/** Keeps the error by which a table is refused rather than called damaged. */
function worse(first: VarveError | null, next: VarveError): VarveError {
  return first === null || !isLoss(next) ? next : first
}

function refuse(problem: VarveError): void {
  if (!isLoss(problem)) throw problem
}

function damaged(place: ExaminePlace, table: SourceTable, salvaged: SalvagedTable): SourceTable {
  const { ledger, damages } = place
  const { holes, proof, areSpansLost, largestSeqNum } = salvaged
  const found = { ...table, state: 'damaged', salvaged } as const
  const file = table.name
  for (const { lower, upper, entryCount } of holes) ledger.lost({ file, from: lower, to: upper, entryCount })
  if (areSpansLost) {
    const { lower, upper } = extentOfSpans(table.facts)
    ledger.lost({ file, from: lower, to: upper, entryCount: null })
  }
  if (holes.length > 0 || areSpansLost) {
    damages.add({
      table: found, holes, proof, lostSpans: areSpansLost ? extentOfSpans(table.facts) : null, lostKeys: [],
      lostExtent: null, largestSeqNum, mayReplaceAny: false,
    })
  }
  return found
}

function lost({ ledger, damages }: ExaminePlace, table: SourceTable): SourceTable {
  const { facts, extent } = table
  const found = { ...table, state: 'lost' } as const
  ledger.lost({ file: table.name, from: extent.lower, to: extent.upper, entryCount: facts?.entryCount ?? null })
  damages.add({
    table: found, holes: [], proof: null, lostSpans: null, lostKeys: [], lostExtent: extent,
    largestSeqNum: facts?.largestSeqNum ?? Infinity, mayReplaceAny: facts === null,
  })
  return found
}

/**
 * A table that does not say what it replaced, or was ingested and has its number in the lost manifest: nobody knows
 * whether it counts, nor what is newer.
 */
function unjudged(place: ExaminePlace, table: SourceTable, salvaged: SalvagedTable): SourceTable {
  const { ledger, damages } = place
  const found = { ...table, state: 'damaged', salvaged, isServed: false } as const
  ledger.lost({ file: table.name, from: null, to: null, entryCount: null })
  damages.add({
    table: found, holes: [], proof: null, lostSpans: null, lostKeys: [], lostExtent: table.extent,
    largestSeqNum: Infinity, mayReplaceAny: table.facts === null,
  })
  return found
}

/** Finds the values of a table that are lost, as far as value logs are damaged. */
export function* findLostValues(
  place: ExaminePlace, table: SourceTable, values: SourceValues,
): Generator<undefined, void, unknown> {
  if (table.state === 'lost' || !pointsToDamage(table, values)) return
  const cursor = new TableCursor(table, place.vfs, place.note)
  const lostKeys: Uint8Array[] = []
  let count = 0
  try {
    let block = -1
    while (cursor.next()) {
      if (cursor.block !== block) yield
      block = cursor.block
      if (!isApart(cursor.kind)) continue
      const at = cursor.valueStart + frontBytes(cursor.kind)
      if (values.isGood(cursor.bytes, at)) continue
      const key = cursor.keyCopy()
      count++
      if (lostKeys.length < LOST_KEYS_MAX) lostKeys.push(key)
      else lostKeys[LOST_KEYS_MAX - 1] = key
      place.ledger.lost({ file: table.name, from: key, to: key, entryCount: 1 })
      yield
    }
  } finally {
    cursor.close()
  }
  if (count === 0) return
  const isRange = count > LOST_KEYS_MAX
  const [first, last] = [lostKeys[0]!, lostKeys.at(-1)!]
  const hole = {
    offset: 0, bytes: 0, lower: first, upper: last, firstBlock: 0, endBlock: Infinity, blocksBefore: Infinity,
    entryCount: count,
  }
  place.damages.add({
    table, holes: isRange ? [hole] : [], proof: null, lostSpans: null, lostKeys: isRange ? [] : lostKeys,
    lostExtent: null, largestSeqNum: table.facts?.largestSeqNum ?? Infinity, mayReplaceAny: false,
  })
}

/** True when some value that the table points to does not stand in a whole file. */
export function pointsToDamage({ facts, salvaged }: SourceTable, values: SourceValues): boolean {
  const files = facts?.valueFiles ?? salvaged?.properties?.valueFiles ?? []
  return files.some(({ fileNum }) => !values.isWhole(fileNum))
}
