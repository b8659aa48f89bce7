/**
 * What: how many bytes of tables and of values in value logs a range of keys takes, about: from the indexes in memory,
 * no block is read. What is not flushed yet does not count, and every version of a key does. The values that a table
 * points to count as spread evenly over it.
 * Thread: main. No state.
 */
import type { KeyRange } from '../iterator/index.js'
import { beginsBefore, endsBefore, extentOf, extentOfRange } from '../manifest/index.js'
import type { Extent } from '../manifest/index.js'
import type { Table } from '../sstable/index.js'
import type { ReadState } from './read-state.js'

export function approximateBytes({ runs }: Pick<ReadState, 'runs'>, range: KeyRange): number {
  const extent = extentOfRange(range)
  let bytes = 0
  for (const run of runs) for (const table of run.overlapping(extent)) bytes += bytesInside(table, extent)
  return bytes
}

/** Estimates the bytes of a table that lie in the extent. Requires: the two overlap. */
function bytesInside(table: Table, { lower, upper }: Extent): number {
  const own = extentOf(table.facts)
  const from = beginsBefore(own, lower, 0, lower.length) ? table.approximateBytesBelow(lower) : 0
  const isWithin = upper === null || endsBefore(own, upper, 0, upper.length)
  const { bytes, valueFiles } = table.facts
  const inside = Math.max(0, (isWithin ? bytes : table.approximateBytesBelow(upper)) - from)
  const valueBytes = valueFiles.reduce((sum, file) => sum + file.valueBytes, 0)
  return Math.round(inside * (1 + valueBytes / bytes))
}
