/** What: readers of tables live as long as somebody lists them, and errors of reads reach the caller. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KiB, MiB, NUMBER_MAX } from '../base/index.js'
import type { PointResult } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { Varve, VarveError } from '../index.js'
import type { Table } from '../sstable/index.js'
import { SimVfs } from '../testing.js'
import { readCurrentManifest, readDirectory } from './recovery.js'
import { TableSet } from './table-set.js'

const DIR = '/db'

/** A closed database with one table of many blocks. */
async function oneTable(): Promise<SimVfs> {
  const vfs = new SimVfs({ seed: 5 })
  const options = { blockSize: 1024, workers: 0, compaction: { style: 'none' as const } }
  const db = await Varve.open(DIR, { ...options, components: { vfs, clock: vfs.clock } })
  for (let i = 0; i < 200; i++) db.putSync(`key${String(i).padStart(4, '0')}`, 'v'.repeat(100))
  await db.close()
  return vfs
}

test('READ-1: the file of a table is closed when the last read state lets go, not before', async () => {
  const vfs = await oneTable()
  const { marker } = await readDirectory(vfs, DIR)
  const { version, databaseId } = await readCurrentManifest(vfs, DIR, marker!)
  const facts = version.levels[0]![0]!
  const tables = new TableSet(vfs, DIR, databaseId, new BlockCache(0))
  const before = vfs.openFileCount
  tables.loadSync(facts)
  assert.equal(vfs.openFileCount, before + 1)
  tables.acquire(facts.fileNum)
  const table = tables.acquire(facts.fileNum)
  tables.release(facts.fileNum)
  const iterator = table.iterator()
  iterator.first()
  assert.equal(iterator.valid, true)
  assert.equal(vfs.openFileCount, before + 1)
  iterator.close()
  tables.release(facts.fileNum)
  await vfs.settled()
  assert.equal(vfs.openFileCount, before)
})

/** The one table of `oneTable`, with room for its index and filter only. */
async function withoutPointHash(vfs: SimVfs): Promise<{ tables: TableSet; table: Table }> {
  const { marker } = await readDirectory(vfs, DIR)
  const { version, databaseId } = await readCurrentManifest(vfs, DIR, marker!)
  const facts = version.levels[0]![0]!
  const tables = new TableSet(vfs, DIR, databaseId, new BlockCache(0))
  tables.loadedBytesMax = 1
  tables.loadSync(facts)
  return { tables, table: tables.acquire(facts.fileNum) }
}

function checkTable(table: Table): void {
  const out: PointResult = { seqNum: 0, kind: 0, valueBytes: new Uint8Array(0), valueStart: 0, valueEnd: 0 }
  const find = (key: string): boolean => table.get(Buffer.from(key), 0, key.length, NUMBER_MAX, out)
  for (let i = 0; i < 200; i++) assert.ok(find(`key${String(i).padStart(4, '0')}`))
  for (let i = 0; i < 200; i++) assert.ok(!find(`key${String(i).padStart(4, '0')}x`))
}

test('point hashes go and come back as the limit says; the answers stay', async () => {
  const { tables, table } = await withoutPointHash(await oneTable())
  assert.equal(table.hasPointHash, false)
  const bare = tables.memoryBytes
  checkTable(table)
  tables.loadedBytesMax = 2 * bare + 8 * KiB
  tables.fitPointHashes()
  assert.ok(table.hasPointHash && tables.loadedBytes.filter === 0)
  assert.equal(tables.memoryBytes, bare + table.pointHashCost)
  checkTable(table)
  tables.loadedBytesMax = tables.memoryBytes - 1
  tables.fitPointHashes()
  assert.equal(tables.memoryBytes, bare)
  checkTable(table)
  tables.loadedBytesMax = bare + table.pointHashCost
  tables.fitPointHashes()
  assert.equal(table.hasPointHash, false, 'what fits narrowly does not come back')
  tables.release(table.facts.fileNum)
  await tables.idle()
})

test('a point hash that cannot be read leaves the table as it was, and is not tried again', async () => {
  const vfs = await oneTable()
  const { tables, table } = await withoutPointHash(vfs)
  const fault = vfs.addFault({ kind: 'read', fileClass: 'table', times: Infinity, fault: { do: 'error', code: 'EIO' } })
  tables.loadedBytesMax = MiB
  tables.fitPointHashes()
  const { hitCount } = fault
  assert.ok(hitCount > 0)
  tables.fitPointHashes()
  assert.equal(fault.hitCount, hitCount)
  fault.remove()
  assert.equal(table.hasPointHash, false)
  checkTable(table)
  tables.release(table.facts.fileNum)
  await tables.idle()
})

test('READ-5: a read error in the middle of a scan is thrown, never taken for the end', async () => {
  const vfs = await oneTable()
  const db = await Varve.open(DIR, { blockCacheSize: 0, workers: 0, components: { vfs, clock: vfs.clock } })
  const walk = db.keysSync()
  for (let i = 0; i < 5; i++) assert.equal(walk.next().done, false)
  const fault = vfs.addFault({ kind: 'read', fileClass: 'table', times: Infinity, fault: { do: 'error', code: 'EIO' } })
  assert.throws(() => [...walk], (error) => VarveError.is(error) && error.code === 'IO_ERROR')
  assert.ok(fault.hitCount > 0)
  fault.remove()
  assert.equal([...db.keysSync()].length, 200)
  await db.close()
})
