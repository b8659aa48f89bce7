/**
 * REP-4 to REP-6, REP-8, REP-9: logs and value logs that are damaged, what a healthy database keeps, what is refused.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { ErrorCode, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { readExport } from '../support/samples/read-export.js'
import { newDirectory } from '../support/databases/databases.js'
import { directoryState } from '../support/databases/directory-state.js'
import { takeImage, vfsOf } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'
import { eio, watchedVfs } from '../support/fakes/watched-vfs.js'
import { drawnNumbers } from '../support/harness/share.js'
import { flipped, namesOf, repairAndCheck, SOURCE, TARGET, without } from '../support/model/repair-law.js'
import type { States } from '../support/model/repair-law.js'

interface Made {
  image: Image
  states: States
}

/** Runs `life`, and takes the files while the database is open, as a kill leaves them. */
async function make(
  options: VarveOptions, life: (db: Varve, put: (key: string, value: string) => Promise<void>) => Promise<void>,
): Promise<Made> {
  const vfs = new MemoryVfs()
  const db = await Varve.open(SOURCE, {
    workers: 0, writeBufferSize: 64 * 1024, blockSize: 1024, compaction: { style: 'none' }, ...options,
    components: { vfs },
  })
  const states: States = [new Map()]
  await life(db, async (key, value) => {
    await db.put(key, value)
    states.push(new Map(states.at(-1)).set(key, value))
  })
  await db.sync()
  const image = takeImage(vfs, SOURCE)
  await db.close()
  return { image, states }
}

const large = (name: string): string => `${name} ${'v'.repeat(6000)}`

test('REP-4: a lost value is a lost key, and no older version of it is served', async () => {
  const made = await make({ valueThreshold: 4096 }, async (db, put) => {
    for (let i = 0; i < 10; i++) await put(`key ${i}`, `old ${i}`)
    await db.flush()
    for (let i = 0; i < 8; i++) await put(`key ${i}`, large(`new ${i}`))
    await db.flush()
  })
  const [log] = namesOf(made.image, '.wal').filter((name) => made.image.get(name)!.length > 40_000) as [string]
  const bytes = made.image.get(log)!
  const at = Buffer.from(bytes).indexOf('new 3 vvv') + 100
  const { report, served } = await repairAndCheck(flipped(made.image, log, at), made)
  assert.deepEqual([...served.keys()], [...made.states.at(-1)!.keys()].filter((key) => key !== 'key 3').sort())
  assert.equal(report.lostEntries, 1)
  assert.equal(new TextDecoder().decode(report.lostRanges[0]?.from ?? undefined), 'key 3')
  assert.equal(report.doubtfulEntries, 1)
  const { served: left } = await repairAndCheck(without(made.image, log), made)
  assert.deepEqual([...left.keys()], ['key 8', 'key 9'])
})

const STREAMED = `streamed ${'s'.repeat(400_000)}`

test('REP-4: a streamed value that is lost', async () => {
  const made = await make({}, async (db, put) => {
    await put('a', 'old')
    await db.flush()
    await put('b', 'stays')
    await db.putStream('a', [new TextEncoder().encode(STREAMED)])
  })
  made.states.push(new Map(made.states.at(-1)).set('a', STREAMED))
  const whole = await repairAndCheck(made.image, made)
  assert.equal(whole.share, 1)
  assert.ok(whole.report.ok)
  const [file] = namesOf(made.image, '.vlog') as [string]
  for (const image of [flipped(made.image, file, 3000), without(made.image, file), flipped(made.image, file, 50)]) {
    const { served } = await repairAndCheck(image, made)
    assert.ok(!served.has('a') || served.get('a') === STREAMED)
    assert.equal(served.get('b'), 'stays')
  }
})

test('REP-5: history ends at the damage of a log; what stands behind it is salvaged on demand', async () => {
  const made = await make({}, async (db, put) => {
    for (let i = 0; i < 20; i++) await put(`flushed ${i}`, `${i}`)
    await db.flush()
    for (let i = 0; i < 40; i++) {
      await put(`key ${i % 7}`, `value ${i}`)
      if (i % 10 === 9) await db.sync()
    }
  })
  const [log] = namesOf(made.image, '.wal').slice(-1) as [string]
  const at = Buffer.from(made.image.get(log)!).indexOf('value 20')
  const image = flipped(made.image, log, at)
  const { report, served } = await repairAndCheck(image, made)
  assert.equal(report.seqNum, 20 + 20)
  assert.deepEqual([...served].sort(), [...made.states[40]!].sort())
  assert.equal(report.salvagedEntries, 0)
  const { report: told, vfs, served: same } = await repairAndCheck(image, made, { logs: 'salvage' })
  assert.deepEqual(same, served)
  assert.equal(told.salvagedEntries, 19)
  const salvaged = takeImage(vfs, `${TARGET}/salvaged`).get('entries.varve')!
  const values = []
  for await (const some of readExport('entries.varve', [salvaged])) {
    for (const { value, reason, source } of some) {
      assert.deepEqual([reason, source], ['behind the damage of a log', log])
      values.push(new TextDecoder().decode(value))
    }
  }
  assert.deepEqual(values, Array.from({ length: 19 }, (_, i) => `value ${i + 21}`))
})

test('REP-5: of several logs those behind a damaged one are no history, whatever they have', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open(SOURCE, { workers: 0, writeBufferSize: 64 * 1024, components: { vfs } })
  const states: States = [new Map()]
  const put = (key: string, value: string): void => {
    db.putSync(key, value)
    states.push(new Map(states.at(-1)).set(key, value))
  }
  for (let i = 0; i < 45; i++) put(`key ${i % 9}`, `value ${i} ${'x'.repeat(3000)}`)
  const image = takeImage(vfs, SOURCE)
  await db.close()
  const logs = namesOf(image, '.wal').filter((name) => image.get(name)!.length > 10_000)
  assert.ok(logs.length >= 2, `${logs.length} logs`)
  for (const name of logs) {
    const bytes = image.get(name)!
    for (const at of [60, 150, 220, bytes.length >> 1]) {
      for (const one of [flipped(image, name, at), without(flipped(image, name, at), ...namesOf(image, '.manifest'))]) {
        const { report, served } = await repairAndCheck(one, { states })
        assert.deepEqual([...served].sort(), [...states[report.seqNum]!].sort(), `byte ${at} of ${name}`)
      }
    }
    const { report, served } = await repairAndCheck(without(image, name), { states })
    assert.deepEqual([...served].sort(), [...states[report.seqNum]!].sort(), `without ${name}`)
  }
})

test('any byte of a log that was not flushed: a state that was, or an earlier one', async () => {
  const made = await make({}, async (db, put) => {
    for (let i = 0; i < 7; i++) await put(`key ${i % 3}`, `value ${i}`)
    await db.sync()
    for (let i = 7; i < 14; i++) await put(`key ${i % 3}`, `value ${i}`)
  })
  const [log] = namesOf(made.image, '.wal') as [string]
  for (const at of drawnNumbers('bytes of a log', made.image.get(log)!.length)) {
    const { report, served } = await repairAndCheck(flipped(made.image, log, at), made)
    assert.deepEqual([...served].sort(), [...made.states[report.seqNum]!].sort(), `byte ${at}`)
  }
})

test('small databases: nothing, one tombstone, one range, logs alone', async () => {
  const lives: Record<string, (db: Varve) => Promise<void>> = {
    nothing: async () => undefined,
    'a log': async (db) => db.put('a', '1'),
    'a tombstone': async (db) => {
      await db.del('a')
      await db.flush()
    },
    'a range': async (db) => {
      await db.delRange({ gte: 'a', lt: 'b' })
      await db.flush()
    },
    'a range in a log': async (db) => db.delRange({ gte: 'a', lt: 'b' }),
  }
  for (const [name, life] of Object.entries(lives)) {
    const { image } = await make({}, async (db) => life(db))
    const states: States = Array.from({ length: 2 }, () => new Map(name === 'a log' ? [['a', '1']] : []))
    for (const one of [image, without(image, ...namesOf(image, '.manifest'))]) {
      const { share } = await repairAndCheck(one, { states })
      assert.equal(share, 1, name)
    }
  }
})

test('REP-9: a healthy database keeps what is said of it: expiry, position; nobody repaired it before', async () => {
  const vfs = new MemoryVfs()
  const open = (dir: string): Promise<Varve> => Varve.open(dir, { workers: 0, components: { vfs } })
  const db = await open(SOURCE)
  await db.put('a', '1', { expiresAt: 4e12 })
  await db.batch([{ type: 'put', key: 'b', value: '2' }], { position: new Uint8Array([7, 8]) })
  await db.flush()
  await db.batch([{ type: 'put', key: 'c', value: '3' }], { position: new Uint8Array([9]) })
  const expected = await db.entry('a')
  await db.close()
  await Varve.repair(SOURCE, TARGET, { vfs })
  const target = await open(TARGET)
  assert.deepEqual(await target.entry('a'), expected)
  assert.deepEqual(target.position, new Uint8Array([9]))
  assert.equal(new TextDecoder().decode(await target.get('c')), '3')
  await target.close()
})

const refusal = async (run: Promise<unknown>): Promise<ErrorCode> => {
  try {
    await run
  } catch (error) {
    assert.ok(VarveError.is(error), String(error))
    return error.code
  }
  return assert.fail('it was not refused')
}

test('REP-6: bad input is refused before anything is written', async () => {
  const location = newDirectory()
  const db = await Varve.open(location, { workers: 0 })
  await db.put('a', '1')
  const beside = `${location}-target`
  assert.equal(await refusal(Varve.repair(location, beside)), 'LOCKED')
  await db.close()
  const before = directoryState(location)
  assert.equal(await refusal(Varve.repair(location, path.join(location, 'inside'))), 'INVALID_ARGUMENT')
  assert.equal(await refusal(Varve.repair(location, location)), 'ALREADY_EXISTS')
  assert.equal(await refusal(Varve.repair(location, path.dirname(location))), 'ALREADY_EXISTS')
  assert.equal(await refusal(Varve.repair(`${location}-none`, beside)), 'NOT_FOUND')
  assert.equal(await refusal(Varve.repair(location, path.join(location, '..', 'no', 'parent'))), 'NOT_FOUND')
  const empty = newDirectory()
  mkdirSync(empty)
  assert.equal(await refusal(Varve.repair(empty, beside)), 'NOT_FOUND')
  writeFileSync(path.join(empty, 'CURRENT'), 'MANIFEST-000001')
  writeFileSync(path.join(empty, 'MANIFEST-000001'), '')
  assert.equal(await refusal(Varve.repair(empty, beside)), 'UNSUPPORTED_FORMAT')
  for (const options of [{ logs: 'all' }, { serveDoubtful: 1 }, { other: 1 }, { bytesPerSecond: 0 }] as object[]) {
    assert.equal(await refusal(Varve.repair(location, beside, options)), 'INVALID_ARGUMENT')
  }
  const abort = new AbortController()
  abort.abort(new VarveError('ABORTED', 'enough'))
  assert.equal(await refusal(Varve.repair(location, beside, { signal: abort.signal })), 'ABORTED')
  assert.deepEqual(directoryState(location), before)
  const progress: number[] = []
  const onProgress = ({ doneBytes }: { doneBytes: number }): number => progress.push(doneBytes)
  const report = await Varve.repair(location, `${beside}${path.sep}`, { onProgress })
  assert.ok(report.ok && progress.length > 0 && existsSync(beside))
  // A second name changes the time of the inode, and nothing else.
  const isSame = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replace(/ \d+( [0-9a-f]{64})?$/, '$1'))
  assert.deepEqual(isSame(directoryState(location)), isSame(before), 'names, sizes and times are as they were')
})

test('REP-6: a source on a medium that takes no writes', async () => {
  const made = await make({}, async (db, put) => {
    for (let i = 0; i < 30; i++) await put(`key ${i}`, `${i}`)
    await db.flush()
    await put('last', 'one')
  })
  const vfs = vfsOf(made.image, SOURCE)
  const readOnly = new Proxy(vfs, {
    get(target, name) {
      const call = Reflect.get(target, name) as unknown
      if (typeof call !== 'function') return call
      return (...args: unknown[]) => {
        const isWrite = /^(link|rename|unlink|mkdir|rmdir|lock|syncDir)/.test(String(name)) ||
          args[1] === 'write' || args[1] === 'create'
        if (isWrite && String(args[0]).startsWith(SOURCE)) throw Object.assign(new Error('EROFS'), { code: 'EROFS' })
        return Reflect.apply(call, target, args) as unknown
      }
    },
  })
  const report = await Varve.repair(SOURCE, TARGET, { vfs: readOnly })
  assert.ok(report.ok)
  assert.equal(report.servedEntries, 31)
})

test('a signal, or a full disk, leaves nothing half made', async () => {
  const made = await make({}, async (db, put) => {
    for (let i = 0; i < 300; i++) await put(`key ${i}`, `${i} ${'x'.repeat(50)}`)
    await db.flush()
    for (let i = 0; i < 300; i++) await put(`key ${i}`, `${i} ${'y'.repeat(50)}`)
  })
  const random = new SeededRandom(3, 'aborts')
  for (let round = 0; round < 10; round++) {
    const vfs = vfsOf(made.image, SOURCE)
    const abort = new AbortController()
    let left = 1 + random.below(30)
    const watched = new Proxy(vfs, {
      get(target, name) {
        const call = Reflect.get(target, name) as unknown
        if (typeof call !== 'function') return call
        return (...args: unknown[]) => {
          if (--left === 0) abort.abort(new Error('enough'))
          return Reflect.apply(call, target, args) as unknown
        }
      },
    })
    await Varve.repair(SOURCE, TARGET, { vfs: watched, signal: abort.signal }).catch((error: unknown) => {
      assert.equal((error as Error).message, 'enough')
      assert.deepEqual(vfs.listSync('/'), ['source'], 'nothing is left')
    })
  }
})

/** Counts the files of a disk that are open, and calls back before each call. */
function counted(vfs: MemoryVfs, onCall: () => void): { disk: MemoryVfs; openCount(): number } {
  let openCount = 0
  const counting = (file: object): object => {
    openCount++
    return new Proxy(file, {
      get(target, name) {
        const call = Reflect.get(target, name) as unknown
        if (typeof call !== 'function') return call
        return (...args: unknown[]) => {
          if (name === 'close' || name === 'closeSync') openCount--
          return Reflect.apply(call, target, args) as unknown
        }
      },
    })
  }
  const disk = new Proxy(vfs, {
    get(target, name) {
      const call = Reflect.get(target, name) as unknown
      if (typeof call !== 'function') return call
      return (...args: unknown[]) => {
        onCall()
        const result = Reflect.apply(call, target, args) as unknown
        if (name === 'openSync') return counting(result as object)
        return name === 'open' ? (result as Promise<object>).then(counting) : result
      }
    },
  })
  return { disk, openCount: () => openCount }
}

test('a repair that ends anywhere has no file open, whether it rewrites tables or merges them', async () => {
  const made = await make({}, async (db, put) => {
    for (let i = 0; i < 300; i++) await put(`key ${i}`, `${i} ${'x'.repeat(50)}`)
    await db.flush()
    for (let i = 0; i < 300; i++) await put(`key ${i}`, `${i} ${'y'.repeat(50)}`)
    await db.flush()
  })
  const [table] = namesOf(made.image, '.table')
  const damaged = flipped(made.image, table!, 3000)
  const [manifest] = namesOf(damaged, '.manifest')
  for (const image of [damaged, without(damaged, manifest!)]) {
    let calls = 0
    const whole = counted(vfsOf(image, SOURCE), () => calls++)
    await Varve.repair(SOURCE, TARGET, { vfs: whole.disk })
    assert.equal(whole.openCount(), 0)
    for (const at of drawnNumbers('ends of a repair', calls)) {
      const abort = new AbortController()
      let left = at
      const vfs = vfsOf(image, SOURCE)
      const { disk, openCount } = counted(vfs, () => {
        if (left-- === 0) abort.abort(new Error('enough'))
      })
      await Varve.repair(SOURCE, TARGET, { vfs: disk, signal: abort.signal }).catch((error: unknown) => {
        assert.equal((error as Error).message, 'enough')
        assert.deepEqual(vfs.listSync('/'), ['source'])
      })
      assert.equal(openCount(), 0, `ended at call ${at} of ${calls}`)
    }
  }
})

test('REP-6: a name that cannot be made durable is taken back; a target may end with a slash', async () => {
  const made = await make({}, async (_, put) => put('a', '1'))
  const inner = vfsOf(made.image, SOURCE)
  let isFailing = false
  const vfs = watchedVfs(inner, {
    before(call) {
      if (isFailing && call.name === 'syncDir') throw eio(call)
    },
    after(call) {
      if (call.name === 'rename') isFailing = true
    },
  })
  await assert.rejects(Varve.repair(SOURCE, TARGET, { vfs }), { code: 'IO_ERROR' })
  assert.deepEqual(inner.listSync('/'), ['source'])
  await Varve.repair(SOURCE, `${TARGET}/`, { vfs: inner })
  assert.deepEqual(inner.listSync('/').length, 2)
})

test('a file of another database is told of once, also where the manifest turns out to be of before', async () => {
  const other = await make({}, async (db, put) => {
    await put('b', '2')
    await db.flush()
  })
  const vfs = new MemoryVfs()
  const db = await Varve.open(SOURCE, { workers: 0, compaction: { style: 'none' }, components: { vfs } })
  await db.put('a', '1')
  const before = takeImage(vfs, SOURCE)
  await db.flush()
  await db.put('b', '1')
  await db.sync()
  const image = new Map(takeImage(vfs, SOURCE))
  await db.close()
  // The log of the table is gone sooner or later.
  for (const log of namesOf(image, '.wal').slice(0, -1)) image.delete(log)
  const [manifest] = namesOf(image, '.manifest')
  image.set(manifest!, before.get(manifest!)!)
  image.set('000900.table', other.image.get(namesOf(other.image, '.table')[0]!)!)
  const report = await Varve.repair(SOURCE, TARGET, { vfs: vfsOf(image, SOURCE) })
  assert.equal(report.isManifestLost, true, JSON.stringify(report.problems))
  assert.equal(report.problems.filter(({ file }) => file === '000900.table').length, 1)
})
