/** What a cache answers from memory gives way to timers and to its own writes, however many calls are made in a row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.js'
import type { BlobCache } from '../../src/blob-cache.js'
import { openPublicCache } from '../support/blob-cache/public-cache.js'
import { steppingClock } from '../support/fakes/stepping-clock.js'

const CALLS = 200

/** Opens a cache whose time moves whenever it is looked at, and that has something in memory. */
async function open(): Promise<BlobCache> {
  const cache = await openPublicCache({ components: { clock: steppingClock(systemClock) } })
  await cache.put('k', 'value')
  return cache
}

const calls: Record<string, (cache: BlobCache, i: number) => Promise<unknown>> = {
  get: (cache) => cache.get('k'),
  'get, absent': (cache) => cache.get('absent'),
  'get of a part': (cache) => cache.get('k', { start: 1 }),
  getInto: (cache) => cache.getInto('k', new Uint8Array(5)),
  getStream: (cache) => cache.getStream('k'),
  getEntry: (cache) => cache.getEntry('k'),
  has: (cache) => cache.has('k'),
  put: (cache, i) => cache.put(`p${i}`, 'value', { durability: 'memory' }),
  delete: (cache) => cache.delete('k', { durability: 'memory' }),
  purge: (cache) => cache.purge({ namespace: 'n' }, { durability: 'memory' }),
  getOrSet: (cache, i) => cache.getOrSet(`s${i}`, () => 'value'),
}

for (const [name, call] of Object.entries(calls)) {
  test(`${name}: timers have their turn in a row of calls`, async () => {
    const cache = await open()
    let turns = 0
    const count = () => {
      turns++
      timer = setImmediate(count)
    }
    let timer = setImmediate(count)
    for (let i = 0; i < CALLS; i++) await call(cache, i)
    clearImmediate(timer)
    assert.ok(turns > CALLS / 20, `${turns} turns`)
    await cache.close()
  })
}

test('what getOrSet stores, or cannot, is counted', async () => {
  const cache = await open()
  for (let i = 0; i < 400; i++) await cache.getOrSet(`k${i}`, () => new Uint8Array(200_000))
  const { items, puts, writes, refused } = cache.stats()
  assert.ok(items > 100, `${items} items`)
  await cache.close()
  const after = cache.stats()
  const refusals = Object.values(after.refused).reduce((sum, count) => sum + count, 0)
  assert.equal(after.writes.count + refusals, 401)
  assert.ok(puts >= writes.count && Object.keys(refused).every((reason) => reason === 'busy'))
})
