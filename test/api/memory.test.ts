/** What is promised about memory, from outside: the budget is kept, and a scan takes nothing from what is read. */
import assert from 'node:assert/strict'
import { KiB, MiB, SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveError } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { newDirectory } from '../support/databases/databases.js'
import { checkMemory } from '../support/programs/memory-run.js'
import { heavyTest } from '../support/harness/share.js'

heavyTest('BUD-1: a load of 160 MiB and a full scan keep resident memory under budget and overhead', (t) => {
  t.diagnostic(checkMemory(160, 48, 2))
})

heavyTest('BUD-1: so does a load of a million entries of 17 bytes', (t) => {
  t.diagnostic(checkMemory(16, 16, 2, 1))
})

heavyTest('a scan of everything, twice, takes no block from point reads', async () => {
  // With one hash seed of forty a table that does not have a hot key looks for it, and that is one hit more.
  const components = { vfs: new MemoryVfs(), random: new SeededRandom(1) }
  const options = { writeBufferSize: MiB, blockCacheSize: 4 * MiB, workers: 0, compaction: { style: 'none' } } as const
  const db = await Varve.open('/db', { ...options, components })
  const keyOf = (i: number): string => String(i).padStart(8, '0')
  for (let i = 0; i < 160; i++) {
    await db.batch(Array.from({ length: 200 }, (_, k) => {
      return { type: 'put', key: keyOf(i * 200 + k), value: new Uint8Array(KiB) } as const
    }))
  }
  await db.flush()
  const readHot = (): void => {
    for (let i = 0; i < 32_000; i += 160) assert.equal(db.getSync(keyOf(i))?.length, KiB)
  }
  readHot()
  for (let round = 0; round < 2; round++) {
    assert.equal([...db.keysSync()].length, 32_000)
    const before = db.stats().cache
    readHot()
    const after = db.stats().cache
    assert.equal(after.missCount, before.missCount, `round ${round}`)
    assert.equal(after.hitCount - before.hitCount, 200)
  }
  await db.close()
})

heavyTest('writes that wait for room take no more than the budget, and those that were taken are kept', async () => {
  const budget = 20 * MiB
  const db = await Varve.open(newDirectory(), { memoryBudget: budget })
  let refused = 0
  const kept: Promise<string>[] = []
  for (let i = 0; i < 60_000; i++) {
    const key = `key ${i}`
    kept.push(db.put(key, 'v'.repeat(300)).then(() => key, (error: VarveError) => {
      assert.equal(error.code, 'BUSY')
      refused++
      return ''
    }))
    if (i % 1000 === 0) assert.ok(db.stats().memory.waitingBytes <= budget)
  }
  for (const key of await Promise.all(kept)) if (key !== '') assert.equal(db.hasSync(key), true)
  assert.ok(refused > 0 && refused < 50_000, `${refused} of 60,000`)
  await db.close()
})
