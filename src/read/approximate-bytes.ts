/**
 * What: how many bytes of tables a range of keys takes, about: from the indexes in memory, no block is
 * read. What is not flushed yet does not count, and every version of a key does.
 * Thread: main. No state.
 */
import { compareBytes } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { KeyRange } from '../iterator/index.js'
import type { Table } from '../sstable/index.js'
import type { ReadState } from './read-state.js'

export function approximateBytes(state: ReadState, { lower, upper }: KeyRange): number {
  let bytes = 0
  state.version.levels.forEach((facts, level) => facts.forEach((table, at) => {
    const reader = state.levels[level]![at]!
    const from = lower === null ? 0 : bytesBefore(table, reader, lower)
    const to = upper === null ? table.bytes : bytesBefore(table, reader, upper)
    bytes += Math.max(0, to - from)
  }))
  return bytes
}

/** All of a table whose keys are smaller, nothing of one whose keys are not. */
function bytesBefore(table: TableFacts, reader: Table, key: Uint8Array): number {
  if (compareBytes(key, table.smallestKey) <= 0) return 0
  return compareBytes(key, table.largestKey) > 0 ? table.bytes : reader.approximateBytesBelow(key)
}
