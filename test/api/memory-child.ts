/**
 * What: a process that loads a database in random order and scans it: node memory-child.js DIRECTORY
 * LOAD_MIB BUDGET_MIB WORKERS. Prints how far its resident memory rose, as the operating system counts it.
 */
import { MiB, SeededRandom } from '../../src/base/index.js'
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
const VALUE_BYTES = 1000
const BATCH_ENTRIES = 64
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

async function load(measured: Measured, bytes: number): Promise<number> {
  const random = new SeededRandom(1, 'memory')
  const batches = Math.floor(bytes / ((KEY_BYTES + VALUE_BYTES) * BATCH_ENTRIES))
  for (let i = 0; i < batches; i++) {
    const ops = Array.from({ length: BATCH_ENTRIES }, (_, k) => {
      const key = String(random.u32()).padStart(10, '0') + String((i * BATCH_ENTRIES + k) % 1e6).padStart(6, '0')
      return { type: 'put', key, value: new Uint8Array(VALUE_BYTES).fill(i + k) } as const
    })
    await measured.db.batch(ops)
    if (i % SAMPLE_BATCHES === 0) measured.sample()
  }
  measured.sample()
  return batches * BATCH_ENTRIES
}

function scan(measured: Measured): number {
  let count = 0
  for (const _ of measured.db.entriesSync()) if (++count % 4096 === 0) measured.sample()
  measured.sample()
  return count
}

const [directory = '', loadMiB, budgetMiB, workers] = process.argv.slice(2)
const startBytes = process.memoryUsage.rss()
const db = await Varve.open(directory, { memoryBudget: Number(budgetMiB) * MiB, workers: Number(workers) })
const measured = new Measured(db, startBytes)
const timer = setInterval(() => measured.sample(), SAMPLE_MS)
const entryCount = await load(measured, Number(loadMiB) * MiB)
const scannedCount = scan(measured)
clearInterval(timer)
await db.close()
const { grownBytes, totalBytes } = measured
process.stdout.write(JSON.stringify({ grownBytes, totalBytes, entryCount, scannedCount } satisfies MemoryReport))
