/**
 * What: a LevelDB directory as the source of an import.
 * Thread: main.
 */
import type { AbortWatch, Clock } from '../base/index.js'
import { readLevelDatabase } from '../leveldb/index.js'
import type { LentEntries } from '../ingest/index.js'
import type { ProgressMeter } from '../report/index.js'
import type { Vfs } from '../vfs/index.js'
import type { ImportSieve } from './import-entries.js'

const FOR_EVER = { expiryMs: 0 }

export interface LevelSource {
  vfs: Vfs
  dir: string
  clock: Clock
  anyComparator: boolean
  abort: AbortWatch | null
}

/** The live entries of a LevelDB database, some at a time. They ascend. */
export async function* levelEntries(
  { vfs, dir, ...options }: LevelSource, sieve: ImportSieve, progress: ProgressMeter,
): AsyncGenerator<LentEntries, void, undefined> {
  const { chunks, report } = readLevelDatabase(vfs, dir, { ...options, meter: progress })
  for await (const chunk of chunks) {
    for (const { key, value } of chunk) sieve.take(key, 0, key.length, value, 0, value.length, FOR_EVER)
    if (sieve.passed.count > 0) yield sieve.passed
    sieve.passed.clear()
  }
  sieve.counts.bytes = report.readBytes
}
