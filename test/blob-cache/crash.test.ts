/**
 * What: a cache is crashed after every change of its disk, in each of the three moments of acknowledgement and in all
 * of them mixed, without and with eviction. BC-1, BC-3, BC-5, BC-9.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobSweep } from '../support/blob-cache/blob-sweep.js'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'
import { Draw, isWholeRun } from '../support/harness/share.js'

leaveOutRunnerHooks()
keepProcess()

const SEED = numberFromEnv('VARVE_SEED', 11)
const KEYS = ['a', 'b', 'c', 'd', 'e']
/** What catalogs and a snapshot may need, and nine segments: blobs are moved. Of the changes a part is crashed. */
const EVICTING = {
  settings: { maxBytes: 266_240 + 2048 + 9 * 1536, segmentBytes: 1536, slabBytes: 1536, blobBytesMax: 300 },
  steps: 800, keys: Array.from({ length: 60 }, (_, i) => `k${i}`), everyNth: 20,
}
const MODES = {
  memory: ['memory'], written: ['written'], synced: ['synced'], mixed: ['memory', 'written', 'synced'],
} as const

/** What happened in all sweeps that evict: in a single one it may be little, as luck has it. */
const small = { evicted: 0, moved: 0 }
const large = { evicted: 0, moved: 0 }

function add(sum: typeof small, evicted: number, moved: number): void {
  sum.evicted += evicted
  sum.moved += moved
}

for (const [mode, durabilities] of Object.entries(MODES)) {
  for (const mayEvict of [false, true]) {
    test(`crashes of a cache, ${mode}${mayEvict ? ', evicting' : ''}`, async (t) => {
      const name = `blob ${mode} ${mayEvict}`
      const draw = new Draw(name)
      const sweep = new BlobSweep({
        seed: SEED, durabilities, mayEvict, draw, ...(mayEvict ? EVICTING : { steps: 60, keys: KEYS }),
      })
      await sweep.run()
      const { images, values, misses, evicted, moved, fromSnapshot } = sweep.counts
      t.diagnostic(JSON.stringify(sweep.counts))
      if (!isWholeRun) return
      assert.ok(images > 100 && values > images && misses > 0 && fromSnapshot > 20)
      if (mayEvict) add(small, evicted, moved)
    })
  }
}

/** Blobs of keys that begin with L are large. */
const LARGE = {
  resting: { steps: 60, keys: ['a', 'L1', 'b', 'L2', 'L3'], settings: { segmentBytes: 2048, slabBytes: 2048 } },
  evicting: {
    settings: { maxBytes: 266_240 + 1536 + 18_000, segmentBytes: 1536, slabBytes: 1536 }, everyNth: 30, mayEvict: true,
    steps: 500, keys: Array.from({ length: 40 }, (_, i) => `${i % 5 < 2 ? 'L' : 'k'}${i}`),
  },
}

for (const [mode, durabilities] of Object.entries(MODES)) {
  for (const [what, options] of Object.entries(LARGE)) {
    test(`crashes of a cache with large blobs among small ones, ${what}, ${mode}`, async (t) => {
      const sweep = new BlobSweep({ seed: SEED + 1, durabilities, draw: new Draw(`large ${what} ${mode}`), ...options })
      await sweep.run()
      const { images, evicted, movedLarge, abortedAt, largeValues } = sweep.counts
      t.diagnostic(JSON.stringify(sweep.counts))
      if (!isWholeRun) return
      assert.ok(images > 100 && abortedAt > 0 && largeValues > 100)
      if (what === 'evicting') add(large, evicted, movedLarge)
    })
  }
}

test('the sweeps evicted segments, and moved small and large blobs', () => {
  if (!isWholeRun) return
  for (const sum of [small, large]) assert.ok(sum.evicted > 40 && sum.moved > 3, JSON.stringify({ small, large }))
})
