/** A scrub reads all files at its pace, behind everything else, and tells what is wrong once it is sure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { InThreadExecutor } from '../../src/exec/index.js'
import { Varve } from '../../src/index.js'
import type { EngineEvent, ExecutorFactory, Job, VarveOptions, VerifyReport } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { openSim, SIM_DIR } from '../support/databases/simulated.js'

async function filled(vfs: SimVfs, options: Parameters<typeof openSim>[1] = {}): Promise<Varve> {
  const db = await openSim(vfs, { compaction: { style: 'none' }, valueThreshold: 512, ...options })
  const random = new SeededRandom(2)
  for (let part = 0; part < 4; part++) {
    for (let i = 0; i < 150; i++) {
      const value = new Uint8Array(part === 3 ? 400 : 100)
      random.fill(value)
      await db.put(`key ${i}`, value)
    }
    await db.putStream(`stream ${part}`, [new Uint8Array(70_000).fill(part)])
    await db.flush()
  }
  return db
}

function tables(vfs: SimVfs): string[] {
  return vfs.listSync(SIM_DIR).filter((name) => name.endsWith('.table')).sort()
}

test('a scrub of a good database reads every table and value log, and counts as no read (VER-5)', async () => {
  const vfs = new SimVfs({ seed: 1 })
  const db = await filled(vfs)
  const before = db.stats()
  const report = await db.scrub()
  assert.deepEqual(report.problems, [])
  assert.ok(report.ok)
  const bytes = vfs.listSync(SIM_DIR).filter((name) => /table|vlog/.test(name))
    .reduce((sum, name) => sum + vfs.statSync(`${SIM_DIR}/${name}`)!.size, 0)
  assert.ok(report.checkedBytes >= bytes, `${report.checkedBytes} of ${bytes}`)
  const after = db.stats()
  assert.deepEqual(after.cache, before.cache)
  assert.equal(after.database.state, 'OPEN')
  assert.deepEqual(after.operations, [])
  await db.close()
})

test('it keeps to its bytes a second by the clock of the database', async () => {
  const vfs = new SimVfs({ seed: 2 })
  const db = await filled(vfs)
  let isDone = false
  const startMs = vfs.clock.nowMs()
  const scrubbing = db.scrub({ bytesPerSecond: 50_000 }).then((report) => {
    isDone = true
    return report
  })
  while (!isDone) await vfs.clock.advance(100)
  const report = await scrubbing
  const seconds = (vfs.clock.nowMs() - startMs) / 1000
  const wanted = report.checkedBytes / 50_000
  assert.ok(seconds >= wanted * 0.9 - 0.2 && seconds <= wanted * 1.5 + 2, `${seconds} s, ${wanted} wanted`)
  await db.close()
})

test('its parts are small jobs of a priority below that of all others (VER-8)', async () => {
  const vfs = new SimVfs({ seed: 8 })
  const seen: Job[] = []
  const executor: ExecutorFactory = (jobs, context, clock) => {
    const inner = new InThreadExecutor(jobs, context, clock)
    const submitPolled = inner.submitPolled.bind(inner)
    inner.submitPolled = (job, deliver) => {
      seen.push(job)
      submitPolled(job, deliver)
    }
    return inner
  }
  await (await filled(vfs)).close()
  const components = { vfs, clock: vfs.clock, random: new SeededRandom(1), executor }
  const db = await Varve.open(SIM_DIR, { compaction: { style: 'none' }, components })
  await db.scrub()
  await db.put('any', 'work')
  await db.flush()
  const parts = seen.filter(({ kind }) => kind === 'checkFile')
  const others = seen.filter(({ kind }) => kind !== 'checkFile')
  assert.ok(parts.length > 4 && others.length > 0)
  const lowest = Math.min(...others.map(({ priority = 0 }) => priority))
  for (const { priority, input } of parts) {
    assert.ok(priority! < lowest, `${priority} below ${lowest}`)
    assert.ok((input as { part: { bytesMax: number } }).part.bytesMax <= 512 * 1024)
  }
  await db.close()
})

test('a close ends a scrub that rests, and so does its signal', async () => {
  const vfs = new SimVfs({ seed: 3 })
  const db = await filled(vfs)
  const controller = new AbortController()
  const ended = assert.rejects(db.scrub({ bytesPerSecond: 1, signal: controller.signal }), /enough/)
  await vfs.clock.advance(10)
  assert.deepEqual(db.stats().operations.map(({ kind }) => kind), ['scrub'])
  controller.abort(new Error('enough'))
  await ended
  const closed = assert.rejects(db.scrub({ bytesPerSecond: 1 }), { code: 'CLOSED' })
  await vfs.clock.advance(10)
  await db.close()
  await closed
})

test('a wrong byte of a table is told, its table is blocked, and all else is served (VER-7)', async () => {
  const vfs = new SimVfs({ seed: 4 })
  const events: EngineEvent[] = []
  const db = await filled(vfs, { onEvent: (event) => events.push(event), blockCacheSize: 0 })
  const name = tables(vfs)[1]!
  vfs.damage(`${SIM_DIR}/${name}`, { do: 'flipBit', offset: 300 })
  const names = vfs.listSync(SIM_DIR).sort()
  const report = await db.scrub()
  assert.deepEqual(report.problems.map(({ file, severity }) => [file, severity]), [[name, 'damage']])
  assert.ok(report.problems[0]!.from !== null && report.problems[0]!.to !== null, 'it says which keys')
  assert.equal(db.stats().database.state, 'DEGRADED')
  assert.equal(db.stats().backgroundError?.place, 'scrub')
  assert.deepEqual(db.stats().compaction.blockedTables, [Number.parseInt(name, 10)])
  assert.deepEqual(events.filter(({ type }) => type === 'damageFound').length, 1)
  assert.deepEqual(vfs.listSync(SIM_DIR).sort(), names, 'nothing is deleted')
  await db.put('new', 'is written')
  assert.ok(db.getSync('key 149') !== undefined)
  await assert.rejects(db.compact(), { code: 'CORRUPTION' })
  await db.close()
})

test('a block that reads wrong once is no damage; an unreadable one is (VER-6)', async () => {
  const vfs = new SimVfs({ seed: 5 })
  const db = await filled(vfs)
  let doubtfulCount = 0
  for (let i = 0; i < 40; i++) {
    // Twice: what one reading meets, with its own second try, the next one does not.
    vfs.addFault({ kind: 'read', fileClass: 'table', nth: i + 1, times: 1 + i % 2, fault: { do: 'flipBit' } })
    const { ok, problems } = await db.scrub()
    assert.ok(ok, JSON.stringify(problems))
    doubtfulCount += problems.length
    vfs.clearFaults()
  }
  assert.ok(doubtfulCount > 0, 'some were told as suspicion')
  assert.equal(db.stats().database.state, 'OPEN')
  const name = tables(vfs)[0]!
  vfs.damage(`${SIM_DIR}/${name}`, { do: 'unreadable', offset: 300, length: 8 })
  const { ok, problems } = await db.scrub({ tables: [Number.parseInt(name, 10)] })
  assert.equal(ok, false)
  assert.deepEqual(problems.map(({ file, code }) => [file, code]), [[name, 'IO_ERROR']])
  await db.close()
})

test('the option scrubs again and again, and a scrub goes on where a close has ended it', async () => {
  const vfs = new SimVfs({ seed: 6 })
  const scrub: VarveOptions['scrub'] = { everyMs: 3_600_000, bytesPerSecond: 2000 }
  await (await filled(vfs)).close()
  let db = await openSim(vfs, { compaction: { style: 'none' }, scrub })
  const kinds = (): string[] => db.stats().operations.map(({ kind }) => kind)
  await vfs.clock.advance(70_000)
  assert.deepEqual(kinds(), ['scrub'])
  const { doneCount } = db.stats().operations[0]!
  assert.ok(doneCount > 0, 'a table was checked by now')
  await db.put('any', 'edit takes the position along')
  await db.flush()
  await db.close()
  db = await openSim(vfs, { compaction: { style: 'none' }, scrub })
  await vfs.clock.advance(10)
  const again = db.stats().operations.find(({ kind }) => kind === 'scrub')!
  const { totalCount } = again
  assert.ok(totalCount! <= tables(vfs).length + 5 - doneCount, `${totalCount} files are left`)
  await vfs.clock.advance(1_000_000)
  assert.deepEqual(kinds(), [], 'it is done')
  await vfs.clock.advance(2_540_000)
  assert.deepEqual(kinds(), ['scrub'], 'the next one')
  await db.close()
})

test('wrong options are refused', async () => {
  const vfs = new SimVfs({ seed: 7 })
  for (const scrub of [true, {}, { everyMs: 1, bytesPerSecond: 1 }, { everyMs: 5000 }, 'often']) {
    await assert.rejects(openSim(vfs, { scrub: scrub as never }), { code: 'INVALID_ARGUMENT' })
  }
  const db = await openSim(vfs, { scrub: false })
  await assert.rejects(db.scrub({ tables: ['1'] as never }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(db.scrub({ bytesPerSecond: 0 }), { code: 'INVALID_ARGUMENT' })
  const report: VerifyReport = await db.scrub()
  assert.ok(report.ok)
  await db.close()
})
