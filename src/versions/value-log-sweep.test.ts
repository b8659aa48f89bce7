import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settled } from '../../test/support/fakes/hand-clock.js'
import { ValueLogLife } from '../../test/support/model/value-log-life.js'
import { SeededRandom } from '../base/index.js'
import { atLeast, drawnNumbers } from '../../test/support/harness/share.js'

for (const isStrict of [true, false]) {
  const mode = isStrict ? 'strict' : 'fast'
  test(`VLG-8, VLG-9: ${mode}: a file is there while anybody needs it, and no longer`, async () => {
    let [left, swept] = [0, 0]
    for (const seed of drawnNumbers(`value logs, ${mode}`, 60)) {
      const random = new SeededRandom(seed, 'value logs')
      const life = new ValueLogLife(random, { isStrict, bytesMax: random.pick([1e9, 25_000]) })
      try {
        for (let i = 0; i < 150; i++) {
          life.step()
          if (i % 3 === 0) await settled()
          life.check()
        }
        left += await life.finish()
        swept += life.sweep.removedCount
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).stack}`, { cause: error })
      }
    }
    assert.ok(left >= atLeast(60) && swept >= atLeast(300), `${left} left, ${swept} swept`)
  })
}
