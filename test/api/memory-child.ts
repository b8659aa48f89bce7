/**
 * What: a process that loads a database in random order and scans it: node memory-child.js DIRECTORY
 * LOAD_MIB BUDGET_MIB WORKERS VALUE_BYTES. Prints how far its resident memory rose, as the operating system counts it.
 */
import { KiB, MiB, SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'

export interface MemoryReport {
  /** Highest resident memory above that of the process before it opened the database. */
  grownBytes: number
  /** Highest `stats().memory.totalBytes`. */
  totalBytes: number
  entryCount: number
  scannedCount: number
}

const KEY_BYTES = 16
/** Bytes of values and keys in a batch. */
const BATCH_BYTES = 64 * KiB
const BATCH_ENTRIES_MAX = 1000
const SAMPLE_BATCHES = 64
const SAMPLE_MS = 20

class Measured {
  readonly db: Varve
  private readonly startBytes: number
  grownBytes = 0
  totalBytes = 0

  constructor(db: Varve, startBytes: number) {
    this.db = db
    this.startBytes = startBytes
  }

  sample(): void {
    this.grownBytes = Math.max(this.grownBytes, process.memoryUsage.rss() - this.startBytes)
    this.totalBytes = Math.max(this.totalBytes, this.db.stats().memory.totalBytes)
  }
}

async function load(measured: Measured, bytes: number, valueBytes: number): Promise<number> {
  const batchEntries = Math.min(BATCH_ENTRIES_MAX, Math.ceil(BATCH_BYTES / (KEY_BYTES + valueBytes)))
  const random = new SeededRandom(1, 'memory')
  const batches = Math.floor(bytes / ((KEY_BYTES + valueBytes) * batchEntries))
  for (let i = 0; i < batches; i++) {
    const ops = Array.from({ length: batchEntries }, (_, k) => {
      const key = String(random.u32()).padStart(10, '0') + String((i * batchEntries + k) % 1e6).padStart(6, '0')
      return { type: 'put', key, value: new Uint8Array(valueBytes).fill(i + k) } as const
    })
    await measured.db.batch(ops)
    if (i % SAMPLE_BATCHES === 0) measured.sample()
  }
  measured.sample()
  return batches * batchEntries
}

function scan(measured: Measured): number {
  let count = 0
  for (const _ of measured.db.entriesSync()) if (++count % 4096 === 0) measured.sample()
  measured.sample()
  return count
}

const [directory = '', loadMiB, budgetMiB, workers, valueBytes] = process.argv.slice(2)
const startBytes = process.memoryUsage.rss()
const db = await Varve.open(directory, { memoryBudget: Number(budgetMiB) * MiB, workers: Number(workers) })
const measured = new Measured(db, startBytes)
const timer = setInterval(() => measured.sample(), SAMPLE_MS)
const entryCount = await load(measured, Number(loadMiB) * MiB, Number(valueBytes))
const scannedCount = scan(measured)
clearInterval(timer)
await db.close()
const { grownBytes, totalBytes } = measured
process.stdout.write(JSON.stringify({ grownBytes, totalBytes, entryCount, scannedCount } satisfies MemoryReport))
