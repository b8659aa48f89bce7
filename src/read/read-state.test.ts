import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { recordCalls } from '../../test/support/fakes/watched-vfs.js'
import { sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import { runSync, SeededRandom } from '../base/index.js'
import type { FileNum, TableFacts } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { emptyVersion, levelOf, newLineage } from '../manifest/index.js'
import { Memtable } from '../memtable/index.js'
import { TableBuilder } from '../sstable/index.js'
import { OpenTables } from '../tables/open-tables.js'
import { writeManifest } from '../versions/manifest-roll.js'
import { FilePool, MemoryVfs } from '../vfs/index.js'
import { ReadState } from './read-state.js'

const calls: string[] = []

function newVfs(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  return vfs
}

function writeTable(vfs: MemoryVfs, fileNum: FileNum): TableFacts {
  const name = `${String(fileNum).padStart(6, '0')}.table`
  const file = vfs.openSync(`/db/${name}`, 'create')
  const builder = new TableBuilder(file, {
    databaseId: sampleDatabaseId, fileNum, salt: new Uint8Array(8).fill(fileNum), generation: 1,
    blockBytes: 1024, firstLog: fileNum, lastLog: fileNum,
  })
  const key = Buffer.from(`key ${fileNum}`)
  builder.add(key, 0, key.length, fileNum, 1, key, 0, key.length)
  const facts = builder.finish()
  file.closeSync()
  return facts
}

function memtable(): Memtable {
  return new Memtable({ logNum: 1, start: 128, baseSeqNum: 0, hashSeed: { low: 1, high: 2 }, executor: null })
}

function newTables(vfs: MemoryVfs): OpenTables {
  const cache = new BlockCache(0)
  const [watched, files] = [recordCalls(vfs, calls), new FilePool()]
  return new OpenTables({ vfs: watched, dir: '/db', databaseId: sampleDatabaseId, cache, files })
}

const closed = () => calls.splice(0).filter((call) => call.startsWith('close'))

test('READ-1, READ-2: a table is closed when the last read state that lists it lets go', async () => {
  const vfs = newVfs()
  const [a, b] = [writeTable(vfs, 3), writeTable(vfs, 4)]
  const tables = newTables(vfs)
  await tables.load(a)
  tables.loadSync(b)
  tables.loadSync(b)
  calls.length = 0
  const versionOf = (...facts: TableFacts[]) => ({ ...emptyVersion, levels: [levelOf(0, facts)] })
  const first = new ReadState([memtable()], versionOf(b, a), tables)
  const second = new ReadState([memtable()], versionOf(b), tables)
  first.hold()
  first.release()
  assert.deepEqual([closed(), tables.count], [[], 2])
  first.release()
  assert.deepEqual([closed(), tables.count], [['close 000003.table'], 1])
  second.release()
  assert.deepEqual([closed(), tables.count], [['close 000004.table'], 0])
  expectError(() => second.release(), 'INTERNAL')
  expectError(() => tables.hold(3), 'INTERNAL')
})

test('tables that no read state ever took are closed by an open that fails', async () => {
  const vfs = newVfs()
  const tables = newTables(vfs)
  tables.loadSync(writeTable(vfs, 3))
  tables.hold(3)
  tables.loadSync(writeTable(vfs, 4))
  calls.length = 0
  tables.closeUnused()
  assert.deepEqual(closed(), ['close 000004.table'])
})

test('a missing table, and one that is not that of the manifest, are named; no handle stays', async () => {
  const vfs = newVfs()
  const tables = newTables(vfs)
  const facts = writeTable(vfs, 3)
  await assert.rejects(tables.load({ ...facts, fileNum: 9 }), { code: 'MISSING_FILE', file: '000009.table' })
  expectError(() => tables.loadSync({ ...facts, fileNum: 9 }), 'MISSING_FILE')
  calls.length = 0
  const other = { ...facts, salt: new Uint8Array(8) }
  await assert.rejects(tables.load(other), { code: 'CORRUPTION', file: '000003.table' })
  expectError(() => tables.loadSync(other), 'CORRUPTION')
  assert.equal(closed().length, 2)
})

test('MAN-22: the new manifest is durable before the marker is made, the marker before old ones go', () => {
  const vfs = newVfs()
  const random = new SeededRandom(1)
  const origin = { databaseId: sampleDatabaseId, generation: 1, lineage: 1, random }
  const place = { vfs: recordCalls(vfs, calls), dir: '/db', ...origin }
  const version = { ...emptyVersion, lineage: newLineage(random) }
  runSync(writeManifest(place, 1, version))
  calls.length = 0
  runSync(writeManifest(place, 2, version))
  assert.deepEqual(calls.splice(0).filter((call) => !/^(list|close)/.test(call)), [
    'open create 000002.manifest', 'write 000002.manifest', 'sync 000002.manifest', 'syncDir db',
    'open create marker.000002.000002', 'syncDir db', 'unlink marker.000001.000001',
    'open write 000002.manifest', 'write 000002.manifest', // zeros, for which nothing waits
  ])
})
