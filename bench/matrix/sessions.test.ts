/** What: every session on a few entries, with Varve as the engine; and engines that lose or mix up what was written. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { varve } from '../engines/varve.js'
import type { EngineAdapter, Store } from '../store.js'
import { BASE, DATA_SETS, scaled } from './data-set.js'
import type { DataSet } from './data-set.js'
import { Entries } from './entries.js'
import { load } from './load.js'
import { dropFromPageCache } from './page-cache.js'
import { ROW } from './rows.js'
import { runSession, SESSIONS } from './sessions.js'
import { Subject } from './subject.js'
import { MIXES } from './ycsb.js'
import { heavyTest } from '../../test/support/harness/share.js'

const ENTRY_COUNT = 1000

function baseSet(): DataSet {
  return { ...DATA_SETS.find(({ name }) => name === BASE)!, entryCount: ENTRY_COUNT }
}

function newDir(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'varve-matrix-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return path.join(dir, 'db')
}

async function loaded(dir: string, engine: EngineAdapter = varve): Promise<Subject> {
  const subject = new Subject(engine, dir, new Entries(baseSet()), 0)
  await subject.open()
  await load(subject)
  return subject
}

/** True where files can be taken out of the page cache; those of a file system in memory cannot. */
function canDropPages(t: TestContext): boolean {
  const dir = newDir(t)
  mkdirSync(dir)
  writeFileSync(path.join(dir, 'probe'), Buffer.alloc(2 ** 20, 1))
  return dropFromPageCache(dir)
}

heavyTest('every session gives its rows, and what it wrote is read back', async (t) => {
  const dir = newDir(t)
  const subject = await loaded(dir)
  const expected = {
    read: 7, 'read zipf': 7, live: 8, cold: canDropPages(t) ? 2 : 0, write: 3, ycsb: MIXES.length,
  }
  for (const session of SESSIONS) {
    if (session === 'load') continue
    const { rows, writerPart } = await runSession(session, subject, { seconds: 0.005, warmSeconds: 0.001, dir })
    assert.equal(rows.length, expected[session], session)
    assert.equal(writerPart !== undefined, session === 'live')
    for (const { row, perSecond, p50Us, p999Us } of rows) {
      assert.ok(perSecond > 0 && p50Us > 0 && p999Us >= p50Us, `${session}: ${row}`)
    }
    await subject.check()
  }
  assert.ok(subject.entryCount > ENTRY_COUNT, 'some of the mixes add entries')
  await subject.close()
})

test('a set grows from another, and what it cost is told', async (t) => {
  const dir = newDir(t)
  const subject = new Subject(varve, dir, new Entries(baseSet()), 0)
  await subject.open()
  const first = await load(subject)
  assert.equal(first.row.row, ROW.fill)
  assert.equal(first.putBytes, ENTRY_COUNT * 116)
  assert.ok(first.written === null || first.written.callBytes >= first.putBytes)
  await subject.close()
  const larger = new Subject(varve, dir, new Entries(scaled(baseSet(), 2)), ENTRY_COUNT)
  await larger.open()
  const second = await load(larger)
  assert.deepEqual([larger.entryCount, second.putBytes, second.liveBytes], [2000, 1000 * 116, 2000 * 116])
  await larger.check()
  await larger.close()
})

test('keys and values of each set are as it says', () => {
  for (const set of DATA_SETS) {
    const entries = new Entries(scaled(set, 200 / set.entryCount))
    const numbers = Array.from({ length: 200 }, (_, i) => i)
    const keys = numbers.flatMap((i) => [entries.key(i), entries.absentKey(i)])
    assert.equal(new Set(keys.map((key) => key.toString('hex'))).size, 400, `${set.name}: every key is another one`)
    const bytes = numbers.reduce((sum, i) => sum + entries.value(i, 0).length, 0) / 200
    assert.ok(Math.abs(bytes / set.valueBytes - 1) < 0.05, `${set.name}: ${bytes} bytes a value`)
    const isNew = (i: number): boolean => !entries.value(i, 0).equals(entries.value(i, 1))
    assert.ok(numbers.every(isNew), `${set.name}: a value that is written anew is another one`)
  }
})

/** Makes an engine whose store is that of Varve, changed. */
function changed(change: (store: Store) => Partial<Store>): EngineAdapter {
  return {
    ...varve,
    async open(options) {
      const store = await varve.open(options)
      return { ...store, ...change(store) }
    },
  }
}

test('of puts that were under way together any may have come last', async (t) => {
  const subject = await loaded(newDir(t))
  subject.store.batch = () => undefined
  await subject.overwrite(subject.draw('uniform', 'test'), 4000)
  await assert.rejects(subject.check(), { code: 'ERR_ASSERTION' })
  subject.allowRaces()
  await subject.check()
  await subject.close()
})

test('an engine that loses writes, or mixes up its answers, is found out', async (t) => {
  const broken: Record<string, (store: Store) => Partial<Store>> = {
    'loses every third batch': (store) => {
      let count = 0
      return { batch: (keys, values) => (++count % 3 === 0 ? undefined : store.batch(keys, values)) }
    },
    'gives something for any key': (store) => ({ get: async (key) => (await store.get(key)) ?? Buffer.alloc(100) }),
    'finds nothing in order': () => ({ seek: () => 0 }),
  }
  for (const [what, change] of Object.entries(broken)) {
    const dir = newDir(t)
    const subject = await loaded(dir, changed(change))
    const draw = subject.draw('uniform', 'test')
    await assert.rejects(async () => {
      await subject.overwrite(draw, 4000)
      await subject.check()
    }, { code: 'ERR_ASSERTION' }, what)
    await subject.close()
  }
})
