/** What a cache answers from memory gives way to timers and to its own writes, however many calls are made in a row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.js'
import type { BlobCache } from '../../src/blob-cache.js'
import { openPublicCache } from '../support/blob-cache/public-cache.js'
import { MemoryVfs } from '../../src/testing.js'
import { steppingClock } from '../support/fakes/stepping-clock.js'

const MiB = 1024 * 1024

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
  'getOrSet of a load that fails': (cache) => cache.getOrSet('f', failing).catch(() => undefined),
  sync: (cache) => cache.sync(),
  keys: (cache) => listed(cache.keys()),
  'keys in order': (cache) => listed(cache.keys({ order: 'ascending' })),
  'keys, none': (cache) => listed(cache.keys({ prefix: 'none' })),
}

const failing = () => {
  throw new Error('no value')
}

async function listed(keys: AsyncIterable<Uint8Array>): Promise<number> {
  let count = 0
  for await (const key of keys) count += Math.sign(key.length)
  return count
}

for (const [name, call] of Object.entries(calls)) {
  test(`${name}: timers have their turn in a row of calls`, async () => {
    const cache = await open()
    const turns = await turnsIn(async () => {
      for (let i = 0; i < CALLS; i++) await call(cache, i)
    })
    assert.ok(turns > CALLS / 20, `${turns} turns`)
    await cache.close()
  })
}

/** Tells how many turns of the event loop there are while this runs. */
async function turnsIn(run: () => Promise<unknown>): Promise<number> {
  let turns = 0
  const count = () => {
    turns++
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  await run()
  clearImmediate(timer)
  return turns
}

test('calls that fail give way: a cache in memory comes back by a timer', async () => {
  const vfs = new MemoryVfs()
  const first = await openPublicCache({}, vfs)
  const cache = await openPublicCache({ whenLocked: 'memory', components: { clock: steppingClock(systemClock) } }, vfs)
  let refused = 0
  const turns = await turnsIn(async () => {
    for (let i = 0; i < CALLS; i++) await cache.sync().catch(() => refused++)
  })
  assert.equal(refused, CALLS)
  assert.ok(turns > CALLS / 20, `${turns} turns`)
  await cache.close()
  await first.close()
})

test('many keys are listed in many turns, whatever of them is wanted', async () => {
  const cache = await open()
  for (let i = 0; i < 5000; i++) await cache.put(`p${i}`, 'value', { durability: 'memory' })
  for (const options of [{}, { prefix: 'none' }, { order: 'descending' }] as const) {
    const turns = await turnsIn(() => listed(cache.keys(options)))
    assert.ok(turns > 50, `${turns} turns`)
  }
  await cache.close()
})

test('an open that has to drop blobs gives way', async () => {
  const vfs = new MemoryVfs()
  const large = await openPublicCache({ maxBytes: 256 * MiB }, vfs)
  for (let i = 0; i < 20_000; i++) void large.put(`k${i}`, new Uint8Array(2000), { durability: 'memory' })
  await large.close()
  const components = { clock: steppingClock(systemClock) }
  let cache = await openPublicCache({ maxBytes: 256 * MiB, components }, vfs)
  const before = await turnsIn(async () => {
    await cache.close()
    cache = await openPublicCache({ maxBytes: 256 * MiB, components }, vfs)
  })
  const { items } = cache.stats()
  const after = await turnsIn(async () => {
    await cache.close()
    cache = await openPublicCache({ maxBytes: 32 * MiB, components }, vfs)
  })
  const dropped = items - cache.stats().items
  assert.ok(dropped > 3000, `${dropped} items`)
  assert.ok(after - before > dropped / 1000, `${before} and ${after} turns`)
  await cache.close()
})

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
