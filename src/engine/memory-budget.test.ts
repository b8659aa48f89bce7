/**
 * The budget is divided as docs/design/0018-memory-budget.md says, and what must give way does, with the same answers.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { GiB, KiB, MiB } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { Varve } from '../index.js'
import type { ReadState } from '../read/read-state.js'
import { SlabPool } from '../slab/index.js'
import type { OpenTables } from '../tables/open-tables.js'
import { ReadAhead } from '../tables/read-ahead.js'
import { MemoryVfs } from '../testing.js'
import { MemoryBudget } from './memory-budget.js'
import { cacheBytesMin, writePart } from './memory-plan.js'
import { resolveOptions } from './options.js'
import type { VarveOptions } from './options.js'
import { heavyTest } from '../../test/support/harness/share.js'

function planned(options: VarveOptions, memoryBytes = GiB): number[] {
  const { memoryBudget, writeBufferSize, blockCacheSize } = resolveOptions(options, 8192, memoryBytes)
  return [memoryBudget, writeBufferSize, blockCacheSize].map((bytes) => bytes / MiB)
}

test('the parts of a budget; sizes that are given count', () => {
  assert.deepEqual(planned({}), [256, 32, 96])
  assert.deepEqual(planned({ memoryBudget: 256 * MiB }), [256, 32, 96])
  assert.deepEqual(planned({ memoryBudget: 64 * MiB }), [64, 8, 24])
  assert.deepEqual(planned({ memoryBudget: 1024 * MiB }), [1024, 32, 864])
  assert.deepEqual(planned({ memoryBudget: MiB }), [1, 1 / 8, 3 / 8])
  assert.deepEqual(planned({ memoryBudget: 64 * MiB, writeBufferSize: 4 * MiB }), [64, 4, 44])
  assert.deepEqual(planned({ memoryBudget: 64 * MiB, blockCacheSize: 16 * MiB }), [64, 8, 16])
  assert.deepEqual(planned({ memoryBudget: 64 * MiB, immutablesMax: 1 }), [64, 16, 24])
  assert.deepEqual(planned({ writeBufferSize: 64 * MiB, blockCacheSize: 64 * MiB }), [416, 64, 64])
  assert.deepEqual(planned({ writeBufferSize: 64 * MiB }), [416, 64, 96])
  for (const immutablesMax of [1, 3, 64]) {
    for (const budget of [7, 33, 100, 300]) {
      const { memoryBudget, writeBufferSize, blockCacheSize } =
        resolveOptions({ memoryBudget: budget * MiB + 1, immutablesMax }, 8192)
      assert.ok(writePart(immutablesMax, writeBufferSize) + blockCacheSize <= memoryBudget)
    }
  }
})

test('without a budget the cache follows the memory that the process may use; sizes that are given count', () => {
  assert.deepEqual(planned({}, 128 * MiB), [256, 32, 96])
  assert.deepEqual(planned({}, 1.5 * GiB), [256, 32, 96])
  assert.deepEqual(planned({}, 4 * GiB + 1), [416, 32, 256])
  assert.deepEqual(planned({}, 8 * GiB), [672, 32, 512])
  assert.deepEqual(planned({}, 64 * GiB), [1184, 32, 1024])
  assert.deepEqual(planned({ writeBufferSize: 64 * MiB }, 8 * GiB), [832, 64, 512])
  assert.deepEqual(planned({ memoryBudget: 256 * MiB }, 8 * GiB), [256, 32, 96])
  assert.deepEqual(planned({ blockCacheSize: 80 * MiB }, 8 * GiB), [272, 32, 80])
  assert.deepEqual(planned({ blockCacheSize: 0 }, 8 * GiB), [256, 32, 0])
})

test('a budget that is too small for the sizes is refused, and the message has the sum', () => {
  const refused = (options: VarveOptions): string => {
    return expectError(() => resolveOptions(options, 8192), 'INVALID_ARGUMENT').message
  }
  assert.equal(
    refused({ memoryBudget: 16 * MiB, writeBufferSize: 4 * MiB }),
    'option memoryBudget is 16384 KiB, too small for what else was asked for: ' +
      'writes 20480 KiB (4 buffers of 4096 KiB and their indexes)',
  )
  assert.match(refused({ memoryBudget: 16 * MiB, blockCacheSize: 8 * MiB }), /writes 10240 KiB \+ blockCacheSize 8192/)
  assert.match(refused({ memoryBudget: MiB, immutablesMax: 64 }), /65 buffers of 64 KiB/)
})

const SMALL = { memoryBudget: 4 * MiB, workers: 0, compaction: { style: 'none' } } as const
const keyOf = (i: number): string => `key${String(i * 7919 % 1_000_003).padStart(8, '0')}`

/** Writes entries with a key and value of 20 bytes: point hashes come to a third of the data. */
async function load(db: Varve, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i += 500) {
    await db.batch(Array.from({ length: 500 }, (_, k) => ({ type: 'put', key: keyOf(i + k), value: `value ${i + k}` })))
  }
  await db.flush()
}

function checkAnswers(db: Varve, count: number): void {
  for (let i = 0; i < count; i += 293) {
    assert.equal(new TextDecoder().decode(db.getSync(keyOf(i))), `value ${i}`)
    assert.equal(db.getSync(`${keyOf(i)}x`), undefined)
  }
}

heavyTest('BUD-1: where tables grow the cache gives way, then point hashes; the sum is under budget', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open('/db', { ...SMALL, components: { vfs } })
  const capacities: number[] = []
  const seen = { pointHashBytes: 0, filterBytes: 0 }
  for (let count = 0; count < 150_000; count += 10_000) {
    await load(db, count, count + 10_000)
    for (const _ of db.keysSync()) { /* the cache fills */ }
    const { memory, cache } = db.stats()
    capacities.push(cache.capacityBytes)
    assert.ok(memory.totalBytes <= memory.budgetBytes, `${memory.totalBytes} at ${count}`)
    for (const part of ['pointHashBytes', 'filterBytes'] as const) seen[part] = Math.max(seen[part], memory[part])
  }
  assert.equal(capacities[0]! > capacities.at(-1)!, true)
  // Parts of tables that went leave an eighth of the tables' room free.
  assert.ok(capacities.at(-1)! < cacheBytesMin(1.5 * MiB) + 1.4 * MiB / 8 + 64 * KiB, capacities.join())
  assert.ok(seen.pointHashBytes > 0 && seen.filterBytes > 0, 'some tables have lost theirs')
  checkAnswers(db, 150_000)
  await db.close()

  const again = await Varve.open('/db', { ...SMALL, components: { vfs } })
  const { memory } = again.stats()
  assert.ok(memory.totalBytes <= memory.budgetBytes)
  checkAnswers(again, 150_000)
  await again.close()

  for (const readOnly of [false, true]) {
    const wide = await Varve.open('/db', { ...SMALL, readOnly, memoryBudget: 64 * MiB, components: { vfs } })
    assert.equal(wide.stats().memory.filterBytes, 0)
    await wide.close()
  }
})

heavyTest('BUD-1: a budget that not even the indexes fit into is kept, with the same answers', async () => {
  const vfs = new MemoryVfs()
  const tight = { ...SMALL, memoryBudget: MiB, blockSize: KiB } as const
  const db = await Varve.open('/db', { ...tight, components: { vfs } })
  const check = (open: Varve, when: string): number => {
    const { totalBytes, budgetBytes, memtableCount: _, tableIndexBytes, ...rest } = open.stats().memory
    const sum = Object.values(rest).reduce((a, b) => a + b, tableIndexBytes)
    assert.equal(totalBytes, sum, 'it adds up')
    assert.ok(totalBytes <= budgetBytes, `${totalBytes} of ${budgetBytes} ${when}`)
    return tableIndexBytes
  }
  for (let count = 0; count < 150_000; count += 10_000) {
    await load(db, count, count + 10_000)
    check(db, `at ${count}`)
  }
  checkAnswers(db, 150_000)
  check(db, 'after lookups')
  let count = 0
  for (const _ of db.keysSync()) if (++count % 10_000 === 0) check(db, `at ${count} of a scan`)
  assert.equal(count, 150_000)
  await db.close()
  for (const readOnly of [false, true]) {
    const again = await Varve.open('/db', { ...tight, readOnly, components: { vfs } })
    check(again, 'after open')
    checkAnswers(again, 150_000)
    check(again, 'after open and lookups')
    await again.close()
  }
})

heavyTest('BUD-1: memtables of tiny entries are full when their indexes are; the sum is under budget', async () => {
  for (const sync of [false, true]) {
    const db = await Varve.open('/db', { ...SMALL, memoryBudget: 16 * MiB, components: { vfs: new MemoryVfs() } })
    let most = 0
    let sealed = 0
    for (let i = 0; i < 400_000; i += 1000) {
      const ops = Array.from({ length: 1000 }, (_, k) => ({ type: 'put' as const, key: keyOf(i + k), value: 'v' }))
      if (sync) db.batchSync(ops)
      else await db.batch(ops)
      const { memory, flush } = db.stats()
      most = Math.max(most, memory.memtableIndexBytes)
      sealed = Math.max(sealed, flush.pending)
      assert.ok(memory.totalBytes <= memory.budgetBytes, `${memory.totalBytes} at ${i}`)
    }
    // Four shares of half a MiB, and what one batch adds.
    assert.ok(sealed > 0 && most > MiB && most < 2.25 * MiB, `${most} bytes, ${sealed} sealed`)
    checkCount(db, 400_000)
    await db.close()
  }
})

function checkCount(db: Varve, count: number): void {
  let seen = 0
  for (const _ of db.keysSync()) seen++
  assert.equal(seen, count)
}

/** A budget whose cache may take what memtables and slabs leave, and those who ask the cache for memory. */
function budgetOf16MiB() {
  const options = resolveOptions({ memoryBudget: 16 * MiB, writeBufferSize: MiB }, 8192)
  const cache = new BlockCache(options.blockCacheSize)
  const memoryLimit = { sumBytes: 0, fit: () => undefined, onGrown: () => undefined }
  const ahead = new ReadAhead()
  const tables = { memoryLimit, valueLogs: { ahead } } as unknown as OpenTables
  const budget = new MemoryBudget(options, cache, tables, new SlabPool(MiB, 4))
  const fit = (): void => budget.fit({ memtables: [] } as unknown as ReadState)
  return { cache, memoryLimit, ahead, fit }
}

test('BUD-1: the cache gives way also when a table reads its index again, or gets its point hash back', () => {
  const { cache, memoryLimit, fit } = budgetOf16MiB()
  fit()
  assert.equal(cache.capacityBytes, 11 * MiB)
  memoryLimit.sumBytes = 4 * MiB
  memoryLimit.onGrown()
  assert.equal(cache.capacityBytes, 7 * MiB)
})

test('BUD-1: the cache gives way for what walks read ahead, once for the most of it, and gets it back later', () => {
  const { cache, ahead, fit } = budgetOf16MiB()
  fit()
  const all = cache.capacityBytes
  const walk = { dropAhead: () => undefined }
  ahead.take(walk, ahead.bytesMax)
  assert.equal(cache.capacityBytes, all - ahead.bytesMax)
  ahead.give(walk)
  ahead.take(walk, 1)
  assert.equal(cache.capacityBytes, all - ahead.bytesMax)
  ahead.give(walk)
  fit()
  assert.equal(cache.capacityBytes, all)
})

test('point hashes come back when tables have gone', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open('/db', { ...SMALL, components: { vfs } })
  await load(db, 0, 150_000)
  assert.ok(db.stats().memory.filterBytes > 0)
  await db.clear({ gte: 'key00100000' })
  await db.flush()
  await db.compact()
  for (let i = 0; i < 8; i++) await load(db, 0, 500)
  const { memory } = db.stats()
  assert.equal(memory.filterBytes, 0)
  assert.ok(memory.pointHashBytes > 0)
  await db.close()
})

