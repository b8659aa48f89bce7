/** What two hundred idle databases take: 60 MB and 1,000 descriptors together, and no thread each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MiB } from '../../src/base/index.js'
import { checkIdle } from '../support/programs/idle-run.js'

const options = { skip: process.platform === 'linux' ? false : 'reads /proc' }

for (const how of ['new', 'written', 'flushed'] as const) {
  test(`200 idle databases, ${how}`, options, async (t) => {
    const report = await checkIdle(200, how)
    assert.ok(report.grownBytes <= 60 * MiB && report.descriptors <= 1000, JSON.stringify(report))
    t.diagnostic(JSON.stringify(report))
  })
}
