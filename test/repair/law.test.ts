/**
 * REP-1 to REP-9: whatever is damaged, a repair ends and serves nothing stale and nothing that was deleted.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { VarveOptions } from '../../src/index.js'
import { drawn } from '../support/harness/share.js'
import { flipped, makeSample, namesOf, repairAndCheck, without } from '../support/model/repair-law.js'
import type { LifePlan, Sample } from '../support/model/repair-law.js'

const LEVELED: VarveOptions = { compaction: { style: 'leveled' } }
const PLANS: LifePlan[] = [
  { name: 'leveled', options: LEVELED, steps: 2400, keys: 400, valueBytes: 60, seed: 1 },
  { name: 'killed', options: LEVELED, steps: 1500, keys: 300, valueBytes: 60, closes: false, seed: 2 },
  { name: 'packed', options: { ...LEVELED, compression: 'lz4' }, steps: 900, keys: 150, valueBytes: 60, seed: 3 },
  {
    name: 'none', options: { compaction: { style: 'none' } }, steps: 700, keys: 80, valueBytes: 40, closes: false,
    seed: 4,
  },
  {
    name: 'large values', options: { ...LEVELED, valueThreshold: 4096 }, steps: 700, keys: 60,
    valueBytes: 100, largeBytes: 12_000, closes: false, seed: 9,
  },
  { name: 'tiered', options: { compaction: { style: 'tiered' } }, steps: 900, keys: 150, valueBytes: 60, seed: 6 },
]
const samples: Sample[] = await Promise.all(PLANS.map(makeSample))

test('a healthy database is served as it is', async () => {
  for (const sample of samples) {
    const { report, served } = await repairAndCheck(sample.image, sample)
    assert.deepEqual(report.problems, [], sample.name)
    assert.ok(report.ok)
    assert.equal(report.seqNum, sample.states.length - 1)
    assert.deepEqual([...served], [...sample.states.at(-1)!].sort(([a], [b]) => (a < b ? -1 : 1)), sample.name)
  }
})

test('one byte of a file is another: nothing stale, nothing back', async (t) => {
  const random = new SeededRandom(11, 'flips')
  let [count, sum] = [0, 0]
  for (const sample of samples) {
    const places = [...sample.image].flatMap(([name, bytes]) =>
      Array.from({ length: Math.min(60, bytes.length) }, () => ({ name, at: random.below(Math.max(1, bytes.length)) })))
    for (const { name, at } of drawn(`flips of ${sample.name}`, places)) {
      if (sample.image.get(name)!.length === 0) continue
      try {
        const { share } = await repairAndCheck(flipped(sample.image, name, at), sample)
        count++
        sum += share
      } catch (error) {
        throw new Error(`${sample.name}: ${name} at ${at}: ${(error as Error).message}`, { cause: error })
      }
    }
  }
  t.diagnostic(`${count} flips, ${(100 * sum / count).toFixed(2)} % of the newest state served`)
})

test('two files are gone: nothing stale, nothing back', async (t) => {
  let [count, sum] = [0, 0]
  for (const sample of samples) {
    const names = [...sample.image.keys()].filter((name) => !name.startsWith('varve.lock'))
    const pairs = names.flatMap((a, i) => names.slice(i).map((b) => [a, b] as const))
    for (const [a, b] of drawn(`losses of ${sample.name}`, pairs)) {
      // A table or log that is lost together with the manifest cannot be told.
      const [hasManifest, hasData] = [/manifest|marker/, /table|vlog|wal/].map((kind) => kind.test(a) || kind.test(b))
      if (hasManifest === true && hasData === true) continue
      try {
        const { share } = await repairAndCheck(without(sample.image, a, b), sample)
        count++
        sum += share
      } catch (error) {
        throw new Error(`${sample.name}: without ${a}, ${b}: ${(error as Error).message}`, { cause: error })
      }
    }
  }
  t.diagnostic(`${count} losses, ${(100 * sum / count).toFixed(2)} % of the newest state served`)
})

test('without manifest, or marker, all is served', async () => {
  for (const sample of samples) {
    for (const ending of ['.manifest', 'marker']) {
      const gone = [...sample.image.keys()].filter((name) => name.endsWith(ending) || name.startsWith(ending))
      const { report, share } = await repairAndCheck(without(sample.image, ...gone), sample)
      assert.equal(report.isManifestLost, ending === '.manifest')
      assert.equal(report.ok, false)
      assert.equal(share, 1, `${sample.name} without ${ending}: ${JSON.stringify(report.problems)}`)
      assert.equal(report.seqNum, sample.states.length - 1)
    }
  }
})

test('the samples have what they must have', () => {
  const has = (ending: string, count = 1): boolean =>
    samples.some(({ image }) => namesOf(image, ending).length >= count)
  assert.ok(has('.table', 8) && has('.wal', 3) && has('.vlog'))
})
