/**
 * Whatever is called in one turn of the event loop, in whatever order, every call is answered: also those that write
 * nothing, beside flushes and large writes that make buffers change.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { drawnNumbers } from '../support/harness/share.js'

const CALLS = [
  'put', 'put synced', 'putSync', 'batch', 'empty batch', 'empty batch synced', 'empty batchSync',
  'batch of empty ranges', 'delRange of nothing', 'large put', 'flush', 'sync',
] as const

function call(db: Varve, name: (typeof CALLS)[number], random: SeededRandom): Promise<unknown> | undefined {
  const key = `k${random.below(50)}`
  switch (name) {
    case 'put': return db.put(key, 'v'.repeat(random.pick([10, 20_000])))
    case 'put synced': return db.put(key, 'v', { sync: true })
    case 'putSync': return void db.putSync(key, 'v'.repeat(random.pick([10, 20_000])))
    case 'empty batch': return db.batch([])
    case 'empty batch synced': return db.batch([], { sync: true })
    case 'empty batchSync': return void db.batchSync([])
    case 'batch': return db.batch([{ type: 'put', key, value: 'v' }, { type: 'del', key: `${key}x` }])
    case 'batch of empty ranges': return db.batch([{ type: 'delRange', gte: 'b', lt: 'a' }])
    case 'delRange of nothing': return db.delRange({ gte: 'b', lt: 'a' })
    case 'large put': return db.put(key, new Uint8Array(random.pick([100_000, 5 << 20])))
    case 'flush': return db.flush()
    case 'sync': return db.sync()
  }
}

/** Resolves with the names of those that are not answered after a while. */
async function unanswered(calls: readonly { name: string; answer: Promise<unknown> }[]): Promise<string[]> {
  const left = new Set(calls)
  for (const each of calls) each.answer.then(() => left.delete(each), () => left.delete(each))
  for (let turn = 0; turn < 400 && left.size > 0; turn++) await new Promise((done) => setTimeout(done, 5))
  return [...left].map(({ name }) => name)
}

test('every call is answered, whatever else is called in its turn', async () => {
  for (const seed of drawnNumbers('one turn', 16)) {
    const random = new SeededRandom(seed, 'one turn')
    const db = await Varve.open('/db', { ...SMALL, workers: 0, components: { vfs: new MemoryVfs() } })
    for (let turn = 0; turn < 8; turn++) {
      const calls: { name: string; answer: Promise<unknown> }[] = []
      for (let n = 1 + random.below(12); n > 0; n--) {
        const name = random.pick(CALLS)
        const answer = call(db, name, random)
        if (answer !== undefined) calls.push({ name, answer })
      }
      assert.deepEqual(await unanswered(calls), [], `seed ${seed}, turn ${turn}`)
    }
    await db.close()
  }
})
