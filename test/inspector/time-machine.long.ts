/**
 * A manifest of 100,000 groups: the first picture is there within a second, and little memory is taken.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { runSync, systemClock } from '../../src/base/index.js'
import type { TableFacts } from '../../src/base/index.js'
import { TimeMachine } from '../../src/inspector/index.js'
import { createManifest } from '../../src/manifest/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { sampleBase, sampleOptions } from '../support/samples/manifest-samples.js'

const GROUPS = 100_000
const TABLES = 500

test('100,000 groups: a first picture within a second, all of them soon after', async () => {
  const vfs = new MemoryVfs()
  await vfs.mkdir('/db')
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), { ...sampleBase, nextFileNum: 10_000_000 }))
  const fileNum = sampleOptions().fileNum
  const key = (i: number): Uint8Array => Buffer.from(`key ${String(i).padStart(8, '0')}`)
  for (let i = 0; i < GROUPS; i++) {
    const facts: TableFacts = {
      fileNum: i + 1000, bytes: 2_000_000 +
        i, entryCount: 100, tombstoneCount: 0, hiddenCount: 0, rawBytes: 1, smallestKey: key(i % TABLES * 2),
      largestKey: key(i % TABLES * 2 + 1), smallestSeqNum: i + 1, largestSeqNum: i +
        1, firstLog: 0, lastLog: 0, salt: new Uint8Array(8),
      keyspaceId: 0, expiry: null, valueFiles: [], spans: null,
    }
    const deleteTables = i < TABLES ? [] : [{ level: 3, fileNum: i + 1000 - TABLES }]
    runSync(log.append([{ deleteTables, addTables: [{ level: 3, facts }], cause: { code: 2, wallMs: 1e12 + i } }]))
  }
  globalThis.gc?.()
  const before = process.memoryUsage()
  const started = performance.now()
  const machine = await TimeMachine.begin(vfs, '/db', { fileNum, clock: systemClock })
  assert.ok(JSON.stringify(machine.overview()).length > 0)
  const first = performance.now() - started
  while (!machine.isDone) await wait(1)
  const all = performance.now() - started
  assert.equal(machine.problem, '')
  assert.equal(machine.groupCount, GROUPS + 1)
  const look = performance.now()
  for (const group of [1, 50_000, 99_999, GROUPS + 1]) machine.at(group)
  const each = (performance.now() - look) / 4
  globalThis.gc?.()
  const after = process.memoryUsage()
  const taken = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
  const mib = (taken / 2 ** 20).toFixed(1)
  console.log(`first ${first.toFixed()} ms, all ${all.toFixed()} ms, a state ${each.toFixed(1)} ms, ${mib} MiB`)
  assert.ok(first <= 1000)
})
