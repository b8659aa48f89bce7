/** `varve gc` as users run it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import { directoryState } from '../support/databases/directory-state.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-gc-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Makes a database of 60 values of 20 kB in value logs, of which 40 are dead, and known to be. */
async function filledDir(name: string): Promise<string> {
  const dir = path.join(root, name)
  const db = await Varve.open(dir, {
    writeBufferSize: 512 * 1024, workers: 0, valueThreshold: 4096, compaction: { style: 'none' },
    garbageRatio: 0.95,
  })
  for (let i = 0; i < 60; i++) db.putSync(`key ${i}`, 'v'.repeat(20_000))
  await db.flush()
  for (let i = 0; i < 60; i++) if (i % 3 !== 0) db.delSync(`key ${i}`)
  await db.compact()
  await db.close()
  return dir
}

const valueLogsIn = (dir: string): number => readdirSync(dir).filter((name) => /\.(vlog|wal)$/.test(name)).length

test('gc empties value logs, and a dry run tells of it and changes nothing', async () => {
  const dir = await filledDir('a db')
  const before = directoryState(dir)
  const dry = await varveHere('gc', dir, '--dry-run')
  assert.equal(dry.code, 0, dry.error)
  assert.match(dry.out, /^(\d+) of \1 value logs of [01]\.\d MiB would be emptied, and 0\.\d MiB moved\n$/)
  assert.deepEqual(directoryState(dir), before)
  const files = valueLogsIn(dir)
  assert.ok(files >= 3)
  const { code, out } = await runVarve('gc', dir, '--ratio', '0.5')
  assert.equal(code, 0)
  assert.match(out, /^removed \d+ value logs of [01]\.\d MiB, moved 0\.\d MiB\n$/)
  assert.ok(valueLogsIn(dir) < files)
  const db = await Varve.open(dir, { readOnly: true })
  for (let i = 0; i < 60; i++) assert.equal(db.getSync(`key ${i}`)?.length, i % 3 === 0 ? 20_000 : undefined)
  await db.close()
})

test('gc tells what keeps files without live values', async () => {
  const dir = path.join(root, 'pinned')
  const db = await Varve.open(dir, { writeBufferSize: 512 * 1024, workers: 0, valueThreshold: 4096 })
  await db.pins.acquire('follower')
  for (let i = 0; i < 60; i++) db.putSync(`key ${i}`, 'v'.repeat(20_000))
  await db.flush()
  for (let i = 0; i < 60; i++) db.delSync(`key ${i}`)
  await db.compact()
  await db.close()
  const kept = /\n\d+ of \d\.\d MiB without live values are kept by pins\n$/
  assert.match((await runVarve('gc', dir, '--dry-run')).out, kept)
  const named = /are kept by pins\n( {2}\d+\.(wal|vlog) {2}\d\.\d MiB {2}pin: "follower"\n)+$/
  assert.match((await runVarve('gc', dir)).out, named)
})

test('gc of what is wrong', async () => {
  for (const args of [[], ['a', 'b'], ['a', '--ratio', '2'], ['a', '--ratio', 'x'], ['a', '--rate', '1']]) {
    assert.equal((await varveHere('gc', ...args)).code, 2, args.join(' '))
  }
  const dir = path.join(root, 'absent')
  for (const more of [[], ['--dry-run']]) {
    const { code, error } = await varveHere('gc', dir, ...more)
    assert.equal(code, 1)
    assert.match(error, /absent/)
  }
  assert.deepEqual(readdirSync(root).filter((name) => name === 'absent'), [])
})
