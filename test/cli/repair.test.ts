/** `varve repair` as users run it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { RepairReport } from '../../src/index.js'
import { varveHere } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-repair-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('repair tells what was lost, by its text, its JSON and its exit code', async () => {
  const dir = path.join(root, 'a db')
  const db = await Varve.open(dir, { workers: 0, blockSize: 1024, compaction: { style: 'none' } })
  for (let i = 0; i < 200; i++) db.putSync(`key ${i}`, `value ${i} ${'v'.repeat(30)}`)
  await db.flush()
  const busy = await varveHere('repair', dir, path.join(root, 'busy'))
  assert.equal(busy.code, 1)
  assert.match(busy.error, /open/)
  await db.close()
  const whole = await varveHere('repair', dir, path.join(root, 'whole'))
  assert.equal(whole.code, 0, whole.error)
  assert.match(whole.out, /^entries served: 200, up to write 200; files that stay as they are: 1, /)
  assert.match(whole.out, /\nnothing was lost\n$/)
  const [table] = readdirSync(dir).filter((name) => name.endsWith('.table')) as [string]
  const bytes = readFileSync(path.join(dir, table))
  bytes[400]! ^= 1
  writeFileSync(path.join(dir, table), bytes)
  const target = path.join(root, 'target')
  const { code, out } = await varveHere('repair', dir, target)
  assert.equal(code, 3)
  assert.match(out, /^damage: 0+\d+\.table at offset 128: checksum differs\n/)
  assert.match(out, /\nlost: \d+ entries of .*, keys key 0 to key \d+\n/)
  assert.match(out, /are known to be lost, 0 are doubtful: see .*target\/salvaged\n$/)
  assert.deepEqual(readdirSync(path.join(target, 'salvaged')), ['entries.varve', 'report.json'])
  const options = ['--logs', 'salvage', '--serve-doubtful', '--json']
  const json = await varveHere('repair', dir, path.join(root, 'json'), ...options)
  assert.equal(json.code, 3)
  const report = JSON.parse(json.out) as RepairReport
  assert.deepEqual([report.lostRanges[0]!.from, typeof report.lostRanges[0]!.to], ['key 0', 'string'])
  assert.ok(report.lostEntries > 0 && report.tool === 'repair' && !report.ok)
  assert.equal((await varveHere('repair', dir, target)).code, 1)
  assert.equal((await varveHere('repair', dir)).code, 2)
  assert.equal((await varveHere('repair', dir, path.join(root, 'no'), '--logs', 'all')).code, 2)
})
