/**
 * What: estimates how many bytes of tables a range of keys takes. It uses the indexes in memory and reads no block.
 * What is not flushed yet does not count, and every version of a key does.
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
  return Math.max(0, (isWithin ? table.facts.bytes : table.approximateBytesBelow(upper)) - from)
}
