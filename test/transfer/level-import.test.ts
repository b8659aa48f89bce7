/** A LevelDB directory as the source of an import: all that its reader gives is in the database. */
import assert from 'node:assert/strict'
import { cpSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { readLevelDatabase } from '../../src/leveldb/index.js'
import { NodeVfs } from '../../src/vfs/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { heldBy } from '../support/databases/transfers.js'
import { packageDir } from '../support/harness/golden.js'
import { varveHere } from '../support/programs/run-program.js'

const fixtures = path.join(packageDir, 'test/fixtures/leveldb')

test('LevelDB directories become databases, and nothing of them changes', async () => {
  const names = readdirSync(fixtures, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  assert.ok(names.length > 3)
  for (const { name } of names) {
    const dir = path.join(fixtures, name)
    const before = directoryState(dir)
    const expected: { key: Buffer; value: Buffer }[] = []
    for await (const chunk of readLevelDatabase(new NodeVfs(), dir, { clock: systemClock }).chunks) {
      for (const { key, value } of chunk) expected.push({ key: Buffer.from(key), value: Buffer.from(value) })
    }
    const target = newDirectory()
    const report = await Varve.import(target, dir)
    assert.deepEqual([report.format, report.entryCount, report.ok], ['leveldb', expected.length, true], name)
    const db = await Varve.open(target, { readOnly: true })
    assert.deepEqual(heldBy(db), expected, name)
    await db.close()
    assert.deepEqual(directoryState(dir), before, name)
  }
})

test('whatever the source is called, it may stand beside the target', async () => {
  const target = newDirectory()
  const source = path.join(path.dirname(target), 'target')
  const { name } = readdirSync(fixtures, { withFileTypes: true }).find((entry) => entry.isDirectory())!
  cpSync(path.join(fixtures, name), source, { recursive: true })
  assert.equal((await Varve.import(target, source)).ok, true)
})

test('what is no LevelDB directory, or lies in the target, is refused, and nothing is left', async () => {
  const target = newDirectory()
  const parent = path.dirname(target)
  await assert.rejects(Varve.import(target, parent), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(Varve.import(target, packageDir, { format: 'leveldb' }), { code: 'NOT_FOUND' })
  await assert.rejects(Varve.import(target, path.join(packageDir, 'README.md'), { format: 'leveldb' }), {
    code: 'INVALID_ARGUMENT',
  })
  const { code, out } = await varveHere('import', target, path.join(fixtures, 'killed'), '--format', 'leveldb')
  assert.equal(code, 0)
  assert.match(out, /^imported 211 entries of [\d,]+ bytes\n$/)
  assert.deepEqual(readdirSync(parent), ['db'])
})
