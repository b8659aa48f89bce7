/** What: loads and scans a database in a process of its own, and checks how much memory that took. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MiB } from '../../../src/base/index.js'
import type { MemoryReport } from '../../api/memory-child.js'
import { newDirectory } from '../databases/databases.js'

/** What comes on top of the budget, as docs/design/0018-memory-budget.md says. */
const OVERHEAD_MIB = 128
const WORKER_OVERHEAD_MIB = 50

const child = fileURLToPath(new URL('../../api/memory-child.js', import.meta.url))

/**
 * Checks that resident memory stays under budget and overhead, and what is counted under the budget. Returns a line to
 * print.
 */
export function checkMemory(loadMiB: number, budgetMiB: number, workers: number, valueBytes = 1000): string {
  const args = [child, newDirectory(), loadMiB, budgetMiB, workers, valueBytes].map(String)
  const report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as MemoryReport
  const { grownBytes, totalBytes, entryCount, scannedCount } = report
  const limitMiB = budgetMiB + OVERHEAD_MIB + workers * WORKER_OVERHEAD_MIB
  const grownMiB = Math.round(grownBytes / MiB)
  assert.equal(scannedCount, entryCount)
  assert.ok(totalBytes <= budgetMiB * MiB, `${totalBytes} bytes counted, budget ${budgetMiB} MiB`)
  assert.ok(grownMiB <= limitMiB, `grew by ${grownMiB} MiB, limit ${limitMiB}`)
  return `${loadMiB} MiB loaded: grew by ${grownMiB} of ${limitMiB} MiB; counted ${Math.round(totalBytes / MiB)}`
}
