/** `varve verify` and `varve heal`: what they print, and their exit codes. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'

async function made(): Promise<{ dir: string; table: string }> {
  const dir = newDirectory()
  const db = await Varve.open(dir, { workers: 0 })
  for (let i = 0; i < 300; i++) await db.put(`key ${i}`, `value ${i}`)
  await db.flush()
  await db.close()
  return { dir, table: path.join(dir, readdirSync(dir).find((name) => name.endsWith('.table'))!) }
}

function damage(file: string): void {
  const bytes = readFileSync(file)
  bytes[500]! ^= 4
  writeFileSync(file, bytes)
}

test('a good database: exit code 0 at each level, as text and as JSON', async () => {
  const { dir } = await made()
  for (const level of ['quick', 'full', 'deep']) {
    const { code, out, error } = await varveHere('verify', dir, '--level', level)
    assert.deepEqual([code, error], [0, ''])
    assert.match(out, new RegExp(`^good: \\d+ files, .* checked at level ${level}\n$`))
  }
  const { code, out } = await runVarve('verify', dir, '--json')
  assert.equal(code, 0)
  const { tool, version, ok, level, problems } = JSON.parse(out) as Record<string, unknown>
  assert.deepEqual({ tool, version, ok, level, problems },
    { tool: 'verify', version: 1, ok: true, level: 'full', problems: [] })
})

test('damage: exit code 3, the keys it means, and a heal from a backup', async () => {
  const { dir, table } = await made()
  const backup = newDirectory()
  cpSync(dir, backup, { recursive: true })
  damage(table)
  const found = await varveHere('verify', dir)
  assert.equal(found.code, 3)
  assert.match(found.out, /^damage: CORRUPTION: 0000\d\d.table at offset 128: checksum differs\n {2}bytes {3}128 to/)
  assert.match(found.out, /means {3}reads of keys from "key \d+" to "key \d+" fail\n {2}do {6}`varve heal`/)
  assert.match(found.out, /\ndamaged: /)
  const shown = JSON.parse((await varveHere('verify', dir, '--json')).out) as { problems: Record<string, unknown>[] }
  assert.deepEqual(Object.keys(shown.problems[0]!).sort(), [
    'advice', 'bytes', 'code', 'consequence', 'file', 'from', 'message', 'offset', 'severity', 'to',
  ])
  assert.equal((await varveHere('heal', dir, '--from', newDirectory())).code, 1)
  const healed = await varveHere('heal', dir, '--from', backup)
  assert.equal(healed.code, 0)
  assert.match(healed.out, /^healed: 0000\d\d.table, .* from .*\ngood: nothing is damaged any more\n$/)
  assert.equal((await varveHere('verify', dir)).code, 0)
  damage(table)
  damage(path.join(backup, path.basename(table)))
  const not = await runVarve('heal', dir, '--from', backup)
  assert.equal(not.code, 3)
  assert.match(not.out, /damaged: no backup has what is named above\n$/)
})

test('a heal asks the backups of a set, the newest first', async () => {
  const { dir, table } = await made()
  const set = newDirectory()
  for (const n of [1, 2]) assert.equal((await varveHere('backup', dir, set)).code, 0, String(n))
  damage(table)
  const healed = JSON.parse((await varveHere('heal', dir, '--from', set, '--json')).out)
  assert.deepEqual([healed.ok, healed.healed[0].from], [true, path.join(set, '000002')])
  damage(table)
  rmSync(path.join(set, '000002', path.basename(table)))
  const older = await varveHere('heal', dir, '--from', set)
  assert.match(older.out, /from .*000001\ngood: /)
})

test('wrong command lines end with 2, and no database with 1', async () => {
  assert.equal((await varveHere('verify')).code, 2)
  assert.equal((await varveHere('verify', 'a', '--level', 'most')).code, 2)
  assert.equal((await varveHere('heal', 'a')).code, 2)
  assert.equal((await varveHere('verify', newDirectory())).code, 1)
})
