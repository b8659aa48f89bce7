/** How fast garbage in value logs goes: that is the pace of writers that make more of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable } from '../../test/support/samples/manifest-samples.js'
import type { ValueLogFacts } from '../manifest/index.js'
import type { CompactionPick } from '../pick/index.js'
import { ReclaimMeter, reclaimedBy } from './reclaim-meter.js'

test('the speed is that of the latest runs, with the time of those that take no garbage out', () => {
  const meter = new ReclaimMeter()
  assert.equal(meter.bytesPerMs, 0, 'not known')
  meter.pass(60_000) // So long there was not too much garbage.
  meter.add(5000, 60_100)
  assert.equal(meter.bytesPerMs, 50)
  meter.add(0, 60_200)
  assert.ok(Math.abs(meter.bytesPerMs - 25) < 1, `${meter.bytesPerMs}`)
  for (let ms = 60_300; ms <= 80_200; ms += 100) meter.add(1000, ms)
  assert.ok(Math.abs(meter.bytesPerMs - 10) < 0.1, `${meter.bytesPerMs}`)
})

test('a run that moves a part of the live values of a file counts for that part of its garbage', () => {
  const facts = (fileNum: number, isLog: boolean): ValueLogFacts => ({
    fileNum, isLog, bytes: 1100, putCount: 10, putBytes: 1000, liveCount: 6, liveBytes: 600, namedInLog: 0,
  } as unknown as ValueLogFacts)
  const references = (fileNum: number, valueBytes: number) => ({ fileNum, valueCount: 1, valueBytes })
  const tables = [
    sampleTable(3, 'a-c', { valueFiles: [references(90, 200), references(91, 400)] }),
    sampleTable(4, 'd-f', { valueFiles: [references(90, 100), references(92, 600)] }),
  ]
  const pick = { inputs: [{ level: 6, tables }] } as unknown as CompactionPick
  assert.equal(reclaimedBy({ pick, condemned: [facts(90, false)] }), 400 * (300 / 600))
  // The space of a log's small values comes back with the file too.
  assert.equal(reclaimedBy({ pick, condemned: [facts(90, false), facts(91, true)] }), 200 + 500 * (400 / 600))
})
