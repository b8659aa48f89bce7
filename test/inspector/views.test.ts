/**
 * What the inspector says of a database: the lanes of its memtables, its levels, stalls and files, and its history; of
 * one that this process writes, of one that it only follows, and of one with nothing in it. INSP-4.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Varve } from '../../src/api/index.js'
import type { VarveOptions } from '../../src/api/index.js'
import { runAsync, systemClock } from '../../src/base/index.js'
import { ManifestHistory } from '../../src/manifest/index.js'
import type { Version } from '../../src/manifest/index.js'
import { EventRing, inspect, LaneBook, LAYOUT, Subject, TimeMachine } from '../../src/inspector/index.js'
import type { Inspection, Lane } from '../../src/inspector/index.js'
import { HeatBook } from '../../src/inspector/heat.js'
import { nowView } from '../../src/inspector/now-view.js'
import { SAMPLE_FIELDS } from '../../src/inspector/samples.js'
import { Views } from '../../src/inspector/views.js'
import type { Watch } from '../../src/inspector/watch.js'
import { emptyStats } from '../../src/stats/index.js'
import type { EngineEvent, FlushStageName, Stats } from '../../src/stats/index.js'
import { MemoryVfs, NodeVfs } from '../../src/vfs/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { HandClock } from '../support/fakes/hand-clock.js'
import { ask, pageHeaders, portOf, signIn, view } from './ask.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

const SMALL: VarveOptions = { writeBufferSize: 64 * 1024, workers: 0 }
const open = (options: VarveOptions = {}): Promise<Varve> =>
  Varve.open('/db', { ...SMALL, ...options, components: { vfs: new MemoryVfs() } })

async function write(db: Varve, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await db.put(`key ${(i * 7919) % 1000}`, Buffer.alloc(200, i))
}

/** Asks for a view until it is as wanted: samples are taken once a second. */
async function until<T>(shown: Inspection, bearer: string, name: string, isWanted: (value: T) => boolean): Promise<T> {
  for (let i = 0; ; i++) {
    const value = await view<T>(shown, bearer, name)
    if (isWanted(value) || i > 40) return value
    await wait(100)
  }
}

type Found = Record<string, never>

describe('lanes', () => {
  const stage = (id: number, log: number, name: FlushStageName, durationMs = 0): EngineEvent =>
    ({ type: 'flushStage', id, log, stage: name, durationMs })

  it('tell each stage of a memtable, why it waited, and which table it became', () => {
    const book = new LaneBook(1, 100)
    const heard: [number, EngineEvent][] = [
      [200, stage(1, 1, 'queued')], [200, { type: 'rotated', log: 2 }], [201, stage(1, 1, 'building', 1)],
      [300, stage(2, 2, 'queued')], [300, { type: 'rotated', log: 3 }],
      [350, stage(1, 1, 'built', 149)], [350, stage(2, 2, 'building', 50)], [351, stage(1, 1, 'installing')],
      [360, stage(2, 2, 'built', 10)],
      [390, { type: 'compactionEnd', id: 9, outputBytes: 1, durationMs: 1 }],
      [390, { type: 'tableAdded', table: 50, level: 0, tableBytes: 9, entryCount: 9 }],
      [400, { type: 'tableAdded', table: 7, level: 0, tableBytes: 5, entryCount: 3 }],
      [400, stage(1, 1, 'released')], [400, stage(2, 2, 'installing')],
    ]
    for (const [nowMs, event] of heard) {
      if (nowMs === 400 && event.type === 'tableAdded') book.hear({ type: 'resumed' }, nowMs)
      book.hear(event, nowMs)
    }
    const [one, two, three] = book.all as [Lane, Lane, Lane]
    assert.deepEqual(
      [one.filled, one.queued, one.building, one.built, one.installing, one.released, one.table],
      [100, 200, 201, 350, 351, 400, 7],
    )
    assert.match(two.waitBuild, /^no free worker: 1 other build/)
    assert.match(two.waitInstall, /^its turn, behind log 1/)
    assert.equal(three.filled, 300)
    book.noteLogs(() => true, 405)
    assert.equal(one.freed, 0, 'its log is needed')
    book.noteLogs((log) => log !== 1, 410)
    assert.deepEqual([one.freed, two.freed], [410, 0])
    book.hear({ type: 'compactionEnd', id: 10, outputBytes: 1, durationMs: 1 }, 420)
    book.hear({ type: 'tableAdded', table: 51, level: 0, tableBytes: 9, entryCount: 9 }, 420)
    book.hear(stage(2, 2, 'released'), 430)
    assert.equal(two.table, 0, 'nothing was left of it; the table is that of a compaction')
  })

  it('begin again after a failure, and know memtables that were sealed before', () => {
    const book = new LaneBook(9, 0)
    book.hear(stage(4, 8, 'building', 30), 50)
    book.hear({ type: 'flushFailed', id: 4, attempts: 1, willRetry: true, error: new Error('no') }, 60)
    book.hear(stage(4, 8, 'building', 100), 160)
    const lane = book.all.find(({ log }) => log === 8)!
    assert.deepEqual([lane.failures, lane.queued, lane.building, lane.built], [1, 60, 160, 0])
    assert.match(lane.waitBuild, /^retry after failure 1/)
    assert.deepEqual(book.all.map(({ log }) => log), [8, 9])
  })
})

describe('a database that is written', () => {
  it('is told as its statistics tell it', async () => {
    const db = await open()
    const shown = await inspect(db)
    const bearer = await signIn(shown)
    await write(db, 1500)
    await db.flush()
    const stats = JSON.parse(JSON.stringify(db.stats())) as Stats
    const now = await until<{ stats: Stats }>(shown, bearer, 'now', (value) => {
      return value.stats.flush.completed === stats.flush.completed && value.stats.compaction.active === 0
    })
    assert.equal(now.stats.database.visibleSeq, 1500)
    const { lanes, flush } = await view<{ lanes: Lane[]; flush: Stats['flush'] }>(shown, bearer, 'pipeline')
    assert.equal(flush.completed, stats.flush.completed)
    const done = lanes.filter(({ released }) => released > 0)
    assert.ok(done.length >= 3)
    for (const { queued, building, built, installing, released, table, freed } of done) {
      assert.ok(queued <= building && building <= built && built <= installing && installing <= released)
      assert.ok(table > 0 && freed >= released)
    }
    const { tables, levels } = await view<{ tables: number[][]; levels: { tables: number; bytes: number }[] }>(shown,
      bearer, 'levels')
    const present = db.stats().levels
    assert.deepEqual(levels.map((level) => level.tables), present.map(({ tableCount }) => tableCount))
    assert.deepEqual(levels.map((level) => level.bytes), present.map(({ tableBytes }) => tableBytes))
    assert.equal(tables.length, present.reduce((sum, { tableCount }) => sum + tableCount, 0))
    const snapshot = db.snapshot()
    const { snapshots } = await until<{ snapshots: Found[] }>(shown, bearer, 'holders',
      (value) => value.snapshots.length > 0)
    assert.deepEqual(snapshots.map(({ seqNum, holderCount }) => [seqNum, holderCount]), [[1500, 1]])
    snapshot.release()
    const { events } = await view<{ events: { type: string; id: number }[] }>(shown, bearer, 'events')
    assert.ok(events.some(({ type }) => type === 'tableAdded'))
    assert.deepEqual(events.map(({ id }) => id), events.map((_, i) => events[0]!.id + i))
    await shown.close()
    assert.equal(db.stats().database.state, 'OPEN')
    await db.close()
  })

  it('has a field for every text of the layout, also when nothing is in it', async () => {
    const db = await open()
    const shown = await inspect(db)
    const bearer = await signIn(shown)
    for (const [id, { view: name = id, tiles = [], tables = [] }] of Object.entries(LAYOUT.pages)) {
      if (name === '') continue
      const data = await view<Found>(shown, bearer, name)
      for (const [, at] of tiles.join().matchAll(/\{([\w.]+)/g)) assert.ok(has(data, at!), `${id}: ${at}`)
      for (const { rows } of tables) assert.ok(Array.isArray(read(data, rows)), `${id}: ${rows}`)
    }
    await shown.close()
    await db.close()
  })

  it('is flushed by the page only when that was allowed, and confirmed', async () => {
    const db = await open()
    await write(db, 10)
    const shown = await inspect(db, { admin: true })
    const bearer = await signIn(shown)
    const post = async (body: object): Promise<Found> => {
      const headers = pageHeaders(portOf(shown), bearer)
      const answer = await ask(portOf(shown),
        { method: 'POST', path: '/api/admin', headers, body: JSON.stringify(body) })
      return { ...(JSON.parse(answer.text) as Found), status: answer.status as never }
    }
    const { confirm, status } = await post({ action: 'flush' })
    assert.equal(status, 200)
    assert.equal(db.stats().flush.completed, 0, 'nothing is done before it is confirmed')
    assert.equal((await post({ action: 'compact', confirm })).status, 400, 'the word of another action')
    assert.equal((await post({ action: 'flush', confirm })).status, 400, 'a word is good once')
    const again = await post({ action: 'flush' })
    assert.equal((await post({ action: 'flush', confirm: again['confirm'] })).status, 200)
    const { events } = await until<{ events: { type: string }[] }>(shown, bearer, 'events?after=0', ({ events: all }) =>
      all.some(({ type }) => type === 'adminEnd'))
    assert.deepEqual(events.map(({ type }) => type).filter((type) => type.startsWith('admin')),
      ['adminBegin', 'adminEnd'])
    assert.equal(db.stats().flush.completed, 1)
    await shown.close()
    await db.close()
  })

  it('counts reads by table: those from the file, and those that the cache has', async () => {
    const db = await open({ writeBufferSize: 2 ** 20 })
    for (let i = 0; i < 400; i++) await db.put(`a${i}`, Buffer.alloc(200, i))
    await db.flush()
    for (let i = 0; i < 400; i++) await db.put(`b${i}`, Buffer.alloc(200, i))
    await db.flush()
    const shown = await inspect(db)
    const bearer = await signIn(shown)
    const before = db.stats().cache
    for (let i = 0; i < 300; i++) assert.ok(db.getSync(`b${i % 100}`))
    const { hitCount, missCount } = db.stats().cache
    const reads = hitCount + missCount - before.hitCount - before.missCount
    assert.equal(reads, 300)
    type Heat = { keys: string[]; rows: { cells: number[] }[] }
    const { keys, rows } = await until<Heat>(shown, bearer, 'heat?what=reads', (heat) => heat.rows.length > 0)
    const byKey = keys.map((_, i) => rows.reduce((sum, { cells }) => sum + cells[i]!, 0))
    assert.equal(byKey.reduce((sum, count) => sum + count, 0), reads)
    assert.ok(keys.every((key, i) => key.startsWith('"b') || byKey[i] === 0), 'none of them in the other table')
    type Levels = { fields: string[]; tables: number[][] }
    const { fields, tables } = await view<Levels>(shown, bearer, 'levels')
    assert.deepEqual(tables.map((table) => table[fields.indexOf('reads')]).sort(), [0, 1], 'the share of the most read')
    const facts = await Promise.all(tables.map(([file]) =>
      view<{ hits: number; misses: number }>(shown, bearer, `table?file=${file}`)))
    assert.equal(facts.reduce((sum, { hits, misses }) => sum + hits + misses, 0), hitCount + missCount)
    await shown.close()
    await db.close()
  })

  it('tells a page that comes back what it missed', async () => {
    const db = await open()
    const shown = await inspect(db)
    const bearer = await signIn(shown)
    await write(db, 400)
    await db.flush()
    const { lastId } = await view<{ lastId: number }>(shown, bearer, 'events')
    const headers = { authorization: `Bearer ${bearer}`, 'last-event-id': String(lastId - 3) }
    const stream = ask(portOf(shown), { path: '/events', headers })
    await wait(100)
    await shown.close()
    const { text } = await stream
    assert.match(text, /event: hello\ndata: \{"isWhole":true/)
    const told = JSON.parse(/event: events\ndata: (.*)/.exec(text)![1]!) as { id: number }[]
    assert.deepEqual(told.map(({ id }) => id), [lastId - 2, lastId - 1, lastId])
    const ring = new EventRing()
    for (let i = 0; i < 5000; i++) ring.add({ type: 'resumed' }, i)
    assert.equal(ring.after(3000).isWhole, true)
    assert.equal(ring.after(2999).isWhole, false, 'some of them are gone')
    assert.equal(ring.after(0).events.length, 2000)
    await db.close()
  })
})

describe('the sentence of the page "now"', () => {
  // Two samples, a second apart; the columns that are not named stay as they are.
  const saidOf = (changed: Readonly<Record<string, number>>, stall: Partial<Stats['writeStall']> = {}): string => {
    const stats = emptyStats('/db')
    stats.database.state = 'OPEN'
    const rows = [0, 1].map((n) => SAMPLE_FIELDS.map((name) => n * (name === 't' ? 1000 : changed[name] ?? 0)))
    const watch = {
      stats: { ...stats, writeStall: { ...stats.writeStall, ...stall } }, refreshFailure: '', sinceMs: 0,
      samples: { after: () => rows }, subject: { engine: {}, isOwn: false },
      events: { syncTimes: () => ({ count: 0, p99Ms: 0 }) },
    }
    return (nowView(watch as unknown as Watch) as { limit: string }).limit
  }

  it('says when the program itself keeps writers waiting, also where syncs only look long for it', () => {
    assert.equal(saidOf({ seq: 12, threadMs: 990, syncMs: 900 }),
      "The program's thread is busy for 99 % of the time: calls wait for it. A profiler says why.")
    assert.match(saidOf({ threadMs: 990 }), /thread is busy/)
    assert.match(saidOf({ seq: 12, threadMs: 500, syncMs: 900 }), /^Syncs of the log take 90 % of the time/)
    assert.equal(saidOf({ seq: 12, threadMs: 800 }), 'Nothing holds writes back.')
    assert.match(saidOf({ seq: 12, threadMs: 990 }, { state: 'slow', reason: '20 tables' }), /20 tables/)
  })

  it('is made of what this thread really does', async () => {
    const db = await open()
    const shown = await inspect(db)
    const bearer = await signIn(shown)
    type Samples = { rows: number[][] }
    const { rows } = await until<Samples>(shown, bearer, 'samples', (value) => value.rows.length > 1)
    const at = SAMPLE_FIELDS.indexOf('threadMs')
    assert.ok(rows.every((row, i) => i === 0 || row[at]! > rows[i - 1]![at]!), 'it only grows')
    assert.ok(rows[0]![at]! > 0)
    await shown.close()
    await db.close()
  })
})

it('a directory is followed beside the process that writes it, and nothing in it changes', async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir, SMALL)
  await write(db, 600)
  const shown = await inspect(dir)
  const bearer = await signIn(shown)
  const { databases } = await view<{ databases: Found[] }>(shown, bearer, 'databases')
  assert.equal(databases[0]!['isLive'], false)
  await write(db, 300)
  const now = await until<{ stats: Stats }>(shown, bearer, 'now', (value) => value.stats.database.visibleSeq === 900)
  assert.equal(now.stats.database.visibleSeq, 900)
  assert.deepEqual(Object.keys(databases[0]!['unknown']!).sort(),
    ['actions', 'compactions', 'events', 'heat', 'holders', 'memory', 'pipeline', 'stalls'])
  assert.deepEqual([now.stats.memory, now.stats.writeStall], [{}, {}], 'those of the inspector are not told as others')
  for (const name of ['levels', 'memory', 'holders', 'logs', 'files', 'pipeline', 'heat', 'stalls', 'compactions',
    'history']) {
    await view(shown, bearer, name)
  }
  await shown.close()
  await write(db, 10)
  await db.close()
})

describe('the time machine', () => {
  it('shows each state as the manifest has it', async () => {
    const dir = newDirectory()
    const db = await Varve.open(dir, SMALL)
    await write(db, 4000)
    await db.compact()
    const { fileNum } = db.stats().manifest
    const machine = await TimeMachine.begin(new NodeVfs(), db.location, { fileNum, clock: systemClock })
    while (!machine.isDone) await wait(1)
    const history = await runAsync(ManifestHistory.read(new NodeVfs(), db.location, fileNum))
    assert.ok(machine.groupCount > 8)
    let group = 0
    const versions: Version[] = []
    for (const { number } of history.groups()) {
      const { levels } = machine.at(++group) as { levels: { tables: number; bytes: number }[] }
      const version = history.versionAt(number)
      assert.deepEqual(levels.map(({ tables }) => tables), version.levels.map(({ tables }) => tables.length),
        `group ${number}`)
      versions.push(version)
    }
    const placesOf = (version: Version): string[] =>
      version.levels.flatMap(({ tables }, level) => tables.map(({ fileNum }) => `${fileNum} of level ${level}`))
    for (const [one, oneVersion] of versions.entries()) {
      for (const [two, twoVersion] of versions.entries()) {
        const there = new Set(placesOf(twoVersion))
        const news = placesOf(oneVersion).filter((place) => !there.has(place)).map(parseFloat)
        const { addedTables } = machine.at(one + 1, two + 1) as { addedTables: number[] }
        assert.deepEqual(addedTables.sort(), news.sort(), `${one + 1} beside ${two + 1}`)
      }
    }
    assert.throws(() => machine.at(1, group + 1), { code: 'INVALID_ARGUMENT' })
    assert.equal(group, machine.groupCount)
    assert.throws(() => machine.at(group + 1), { code: 'INVALID_ARGUMENT' })
    await db.close()
  })

  it('is made anew for who asks for a group after a while, and walks that far first', async () => {
    const vfs = new MemoryVfs()
    const db = await Varve.open('/db', { ...SMALL, components: { vfs } })
    await write(db, 4000)
    const clock = new HandClock()
    // Time passes with each look at it, so that a step of the walk is a few groups.
    const passing = Object.assign(clock, { nowMs: () => (elapsedMs += 3) })
    let elapsedMs = 0
    const { manifest } = db.stats()
    const watch = { stats: { manifest }, subject: { vfs, dir: db.location, clock: passing } } as unknown as Watch
    const views = new Views(watch, false)
    const asked = async (name: string, query = ''): Promise<Found> => {
      let isAnswered = false
      const answer = views.answer(name, new URLSearchParams(query)).finally(() => (isAnswered = true))
      answer.catch(() => undefined)
      for (let i = 0; !isAnswered && i < 1000; i++) await clock.turn()
      return JSON.parse(await answer) as Found
    }
    let { groups, isDone } = await asked('history')
    while (!isDone) ({ groups, isDone } = await asked('history'))
    assert.ok(Number(groups) > 8)
    await clock.advance(200_000)
    const { group } = await asked('group', `group=${groups}`)
    assert.equal(group, groups)
    await assert.rejects(asked('group', `group=${Number(groups) + 1}`), { code: 'INVALID_ARGUMENT' })
    await db.close()
  })
})

describe('heat', () => {
  it('has a row for each time, also when the clock was set back meanwhile', async () => {
    const db = await open({ compaction: { style: 'none' } })
    const heat = new HeatBook(new Subject(db, false).engine!)
    for (let i = 0; i < 3; i++) {
      await db.put(`key ${i}`, 'value')
      await db.flush()
    }
    const tables = new Subject(db, false).version.levels[0]!.tables.map(({ fileNum }) => fileNum).reverse()
    const times = [100_000, 900_000, 50_000]
    for (const [i, table] of tables.entries()) {
      heat.hear({ type: 'tableAdded', table, level: 0, tableBytes: 1, entryCount: 1 }, times[i]!)
    }
    for (const [i, nowMs] of times.entries()) {
      for (let n = 0; n < 5; n++) db.getSync(`key ${i}`)
      heat.noteReads(nowMs)
    }
    for (const what of ['writes', 'reads'] as const) {
      const { rows } = heat.picture(what) as { rows: { t: number; cells: number[] }[] }
      const sums = rows.map(({ cells }) => cells.reduce((sum, cell) => sum + cell, 0))
      assert.equal(sums.filter((sum) => sum > 0).length, 3, what)
      assert.equal(sums.reduce((sum, each) => sum + each), what === 'writes' ? 3 : 15)
      assert.ok(rows.every(({ t }, i) => i === 0 || t < rows[i - 1]!.t), 'the newest first')
    }
    await db.close()
  })
})

function read(data: Found, at: string): unknown {
  return at.split('.').reduce<unknown>((value, name) => (value as Found | undefined)?.[name], data)
}

function has(data: Found, at: string): boolean {
  const names = at.split('.')
  const owner = names.length === 1 ? data : read(data, names.slice(0, -1).join('.'))
  return typeof owner === 'object' && owner !== null && (names.at(-1)! in owner)
}
