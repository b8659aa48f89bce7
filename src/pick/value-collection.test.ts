/** How much a pick looks at where there are thousands of value logs and tables. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable, sampleValueLog } from '../../test/support/samples/manifest-samples.js'
import type { TableFacts, ValueFileReference } from '../base/index.js'
import { MiB } from '../base/index.js'
import { emptyVersion, levelOf } from '../manifest/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import { defaultCompactionSettings, settingsWhenQuiet } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'
import { createPicker } from './create-picker.js'
import { Collections } from './value-collection.js'

const LOG_COUNT = 1024
const REFERENCES = 16
/** Tables of levels 5 and 6: the sizes of a tree in which nothing is due. */
const TABLE_COUNTS = [200, 2000]

/** Counts what is looked at. */
interface Looks { references: number; logWalks: number }

const keyOf = (n: number): Uint8Array => new Uint8Array([n >>> 16, n >>> 8, n])

function counted(references: ValueFileReference[], looks: Looks): ValueFileReference[] {
  return new Proxy(references, {
    get: (target, name) => {
      if (typeof name === 'string' && /^\d+$/.test(name)) looks.references++
      return Reflect.get(target, name) as unknown
    },
  })
}

class CountedLogs extends Map<number, ValueLogFacts> {
  looks: Looks | null = null

  override values(): MapIterator<ValueLogFacts> {
    if (this.looks !== null) this.looks.logWalks++
    return super.values()
  }
}

/** `garbageShare` of what was put into each tenth log is garbage. */
function large(looks: Looks, garbageShare: number, tableBytes = 16 * MiB): Version {
  const liveBytes = new Float64Array(LOG_COUNT)
  const levels = TABLE_COUNTS.map((count, i) => Array.from({ length: count }, (_, at): TableFacts => {
    const logs = Array.from({ length: REFERENCES }, (__, r) => (at * 31 + r * 257) % LOG_COUNT)
    const valueFiles = logs.map((log) => ({ fileNum: 1 + log, valueCount: 10, valueBytes: MiB }))
    for (const log of logs) liveBytes[log] = liveBytes[log]! + MiB
    const first = Math.floor(at * 200_000 / count)
    return {
      ...sampleTable(5000 + i * 5000 + at), tombstoneCount: 0, entryCount: 500 * (i + 1), bytes: tableBytes,
      rawBytes: tableBytes + REFERENCES * MiB, smallestKey: keyOf(first), largestKey: keyOf(first + 20),
      valueFiles: counted(valueFiles, looks),
    }
  }))
  const logs = Array.from({ length: LOG_COUNT }, (_, i): [number, ValueLogFacts] => {
    const putBytes = Math.ceil(liveBytes[i]! / (1 - (i % 10 === 0 ? garbageShare : 0)))
    return [1 + i, {
      ...sampleValueLog(1 + i, putBytes + 500, { putBytes, putCount: 9999 }), liveCount: 10, liveBytes: liveBytes[i]!,
    }]
  })
  const valueLogs = new CountedLogs(logs)
  valueLogs.looks = looks
  const empty = emptyVersion.levels.slice(0, 5)
  return { ...emptyVersion, levels: [...empty, ...levels.map((tables, i) => levelOf(5 + i, tables))], valueLogs }
}

/** What one pick looks at. */
function looksOf(garbageShare: number, settings: CompactionSettings): Looks & { again: Looks; isPicked: boolean } {
  const looks = { references: 0, logWalks: 0 }
  const version = large(looks, garbageShare)
  const picker = createPicker(settings)
  const ask = (): boolean => picker.pick(version, [], Infinity, new Set()) !== null
  const isPicked = ask()
  const once = { ...looks }
  ask()
  picker.within(0).pick(version, [], Infinity, new Set())
  const again = { references: looks.references - once.references, logWalks: looks.logWalks - once.logWalks }
  return { ...once, again, isPicked }
}

const settings = { ...defaultCompactionSettings(), baseLevelBytes: 4096 * MiB }

test('A25: when nothing is condemned a pick looks at no reference, and once or twice at the list of value logs', () => {
  for (const chosen of [settings, settingsWhenQuiet(settings)]) {
    const { references, logWalks, again, isPicked } = looksOf(0, chosen)
    assert.deepEqual([isPicked, references], [false, 0])
    // What is condemned, and what is live.
    assert.ok(logWalks <= 2, `${logWalks} walks`)
    assert.deepEqual(again, { references: 0, logWalks: 0 })
  }
})

test('A25: when some are condemned each reference is looked at once for a version, worth a run or not', () => {
  const all = REFERENCES * TABLE_COUNTS.reduce((sum, count) => sum + count, 0)
  for (const isWorth of [true, false]) {
    const chosen = { ...settings, garbageGate: isWorth ? 0 : 1000 }
    const { references, logWalks, again, isPicked } = looksOf(0.8, chosen)
    assert.equal(isPicked, isWorth)
    assert.ok(references <= all * (isWorth ? 1.1 : 1), `${references} of ${all}`)
    assert.ok(logWalks <= 2, `${logWalks} walks`)
    assert.ok(again.references <= all / 10 && again.logWalks === 0, `${again.references} again`)
  }
})

test('what is kept of a version is for the files that are left alone', () => {
  const version = large({ references: 0, logWalks: 0 }, 0.8)
  const context = { version, settings, blocked: new Set<number>() }
  const collections = new Collections(context)
  assert.ok(collections.fits(context) && collections.fits({ ...context, blocked: new Set() }))
  context.blocked.add(1)
  assert.ok(!collections.fits(context) && !collections.fits({ ...context, blocked: new Set(), below: 5 }))
})
