/** Durable retention pins: which logs stay, and for whom. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logFileName } from '../../src/base/index.js'
import type { ErrorCode } from '../../src/base/index.js'
import type { EngineEvent, PinInfo, Varve } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { keyOperations, readBatches } from '../support/databases/follower.js'
import { fileNums, openSim, readAllText, SIM_DIR, textOf } from '../support/databases/simulated.js'

/** One log and one table a letter. */
async function writeRounds(db: Varve, rounds: string): Promise<void> {
  for (const round of rounds) {
    for (let i = 0; i < 3; i++) await db.put(`${round}${i}`, `v${i}`)
    await db.flush()
  }
}

/** Deletions run behind: a look at the directory must not come before them. */
async function logsOf(vfs: SimVfs): Promise<number[]> {
  await vfs.settled()
  return fileNums(vfs, 'log')
}

const currentLog = (db: Varve) => db.stats().wal.logNum

/** The sync at the end of the next log does not happen by itself. */
function hangLogSync(vfs: SimVfs): void {
  vfs.addFault({ kind: 'dataSync', fileClass: 'log', fault: { do: 'hang' } })
}

/** Logs that writing does not need any more. */
async function oldLogs(vfs: SimVfs, db: Varve): Promise<number[]> {
  return (await logsOf(vfs)).filter((log) => log < currentLog(db))
}

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error: { code?: unknown }) => error.code === code)
}

describe('pins', () => {
  it('keep every log from then on, over several flushes; without one they go', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await writeRounds(db, 'ab')
    assert.deepEqual(await oldLogs(vfs, db), [])
    const first = currentLog(db)
    assert.deepEqual(await db.pins.acquire('f'), { name: 'f', firstLog: first })
    await writeRounds(db, 'cde')
    const kept = await oldLogs(vfs, db)
    assert.equal(kept.length, 3)
    assert.equal(kept[0], first)
    assert.deepEqual(db.stats().pins, [{ name: 'f', firstLogNum: first }])
    await db.close()
  })

  it('survive a reopen, and a power loss once acquired', async () => {
    const vfs = new SimVfs()
    let db = await openSim(vfs)
    const pin = await db.pins.acquire('f')
    await writeRounds(db, 'ab')
    await db.close()
    const kept = (await logsOf(vfs)).slice(0, 2)
    db = await openSim(vfs)
    assert.deepEqual(db.pins.list(), [pin])
    assert.deepEqual((await oldLogs(vfs, db)).slice(0, 2), kept)
    const { firstLog } = await db.pins.acquire('g')
    assert.ok(firstLog > pin.firstLog)
    await db.pins.acquire('gone')
    await db.pins.release('gone')
    const next = vfs.crash('none', 1)
    db = await openSim(next)
    assert.deepEqual(db.pins.list(), [pin, { name: 'g', firstLog }])
    assert.deepEqual((await oldLogs(next, db)).slice(0, 2), kept)
    await db.close()
  })

  it('let go of exactly the logs that nobody else keeps', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('slow')
    await writeRounds(db, 'a')
    await db.pins.acquire('quick')
    await writeRounds(db, 'bcd')
    const [a, b, c, d] = await oldLogs(vfs, db) as [number, number, number, number]
    await db.pins.advance('quick', d)
    assert.deepEqual(await oldLogs(vfs, db), [a, b, c, d], 'the slow one still keeps all')
    await db.pins.advance('slow', c)
    assert.deepEqual(await oldLogs(vfs, db), [c, d])
    await db.pins.advance('slow', c)
    await db.pins.release('slow')
    assert.deepEqual(await oldLogs(vfs, db), [d])
    await db.pins.release('slow')
    await db.pins.release('quick')
    assert.deepEqual(await oldLogs(vfs, db), [])
    await writeRounds(db, 'e')
    assert.deepEqual(await oldLogs(vfs, db), [])
    await db.close()
  })

  it('keep what they have when acquired again', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    const pin = await db.pins.acquire('f')
    await writeRounds(db, 'ab')
    assert.deepEqual(await db.pins.acquire('f'), pin)
    assert.equal((await oldLogs(vfs, db)).length, 2)
    await db.close()
  })

  it('a log that is released while no pin is there any more goes at the next open too', async () => {
    const vfs = new SimVfs()
    let db = await openSim(vfs)
    await db.pins.acquire('f')
    await writeRounds(db, 'abc')
    const [, , c] = await oldLogs(vfs, db)
    // Unlinks never happen in this run.
    vfs.addFault({ kind: 'unlink', fileClass: 'log', fault: { do: 'error', code: 'EBUSY' }, times: Infinity })
    await db.pins.advance('f', c!)
    assert.equal((await oldLogs(vfs, db)).length, 3)
    await db.close()
    vfs.clearFaults()
    db = await openSim(vfs)
    assert.equal((await oldLogs(vfs, db))[0], c)
    await db.close()
  })

  // DESIGN's row "any, log pinned".
  it('a pinned log below the pointer is kept and never replayed', async () => {
    const vfs = new SimVfs()
    let db = await openSim(vfs)
    await db.pins.acquire('f')
    await db.put('k', 'old')
    await db.flush()
    await db.put('k', 'new')
    await db.flush()
    const next = vfs.crash('all', 1)
    const [log] = fileNums(next, 'log')
    db = await openSim(next)
    assert.equal(db.stats().recovery!.replayedEntryCount, 0)
    assert.equal(db.stats().recovery!.releasedLogCount, 0)
    assert.equal(textOf(db.getSync('k')), 'new')
    await db.close()
    // Not even looked at: damage in it is the follower's trouble only.
    next.damage(`${SIM_DIR}/${logFileName(log!)}`, { do: 'flipBit', offset: 200, bit: 3 })
    db = await openSim(next)
    assert.deepEqual([...readAllText(db)], [['k', 'new']])
    assert.ok((await logsOf(next)).includes(log!))
    await rejects(readBatches(db, 'f'), 'CORRUPTION')
    await db.close()
  })

  it('an empty memtable asks before its log goes', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    const log = currentLog(db)
    await db.batch([], { position: Uint8Array.of(1) })
    await db.flush()
    assert.deepEqual(fileNums(vfs, 'table'), [])
    assert.notEqual(currentLog(db), log)
    assert.deepEqual(await oldLogs(vfs, db), [log])
    await db.pins.release('f')
    assert.deepEqual(await oldLogs(vfs, db), [])
    await db.close()
  })

  it('PIN-2: keep logs that are durable: what no recovery reads any more must not get shorter', async () => {
    for (const manifestSync of [true, false]) {
      const vfs = new SimVfs()
      const db = await openSim(vfs, { manifestSync })
      await db.pins.acquire('f')
      hangLogSync(vfs)
      for (const key of 'ab') await db.put(key, '1')
      await db.flush()
      const next = await openSim(vfs.crash('none', 1), { manifestSync })
      assert.equal(next.stats().recovery!.replayedEntryCount, 0)
      assert.deepEqual(await textsOf(next), ['a', 'b'])
      await next.close()
    }
  })

  it('a kept log that cannot be synced ends writing before the pointer passes it', async () => {
    for (const manifestSync of [true, false]) {
      const vfs = new SimVfs()
      const db = await openSim(vfs, { manifestSync })
      await db.pins.acquire('f')
      hangLogSync(vfs)
      const path = `${SIM_DIR}/${logFileName(currentLog(db))}`
      vfs.addFault({ kind: 'sync', path, fault: { do: 'failSync', mode: 'lostClean' } })
      await db.put('a', '1')
      await rejects(db.flush(), 'IO_ERROR')
      assert.equal(db.stats().database.state, 'FAILED')
      assert.equal(db.stats().backgroundError!.place, manifestSync ? 'log sync' : 'background sync')
      vfs.clearFaults()
      const next = await openSim(vfs.kill(1))
      assert.equal(textOf(next.getSync('a')), '1')
      assert.deepEqual(await textsOf(next), ['a'])
      await next.close()
    }
  })

  it('keep logs durably that were not kept yet when their sync began', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs, { manifestSync: false })
    await db.pins.acquire('f')
    vfs.addFault({ kind: 'dataSync', fileClass: 'log', fault: { do: 'hang' }, times: Infinity })
    const first = currentLog(db)
    // Two logs wait for one background step; the pin keeps the second one only, until the step has begun.
    while (db.stats().flush.completed < 2) {
      db.putSync('a', 'x'.repeat(4000))
      await vfs.settled()
    }
    const { visibleSeq } = db.stats().database
    await db.pins.advance('f', (await oldLogs(vfs, db))[1]!)
    let acquired: Promise<PinInfo> | null = null
    vfs.onEffect = (_, text) => {
      if (/^sync .*wal$/.test(text)) acquired ??= db.pins.acquire('g')
    }
    await vfs.clock.advance(1000)
    assert.deepEqual(await acquired!, { name: 'g', firstLog: first })
    const next = await openSim(vfs.crash('none', 1))
    const batches = await readBatches(next, 'g')
    assert.equal(batches[0]!.log, first)
    assert.ok(batches.length >= visibleSeq - 16, 'but for the log that nobody synced')
    await next.close()
  })

  it('are read up to where history ends, whatever stands behind it: zeros ahead, a slow sync', async () => {
    const vfs = new SimVfs()
    let db = await openSim(vfs)
    await db.pins.acquire('f')
    for (let i = 0; i < 30; i++) await db.put(`k${i}`, 'v', { sync: true })
    const kept = logFileName(currentLog(db))
    assert.ok(vfs.statSync(`${SIM_DIR}/${kept}`)!.size > 32_000, 'zeros stand ahead')
    hangLogSync(vfs)
    await db.put('unsynced', 'v')
    await db.flush()
    const batches = await readBatches(db, 'f')
    assert.equal(batches.length, 31)
    for (const disk of [vfs.kill(1), vfs.crash('none', 1), vfs.crash('all', 1)]) {
      db = await openSim(disk)
      assert.deepEqual(await readBatches(db, 'f'), batches)
      await db.close()
      db = await openSim(disk)
      assert.deepEqual(await readBatches(db, 'f'), batches)
      await db.close()
    }
  })

  it('keep what they promise, whenever they are acquired during a flush', async () => {
    let [isDone, firsts] = [false, new Set<number>()]
    for (let at = 1; !isDone; at++) {
      const vfs = new SimVfs()
      const db = await openSim(vfs)
      hangLogSync(vfs)
      for (const key of 'ab') await db.put(key, '1')
      let acquired: Promise<PinInfo> | null = null
      const before = vfs.effectCount
      vfs.onEffect = (index) => {
        if (index === before + at) acquired = db.pins.acquire('f')
      }
      await db.flush()
      vfs.onEffect = null
      isDone = acquired === null
      const { firstLog } = await (acquired ?? db.pins.acquire('f'))
      firsts.add(firstLog)
      const seen = await textsOf(db)
      await db.put('c', '2')
      await db.flush()
      assert.ok((await logsOf(vfs)).includes(firstLog), `effect ${at}: log ${firstLog} is kept`)
      assert.deepEqual(await textsOf(db), [...seen, 'c'])
      const next = await openSim(vfs.crash('none', at))
      assert.deepEqual(await textsOf(next), [...seen, 'c'], `effect ${at}`)
      await next.close()
    }
    assert.equal(firsts.size, 2, 'before and after the log of the flush')
  })
})

async function textsOf(db: Varve): Promise<string[]> {
  return keyOperations(await readBatches(db, 'f')).map(({ key }) => textOf(key))
}

describe('pins refuse', () => {
  const wrong: [string, (db: Varve) => unknown, ErrorCode][] = [
    ['an empty name', (db) => db.pins.acquire(''), 'INVALID_ARGUMENT'],
    ['a long name', (db) => db.pins.acquire('ä'.repeat(128)), 'INVALID_ARGUMENT'],
    ['a name that is no string', (db) => db.pins.acquire(7 as never), 'INVALID_ARGUMENT'],
    ['to release a name that is no string', (db) => db.pins.release(null as never), 'INVALID_ARGUMENT'],
    ['to advance what is not there', (db) => db.pins.advance('nobody', 5), 'INVALID_ARGUMENT'],
    ['to go back', (db) => db.pins.advance('f', 0), 'INVALID_ARGUMENT'],
    ['a number that is none', (db) => db.pins.advance('f', NaN), 'INVALID_ARGUMENT'],
    ['a broken number', (db) => db.pins.advance('f', 1e3 + 0.5), 'INVALID_ARGUMENT'],
    ['a text as number', (db) => db.pins.advance('f', '9' as never), 'INVALID_ARGUMENT'],
    ['a log that does not exist yet', (db) => db.pins.advance('f', 1e9), 'INVALID_ARGUMENT'],
    ['to read without a pin', (db) => readBatches(db, 'nobody'), 'INVALID_ARGUMENT'],
    ['to read after −1', (db) => readBatches(db, 'f', -1), 'INVALID_ARGUMENT'],
    ['an unknown option', (db) => db.pins.read('f', { until: 5 } as never), 'INVALID_ARGUMENT'],
  ]

  it('wrong arguments, before anything changes', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    await writeRounds(db, 'a')
    await vfs.settled()
    const [pins, effects] = [db.pins.list(), vfs.effectCount]
    for (const [what, call, code] of wrong) {
      await assert.rejects(async () => call(db), (error: { code?: unknown }) => error.code === code, what)
      await vfs.settled()
      assert.equal(vfs.effectCount, effects, what)
      assert.deepEqual(db.pins.list(), pins, what)
      assert.equal(db.stats().database.state, 'OPEN', what)
    }
    await db.pins.acquire('ä'.repeat(127))
    await db.close()
    await rejects((async () => db.pins.acquire('g'))(), 'CLOSED')
  })

  it('more pins than the limit, also when asked for at once', async () => {
    const db = await openSim(new SimVfs())
    const asked = Array.from({ length: 1030 }, (_, i) => db.pins.acquire(`p${i}`))
    const settled = await Promise.allSettled(asked)
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1024)
    await rejects(db.pins.acquire('one more'), 'BUSY')
    await db.pins.release('p3')
    await db.pins.acquire('one more')
    assert.equal(db.stats().database.state, 'OPEN')
    await db.close()
  })

  it('a database opened read-only', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    await db.close()
    const reader = await openSim(vfs, { readOnly: true })
    assert.throws(() => reader.pins, { code: 'READ_ONLY' })
    assert.deepEqual(reader.stats().pins.map(({ name }) => name), ['f'])
    await reader.close()
  })
})

describe('calls for one pin at the same time', () => {
  it('PIN-3: are done in their order', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    const [one, two] = await Promise.all([db.pins.acquire('f'), db.pins.acquire('f')])
    assert.deepEqual(one, two)
    await writeRounds(db, 'abc')
    const [, b, c] = await oldLogs(vfs, db) as [number, number, number]
    const results = await Promise.allSettled([
      db.pins.advance('f', c), db.pins.advance('f', b), db.pins.release('f'), db.pins.release('f'),
      db.pins.acquire('f'), db.pins.acquire('f'),
    ])
    assert.deepEqual(results.map(({ status }) => status[0]), ['f', 'r', 'f', 'f', 'f', 'f'])
    assert.equal(db.stats().database.state, 'OPEN')
    assert.deepEqual(db.pins.list(), [{ name: 'f', firstLog: currentLog(db) }])
    assert.deepEqual(await oldLogs(vfs, db), [])
    await db.close()
  })

  it('an acquire is answered when the pin is durable, also for the second caller', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    void db.pins.acquire('f')
    await db.pins.acquire('f')
    const next = await openSim(vfs.crash('none', 1))
    assert.deepEqual(next.pins.list().map(({ name }) => name), ['f'])
    await next.close()
  })
})

describe('the cap on what pins keep', () => {
  function openCapped(vfs: SimVfs, pinBytesMax: number) {
    const dropped: string[] = []
    const onEvent = (event: EngineEvent) => {
      if (event.type === 'pinDropped') dropped.push(event.name)
    }
    return openSim(vfs, { pinBytesMax, onEvent }).then((db) => ({ db, dropped }))
  }

  it('PIN-1: drops the pin with the oldest log, once, and keeps what others keep', async () => {
    const vfs = new SimVfs()
    const { db, dropped } = await openCapped(vfs, 4000)
    await db.pins.acquire('old')
    await db.put('a', 'x'.repeat(1500))
    await db.flush()
    await db.pins.acquire('new')
    await db.put('b', 'x'.repeat(1500))
    await db.flush()
    assert.equal((await oldLogs(vfs, db)).length, 2)
    await db.put('c', 'x'.repeat(1500))
    await db.flush()
    await vfs.settled()
    assert.deepEqual(dropped, ['old'])
    assert.deepEqual(db.pins.list().map(({ name }) => name), ['new'])
    assert.equal((await oldLogs(vfs, db)).length, 2)
    await rejects(readBatches(db, 'old'), 'INVALID_ARGUMENT')
    assert.equal((await readBatches(db, 'new')).length, 2)
    await db.close()
    const again = await openSim(vfs)
    assert.deepEqual(again.pins.list().map(({ name }) => name), ['new'])
    await again.close()
  })

  it('drops no pin twice while many logs go at once, nor one that its owner releases', async () => {
    const vfs = new SimVfs()
    const { db, dropped } = await openCapped(vfs, 0)
    for (let i = 0; i < 5; i++) {
      await db.pins.acquire(`p${i}`)
      for (let n = 0; n < 60; n++) db.putSync(`k${n}`, 'x'.repeat(4000))
      const released = db.pins.release(`p${i}`)
      await db.flush()
      await released
    }
    await vfs.settled()
    assert.equal(new Set(dropped).size, dropped.length)
    assert.equal(db.stats().database.state, 'OPEN')
    assert.deepEqual(db.pins.list(), [])
    assert.deepEqual(await oldLogs(vfs, db), [])
    await db.close()
  })
})
