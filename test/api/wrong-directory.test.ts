/** Directories that are not for a database of ours, or not for this call: the error says what they are. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve, VarveError } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'

function directoryOf(files: Record<string, string>): string {
  const dir = newDirectory()
  fs.mkdirSync(dir)
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text, 'latin1')
  return dir
}

const LEVELDB = {
  CURRENT: 'MANIFEST-000004\n', 'MANIFEST-000004': '', LOCK: '', LOG: '', '000005.ldb': '', '000006.log': '',
}

const kinds: [string, string][] = [
  ['LevelDB', directoryOf(LEVELDB)],
  ['RocksDB', directoryOf({ ...LEVELDB, 'OPTIONS-000007': '' })],
  ['RocksDB', directoryOf({ ...LEVELDB, IDENTITY: '' })],
  ['LMDB', directoryOf({ 'data.mdb': '', 'lock.mdb': '' })],
  ['SQLite', path.join(directoryOf({ 'app.db': 'SQLite format 3\0' + '\0'.repeat(84) }), 'app.db')],
  ['LMDB', path.join(directoryOf({ 'app.mdb': '\0'.repeat(16) + '\xde\xc0\xef\xbe' }), 'app.mdb')],
]

test('a database of another kind is told for what it is, and left alone', async () => {
  for (const [kind, place] of kinds) {
    const dir = fs.statSync(place).isDirectory() ? place : path.dirname(place)
    const before = directoryState(dir)
    const calls: (() => Promise<unknown>)[] = [
      () => Varve.open(place), () => Varve.open(place, { readOnly: true }), () => Varve.destroy(place),
      () => Varve.open(place, { createIfMissing: false }), () => Varve.open(place, { errorIfExists: true }),
    ]
    for (const call of calls) {
      await assert.rejects(call, (error) => {
        assert.ok(VarveError.is(error))
        assert.equal(error.code, 'UNSUPPORTED_FORMAT')
        assert.match(error.message, new RegExp(`${place}.* ${kind} database`))
        assert.match(error.hint!, /migration|varve import/)
        return true
      })
    }
    assert.deepEqual(directoryState(dir), before)
  }
})

test('a database of ours in which LevelDB was opened by mistake still opens', async () => {
  const dir = newDirectory()
  await (await Varve.open(dir)).close()
  for (const [name, text] of Object.entries(LEVELDB)) fs.writeFileSync(path.join(dir, name), text)
  await (await Varve.open(dir)).close()
})

test('a directory that this call refuses keeps no file of ours', async () => {
  const files = { 'notes.txt': 'mine', '000003.wal.bak': '' }
  const refused: [VarveOptions, string, RegExp][] = [
    [{ createIfMissing: false }, 'NOT_FOUND', /does not exist/],
    [{ readOnly: true }, 'NOT_FOUND', /does not exist/],
  ]
  for (const [options, code, message] of refused) {
    for (const dir of [directoryOf(files), directoryOf({})]) {
      const before = directoryState(dir)
      await assert.rejects(Varve.open(dir, options), { code, message })
      await assert.rejects(Varve.destroy(dir), { code: 'NOT_FOUND' })
      assert.equal(await Varve.forceUnlock(dir), null)
      assert.deepEqual(directoryState(dir), before)
    }
  }
  const shared = directoryOf(files)
  fs.chmodSync(shared, 0o777)
  await assert.rejects(Varve.open(shared), { code: 'INVALID_ARGUMENT' })
  assert.deepEqual(fs.readdirSync(shared).sort(), Object.keys(files).sort())
})

test('one that exists is refused before it is locked', async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir)
  await assert.rejects(Varve.open(dir, { errorIfExists: true }), { code: 'ALREADY_EXISTS' })
  await db.close()
})

test('an open that fails in a new directory takes its lock with it', async (t) => {
  const dir = directoryOf({})
  const { readdir } = fs.promises
  let calls = 0
  t.mock.method(fs.promises, 'readdir', async (place: string) => {
    if (++calls === 2) throw Object.assign(new Error('EIO'), { code: 'EIO' })
    return readdir(place)
  })
  await assert.rejects(Varve.open(dir), { code: 'IO_ERROR', message: `list ${dir} failed: EIO` })
  assert.deepEqual(fs.readdirSync(dir), [])
})
