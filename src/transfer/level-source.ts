/**
 * What: a LevelDB directory as the source of an import.
 * Thread: main.
 */
import type { AbortWatch, Clock } from '../base/index.js'
import { readLevelDatabase } from '../leveldb/index.js'
import type { LoadEntry } from '../ingest/index.js'
import type { ProgressMeter } from '../report/index.js'
import type { Vfs } from '../vfs/index.js'
import type { ImportSieve } from './import-entries.js'

export interface LevelSource {
  vfs: Vfs
  dir: string
  clock: Clock
  anyComparator: boolean
  abort: AbortWatch | null
}

/** The live entries of a LevelDB database, in arrays that are not empty. They ascend. */
export async function* levelEntries(
  { vfs, dir, ...options }: LevelSource, sieve: ImportSieve, progress: ProgressMeter,
): AsyncGenerator<LoadEntry[], void, undefined> {
  const { chunks, report } = readLevelDatabase(vfs, dir, { ...options, meter: progress })
  for await (const chunk of chunks) {
    const entries = sieve.sift(chunk.map(({ key, value }) => ({ key, value, expiryMs: 0 })))
    if (entries.length > 0) yield entries
  }
  sieve.counts.bytes = report.readBytes
}
