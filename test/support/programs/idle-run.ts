/** Measures what many idle databases take, in a process of their own: test/api/idle-child.ts. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KiB, MiB } from '../../../src/base/index.js'
import { processorsToSpare } from '../../../src/exec/index.js'
import type { IdleReport } from '../../api/idle-child.js'
import { newDirectory } from '../databases/databases.js'

const child = fileURLToPath(new URL('../../api/idle-child.js', import.meta.url))

/** Descriptors of a database: directory, lock, manifest and log; and the one table. */
const DESCRIPTORS = { new: 4, written: 5, flushed: 5 }
/** Bytes of one database: 50 to 230 KiB, and room for what a machine does differently. */
const BYTES = 300 * KiB
/** Bytes that all of them take together. */
const MORE_BYTES = 8 * MiB

/** Measures, checks, and gives what was measured. */
export async function checkIdle(count: number, how: keyof typeof DESCRIPTORS): Promise<IdleReport> {
  const args = ['--expose-gc', child, newDirectory(), String(count), how]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 })
  const report = JSON.parse(stdout) as IdleReport
  assert.equal(report.slabBytes + report.memtableIndexBytes, 0)
  assert.ok(report.descriptors <= count * DESCRIPTORS[how], stdout)
  assert.ok(report.threads <= processorsToSpare(), stdout)
  assert.ok(report.grownBytes <= count * BYTES + MORE_BYTES, stdout)
  // The files are lock and generation, marker, manifest, log, and the table.
  assert.ok(report.files <= 7, stdout)
  return report
}
