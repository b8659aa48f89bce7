/**
 * What: the rule by which tables alone tell which of them count (src/sstable/replaces.ts), and whether that is what
 * the manifest says.
 */
import assert from 'node:assert/strict'
import { parseFileName, runSync, VarveError } from '../../../src/base/index.js'
import type { FileNum } from '../../../src/base/index.js'
import { readMarker } from '../../../src/directory/index.js'
import { allTables, logNumbers, readManifest } from '../../../src/manifest/index.js'
import { readParts } from '../../../src/sstable/read/table-open.js'
import type { TableProperties } from '../../../src/sstable/properties.js'
import type { Replaces } from '../../../src/sstable/index.js'
import type { SimVfs } from '../../../src/testing.js'

interface FoundTable extends Replaces {
  fileNum: FileNum
  firstLog: FileNum
}

interface Group {
  number: FileNum
  members: FoundTable[]
  inputs: readonly FileNum[]
  /** It happened: its inputs do not count. */
  isEffective: boolean
}

/** What the tables of a directory say, without its manifest. */
export class TablesAlone {
  readonly tables = new Map<FileNum, FoundTable>()
  readonly groups: Group[] = []
  readonly counting = new Set<FileNum>()

  constructor(tables: readonly FoundTable[]) {
    for (const table of tables) this.tables.set(table.fileNum, table)
    const unlisted = new Set(tables.flatMap((table) => table.unlisted))
    const obsolete = new Set(unlisted)
    for (const group of this.groupsNewestFirst(unlisted)) {
      group.isEffective = this.isWhole(group, obsolete) ||
        group.inputs.some((input) => !this.tables.has(input) || unlisted.has(input))
      if (!group.isEffective) continue
      for (const input of group.inputs) obsolete.add(input)
      for (const { fileNum } of group.members) this.counting.add(fileNum)
    }
    for (const fileNum of obsolete) this.counting.delete(fileNum)
  }

  private groupsNewestFirst(unlisted: ReadonlySet<FileNum>): Group[] {
    const byNumber = new Map<FileNum, Group>()
    for (const table of this.tables.values()) {
      if (unlisted.has(table.fileNum)) continue
      const { group: number, inputs } = table
      if (!byNumber.has(number)) byNumber.set(number, { number, members: [], inputs, isEffective: false })
      byNumber.get(number)!.members.push(table)
    }
    this.groups.push(...[...byNumber.values()].sort((a, b) => b.number - a.number))
    return this.groups
  }

  /** All outputs are there, or were replaced by newer groups; their numbers follow each other. */
  private isWhole({ number }: Group, obsolete: ReadonlySet<FileNum>): boolean {
    for (let index = 0; ; index++) {
      const table = this.tables.get(number + index)
      if (table === undefined && !obsolete.has(number + index)) return false
      if (table?.isLast === true && table.group === number) return true
      if (table === undefined && index > this.tables.size) return false
    }
  }
}

/** Reads the tables of a directory that are whole. */
export function readTablesAlone(vfs: SimVfs, dir: string): TablesAlone {
  const found: FoundTable[] = []
  for (const name of vfs.listSync(dir)) {
    const parsed = parseFileName(name)
    const properties = parsed?.kind === 'table' ? readTableProperties(vfs, vfs.join(dir, name), name) : null
    if (properties === null || parsed?.kind !== 'table') continue
    assert.ok(properties.replaces !== null, `${name} says what it replaces`)
    found.push({ ...properties.replaces, fileNum: parsed.fileNum, firstLog: properties.firstLog })
  }
  return new TablesAlone(found)
}

function readTableProperties(vfs: SimVfs, path: string, name: string): TableProperties | null {
  const file = vfs.openSync(path, 'read')
  try {
    return runSync(readParts({ file, name }, { pointHash: false, filter: 'never' })).properties
  } catch (error) {
    if (VarveError.is(error) && error.code === 'CORRUPTION') return null
    throw error
  } finally {
    file.closeSync()
  }
}

/**
 * The tables that count by the rule are those of the manifest, or others with the same content: of a group whose edit
 * was lost, the outputs stand for the inputs; a flush whose edit was lost has its log to be replayed.
 */
export function checkTablesAlone(vfs: SimVfs, dir: string): { alone: TablesAlone; lostEditCount: number } | null {
  const names = vfs.statSync(dir) === null ? [] : vfs.listSync(dir)
  const marker = readMarker(names)
  if (marker === null) return null
  const { version } = runSync(readManifest(vfs, dir, marker.manifest))
  const alone = readTablesAlone(vfs, dir)
  const expected = new Set(allTables(version).map(({ fileNum }) => fileNum))
  const logs = new Set(logNumbers(names))
  let lostEditCount = 0
  for (const { members, inputs, isEffective } of alone.groups) {
    const isListed = members.some(({ fileNum }) => expected.has(fileNum))
    if (isListed || !isEffective) continue
    const [{ firstLog }] = members as [FoundTable]
    const isLostEdit = inputs.length === 0
      ? firstLog >= version.logPointer && logs.has(firstLog)
      : inputs.every((input) => expected.has(input))
    if (!isLostEdit) continue
    lostEditCount++
    for (const input of inputs) expected.delete(input)
    for (const { fileNum } of members) expected.add(fileNum)
  }
  assert.deepEqual([...alone.counting].sort(byNumber), [...expected].sort(byNumber))
  return { alone, lostEditCount }
}

function byNumber(a: number, b: number): number {
  return a - b
}
