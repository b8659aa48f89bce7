/**
 * What: values that expire as users meet them: when they are gone, for whom, what comes back (nothing), and when their
 * space does. T1 to T12 and A2 to A9 are schedules that broke other stores, or an early design of this one; those about
 * trees of tables (T1, T2, T5, A2, A4, A6) are drawn besides in test/model/span-tree.test.ts, and A2 is swept in
 * test/model/retention-histories.test.ts. T11 is in styles.test.ts. There are no merge operands (T10, A1) and no ingest
 * (A7b) yet.
 */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { Clock } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { BatchOp, EngineEvent, PutOptions, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { onEach, SMALL, text } from '../support/databases/databases.js'
import { SET_CLOCK_START_MS as START_MS, SetClock } from '../support/fakes/set-clock.js'

const DIR = '/db'
const HOUR_MS = 3_600_000

interface Given extends VarveOptions {
  vfs?: MemoryVfs
  onEvent?: (event: EngineEvent) => void
}

async function opened(clock: Clock, { vfs = new MemoryVfs(), onEvent = () => undefined, ...options }: Given = {}) {
  const db = await Varve.open(DIR, {
    ...SMALL, workers: 0, compaction: { style: 'none' }, ttlGraceMs: 0, ...options, components: { vfs, clock, onEvent },
  })
  return { db, vfs }
}

const shown = (db: Varve): string =>
  [...db.entriesSync()].map(([key, value]) => `${text(key)}=${text(value)!.slice(0, 8)}`).join(' ')

const get = (db: Varve, key: string): string | undefined => {
  const value = db.getSync(key)
  return value === undefined ? undefined : text(value)
}

async function atRest(db: Varve): Promise<void> {
  for (let i = 0; i < 400; i++) {
    await new Promise((done) => setTimeout(done, 5))
    if (i > 2 && db.stats().compaction.active === 0) return
  }
}

const tables = (db: Varve): number => db.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0)
const entries = (db: Varve): number => db.stats().levels.reduce((sum, { entryCount }) => sum + entryCount, 0)

describe('a value with a ttl', () => {
  it('is there until then, for every read, from memory and from tables', () => onEach(async (place) => {
    const clock = new SetClock()
    const db = await place.open({ ttlGraceMs: 0, components: { clock } })
    const large = 'x'.repeat(20_000)
    await db.put('a', '1', { ttl: 100 })
    db.putSync('b', '2', { expiresAt: clock.wall + 200 })
    await db.batch([
      { type: 'put', key: 'c', value: large, ttl: 100 }, { type: 'put', key: 'd', value: large },
      { type: 'del', key: 'e' }, { type: 'put', key: 'e', value: '5', ttl: null },
    ])
    db.batchSync([{ type: 'put', key: 'f', value: '6', ttl: 300 }])
    await db.putStream('g', [Buffer.from('stre'), Buffer.from('amed')], { ttl: 300 })
    for (const step of ['memory', 'tables']) {
      assert.equal(shown(db), `a=1 b=2 c=xxxxxxxx d=xxxxxxxx e=5 f=6 g=streamed`, step)
      assert.deepEqual((await db.getMany(['a', 'c', 'zz'])).map((value) => value?.length), [1, 20_000, undefined])
      assert.equal(text((await db.get('c'))!), large)
      assert.deepEqual([await db.has('a'), db.hasSync('c'), get(db, 'b')], [true, true, '2'])
      await db.flush()
    }
    clock.pass(99)
    assert.deepEqual([get(db, 'a'), db.hasSync('c')], ['1', true])
    clock.pass(1)
    for (const step of ['before a merge', 'behind it']) {
      assert.equal(shown(db), 'b=2 d=xxxxxxxx e=5 f=6 g=streamed', step)
      assert.deepEqual([...db.keysSync({ reverse: true })].map(text).join(''), 'gfedb')
      assert.deepEqual([await db.get('a'), await db.get('c'), db.hasSync('a')], [undefined, undefined, false])
      assert.deepEqual(await db.getMany(['a', 'c']), [undefined, undefined])
      assert.equal(await db.getStream('c'), undefined)
      await db.compact()
    }
    clock.pass(200)
    assert.equal(shown(db), 'd=xxxxxxxx e=5')
    await db.compact()
    assert.equal(entries(db), 2)
  }))

  it('TTL-6: counts from the call on, and is not what a plain put, or one with ttl: null, leaves behind', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock, { ttl: 50 })
    await db.put('default', '1')
    await db.put('ever', '1', { ttl: null })
    await db.put('longer', '1', { ttl: 1000 })
    await db.batch([{ type: 'put', key: 'in batch', value: '1' }, { type: 'put', key: 'kept', value: '1', ttl: null }])
    const entry = { value: Uint8Array.of(49), expiresAt: START_MS + 50, seqNum: 1 }
    assert.deepEqual(db.entrySync('default'), entry)
    clock.pass(50)
    assert.equal(shown(db), 'ever=1 kept=1 longer=1')
    await db.close()
    const { db: other } = await opened(clock)
    await other.put('k', '1', { ttl: 10 })
    await other.put('k', '2')
    clock.pass(100)
    assert.equal(get(other, 'k'), '2')
    assert.equal((await other.entry('k'))!.expiresAt, null)
    await other.close()
  })

  it('T12: may have expired already, or expire at the end of time', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    const expiries = [0, 1, START_MS, START_MS + 1, 2 ** 53 - 1]
    for (const [i, expiresAt] of expiries.entries()) await db.put(`k${i}`, 'v', { expiresAt })
    await db.put('k1', 'under')
    await db.put('k1', 'v', { expiresAt: 0 })
    assert.equal(shown(db), 'k3=v k4=v')
    await db.flush()
    assert.equal(shown(db), 'k3=v k4=v')
    assert.equal(db.entrySync('k4')!.expiresAt, 2 ** 53 - 1)
    clock.pass(1)
    await db.compact()
    assert.equal(shown(db), 'k4=v')
    await db.close()
  })

  it('is refused before anything changes when its lifetime is none', async () => {
    const { db } = await opened(new SetClock())
    const seq = db.stats().database.visibleSeq
    const bad: PutOptions[] = [
      ...[0, -1, NaN, Infinity, 1.5, 2 ** 53, 2 ** 53 - 1, '5', {}].map((ttl) => ({ ttl }) as PutOptions),
      ...[-1, NaN, 0.5, 2 ** 53, null, '5'].map((expiresAt) => ({ expiresAt }) as PutOptions),
      { ttl: 5, expiresAt: 5 }, { ttl: null, expiresAt: 5 },
    ]
    for (const options of bad) {
      const refused = { code: 'INVALID_ARGUMENT' }
      assert.throws(() => db.putSync('k', 'v', options), refused)
      assert.throws(() => db.touchSync('k', options), refused)
      const last: BatchOp = { type: 'put', key: 'k', value: 'v', ...options }
      const operations: BatchOp[] = [{ type: 'put', key: 'j', value: 'v' }, last]
      assert.throws(() => db.batchSync(operations), refused)
      await assert.rejects(db.put('k', 'v', options), refused)
      await assert.rejects(db.batch(operations), refused)
      await assert.rejects(db.touch('k', options), refused)
      await assert.rejects(db.putStream('k', [Buffer.from('v')], options), refused)
    }
    assert.throws(() => db.touchSync('k'), { code: 'INVALID_ARGUMENT', message: /touch needs ttl or expiresAt/ })
    assert.throws(() => db.putSync('k', 'v', { tll: 5 } as PutOptions), { code: 'INVALID_ARGUMENT', message: /tll/ })
    assert.equal(db.stats().database.visibleSeq, seq)
    await db.close()
    for (const options of [{ ttl: 0 }, { ttl: 'x' }, { ttlGraceMs: -1 }, { ttlClosedMaxMs: 0.5 }] as VarveOptions[]) {
      await assert.rejects(Varve.open(DIR, options), { code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('touch', () => {
  it('changes when a value expires, and nothing else, wherever it stands', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    const large = 'y'.repeat(9000)
    await db.batch([{ type: 'put', key: 'a', value: '1', ttl: 50 }, { type: 'put', key: 'l', value: large, ttl: 50 }])
    await db.put('ever', '3')
    await db.flush()
    assert.deepEqual([await db.touch('a', { ttl: 500 }), db.touchSync('l', { ttl: null })], [true, true])
    assert.equal(await db.touch('ever', { expiresAt: clock.wall + 500 }), true)
    clock.pass(100)
    assert.deepEqual([get(db, 'a'), get(db, 'l') === large, get(db, 'ever')], ['1', true, '3'])
    const expiries = ['a', 'l', 'ever'].map((key) => db.entrySync(key)!.expiresAt)
    assert.deepEqual(expiries, [START_MS + 500, null, START_MS + 500])
    clock.pass(400)
    assert.equal(shown(db), 'l=yyyyyyyy')
    await db.close()
  })

  it('T6: never brings back what has expired, was deleted, or never was', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    await db.put('k', 'old')
    await db.put('k', 'brief', { ttl: 10 })
    clock.pass(10)
    const seq = db.stats().database.visibleSeq
    assert.deepEqual([await db.touch('k', { ttl: 50 }), db.touchSync('none', { ttl: null })], [false, false])
    await db.flush()
    assert.equal(db.touchSync('k', { ttl: null }), false)
    assert.equal(db.stats().database.visibleSeq, seq)
    assert.equal(get(db, 'k'), undefined)
    await db.close()
  })

  it('TTL-7: takes what was put just before it, awaited or not', async () => {
    const { db } = await opened(new SetClock())
    const put = db.put('k', 'new')
    const touched = db.touch('k', { ttl: 50 })
    const last = db.put('k', 'last')
    await Promise.all([put, last])
    assert.equal(await touched, true)
    assert.equal(get(db, 'k'), 'last')
    assert.equal(db.entrySync('k')!.expiresAt, null)
    const puts = Array.from({ length: 50 }, (_, i) => db.put('k', `${i}`))
    assert.equal(db.touchSync('k', { ttl: 50 }), true)
    await Promise.all(puts)
    assert.equal(get(db, 'k'), '49')
    await db.close()
  })

  it('A3: a touched value needs nothing of where the first one stood', async () => {
    const clock = new SetClock()
    const vfs = new MemoryVfs()
    const { db } = await opened(clock, { vfs })
    const large = new Uint8Array(65_536).fill(7)
    await db.put('k', large, { ttl: 100 })
    await db.flush()
    await db.touch('k', { ttl: 10_000 })
    clock.pass(200)
    await db.collectGarbage()
    assert.deepEqual(await db.get('k'), large)
    await db.close()
    const { db: again } = await opened(clock, { vfs })
    assert.deepEqual(await again.get('k'), large)
    await again.close()
  })
})

describe('one time a reader', () => {
  it('T9, TTL-3: a walk, a snapshot and a call of many keys each have one', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    for (let n = 0; n < 40; n++) await db.put(`k${String(n).padStart(2, '0')}`, 'v', { ttl: 10 })
    await db.flush()
    const walk = db.entriesSync()
    const early = db.snapshot()
    for (let n = 0; n < 5; n++) walk.next()
    clock.pass(10)
    assert.equal(shown(db), '')
    assert.equal([...walk].length, 35)
    assert.equal([...db.keysSync({ snapshot: early })].length, 40)
    assert.deepEqual((await db.getMany(['k00', 'k39'], { snapshot: early })).map((value) => value?.length), [1, 1])
    await db.compact()
    assert.equal([...db.keysSync({ snapshot: early, reverse: true })].length, 40)
    assert.equal(entries(db), 40)
    early.release()
    await db.compact()
    assert.equal(entries(db), 0)
    await db.close()
  })

  it('a walk that lives over flushes and compactions still sees what its time allows', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    for (let n = 0; n < 40; n++) await db.put(`k${String(n).padStart(2, '0')}`, 'v', { ttl: 10 })
    const walk = db.keys()[Symbol.asyncIterator]()
    for (let n = 0; n < 5; n++) await walk.next()
    clock.pass(10)
    await db.put('zz', 'v')
    await db.compact()
    let count = 5
    while ((await walk.next()).done !== true) count++
    assert.equal(count, 40)
    await db.close()
  })

  it('T8, A7: a stretch that is passed by at one time is not at an earlier one', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    for (let n = 0; n < 100; n++) await db.put(`k${String(n).padStart(3, '0')}`, 'v', { ttl: 10 })
    await db.put('z', 'last')
    const early = db.snapshot()
    clock.pass(10)
    assert.equal(text([...db.keysSync({ limit: 1 })][0]!), 'z')
    assert.equal(text([...db.keysSync({ limit: 1, snapshot: early })][0]!), 'k000')
    clock.wall -= 2 * HOUR_MS
    assert.equal(text([...db.keysSync({ limit: 1 })][0]!), 'k000')
    await db.close()
  })
})

describe('what an expired version hides', () => {
  it('T1: an older value does not come back when only the upper table is merged', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock)
    await db.put('k', 'old')
    await db.flush()
    await db.put('k', 'new', { ttl: 10 })
    await db.put('kk', 'other')
    clock.pass(10)
    assert.equal(get(db, 'k'), undefined)
    await db.flush()
    assert.equal(shown(db), 'kk=other')
    await db.compact({ gte: 'k', lte: 'k' })
    assert.equal(shown(db), 'kk=other')
    await db.close()
  })

  it('T5: a whole table stays while an older version lies below it, or a snapshot sees it', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock, { compaction: { style: 'leveled' } })
    await db.put('k050', 'old')
    await db.flush()
    for (let n = 0; n < 100; n++) await db.put(`k${String(n).padStart(3, '0')}`, 'v', { ttl: 10 })
    const early = db.snapshot()
    await db.flush()
    await atRest(db)
    clock.pass(11)
    await db.put('y', '1')
    await db.flush()
    await atRest(db)
    assert.equal(shown(db), 'y=1')
    assert.equal([...db.keysSync({ snapshot: early })].length, 100)
    early.release()
    await db.compact()
    assert.equal(shown(db), 'y=1')
    assert.equal(entries(db), 1)
    await db.close()
  })

  it('A6: a table does not leave while a reader stands below its newest write', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock, { compaction: { style: 'leveled' } })
    await db.put('a', '1')
    const before = db.snapshot()
    await db.put('k', 'v', { ttl: 10 })
    await db.flush()
    clock.pass(11)
    await db.put('b', '1')
    await db.flush()
    await atRest(db)
    assert.equal(db.stats().compaction.expired, 0)
    before.release()
    await db.close()
  })
})

describe('the space of what has expired', () => {
  test('comes back by itself: whole tables at once, unread', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock, { compaction: { style: 'leveled' } })
    for (let n = 0; n < 500; n++) await db.put(`k${n}`, new Uint8Array(200), { expiresAt: START_MS + 1000 })
    await db.flush()
    await atRest(db)
    assert.ok(tables(db) > 0)
    const { readBytes } = db.stats().compaction
    clock.pass(1000)
    await new Promise((done) => setTimeout(done, 1100)) // the timer was set for the time that the clock said
    await atRest(db)
    assert.equal(tables(db), 0)
    assert.ok(db.stats().compaction.expired > 0)
    assert.equal(db.stats().compaction.readBytes, readBytes)
    await db.close()
  })

  test('comes back where much of a table has expired, and nothing is written anew in vain (A4)', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock, { compaction: { style: 'leveled' } })
    for (let n = 0; n < 400; n++) {
      await db.put(`k${String(n).padStart(3, '0')}`, new Uint8Array(200), n % 2 === 0 ? { ttl: 50 } : {})
    }
    await db.flush()
    await db.compact()
    const before = db.stats().levels.reduce((sum, { tableBytes }) => sum + tableBytes, 0)
    const early = db.snapshot()
    clock.pass(60)
    await db.put('z', '1')
    await db.flush()
    await atRest(db)
    const { completed } = db.stats().compaction
    assert.equal(entries(db), 401, 'a snapshot sees them')
    await new Promise((done) => setTimeout(done, 400))
    assert.ok(db.stats().compaction.completed - completed <= 1, 'what gives nothing back is not done again and again')
    early.release()
    await db.put('z', '2')
    await db.flush()
    await atRest(db)
    const after = db.stats().levels.reduce((sum, { tableBytes }) => sum + tableBytes, 0)
    assert.ok(entries(db) <= 202, `${entries(db)} entries`)
    assert.ok(after < 0.6 * before, `${after} of ${before} bytes`)
    await db.close()
  })
})

describe('clocks', () => {
  it('T3: a clock that is far ahead for a while hides values, and destroys none', async () => {
    const clock = new SetClock()
    const { db } = await opened(clock, { ttlGraceMs: 600_000 })
    clock.pass(700_000)
    await db.put('k', 'v', { ttl: HOUR_MS })
    await db.flush()
    clock.wall += 365 * 24 * HOUR_MS
    assert.equal(get(db, 'k'), undefined)
    await db.compact()
    clock.pass(60_000)
    await db.compact()
    clock.wall -= 365 * 24 * HOUR_MS
    assert.equal(get(db, 'k'), 'v')
    await db.close()
  })

  it('nothing is destroyed in the grace after an open, unless the clocks agreed at the last close (A8)', async () => {
    const clock = new SetClock()
    const vfs = new MemoryVfs()
    const expired = async (db: Varve): Promise<number> => {
      await db.compact()
      return entries(db)
    }
    const { db } = await opened(clock, { vfs, ttlGraceMs: 600_000 })
    await db.put('k', 'v', { ttl: 10 })
    clock.pass(20)
    assert.equal(await expired(db), 1)
    await db.compact({}, { expired: true })
    assert.equal(entries(db), 0, 'a person vouches for the clock')
    await db.put('k', 'v', { ttl: 10 })
    clock.pass(600_000)
    await db.put('l', 'v', { ttl: 10 })
    clock.pass(20)
    await db.close()
    clock.pass(HOUR_MS)
    const { db: next } = await opened(clock, { vfs, ttlGraceMs: 600_000 })
    assert.equal(await expired(next), 0)
    await next.put('k', 'v', { ttl: 10 })
    await next.close()
    clock.pass(30 * 24 * HOUR_MS)
    const { db: late } = await opened(clock, { vfs, ttlGraceMs: 600_000 })
    assert.equal(await expired(late), 1, 'a month later the clock must show itself right again')
    await late.close()
  })

  it('T4: a clock that is set back a little shows nothing again, one that is set back far does', async () => {
    const clock = new SetClock()
    const vfs = new MemoryVfs()
    const { db } = await opened(clock, { vfs, ttlGraceMs: 600_000 })
    await db.put('k', 'v', { ttl: 10_000 })
    clock.pass(20_000)
    assert.equal(get(db, 'k'), undefined)
    clock.wall -= 30_000
    assert.equal(get(db, 'k'), undefined)
    clock.wall -= HOUR_MS
    assert.equal(get(db, 'k'), 'v')
    await db.close()
    const { db: next } = await opened(clock, { vfs, ttlGraceMs: 600_000 })
    assert.equal(get(next, 'k'), 'v')
    await next.close()
  })

  it('TTL-5, A9: what may be gone is gone for every later reader, also for read-only ones', async () => {
    const clock = new SetClock()
    const vfs = new MemoryVfs()
    const { db } = await opened(clock, { vfs })
    await db.put('k', 'v', { ttl: 10_000 })
    await db.put('l', 'v', { ttl: 20_000 })
    clock.pass(15_000)
    await db.compact()
    await db.close()
    clock.wall -= 14_000
    for (const readOnly of [true, false]) {
      const { db: next } = await opened(clock, { vfs, readOnly })
      assert.equal(shown(next), 'l=v')
      await next.close()
    }
  })

  it('A5: a wrong clock that outlasts the grace poisons nothing for ever', async () => {
    const clock = new SetClock()
    const vfs = new MemoryVfs()
    const events: string[] = []
    const onEvent = ({ type }: EngineEvent) => void events.push(type)
    clock.wall = Date.UTC(2099, 0, 1)
    const { db } = await opened(clock, { vfs })
    await db.put('old', 'v', { ttl: 10 })
    clock.pass(20)
    await db.compact()
    await db.close()
    clock.wall = START_MS
    const { db: next } = await opened(clock, { vfs, onEvent })
    await next.put('k', 'v', { ttl: 50 })
    await next.put('week', 'v', { expiresAt: START_MS + 7 * 24 * HOUR_MS })
    assert.equal(shown(next), 'k=v week=v')
    await next.compact()
    assert.equal(shown(next), 'k=v week=v')
    clock.pass(60)
    assert.equal(shown(next), 'week=v')
    await next.compact()
    assert.equal(entries(next), 1)
    assert.ok(events.includes('clockBehind'))
    await next.close()
    const { db: last } = await opened(clock, { vfs })
    assert.equal(shown(last), 'week=v')
    await last.close()
  })

  it('a first clock that claims the database was closed for decades is not believed', async () => {
    const clock = new SetClock()
    const vfs = new MemoryVfs()
    const { db } = await opened(clock, { vfs })
    await db.put('k', 'v', { ttl: 10 * HOUR_MS })
    await db.put('brief', 'v', { ttl: 10 })
    clock.pass(20)
    await db.compact()
    await db.close()
    clock.wall = Date.UTC(2099, 0, 1)
    const { db: wrong } = await opened(clock, { vfs, ttlClosedMaxMs: HOUR_MS })
    assert.equal(get(wrong, 'k'), undefined)
    await wrong.compact()
    await wrong.close()
    clock.wall = START_MS + HOUR_MS
    const { db: right } = await opened(clock, { vfs })
    assert.equal(get(right, 'k'), 'v')
    await right.close()
  })
})

test('T7: expiries survive a kill and the replay of the log', async () => {
  const clock = new SetClock()
  const vfs = new MemoryVfs()
  const { db } = await opened(clock, { vfs, flushOnClose: false })
  await db.put('k', 'v', { ttl: 100 })
  await db.put('l', 'x'.repeat(10_000), { ttl: 300 })
  await db.put('m', 'v')
  await db.close()
  clock.pass(100)
  const { db: next } = await opened(clock, { vfs })
  assert.equal(shown(next), 'l=xxxxxxxx m=v')
  assert.equal(next.entrySync('l')!.expiresAt, START_MS + 300)
  clock.pass(200)
  assert.equal(shown(next), 'm=v')
  await next.close()
})

test('a follower hears when values expire, and another database takes them as they are', async () => {
  const clock = new SetClock()
  const { db } = await opened(clock)
  await db.pins.acquire('replica')
  await db.batch([{ type: 'put', key: 'a', value: '1', ttl: 50 }, { type: 'put', key: 'b', value: '2' }])
  const { db: replica } = await opened(clock)
  for await (const { operations } of db.pins.read('replica', { after: 0 })) await replica.batch(operations)
  assert.deepEqual(['a', 'b'].map((key) => replica.entrySync(key)!.expiresAt), [START_MS + 50, null])
  clock.pass(50)
  assert.equal(shown(replica), 'b=2')
  await db.close()
  await replica.close()
})
