/** What the platform's channels hear of calls, background work and events; who has no listener does not pay. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import diagnostics from 'node:diagnostics_channel'
import path from 'node:path'
import type { PerformanceMeasure } from 'node:perf_hooks'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Varve } from '../../src/index.js'
import { VarveLevel } from '../../src/level.js'
import { MemoryVfs } from '../../src/testing.js'
import { Place } from '../support/databases/databases.js'
import { packageDir } from '../support/harness/golden.js'
import { listenToTraces as listen } from '../support/harness/trace-listener.js'
import type { TraceMessage as Message } from '../support/harness/trace-listener.js'

/** The steps of a call that gives a promise, and succeeds. */
const STEPS_OF_PROMISE = ['start', 'end', 'asyncStart', 'asyncEnd'] as const

const db = await new Place('memory').open({})
after(() => db.close())

test('with nobody listening the promise of a group of writes is one, also where the group is measured', async () => {
  await db.put('first', 'makes the log')
  for (let group = 0; group < 40; group++) {
    const [first, second] = [db.put(`a${group}`, '1'), db.put(`b${group}`, '2')]
    assert.equal(first, second)
    await first
  }
  const { end } = listen('write')
  const traced = [db.put('a', '1'), db.put('b', '2')]
  assert.notEqual(traced[0], traced[1])
  end()
  await Promise.all(traced)
  const [first, second] = [db.put('a', '1'), db.del('b')]
  assert.equal(first, second)
  await first
})

test('a promise is followed: start, end, and then where it settles; neither key nor value is told', async () => {
  const [reads, writes] = [listen('read'), listen('write')]
  await db.put('secret-key', 'secret-value', { sync: true })
  assert.equal(Buffer.from((await db.get('secret-key'))!).toString(), 'secret-value')
  assert.equal(await db.get('absent-key'), undefined)
  await db.getMany(['secret-key', 'absent-key'])
  await db.batch([{ type: 'put', key: 'k', value: 'v' }, { type: 'del', key: 'k' }])
  reads.end()
  writes.end()
  const whole = (op: string): string[] => STEPS_OF_PROMISE.map((step) => `${op} ${step}`)
  assert.deepEqual(writes.steps(), [...whole('put'), ...whole('batch')])
  assert.deepEqual(reads.steps(), [...whole('get'), ...whole('get'), ...whole('getMany')])
  const place = { db: db.location }
  assert.deepEqual(writes.heard[0]![1], { ...place, op: 'put', keyBytes: 10, valueBytes: 12 })
  assert.deepEqual(writes.heard[4]![1], { ...place, op: 'batch', count: 2 })
  assert.deepEqual(reads.heard[0]![1], { ...place, op: 'get', keyBytes: 10, valueBytes: 12 })
  assert.deepEqual(reads.heard[4]![1], { ...place, op: 'get', keyBytes: 10 })
  assert.deepEqual(reads.heard[8]![1], { ...place, op: 'getMany', count: 2, valueBytes: 12 })
  assert.ok(!JSON.stringify([reads.heard, writes.heard]).includes('secret'))
})

test('a call that blocks has start and end, and one that fails has its error', async () => {
  const { heard, steps, end } = listen('write')
  db.putSync('k', 'größe')
  assert.throws(() => db.delSync(5 as never), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(db.put('k', null as never), { code: 'INVALID_ARGUMENT' })
  end()
  assert.deepEqual(steps(), [
    'put start', 'put end', 'del start', 'del error', 'del end', 'put start', 'put end', 'put error', 'put asyncStart',
    'put asyncEnd',
  ])
  assert.equal(heard[0]![1]['valueBytes'], 7)
  assert.equal((heard[3]![1]['error'] as { code: string }).code, 'INVALID_ARGUMENT')
})

test('every write and read is heard of, once', async () => {
  const [reads, writes] = [listen('read', ['start']), listen('write', ['start'])]
  await db.touch('k', { ttl: 1000 })
  db.touchSync('k', { ttl: 1000 })
  await db.delRange({ gte: 'x', lt: 'y' })
  db.delRangeSync({ gte: 'x', lt: 'y' })
  db.batchSync([])
  await db.clear({ gte: 'x', lt: 'y' })
  await db.sync()
  await db.putStream('s', (async function* () { yield new Uint8Array(3) })())
  await db.has('k')
  db.hasSync('k')
  await db.entry('k')
  db.entrySync('k')
  db.getManySync(['k'])
  db.getSync('k')
  await db.getStream('s')
  reads.end()
  writes.end()
  const ops = (list: [string, Message][]): unknown[] => list.map(([, { op }]) => op)
  assert.deepEqual(ops(writes.heard), [
    'touch', 'touch', 'delRange', 'delRange', 'batch', 'clear', 'sync', 'putStream',
  ])
  assert.deepEqual(ops(reads.heard), ['has', 'has', 'entry', 'entry', 'getMany', 'get', 'getStream'])
})

test('who comes in the middle of a call hears nothing of it; who goes harms nobody', async () => {
  const put = db.put('k', 'v')
  const late = listen('write')
  await put
  late.end()
  assert.deepEqual(late.heard, [])
  const early = listen('write')
  const other = db.put('k', 'v')
  early.end()
  await other
  assert.deepEqual(early.steps(), ['put start', 'put end'])
})

test('a subscriber may use the database, and close it', async () => {
  const other = await Varve.open('/other', { components: { vfs: new MemoryVfs() } })
  await other.put('k', 'v')
  // It writes inside each read: what is read is of the moment behind that.
  let writes = 0
  const write = (): void => {
    if (++writes === 1) for (let i = 0; i < 100; i++) other.putSync('k', `v${i}`)
  }
  diagnostics.subscribe('tracing:varve:read:start', write)
  assert.equal(Buffer.from(other.getSync('k')!).toString(), 'v99')
  diagnostics.unsubscribe('tracing:varve:read:start', write)
  let closing: Promise<void> | null = null
  const close = (): void => void (closing ??= other.close())
  diagnostics.subscribe('tracing:varve:read:end', close)
  assert.equal(Buffer.from((await other.get('k'))!).toString(), 'v99')
  diagnostics.unsubscribe('tracing:varve:read:end', close)
  await closing
  await assert.rejects(other.get('k'), { code: 'CLOSED' })
})

test('a long call says what it is, how long it took and how it failed; no place and no key is told', async () => {
  const vfs = new MemoryVfs()
  const other = await Varve.open('/jobs', { components: { vfs } })
  await other.put('secret-key', 'secret-value')
  const jobs = listen('job')
  await other.compact()
  await other.checkpoint('/secret-place')
  await assert.rejects(other.ingest(['/no-such-file']), { code: 'NOT_FOUND' })
  await Varve.verify('/secret-place', { vfs })
  await Varve.backup(other, '/secret-set')
  jobs.end()
  await other.close()
  assert.deepEqual(jobs.steps(), [
    ...['compact', 'checkpoint'].flatMap((op) => STEPS_OF_PROMISE.map((step) => `${op} ${step}`)),
    'ingest start', 'ingest end', 'ingest error', 'ingest asyncStart', 'ingest asyncEnd',
    ...['verify', 'backup'].flatMap((op) => STEPS_OF_PROMISE.map((step) => `${op} ${step}`)),
  ])
  const ended = jobs.heard.filter(([step]) => step === 'asyncEnd').map(([, message]) => message)
  assert.deepEqual(ended.map(({ db: place }) => place), ['/jobs', '/jobs', '/jobs', '/secret-place', '/jobs'])
  for (const { startMs, durationMs } of ended) {
    assert.ok(Number(durationMs) >= 0 && Number(startMs) + Number(durationMs) <= performance.now())
  }
  const [, failed] = jobs.heard.find(([step]) => step === 'error')!
  assert.equal((failed['error'] as { code: string }).code, 'NOT_FOUND')
  const told = jobs.heard.filter(([, { op }]) => op !== 'verify' && op !== 'ingest')
  assert.ok(!JSON.stringify(told).includes('secret'))
})

test('who comes in the middle of a long call hears nothing of it; who closes the database ends it', async () => {
  const vfs = new MemoryVfs()
  const other = await Varve.open('/long', { components: { vfs } })
  await other.put('k', 'v')
  const compacting = other.compact()
  const late = listen('job')
  await compacting
  late.end()
  assert.deepEqual(late.steps(), [])
  const early = listen('job')
  const again = other.compact()
  early.end()
  await again
  assert.deepEqual(early.steps(), ['compact start', 'compact end'])
  let closing: Promise<void> | null = null
  const close = (message: unknown): void => {
    if ((message as Message)['op'] === 'checkpoint') closing = other.close()
  }
  diagnostics.subscribe('tracing:varve:job:start', close)
  await assert.rejects(other.checkpoint('/copy'), { code: 'CLOSED' })
  diagnostics.unsubscribe('tracing:varve:job:start', close)
  await closing
  assert.equal(vfs.statSync('/copy'), null)
})

test('flushes, compactions and events are heard of, with the database', async () => {
  const traced = await Varve.open('/traced', { components: { vfs: new MemoryVfs() }, marks: true })
  const [flushes, compactions] = [listen('flush'), listen('compaction')]
  const events: Message[] = []
  const hear = (message: unknown): unknown => events.push(message as Message)
  diagnostics.subscribe('varve:event', hear)
  for (let i = 0; i < 3; i++) {
    traced.putSync(`k${i % 2}`, 'v')
    await traced.flush()
  }
  await traced.compact()
  await traced.close()
  diagnostics.unsubscribe('varve:event', hear)
  flushes.end()
  compactions.end()
  assert.deepEqual(flushes.steps().slice(0, 4), ['flush start', 'flush end', 'flush asyncStart', 'flush asyncEnd'])
  const { db: place, op, id, startMs, durationMs, log } = flushes.heard[0]![1] as Record<string, number>
  assert.deepEqual([place, op, typeof id, typeof log], ['/traced', 'flush', 'number', 'number'])
  assert.ok(durationMs! > 0 && startMs! + durationMs! <= performance.now())
  const [, merged] = compactions.heard.at(-1)!
  assert.ok(Number(merged['inputBytes']) > 0 && Number(merged['outputBytes']) > 0 && Number(merged['durationMs']) > 0)
  assert.equal(merged['op'], 'compaction')
  const own = events.filter((message) => message['db'] === '/traced')
  const types = new Set(own.map(({ event }) => (event as Message)['type']))
  for (const type of ['flushStage', 'tableAdded', 'compactionEnd', 'closed']) assert.ok(types.has(type), type)
  // The same ones are on the timeline.
  const marks = (performance.getEntriesByType('measure') as PerformanceMeasure[])
    .filter(({ name }) => name.startsWith('varve '))
  const named = (kind: string): unknown[] => marks.filter(({ name }) => name.startsWith(`varve ${kind} #`))
  assert.ok(named('flush').length >= 3 && named('compaction').length >= 1)
  assert.ok(marks.every(({ duration, detail }) => duration >= 0 && (detail as Message)['db'] === '/traced'))
  performance.clearMeasures()
})

test('without the option there are no marks; flushes that began before anybody listened are not told', async () => {
  await db.put('k', 'v')
  const flushing = db.flush()
  await Promise.resolve()
  const late = listen('flush')
  await flushing
  late.end()
  assert.ok(!late.steps().includes('flush asyncEnd') || late.steps().includes('flush start'))
  assert.deepEqual(performance.getEntriesByType('measure').filter(({ name }) => name.startsWith('varve ')), [])
})

test('reads of the abstract-level facade are heard of, and measured', async () => {
  const level = new VarveLevel('/level', { components: { vfs: new MemoryVfs() } })
  await level.put('k', 'v')
  const { heard, end } = listen('read', ['start'])
  assert.equal(await level.get('k'), 'v')
  assert.equal(level.getSync('k'), 'v')
  assert.deepEqual(await level.getMany(['k']), ['v'])
  end()
  assert.deepEqual(heard.map(([, { op }]) => op), ['get', 'get', 'getMany'])
  for (let i = 0; i < 64; i++) await level.get('k')
  for (let i = 0; i < 64; i++) level.getSync('k')
  await level.close()
})

const run = promisify(execFile)
const runScript = async (text: string): Promise<string> => {
  const lib = JSON.stringify(path.join(packageDir, 'lib/index.js'))
  const testing = JSON.stringify(path.join(packageDir, 'lib/testing.js'))
  const script = text.replace('LIB', lib).replace('TESTING', testing)
  return (await run(process.execPath, ['--input-type=module', '-e', script])).stdout
}

test('what a subscriber throws is an uncaught exception, and never reaches a caller', async () => {
  assert.equal(await runScript(`
    import diagnostics from 'node:diagnostics_channel'
    const { Varve } = await import(LIB)
    const { MemoryVfs } = await import(TESTING)
    let caught = 0
    process.on('uncaughtException', (error) => { if (error.message === 'mine') caught++ })
    for (const kind of ['read', 'write', 'job', 'flush', 'compaction']) {
      for (const step of ['start', 'end', 'asyncStart', 'asyncEnd', 'error']) {
        diagnostics.subscribe('tracing:varve:' + kind + ':' + step, () => { throw new Error('mine') })
      }
    }
    diagnostics.subscribe('varve:event', () => { throw new Error('mine') })
    const db = await Varve.open('/db', { components: { vfs: new MemoryVfs() } })
    await db.put('k', 'v')
    db.putSync('k', 'v')
    const value = String(await db.get('k')) + String(db.getSync('k'))
    await db.flush()
    await db.compact()
    const refused = await db.ingest(['/none']).catch(({ code }) => code)
    await db.close()
    await new Promise((resolve) => setTimeout(resolve, 10))
    console.log(value, refused, caught >= 20)
  `), '118118 NOT_FOUND true\n')
})

test('where the platform has no channels nothing is traced, and all works', async () => {
  assert.equal(await runScript(`
    process.getBuiltinModule = undefined
    const { Varve } = await import(LIB)
    const { MemoryVfs } = await import(TESTING)
    const db = await Varve.open('/db', { components: { vfs: new MemoryVfs() }, marks: true })
    await db.put('k', 'v')
    await db.flush()
    console.log(String(await db.get('k')), db.put.name, performance.getEntriesByType('measure').length)
    await db.close()
  `), '118 put 1\n')
})

test('a value of a codec that can be awaited is given as it is, whether or not somebody listens', async () => {
  interface Lazy { then(done: (text: string) => void): void }
  const decode = (text: string): Lazy => ({ then: (done) => done(text) })
  const lazy = db.view<string, Lazy>({ key: 'utf8', value: { format: 'utf8', encode: () => 'text', decode } })
  await lazy.put('lazy', decode(''))
  assert.equal(typeof lazy.getSync('lazy')!.then, 'function')
  const { steps, end } = listen('read')
  const given: unknown = lazy.getSync('lazy')
  end()
  assert.ok(!(given instanceof Promise), 'a call that blocks gives no promise')
  assert.deepEqual(steps(), ['get start', 'get end'])
})
