/**
 * What: reads every value that the tables of a read state point to, also those that no reader sees any more, and tells
 * which are not what was written.
 * Thread: main. Memory: handles and keys of one batch, and the pieces that are being read.
 */
import { frontBytes, MiB } from '../base/index.js'
import type { Turns } from '../base/index.js'
import { isApart } from '../iterator/index.js'
import type { Table } from '../sstable/index.js'
import type { ReadState } from './read-state.js'
import { ofKey, piecesOf, placeOf } from './value-reader.js'
import { readRuns } from './value-runs.js'
import type { WantedValue } from './value-runs.js'

const BATCH_COUNT = 4096
/** A longer value is read in pieces, and never as a whole. */
const WHOLE_BYTES_MAX = MiB

/** Resolves when all were read. `report` hears of each value that is wrong, with file, offset and key. */
export async function checkValues(state: ReadState, turns: Turns, report: (error: unknown) => void): Promise<void> {
  for (const { tables } of state.runs) for (const table of tables) await checkTableValues(table, state, turns, report)
}

async function checkTableValues(
  table: Table, { valueLogs }: ReadState, turns: Turns, report: (error: unknown) => void,
): Promise<void> {
  const entries = table.iterator()
  let batch: WantedValue[] = []
  try {
    for (entries.first(); entries.valid; entries.next()) {
      if (turns.isOver()) await turns.next()
      if (!isApart(entries.kind)) continue
      const key = Uint8Array.prototype.slice.call(entries.keyBytes, entries.keyStart, entries.keyEnd)
      try {
        const { kind, valueBytes, valueStart, valueEnd } = entries
        const handle = { valueBytes, valueStart: valueStart + frontBytes(kind), valueEnd }
        batch.push({ place: placeOf(valueLogs, handle), key, index: batch.length })
      } catch (error) {
        report(ofKey(error, key))
      }
      if (batch.length < BATCH_COUNT) continue
      await checkBatch(batch, turns, report)
      batch = []
    }
    await checkBatch(batch, turns, report)
  } finally {
    entries.close()
  }
}

async function checkBatch(
  batch: readonly WantedValue[], turns: Turns, report: (error: unknown) => void,
): Promise<void> {
  const whole = batch.filter(({ place }) => place.length <= WHOLE_BYTES_MAX)
  await readRuns(whole, turns, { give: () => undefined, fail: (_, error) => report(error) })
  for (const { place, key } of batch) {
    if (place.length <= WHOLE_BYTES_MAX) continue
    try {
      for await (const piece of piecesOf(place, 0, place.length)) void piece
    } catch (error) {
      report(ofKey(error, key))
    }
  }
}
