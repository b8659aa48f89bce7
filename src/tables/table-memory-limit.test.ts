/** Parts of tables go and come back as the limit says, and the answers stay the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyHash, KiB, NUMBER_MAX, runSync } from '../base/index.js'
import type { PointResult } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { Varve } from '../index.js'
import { readManifest } from '../manifest/index.js'
import { findDatabase } from '../open/directory-reading.js'
import type { Table } from '../sstable/index.js'
import { SimVfs } from '../testing.js'
import { FilePool } from '../vfs/index.js'
import { OpenTables } from './open-tables.js'
import type { TableMemoryLimit } from './table-memory-limit.js'

const DIR = '/db'
const ENTRIES = 400
const UNREADABLE = { kind: 'read', fileClass: 'table', times: Infinity, fault: { do: 'error', code: 'EIO' } } as const

interface Opened {
  vfs: SimVfs
  set: OpenTables
  limit: TableMemoryLimit
  tables: Table[]
  cache: BlockCache
}

/**
 * Opens this many tables, each with its own keys and in use, or one in the last level that was made of them; the limit
 * is what `limit` makes of all their parts.
 */
async function opened(tableCount: number, limit = NUMBER_MAX, isCompacted = false): Promise<Opened> {
  const vfs = new SimVfs({ seed: 5 })
  const options = { blockSize: 1024, workers: 0, compaction: { style: 'none' as const } }
  const db = await Varve.open(DIR, { ...options, components: { vfs, clock: vfs.clock } })
  for (let t = 0; t < tableCount; t++) {
    for (let i = 0; i < ENTRIES; i++) db.putSync(keyOf(t, i), 'v'.repeat(50))
    await db.flush()
  }
  if (isCompacted) {
    db.putSync(keyOf(0, 0), 'again')
    await db.compact()
  }
  await db.close()
  const { marker } = runSync(findDatabase({ vfs, dir: DIR }))
  const { version, databaseId } = runSync(readManifest(vfs, DIR, marker!.manifest))
  const cache = new BlockCache(64 * KiB)
  const set = new OpenTables({ vfs, dir: DIR, databaseId, cache, files: new FilePool() })
  set.memoryLimit.limitBytes = limit
  const all = version.levels.flatMap(({ tables }) => tables).toReversed()
  for (const facts of all) set.loadSync(facts)
  return { vfs, set, limit: set.memoryLimit, cache, tables: all.map(({ fileNum }) => set.hold(fileNum)) }
}

function keyOf(table: number, i: number): string {
  return `table ${table} key ${String(i).padStart(4, '0')}`
}

async function close({ set, tables }: Opened): Promise<void> {
  for (const { facts } of tables) set.release(facts.fileNum)
  await set.idle()
}

function finds(table: Table, key: string): boolean {
  const out: PointResult = { kind: 0, valueBytes: new Uint8Array(0), valueStart: 0, valueEnd: 0 }
  return table.get(Buffer.from(key), key.length, NUMBER_MAX, out, new KeyHash())
}

/** Gives all answers of all tables, by lookups and by an iterator. */
function checkAnswers({ tables, limit }: Opened): void {
  for (const [t, table] of tables.entries()) {
    for (let i = 0; i < ENTRIES; i += 7) {
      assert.ok(finds(table, keyOf(t, i)))
      assert.ok(!finds(table, `${keyOf(t, i)}x`))
    }
    const iterator = table.iterator()
    let count = 0
    for (iterator.first(); iterator.valid; iterator.next()) count++
    iterator.close()
    assert.equal(count, ENTRIES)
  }
  const { index, filter, pointHash } = limit.bytes
  assert.equal(limit.sumBytes, index + filter + pointHash, 'the sum that is kept is the sum')
}

/** Without any part one of these tables takes less than this, and its index more. */
const BARE_BYTES_MAX = 2000

const shown = ({ tables }: Opened): string =>
  tables.map((it) => `${it.lookup}${it.loadedBytes.index > BARE_BYTES_MAX ? '' : ', no index'}`).join(' | ')

/** Measures the parts of one of these tables. */
async function sizes(): Promise<{ index: number; pointHash: number; filter: number }> {
  const one = await opened(1)
  const { pointHash } = one.limit.bytes
  const [table] = one.tables
  const index = table!.loadedBytes.index
  const filter = table!.lookupBytes('filter') + 300
  await close(one)
  return { index, pointHash, filter }
}

test('BUD-2: point hashes go first, then filters, then indexes; each at once and without reading', async () => {
  const { index, pointHash, filter } = await sizes()
  const all = await opened(2)
  assert.equal(shown(all), 'pointHash | pointHash')
  const fault = all.vfs.addFault(UNREADABLE)
  const first = Math.ceil((2 * index + pointHash + filter) * 8 / 7)
  const limits = [first, 2 * index + filter, 2 * index - 1, 2 * BARE_BYTES_MAX]
  const seen = limits.map((limit) => {
    all.limit.limitBytes = limit
    all.limit.fit()
    assert.ok(all.limit.sumBytes <= Math.max(limit, 2 * BARE_BYTES_MAX), `${all.limit.sumBytes} of ${limit}`)
    return shown(all)
  })
  assert.deepEqual(seen, [
    'none | pointHash', 'none | none', 'none, no index | none', 'none, no index | none, no index',
  ])
  assert.equal(fault.hitCount, 0)
  fault.remove()
  all.limit.limitBytes = index + BARE_BYTES_MAX
  checkAnswers(all)
  assert.equal(shown(all).split('no index').length, 2, 'one index at a time')
  await close(all)
})

test('filters come back in the background, then point hashes, as far as there is room to spare', async () => {
  const { index, pointHash, filter } = await sizes()
  const all = await opened(2, 1)
  assert.equal(shown(all), 'none, no index | none, no index')
  checkAnswers(all)
  const seen: string[] = []
  for (const limit of [2 * index + 2 * filter, 2 * index + 2 * filter + 2000, 2 * index + 2 * pointHash + 4000]) {
    all.limit.limitBytes = Math.ceil(limit)
    checkAnswers(all)
    all.limit.fit()
    const before = shown(all)
    await all.limit.settled()
    seen.push(`${before} → ${shown(all)}`)
    checkAnswers(all)
  }
  assert.equal(seen.at(-1)!.split(' → ')[1], 'pointHash | pointHash')
  assert.match(seen[0]!, /^none \| none → /, 'nothing is loaded within the call')
  assert.ok(seen.some((text) => text.endsWith('filter | filter') || text.includes('filter |')), seen.join('\n'))
  await close(all)
})

test('a table of the last level, which has no filter, gets its point hash back at once', async () => {
  const one = await opened(1, 1, true)
  assert.equal(shown(one), 'none, no index')
  assert.equal(one.tables[0]!.lookupBytes('filter'), 0)
  checkAnswers(one)
  one.limit.limitBytes = NUMBER_MAX
  one.limit.fit()
  await one.limit.settled()
  assert.equal(shown(one), 'pointHash')
  checkAnswers(one)
  await close(one)
})

test('who shares the memory hears of each part that was loaded again', async () => {
  const all = await opened(1, 1)
  let told = 0
  all.limit.onGrown = () => told++
  finds(all.tables[0]!, keyOf(0, 1))
  assert.equal(told, 1, 'an index')
  all.limit.limitBytes = NUMBER_MAX
  all.limit.fit()
  assert.equal(told, 1)
  await all.limit.settled()
  assert.equal(told, 3, 'a filter, then a point hash')
  await close(all)
})

test('the least read tables give way', async () => {
  const { index, pointHash } = await sizes()
  const all = await opened(3)
  for (let i = 0; i < ENTRIES; i++) finds(all.tables[1]!, keyOf(1, i))
  const { filter } = await sizes()
  all.limit.limitBytes = Math.ceil((3 * index + pointHash + 2 * filter) * 8 / 7)
  all.limit.fit()
  assert.equal(shown(all), 'none | pointHash | none')
  all.limit.limitBytes = index + 2 * BARE_BYTES_MAX
  all.limit.fit()
  assert.equal(shown(all), 'none, no index | none | none, no index')
  await close(all)
})

test('an index that goes while iterators are in its table is read again, also by them', async () => {
  const all = await opened(1)
  const iterator = all.tables[0]!.iterator()
  iterator.first()
  all.limit.limitBytes = 1
  all.limit.fit()
  assert.equal(shown(all), 'none, no index')
  let count = 1
  for (iterator.next(); iterator.valid; iterator.next()) {
    if (++count % 50 === 0) all.limit.fit()
  }
  assert.equal(count, ENTRIES)
  iterator.close()
  await close(all)
})

test('a part that cannot be read leaves the table as it was, and is not tried again', async () => {
  const all = await opened(1, 1)
  const fault = all.vfs.addFault(UNREADABLE)
  assert.throws(() => finds(all.tables[0]!, keyOf(0, 1)), { code: 'IO_ERROR' })
  all.limit.limitBytes = NUMBER_MAX
  all.limit.fit()
  await all.limit.settled()
  const { hitCount } = fault
  all.limit.fit()
  await all.limit.settled()
  assert.equal(fault.hitCount, hitCount)
  fault.remove()
  assert.equal(shown(all), 'none, no index')
  checkAnswers(all)
  await close(all)
})

test('READ-1: a table that is being read in the background stays open until that has ended', async () => {
  const all = await opened(1, 1)
  const { vfs, set, limit } = all
  limit.limitBytes = NUMBER_MAX
  limit.fit()
  await null
  const before = vfs.openFileCount
  set.release(all.tables[0]!.facts.fileNum)
  assert.equal(vfs.openFileCount, before)
  await set.idle()
  await vfs.settled()
  assert.equal(vfs.openFileCount, before - 1)
})
