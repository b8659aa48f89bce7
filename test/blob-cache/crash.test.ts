/**
 * What: a cache is crashed after every change of its disk, in each of the three moments of acknowledgement and in all
 * of them mixed, without and with eviction. BC-1, BC-3, BC-5, BC-9.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobSweep } from '../support/blob-cache/blob-sweep.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { Draw, isWholeRun } from '../support/harness/share.js'

keepProcess()

const KEYS = ['a', 'b', 'c', 'd', 'e']
const MODES = {
  memory: ['memory'], written: ['written'], synced: ['synced'], mixed: ['memory', 'written', 'synced'],
} as const

for (const [mode, durabilities] of Object.entries(MODES)) {
  for (const mayEvict of [false, true]) {
    test(`crashes of a cache, ${mode}${mayEvict ? ', evicting' : ''}`, async (t) => {
      const name = `blob ${mode} ${mayEvict}`
      const settings = mayEvict ? { maxBytes: 207_500, segmentBytes: 2048, slabBytes: 2048 } : {}
      const draw = new Draw(name)
      const sweep = new BlobSweep({ seed: 11, steps: 60, keys: KEYS, durabilities, settings, mayEvict, draw })
      await sweep.run()
      const { images, values, misses, evicted } = sweep.counts
      t.diagnostic(JSON.stringify(sweep.counts))
      if (isWholeRun) assert.ok(images > 100 && values > images && misses > 0 && evicted >= (mayEvict ? 1 : 0))
    })
  }
}
