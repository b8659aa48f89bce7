/** TAB-2: what a new table says of those that were there before it: which it replaces, and which no version lists. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Varve, VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { readTablesAlone } from '../support/model/replaces-rule.js'
import { fileNums, openSim, SIM_DIR } from '../support/databases/simulated.js'

const BY_HAND: VarveOptions = { compaction: { style: 'none' } }

/** A table with this key and another one, which all have. */
async function flushed(vfs: SimVfs, db: Varve, key: string): Promise<number> {
  await db.put(key, 'value')
  await db.put('m', 'value')
  await db.flush()
  return fileNums(vfs, 'table').at(-1)!
}

function replacesOf(vfs: SimVfs, fileNum: number) {
  const { group, index, isLast, lower, upper, inputs, unlisted } = readTablesAlone(vfs, SIM_DIR).tables.get(fileNum)!
  const range = [lower, upper].map((key) => (key === null ? null : Buffer.from(key).toString()))
  return { group, index, isLast, range, inputs, unlisted }
}

/** Two tables, which are merged; gives their numbers. */
async function mergedOnce(vfs: SimVfs, db: Varve): Promise<number[]> {
  const inputs = [await flushed(vfs, db, 'a'), await flushed(vfs, db, 'b')]
  await db.compact()
  return inputs
}

test('a flush has no inputs; a merge names its own, and the keys that it covered', async () => {
  const vfs = new SimVfs()
  const db = await openSim(vfs, BY_HAND)
  const first = await flushed(vfs, db, 'c')
  const whole = { index: 0, isLast: true, unlisted: [] }
  assert.deepEqual(replacesOf(vfs, first), { ...whole, group: first, range: ['', null], inputs: [] })
  const second = await flushed(vfs, db, 'a')
  await db.compact()
  const output = fileNums(vfs, 'table').at(-1)!
  assert.deepEqual(
    replacesOf(vfs, output), { ...whole, group: output, range: ['a', 'm\0'], inputs: [first, second] },
  )
  await db.close()
})

test('a table that a reader holds, and one whose removal no sync has made durable, are unlisted', async () => {
  const vfs = new SimVfs()
  const db = await openSim(vfs, BY_HAND)
  const inputs = [await flushed(vfs, db, 'a'), await flushed(vfs, db, 'b')]
  const walk = db.keysSync()[Symbol.iterator]()
  walk.next()
  await db.compact()
  assert.deepEqual(fileNums(vfs, 'table').slice(0, 2), inputs, 'the walk keeps its tables')
  assert.deepEqual(replacesOf(vfs, await flushed(vfs, db, 'b')).unlisted, inputs)
  walk.return?.()
  await vfs.settled()
  assert.ok(inputs.every((each) => !fileNums(vfs, 'table').includes(each)), 'nobody reads them any more')
  const next = await flushed(vfs, db, 'c')
  assert.deepEqual(replacesOf(vfs, next).unlisted, inputs, 'they may come back until the directory is synced')
  assert.deepEqual(replacesOf(vfs, await flushed(vfs, db, 'd')).unlisted, [])
  await db.close()
})

test('what an open finds beside the version, the tables of replayed logs name', async () => {
  const vfs = new SimVfs()
  const db = await openSim(vfs, BY_HAND)
  vfs.addFault({ kind: 'unlink', fileClass: 'table', fault: { do: 'error', code: 'EBUSY' }, times: Infinity })
  const inputs = await mergedOnce(vfs, db)
  await db.put('c', 'in a log', { sync: true })
  const next = vfs.kill(1)
  assert.ok(inputs.every((each) => fileNums(next, 'table').includes(each)))
  const again = await openSim(next, BY_HAND)
  assert.deepEqual(replacesOf(next, fileNums(next, 'table').at(-1)!).unlisted, inputs)
  await again.close()
})

test('a compaction that an open begins names them too', async () => {
  const vfs = new SimVfs()
  const db = await openSim(vfs, BY_HAND)
  vfs.addFault({ kind: 'unlink', fileClass: 'table', fault: { do: 'error', code: 'EBUSY' }, times: Infinity })
  const inputs = await mergedOnce(vfs, db)
  for (let i = 0; i < 20; i++) await flushed(vfs, db, 'd')
  const next = vfs.kill(1)
  const found = fileNums(next, 'table')
  const again = await openSim(next, { compaction: { style: 'leveled' } })
  const made = fileNums(next, 'table').filter((each) => !found.includes(each))
  assert.ok(made.length > 0, 'it began one')
  for (const each of made) assert.ok(inputs.every((input) => replacesOf(next, each).unlisted.includes(input)))
  await again.close()
})
