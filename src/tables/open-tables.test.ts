/**
 * What: readers of tables live as long as a version lists them or a reader uses them, and errors of reads reach the
 * caller.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from '../../test/support/databases/databases.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { makeTables } from '../../test/support/databases/many-tables.js'
import { runSync } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { Varve, VarveError } from '../index.js'
import { readManifest } from '../manifest/index.js'
import { findDatabase } from '../open/directory-reading.js'
import { SimVfs } from '../testing.js'
import { FilePool } from '../vfs/index.js'
import { OpenTables } from './open-tables.js'

const DIR = '/db'

/** Makes a closed database with one table of many blocks. */
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
  const { marker } = runSync(findDatabase({ vfs, dir: DIR }))
  const { version, databaseId } = runSync(readManifest(vfs, DIR, marker!.manifest))
  const facts = version.levels[0]!.tables[0]!
  const tables = new OpenTables({ vfs, dir: DIR, databaseId, cache: new BlockCache(0), files: new FilePool() })
  const before = vfs.openFileCount
  tables.loadSync(facts)
  assert.equal(vfs.openFileCount, before + 1)
  tables.hold(facts.fileNum)
  const table = tables.hold(facts.fileNum)
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

const FEW_DIR = '/few'

test('READ-1, FILE-1: few open files give the same answers, and no table goes while a reader lists it', async () => {
  const vfs = new SimVfs({ seed: 6 })
  const { entries } = makeTables(vfs, FEW_DIR, { count: 40, stacked: 10 })
  const options = { maxOpenFiles: 3, blockCacheSize: 0, workers: 0, compaction: { style: 'none' as const } }
  const db = await Varve.open(FEW_DIR, { ...options, components: { vfs, clock: vfs.clock } })
  const others = vfs.openFileCount - db.stats().files.openCount
  const check = () => {
    const { openCount, openMaxCount } = db.stats().files
    assert.deepEqual([openCount, openMaxCount], [3, 3])
    assert.ok(vfs.openFileCount <= others + 3, `${vfs.openFileCount} are open`)
  }
  for (const [key, value] of entries) assert.equal(text(db.getSync(key)), value)
  check()
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  const walk = db.entriesSync()
  assert.deepEqual(walk.next().value?.map(text), sorted[0])
  await db.compact()
  await vfs.settled()
  assert.equal(db.stats().files.heldCount, 50, 'the walk still lists them all')
  assert.deepEqual([...walk].map((entry) => entry.map(text)), sorted.slice(1), 'in files that no version lists')
  assert.deepEqual([...db.entriesSync()].map((entry) => entry.map(text)), sorted)
  assert.ok(db.stats().files.openCount <= 3)
  await db.close()
  assert.equal(vfs.openFileCount, 0)
})

test('FILE-2: a table that is gone, cut or replaced while its file was closed is an error with its name', async () => {
  for (const fate of ['gone', 'cut', 'other'] as const) {
    const vfs = new SimVfs({ seed: 7 })
    const { entries, names } = makeTables(vfs, FEW_DIR, { count: 4 })
    const options = { maxOpenFiles: 1, blockCacheSize: 0, workers: 0, compaction: { style: 'none' as const } }
    const db = await Varve.open(FEW_DIR, { ...options, components: { vfs, clock: vfs.clock } })
    const keys = [...entries.keys()]
    db.getSync(keys.at(-1)!)
    const path = `${FEW_DIR}/${names[0]}`
    vfs.unlinkSync(path)
    if (fate !== 'gone') vfs.linkSync(`${FEW_DIR}/${names[1]}`, path)
    if (fate === 'cut') vfs.openSync(path, 'write').truncateSync(300)
    const code = fate === 'gone' ? 'MISSING_FILE' : 'CORRUPTION'
    const error = expectError(() => db.getSync(keys[0]!), code)
    assert.equal(error.file, names[0])
    if (fate !== 'cut') assert.equal(text(db.getSync(keys[2]!)), entries.get(keys[2]!), 'the other keys can be read')
    await db.close()
  }
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
