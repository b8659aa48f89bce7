/** What an open database takes while nothing is written, measured in processes of their own; and what it leaves. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { checkIdle } from '../support/programs/idle-run.js'

const options = { skip: process.platform === 'linux' ? false : 'reads /proc' }

for (const how of ['new', 'flushed'] as const) {
  test(`16 idle databases, ${how}: no thread, no slab, few descriptors, little memory`, options, async () => {
    await checkIdle(16, how)
  })
}

test('right after a first put the directory can be removed: nothing is made in the background', async () => {
  for (let i = 0; i < 24; i++) {
    const dir = newDirectory()
    const db = await Varve.open(dir)
    if (i % 2 === 0) await db.put('k', 'v')
    else db.putSync('k', 'v')
    rmSync(dir, { recursive: true })
    await new Promise((resolve) => setTimeout(resolve, i % 3))
    assert.throws(() => readdirSync(dir), { code: 'ENOENT' })
    await db.close().catch(() => undefined)
  }
})

test('a database that is opened, written and closed again and again leaves no logs', async () => {
  const dir = newDirectory()
  for (let i = 0; i < 12; i++) {
    const db = await Varve.open(dir)
    await db.put(`k${i}`, 'v')
    await db.close()
  }
  const names = readdirSync(dir)
  assert.deepEqual(names.filter((name) => name.endsWith('.wal')), [])
  assert.ok(names.filter((name) => !name.endsWith('.table')).length <= 4, names.join(' '))
})
