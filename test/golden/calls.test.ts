/**
 * What: the calls to the file system of one flush and of one open, as texts that are compared. They hold
 * every sync in place, also those that nothing depends on today.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { assertGolden } from '../support/harness/golden.js'

const DIR = '/db'

function open(vfs: SimVfs, options: VarveOptions = {}): Promise<Varve> {
  const components = { vfs, clock: vfs.clock, random: new SeededRandom(1, 'calls') }
  return Varve.open(DIR, { workers: 0, compaction: { style: 'none' }, ...options, components })
}

/** The calls of an action, and of what it left to be done: kinds and files, without sizes and process ids. */
async function callsOf(vfs: SimVfs, action: () => Promise<unknown>): Promise<string[]> {
  await vfs.settled()
  const record = vfs.recordOps(DIR)
  await action()
  await vfs.settled()
  const lines = record.stop().map((line) =>
    line.replace(/ \d+\+\d+$/, '').replace(/\.tmp\.\d+\.\d+/g, '.tmp'))
  return lines.filter((line, i) => line !== lines[i - 1])
}

function section(title: string, lines: string[]): string {
  return `${title}\n${lines.map((line) => `  ${line}\n`).join('')}\n`
}

async function fill(db: Varve): Promise<void> {
  for (let i = 0; i < 5; i++) await db.put(`key${i}`, 'value', { sync: true })
}

test('the calls of one flush', async () => {
  let text = ''
  for (const manifestSync of [true, false]) {
    const vfs = new SimVfs()
    const db = await open(vfs, { manifestSync })
    await fill(db)
    text += section(manifestSync ? 'strict mode' : 'fast mode', await callsOf(vfs, () => db.flush()))
  }
  assertGolden('flush-calls.txt', text)
})

test('a strict flush makes each step durable before the next begins', async () => {
  const vfs = new SimVfs()
  const db = await open(vfs)
  await fill(db)
  const calls = await callsOf(vfs, () => db.flush())
  const steps = [
    /^write .*\.table\.tmp/, /^sync .*\.table\.tmp/, /^link .*\.table\.tmp .*\.table$/, /^syncDir/,
    /^write .*\.manifest/, /^sync .*\.manifest/, /^unlink .*\.wal/,
  ]
  let from = 0
  for (const step of steps) {
    const at = calls.findIndex((line, i) => i >= from && step.test(line))
    assert.ok(at >= 0, `${step} comes after what must be before it in\n${calls.join('\n')}`)
    from = at + 1
  }
  const unlinks = calls.filter((line) => /^unlink .*\.(wal|table|manifest)$/.test(line))
  assert.equal(unlinks.length, 1)
})

test('the calls of one open', async () => {
  const vfs = new SimVfs()
  let db!: Varve
  let text = section('first', await callsOf(vfs, async () => (db = await open(vfs))))
  await fill(db)
  await db.flush()
  text += section('close', await callsOf(vfs, () => db.close()))
  text += section('after a close', await callsOf(vfs, async () => (db = await open(vfs))))
  await fill(db)
  const killed = vfs.kill(1)
  text += section('after a kill, with a log to replay', await callsOf(killed, () => open(killed)))
  assertGolden('open-calls.txt', text)
})
