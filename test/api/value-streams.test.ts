/** Values in pieces: `getStream`. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { StreamOptions, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import type { Vfs } from '../../src/vfs/index.js'
import { SMALL } from '../support/databases/databases.js'
import { makeDatabase, valueOf } from '../support/databases/value-databases.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'

const DIR = '/db'
const MiB = 2 ** 20
const opened: Varve[] = []
after(async () => {
  for (const db of opened) await db.close().catch(() => undefined)
})

/** A value of 2.5 MiB in a value log, a promoted log and a table each, and short ones. */
const entries = [
  { key: 'a', value: valueOf(2.5 * MiB, 1), log: 14 },
  { key: 'b', value: valueOf(2.5 * MiB, 2), log: 12 },
  { key: 'c', value: valueOf(2.5 * MiB, 3) },
  { key: 'd', value: valueOf(4096, 4), log: 14 },
  { key: 'e', value: valueOf(MiB, 5), log: 14 },
  { key: 'f', value: new Uint8Array(0) },
]

async function open(vfs: Vfs, options: VarveOptions = {}): Promise<Varve> {
  const db = await Varve.open(DIR, { ...SMALL, ...options, components: { vfs } })
  opened.push(db)
  return db
}

function newVfs(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  makeDatabase(vfs, DIR, { entries })
  return vfs
}

async function pieces(db: Varve, key: string, options?: StreamOptions): Promise<Uint8Array[]> {
  const list: Uint8Array[] = []
  for await (const piece of (await db.getStream(key, options))!) list.push(piece)
  return list
}

const joined = async (db: Varve, key: string, options?: StreamOptions) => Buffer.concat(await pieces(db, key, options))

test('a stream gives the value in pieces of at most 1 MiB, wherever it stands', async () => {
  const db = await open(newVfs())
  for (let i = 0; i < 2; i++) {
    for (const { key, value } of entries) {
      const list = await pieces(db, key)
      assert.ok(list.every(({ length }) => length > 0 && length <= MiB))
      assert.ok(Buffer.concat(list).equals(value), key)
    }
    for (const { key, value } of entries) await db.put(key, value) // now they stand in memtables
  }
  assert.equal(await db.getStream('absent'), undefined)
})

test('a part is given, cut at the end of the value', async () => {
  const db = await open(newVfs())
  const parts: [number | undefined, number | undefined][] = [
    [0, 1], [5, 5], [MiB - 1, MiB + 1], [1, undefined], [undefined, 7], [2.5 * MiB, undefined], [3 * MiB, 4 * MiB],
    [2 * MiB, 9 * MiB], [0, 2.5 * MiB],
  ]
  for (const [start, end] of parts) {
    for (const { key, value } of entries) {
      assert.ok((await joined(db, key, { start, end })).equals(value.slice(start, end)), `${key} ${start} ${end}`)
    }
  }
  const wrong = [{ start: -1 }, { end: 1.5 }, { start: 2, end: 1 }, { start: '1' }, { start: NaN }, { snapshot: 1 }]
  for (const options of wrong) {
    await assert.rejects(db.getStream('a', options as never), { code: 'INVALID_ARGUMENT' })
  }
})

test('one piece is read when it is asked for, and no other', async () => {
  const vfs = newVfs()
  const calls: string[] = []
  const db = await open(recordCalls(vfs, calls))
  const stream = (await db.getStream('a'))!
  const readsOf = () => calls.filter((call) => call.includes('read') && call.includes('.vlog')).length
  const before = readsOf()
  await stream.next()
  assert.equal(readsOf() - before, 1)
  await stream.next()
  assert.equal(readsOf() - before, 2)
  await stream.return!()
  assert.deepEqual([await stream.next(), readsOf() - before], [{ done: true, value: undefined }, 2])
})

test('it is the value of the moment of the call, whatever is written, flushed and merged meanwhile', async () => {
  const db = await open(newVfs())
  await db.put('m', valueOf(2 * MiB, 9))
  const streams = await Promise.all(['a', 'b', 'c', 'm'].map((key) => db.getStream(key)))
  const snapshot = db.snapshot()
  await db.clear()
  await db.flush()
  await db.compact()
  const values = [...entries.slice(0, 3).map(({ value }) => value), valueOf(2 * MiB, 9)]
  for (const [i, expected] of values.entries()) {
    const list: Uint8Array[] = []
    for await (const piece of streams[i]!) list.push(piece)
    assert.ok(Buffer.concat(list).equals(expected))
  }
  assert.ok((await joined(db, 'a', { snapshot })).equals(entries[0]!.value))
  assert.equal(await db.getStream('a'), undefined)
  snapshot.release()
})

test('VLG-6: a damaged value ends in CORRUPTION before its last piece; of a part of it nothing is given', async () => {
  for (const at of [100, 1.5 * MiB, 2.5 * MiB - 1]) {
    const vfs = newVfs()
    const { places } = makeDatabase(new MemoryVfsAt(), DIR, { entries })
    const { offset } = places.get('a')!
    const file = vfs.openSync(`${DIR}/000014.vlog`, 'write')
    const byte = new Uint8Array(1)
    file.readSync(byte, 0, 1, offset + at)
    byte[0]! ^= 1
    file.writeSync(byte, 0, 1, offset + at)
    file.closeSync()
    const db = await open(vfs)
    let given = 0
    await assert.rejects(async () => {
      for await (const piece of (await db.getStream('a'))!) given += piece.length
    }, { code: 'CORRUPTION', file: '000014.vlog', offset })
    assert.equal(given, 2 * MiB)
    const part = (await db.getStream('a', { start: 10, end: 20 }))!
    await assert.rejects(part.next(), { code: 'CORRUPTION' })
    assert.deepEqual(await part.next(), { done: true, value: undefined })
    assert.ok((await joined(db, 'e')).equals(entries[4]!.value))
    await db.close()
  }
})

test('a close ends streams that are open, after the read in flight', async () => {
  const db = await open(newVfs())
  const stream = (await db.getStream('a'))!
  await stream.next()
  const [piece] = await Promise.all([stream.next(), db.close()])
  assert.equal(piece.value!.length, MiB)
  await assert.rejects(stream.next(), { code: 'CLOSED' })
})

class MemoryVfsAt extends MemoryVfs {
  constructor() {
    super()
    this.mkdirSync(DIR)
  }
}
