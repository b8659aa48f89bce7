/**
 * What: puts tables into rows of which each table ends before the next one begins, so that of each row one is read at a
 * time.
 * Thread: any (pure).
 */
import { compareTagged } from './level-manifest.js'
import type { ListedTable } from './level-manifest.js'

/** Gives as few rows as there can be: as many as tables overlap at one key. */
export function rowsOf<T extends ListedTable>(tables: readonly T[]): T[][] {
  const byStart = [...tables].sort((a, b) => compareTagged(a.smallest, b.smallest))
  const byEnd = [...tables].sort((a, b) => compareTagged(a.largest, b.largest))
  const rows: T[][] = []
  const rowOf = new Map<T, T[]>()
  // The tables that end are met in the order of their ends: each leaves its row to the next table that begins.
  let ended = 0
  for (const table of byStart) {
    const before = byEnd[ended]!
    let row: T[]
    if (compareTagged(before.largest, table.smallest) < 0) {
      row = rowOf.get(before)!
      ended++
    } else {
      row = []
      rows.push(row)
    }
    row.push(table)
    rowOf.set(table, row)
  }
  return rows
}
