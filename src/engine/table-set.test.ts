/** What: readers of tables live as long as somebody lists them, and errors of reads reach the caller. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockCache } from '../cache/index.js'
import { Varve, VarveError } from '../index.js'
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
