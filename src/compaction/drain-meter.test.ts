/** The pace for writers is the speed of compactions beside slow writers, over all levels. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable } from '../../test/support/samples/manifest-samples.js'
import type { CompactionPick } from '../pick/compaction-pick.js'
import { DrainMeter, reliefOf } from './drain-meter.js'

const GIB = 2 ** 30

/** Asks the meter every 50 ms while `ms` of compaction pass at `speed`. */
class Asked {
  readonly meter = new DrainMeter()
  private ms = 0
  private bytes = 0

  pass(ms: number, speed: number): void {
    this.ms += ms
    this.bytes += ms * speed
  }

  ask(ms: number, speed: number, running: Parameters<DrainMeter['bytesPerMs']>[2]): number {
    for (let at = 0; at < ms; at += 50) {
      this.pass(50, speed)
      this.meter.bytesPerMs(this.ms, this.bytes, running)
    }
    return this.meter.bytesPerMs(this.ms, this.bytes, running)
  }
}

const half = [{ level0Bytes: 100, inputBytes: 200 }]

test('the speed follows within seconds; what was not asked for does not count', () => {
  const asked = new Asked()
  assert.equal(asked.meter.bytesPerMs(0, 0, half), 0, 'not known')
  assert.equal(asked.ask(1000, 80, half), 40)
  asked.pass(60_000, 5) // Writers run at full speed.
  assert.equal(asked.ask(50, 80, half), 40)
  const later = asked.ask(2000, 20, half)
  assert.ok(later > 10 && later < 14, `${later}`)
})

test('the share is that of the latest compactions and of those under way', () => {
  const asked = new Asked()
  asked.meter.add({ level0Bytes: GIB / 4, inputBytes: GIB })
  assert.equal(asked.ask(1000, 80, []), 20)
  asked.meter.add({ level0Bytes: 0, inputBytes: GIB }) // This is a compaction of deeper levels.
  const later = asked.ask(50, 80, [])
  assert.ok(Math.abs(later - 80 / 12) < 0.01, `${later}`)
  assert.ok(asked.ask(50, 80, [{ level0Bytes: GIB, inputBytes: GIB }]) > 40)
})

test('a merge within level 0 relieves it of what counts as tables less', () => {
  const table = (fileNum: number, bytes: number) => sampleTable(fileNum, 'a-z', { bytes })
  const inputs = [{ level: 0, tables: [table(3, 300)] }, { level: 0, tables: [table(2, 100)] }]
  const pick = { inputs, outputLevel: 0 } as unknown as CompactionPick
  assert.deepEqual(reliefOf(pick), { level0Bytes: 200, inputBytes: 400 })
  const deeper = { level: 6, tables: [table(1, 600)] }
  const down = { inputs: [...inputs, deeper], outputLevel: 6 } as unknown as CompactionPick
  assert.deepEqual(reliefOf(down), { level0Bytes: 400, inputBytes: 1000 })
})

test('A11: what stands in value logs counts as taken out of level 0, not as read', () => {
  const handles = (fileNum: number) =>
    sampleTable(fileNum, 'a-z', { bytes: 100, valueFiles: [{ fileNum: 90, valueCount: 3, valueBytes: 9900 }] })
  const inputs = [{ level: 0, tables: [handles(3)] }, { level: 6, tables: [handles(2)] }]
  const pick = { inputs, outputLevel: 6 } as unknown as CompactionPick
  assert.deepEqual(reliefOf(pick), { level0Bytes: 10_000, inputBytes: 200 })
})
