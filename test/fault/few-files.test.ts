/** A process that may have few files open uses a database of many tables. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { NodeVfs } from '../../src/vfs/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { packageDir } from '../support/harness/golden.js'
import { makeTables } from '../support/databases/many-tables.js'
import type { FewFilesReport } from './few-files-child.js'
import type { StarvedReport } from './starved-child.js'
import { heavyTest } from '../support/harness/share.js'

const isLinux = process.platform === 'linux'

/** Runs a program of this directory under `ulimit -n`; what it printed. */
async function withFewFiles<Report>(limit: number, name: string, ...args: string[]): Promise<Report> {
  const program = path.join(packageDir, 'dist/test/fault', name)
  const script = `ulimit -n ${limit}; exec "$0" "$@"`
  const child = spawn('sh', ['-c', script, process.execPath, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, error] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, error)
  return JSON.parse(out) as Report
}

const title = '1,100 tables with 256 files: opened, read, scanned and compacted, also read-only'

heavyTest(title, async () => {
  const dir = newDirectory()
  const { entries } = makeTables(new NodeVfs(), dir, { count: 850, stacked: 250 })
  const { scanned, missed, descriptorsMax, files, levels } = await withFewFiles<FewFilesReport>(
    256, 'few-files-child.js', dir,
  )
  assert.deepEqual(scanned, [entries.size, entries.size + 1, entries.size + 1])
  assert.equal(missed, 0)
  assert.ok(descriptorsMax < 256, `${descriptorsMax} descriptors`)
  assert.equal(files.openMaxCount, 144)
  assert.ok(levels.reduce((sum, count) => sum + count) < 10, `${levels}`)
}, !isLinux)

test('a second without a single descriptor: no write fails, and all goes on', { skip: !isLinux }, async () => {
  const report = await withFewFiles<StarvedReport>(256, 'starved-child.js', newDirectory())
  assert.ok(report.taken > 60)
  assert.deepEqual(report.errors, [])
  assert.equal(report.state, 'OPEN')
  assert.ok(report.states.includes('DEGRADED'), 'it was noticed')
  assert.ok(!report.states.includes('FAILED'))
  assert.equal(report.found, report.acknowledged)
})
