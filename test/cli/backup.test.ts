/** `varve checkpoint`, `varve backup` and `varve restore` as users run them. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import { runVarve, varveHere } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-backup-'))
after(() => rmSync(root, { recursive: true, force: true }))
const [dir, set] = [path.join(root, 'db'), path.join(root, 'set')]

test('checkpoint, backup and restore work while another process has the database open', async () => {
  const db = await Varve.open(dir, { writeBufferSize: 64 * 1024, compaction: { style: 'none' } })
  for (let i = 0; i < 200; i++) await db.put(`key ${i}`, 'v'.repeat(1000))
  await db.flush()
  const copy = await runVarve('checkpoint', dir, path.join(root, 'copy'))
  assert.deepEqual([copy.code, copy.error], [0, ''])
  assert.match(copy.out, /^\S+copy: sequence 200, \d+ files, .+ linked/)
  assert.equal((await runVarve('backup', dir, set)).code, 0)
  await db.put('more', 'x')
  const second = JSON.parse((await varveHere('backup', dir, set, '--json')).out)
  assert.deepEqual([second.number, second.seqNum, second.problem, second.reusedBytes > 0], [2, 201, null, true])
  await db.close()
  const list = await varveHere('backup', set, '--list')
  const time = '20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ'
  const line = (number: number) => `\\S+00000${number}: ${time}, sequence 20${number - 1}, \\d+ files, .+\\n`
  assert.match(list.out, new RegExp(`^${line(1)}${line(2)}$`))
  const { backups } = JSON.parse((await varveHere('backup', set, '--list', '--json')).out)
  assert.equal(backups.length, 2)
  const marker = readdirSync(path.join(set, '000001')).find((name) => name.startsWith('marker.'))!
  assert.equal(backups[0].madeMs, Math.round(statSync(path.join(set, '000001', marker)).mtimeMs))
  const back = await runVarve('restore', path.join(set, '000002'), path.join(root, 'back'))
  assert.match(back.out, /^\S+back: sequence 201, /)
  const restored = await varveHere('restore', path.join(set, '000001'), path.join(root, 'l'), '--link', '--json')
  const linked = JSON.parse(restored.out)
  assert.deepEqual([linked.tool, linked.ok, linked.seqNum], ['restore', true, 200])
  const named = await varveHere('checkpoint', dir, path.join(root, 'a\x1b[31m\nb'))
  assert.deepEqual([named.code, named.out.includes('\\x1b[31m\\x0ab: sequence 201')], [0, true], named.out)
  const again = await Varve.open(path.join(root, 'back'), { readOnly: true })
  assert.equal([...again.keysSync()].length, 201)
  await again.close()
})

test('what is wrong gives exit code 1, a wrong command line 2, a set with a bad backup 3', async () => {
  for (const [args, code, what] of [
    [['checkpoint', dir, path.join(root, 'copy')], 1, /ALREADY_EXISTS/],
    [['checkpoint', path.join(root, 'none'), path.join(root, 'x')], 1, /NOT_FOUND/],
    [['restore', set, path.join(root, 'x')], 1, /NOT_FOUND: .+is a set of backups.*\n.*the newest is \S+000002\n/],
    [['checkpoint', dir], 2, /the directory to make/], [['checkpoint', dir, 'x', '--mode', 'move'], 2, /mode/],
    [['backup', dir], 2, /SET/], [['backup', dir, set, '--list'], 2, /--list/],
    [['backup', dir, set, '--keep', '0'], 2, /keep/],
  ] as const) {
    const result = await varveHere(...args)
    assert.equal(result.code, code, args.join(' '))
    assert.match(result.error, what)
  }
  assert.ok(!readdirSync(root).includes('x'))
  rmSync(path.join(set, '000002', readdirSync(path.join(set, '000002')).find((name) => name.endsWith('.table'))!))
  const listed = await varveHere('backup', set, '--list')
  assert.equal(listed.code, 3)
  assert.match(listed.out, /000002: cannot be used: \d+\.table is missing/)
  const table = readdirSync(path.join(set, '000001')).find((name) => name.endsWith('.table'))!
  appendFileSync(path.join(set, '000001', table), 'x')
  const damaged = await varveHere('restore', path.join(set, '000001'), path.join(root, 'x'), '--json')
  assert.deepEqual([damaged.code, JSON.parse(damaged.out).error.code], [1, 'CORRUPTION'])
})
