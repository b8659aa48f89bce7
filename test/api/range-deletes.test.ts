/**
 * What: range deletes as users call them: what they delete, when, for whom, and what they cost. D1 to D25 are schedules
 * that broke other stores; those about trees of tables (D1, D3 to D7, D9, D17, D18, D25) are properties of
 * test/model/span-tree.test.ts, D22 is swept in test/crash, D2 is below with its snapshot. There are no merge operands
 * (D10), foreign files (D16) and keyspaces (D23) yet.
 */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { BatchOp, KeyBounds, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { onEach, SMALL, text } from '../support/databases/databases.js'
import { patiently } from '../support/crash/crash-steps.js'
import { keyOperations, readBatches } from '../support/databases/follower.js'
import { Workload } from '../support/model/workload.js'

const DIR = '/db'
const QUIET: VarveOptions = { ...SMALL, workers: 0 }
const LEVELED: VarveOptions = { ...QUIET, compaction: { style: 'leveled' } }

async function opened(options: VarveOptions = QUIET, vfs = new MemoryVfs()): Promise<{ db: Varve; vfs: MemoryVfs }> {
  return { db: await Varve.open(DIR, { ...options, components: { vfs } }), vfs }
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const name = (n: number): string => `k${String(n).padStart(4, '0')}`

async function fill(db: Varve, count: number, bytes = 20): Promise<void> {
  const operations = Array.from({ length: count }, (_, n): BatchOp =>
    ({ type: 'put', key: name(n), value: new Uint8Array(bytes).fill(n) }))
  for (let at = 0; at < count; at += 100) await db.batch(operations.slice(at, at + 100))
}

const keys = (db: Varve, range?: KeyBounds & { reverse?: boolean }): string =>
  [...db.keysSync(range)].map(text).join(' ')

async function atRest(db: Varve): Promise<void> {
  for (let i = 0; i < 400 && db.stats().compaction.active > 0; i++) await pause(5)
}

describe('a range delete', () => {
  it('deletes what is there, and nothing that comes later', () => onEach(async (place) => {
    const db = await place.open()
    await fill(db, 10)
    await db.delRange({ gte: name(2), lt: name(5) })
    assert.equal(keys(db), [0, 1, 5, 6, 7, 8, 9].map(name).join(' '))
    await db.put(name(3), 'again')
    db.delRangeSync({ gt: name(7), lte: name(9) })
    assert.equal(keys(db), [0, 1, 3, 5, 6, 7].map(name).join(' '))
    await db.flush()
    assert.equal(keys(db, { reverse: true }), [7, 6, 5, 3, 1, 0].map(name).join(' '))
    assert.equal(await db.get(name(8)), undefined)
    assert.equal(text((await db.get(name(3)))!), 'again')
    await db.clear()
    assert.equal(keys(db), '')
    await db.delRange({ prefix: 'k' })
    await db.put(name(1), 'last')
    assert.equal(keys(db), name(1))
  }))

  it('D19: stands where it stands in its batch, with edges that other operations share', async () => {
    const { db } = await opened()
    await db.put('a', 'old')
    await db.batch([{ type: 'put', key: 'b', value: '1' }, { type: 'delRange', gte: 'a', lt: 'c' }])
    assert.equal(keys(db), '')
    await db.batch([{ type: 'delRange', gte: 'a', lte: 'b' }, { type: 'put', key: 'a', value: '2' }])
    assert.equal(keys(db), 'a')
    await db.batch([
      { type: 'put', key: 'c', value: '3' }, { type: 'del', key: 'a' }, { type: 'delRange', gte: 'b', lt: 'c' },
    ])
    assert.equal(keys(db), 'c')
    await db.flush()
    assert.equal(keys(db), 'c')
    await db.close()
  })

  it('writes nothing when no key can be in the range, and takes bounds that are longer than keys', async () => {
    const { db } = await opened()
    await db.put('k', 'v')
    const before = db.stats().database.visibleSeq
    const empty = [
      { gte: 'b', lt: 'a' }, { gt: 'k', lt: 'k' }, { lt: '' }, { gte: 'k', lt: 'k' }, { prefix: 'a', gt: 'b' },
    ]
    for (const range of empty) {
      await db.delRange(range)
      db.delRangeSync(range)
      await db.batch([{ type: 'delRange', ...range }])
      await db.clear(range)
    }
    assert.equal(db.stats().database.visibleSeq, before)
    const longest = new Uint8Array(65_535).fill(0x6b)
    const last = new Uint8Array(65_535).fill(0xff)
    await db.batch([{ type: 'put', key: longest, value: '' }, { type: 'put', key: last, value: '' }])
    await db.delRange({ gt: last })
    assert.equal(db.stats().database.visibleSeq, before + 2, 'nothing is behind the last key of all')
    await db.delRange({ gt: longest, lte: last })
    assert.equal([...db.keysSync()].length, 2)
    await db.delRange({ lte: longest, gte: longest })
    assert.equal(keys(db), 'k')
    await db.close()
  })

  it('is refused with a code before anything changes', async () => {
    const { db } = await opened()
    const refused: unknown[] = [
      undefined, null, 5, [], { limit: 1 }, { reverse: true }, { gte: 5 }, { snapshot: db.snapshot() },
    ]
    for (const range of refused) {
      await assert.rejects(db.delRange(range as KeyBounds), { code: 'INVALID_ARGUMENT' })
      assert.throws(() => db.delRangeSync(range as KeyBounds), { code: 'INVALID_ARGUMENT' })
      if (typeof range !== 'object' || range === null || Array.isArray(range)) continue
      const wrong = { type: 'delRange', ...range } as BatchOp
      await assert.rejects(db.batch([{ type: 'put', key: 'a', value: '' }, wrong]), { code: 'INVALID_ARGUMENT' })
    }
    await assert.rejects(db.delRange({ gte: new Uint8Array(65_536) }), { code: 'KEY_TOO_LARGE' })
    assert.equal(db.stats().database.visibleSeq, 0)
    await db.close()
    await assert.rejects(db.delRange({}), { code: 'CLOSED' })
  })

  it('with a limit, or of a snapshot, is what clear did before', async () => {
    const { db } = await opened()
    await fill(db, 10)
    const snapshot = db.snapshot()
    await db.put('z', 'later')
    await db.clear({ limit: 3 })
    assert.equal(keys(db), [3, 4, 5, 6, 7, 8, 9].map(name).concat('z').join(' '))
    await db.clear({ limit: 2, reverse: true })
    assert.equal(keys(db), [3, 4, 5, 6, 7, 8].map(name).join(' '))
    await db.put('z', 'again')
    await db.clear({ snapshot })
    assert.equal(keys(db), 'z', 'only what the snapshot sees')
    snapshot.release()
    await db.close()
  })
})

describe('readers of another moment', () => {
  it('D2, D14: a snapshot and an open walk see what they saw, before and after flush and compaction', async () => {
    const { db } = await opened(LEVELED)
    await fill(db, 300)
    const walk = db.keysSync()
    assert.equal(text(walk.next().value as Uint8Array), name(0))
    const before = db.snapshot()
    await db.delRange({ gte: name(10), lt: name(200) })
    const between = db.snapshot()
    await db.delRange({ gte: name(5), lt: name(290) })
    for (const step of ['written', 'flushed', 'compacted']) {
      assert.equal([...db.keysSync()].length, 15, step)
      assert.equal([...db.keysSync({ snapshot: between })].length, 110, step)
      assert.equal([...db.keysSync({ snapshot: before })].length, 300, step)
      assert.equal(db.getSync(name(100), { snapshot: before })?.length, 20)
      assert.equal(db.getSync(name(7), { snapshot: between })?.length, 20)
      if (step === 'written') await db.flush()
      else await db.compact()
    }
    assert.equal([...walk].length, 299)
    before.release()
    between.release()
    await db.compact()
    assert.equal(db.stats().levels.reduce((sum, level) => sum + level.entryCount, 0), 15)
    await db.close()
  })

  it('D12: a walk back over a deleted stretch goes on before it, and turns', async () => {
    const { db } = await opened()
    await fill(db, 400)
    await db.flush()
    await db.delRange({ gte: name(50), lt: name(350) })
    await db.put(name(200), 'an island')
    const expected = [...Array.from({ length: 50 }, (_, n) => n), 200, ...Array.from({ length: 50 }, (_, n) => 350 + n)]
    assert.equal(keys(db), expected.map(name).join(' '))
    assert.equal(keys(db, { reverse: true }), expected.map(name).reverse().join(' '))
    const within = { gte: name(40), lt: name(300), reverse: true }
    assert.equal(keys(db, within), [200, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40].map(name).join(' '))
    await db.close()
  })

  it('D11, D15: neither filter nor cache stand in the way', async () => {
    const { db } = await opened()
    await fill(db, 100)
    await db.flush()
    assert.equal((await db.get(name(7)))?.length, 20, 'now it is cached')
    await db.delRange({ gte: name(5), lt: name(9) })
    assert.equal(await db.get(name(7)), undefined)
    await db.flush()
    assert.equal(await db.get(name(7)), undefined, 'the new table has no entry of the key')
    const many = await db.getMany([4, 5, 8, 9].map(name))
    assert.deepEqual(many.map((each) => each?.length), [20, undefined, undefined, 20])
    assert.equal(await db.has(name(6)), false)
    await db.close()
  })
})

describe('what a range delete leaves', () => {
  it('B3, D20: a log, a memtable, a table, a database with range deletes alone', async () => {
    for (const way of ['flushed', 'replayed', 'synced']) {
      const { db, vfs } = await opened({ ...QUIET, flushOnClose: way === 'flushed' })
      await fill(db, 50)
      await db.flush()
      await db.clear(undefined, { sync: way === 'synced' })
      assert.equal(keys(db), '', way)
      await db.close()
      const again = await Varve.open(DIR, { ...QUIET, components: { vfs } })
      assert.equal(keys(again), '', way)
      assert.equal(await again.get(name(3)), undefined)
      await again.flush()
      await again.compact()
      assert.equal(keys(again), '')
      assert.ok(again.stats().levels.every(({ tableCount }) => tableCount === 0))
      await again.delRange({})
      await again.flush()
      await again.close()
      const last = await Varve.open(DIR, { readOnly: true, components: { vfs } })
      assert.equal(keys(last), '')
      await last.close()
    }
  })

  it('D20: many small ones are each right at once', async () => {
    const { db } = await opened({ ...QUIET, writeBufferSize: 4 << 20 })
    const present = new Set<number>()
    for (let n = 0; n < 3000; n++) present.add(n)
    await fill(db, 3000)
    for (let i = 0; i < 2000; i++) {
      const from = (i * 7919) % 3000
      db.delRangeSync({ gte: name(from), lt: name(from + 2) })
      present.delete(from)
      present.delete(from + 1)
      assert.equal(db.hasSync(name(from)), false)
      const other = (i * 31) % 3000
      assert.equal(db.hasSync(name(other)), present.has(other), `after ${i}`)
    }
    assert.equal(keys(db), [...present].sort((a, b) => a - b).map(name).join(' '))
    await db.flush()
    assert.equal(keys(db), [...present].sort((a, b) => a - b).map(name).join(' '))
    await db.close()
  })

  it('D24: whole tables, and the value logs that only they name, go unread', async () => {
    const events: string[] = []
    const vfs = new MemoryVfs()
    const db = await Varve.open(DIR, {
      ...LEVELED, valueThreshold: 1000,
      components: { vfs, onEvent: (event) => void (event.type === 'compactionBegin' && events.push(event.reason)) },
    })
    await fill(db, 200, 2000)
    await db.flush()
    await db.compact()
    await atRest(db)
    assert.ok(db.stats().valueLog.liveBytes >= 200 * 2000)
    events.length = 0
    await db.clear()
    await db.flush()
    for (let i = 0; i < 200 && db.stats().valueLog.files.length > 0; i++) await pause(10)
    assert.equal(db.stats().valueLog.files.length, 0)
    assert.ok(events.includes('covered'), events.join())
    assert.ok(db.stats().compaction.covered > 0)
    await db.close()
  })

  it('D18: a covered table stays while a snapshot sees it', async () => {
    const { db } = await opened(LEVELED)
    await fill(db, 200)
    await db.flush()
    await db.compact()
    const snapshot = db.snapshot()
    await db.clear()
    await db.flush()
    await pause(400)
    assert.equal([...db.keysSync({ snapshot })].length, 200)
    snapshot.release()
    await db.put('a', 'b')
    await db.compact()
    assert.equal(db.stats().levels.reduce((sum, level) => sum + level.entryCount, 0), 1)
    await db.close()
  })

  it('D21: followers, dumps of a log and read-only views tell of it', async () => {
    const { db, vfs } = await opened()
    await db.pins.acquire('f')
    await db.batch([
      { type: 'put', key: 'a', value: '1' }, { type: 'delRange', gte: 'b', lt: 'c' }, { type: 'delRange', gt: 'x' },
    ])
    const [batch] = await readBatches(db, 'f')
    const bytes = (key: string): Uint8Array => new TextEncoder().encode(key)
    assert.deepEqual(batch!.operations.slice(1), [
      { type: 'delRange', gte: bytes('b'), lt: bytes('c') }, { type: 'delRange', gte: bytes('x\0') },
    ])
    const copy = await Varve.open('/copy', { components: { vfs } })
    await copy.batch(batch!.operations)
    assert.equal(keys(copy), 'a')
    assert.equal(keyOperations([{ ...batch!, operations: batch!.operations.slice(0, 1) }]).length, 1)
    const view = await Varve.open(DIR, { readOnly: true, components: { vfs } })
    assert.equal(keys(view), 'a')
    await view.close()
    await copy.close()
    await db.close()
  })
})

test('D8: a wide range delete and one far key do not drag a level in, nor does what follows', async () => {
  const { db } = await opened(LEVELED)
  await fill(db, 4000, 200)
  await db.compact()
  await atRest(db)
  const before = db.stats().compaction
  const snapshot = db.snapshot() // so that nothing may leave unread
  await db.delRange({ gte: name(0), lt: name(3990) })
  await db.put('zz', 'far')
  await db.flush()
  await pause(400)
  await atRest(db)
  const written = db.stats().compaction.writtenBytes - before.writtenBytes
  assert.ok(written < 3 * 4000 * 220, `${written} bytes`)
  assert.equal([...db.keysSync({ snapshot })].length, 4000)
  assert.equal([...db.keysSync()].length, 11)
  snapshot.release()
  await db.close()
})

test('A4: with range deletes, snapshots and all that, a database comes to rest', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const begun: number[] = []
    const w = new Workload({
      seed, settings: { compaction: { style: 'leveled' } },
      onEvent: ({ type }) => void (type === 'compactionBegin' && begun.push(w.vfs.clock.nowMs())),
    })
    await w.open()
    const { random } = w
    const held = []
    const drawn = () => ({ key: name(random.below(400)), length: random.below(300) })
    for (let i = 0; i < 150; i++) {
      const from = random.below(400)
      if (random.chance(0.1)) await w.delRange(name(from), random.chance(0.1) ? null : name(from + random.below(200)))
      else await w.batch(Array.from({ length: 20 }, drawn))
      if (random.chance(0.05)) held.push(w.snapshot())
      if (random.chance(0.05)) held.pop()?.snapshot.release()
      if (random.chance(0.1)) await patiently(w, () => w.flush())
    }
    w.checkReads()
    await w.vfs.clock.advance(60_000)
    await w.vfs.settled()
    begun.length = 0
    await w.vfs.clock.advance(60_000)
    await w.vfs.settled()
    assert.deepEqual(begun, [], `seed ${seed}`)
    for (const { check, snapshot } of held) {
      check()
      snapshot.release()
    }
    w.checkReads()
    await patiently(w, () => w.close())
  }
})

test('the space of what a clear deleted comes back by itself, without a flush or another write', async () => {
  const { db } = await opened(LEVELED)
  await fill(db, 2000, 100)
  await db.flush()
  await atRest(db)
  await db.clear()
  for (let i = 0; i < 100 && db.stats().levels.some(({ entryCount }) => entryCount > 1); i++) await pause(50)
  assert.ok(db.stats().levels.every(({ entryCount }) => entryCount <= 1), JSON.stringify(db.stats().levels))
  await db.close()
})
