/** Loads: entries in any order, of any kind of source, all or none; and the table writer. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseFileName, SeededRandom } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { ErrorCode, LoadEntry } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { crashesOf } from '../support/crash/value-log-machine.js'
import { makeFile, USER_DIR } from '../support/databases/outside-files.js'
import { openSim, readAllText, SIM_DIR, textOf } from '../support/databases/simulated.js'
import { drawn, drawnNumbers } from '../support/harness/share.js'

async function rejects(promise: Promise<unknown>, code: ErrorCode, what = /./): Promise<void> {
  await assert.rejects(promise, (error: VarveError) => {
    assert.deepEqual([error.code, what.test(error.message)], [code, true], error.message)
    return true
  })
}

/** Options with which a few thousand entries are many runs (LOAD-1). */
const SMALL = { memoryBudget: 1024 * 1024, writeBufferSize: 64 * 1024 }

const openSmall = (vfs: SimVfs) => openSim(vfs, { ...SMALL, blockCacheSize: 0 })

const tablesIn = (vfs: SimVfs) => vfs.listSync(SIM_DIR).filter((name) => parseFileName(name)?.kind === 'table')

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve()
    yield item
  }
}

describe('a load', () => {
  it('takes entries in any order; of several with one key the last counts', async () => {
    for (const seed of drawnNumbers('loads', 24)) {
      const random = new SeededRandom(seed, 'load')
      const vfs = new SimVfs({ seed })
      const db = await openSmall(vfs)
      await db.put('k7', 'before')
      const count = random.pick([0, 1, 2, 300, 5000])
      const keyCount = random.pick([1, 50, 5000])
      const isSorted = random.chance(0.3)
      const entries: [string, string][] = []
      for (let i = 0; i < count; i++) {
        const key = isSorted ? `k${String(i).padStart(8, '0')}` : `k${random.below(keyCount)}`
        entries.push([key, `${i} ${'x'.repeat(random.pick([0, 10, 100, random.chance(0.01) ? 100_000 : 30]))}`])
      }
      const objects = entries.map(([key, value]) => ({ key, value }))
      const chunks = Array.from({ length: Math.ceil(count / 100) }, (_, i) => entries.slice(100 * i, 100 * (i + 1)))
      const source = random.pick([entries, objects, slowly(entries), slowly(objects), chunks, slowly(chunks)])
      const wanted = new Map([['k7', 'before'], ...entries])
      const result = await db.load(source, { sorted: isSorted })
      const unique = new Set(entries.map(([key]) => key)).size
      assert.deepEqual([result.entryCount, result.duplicateCount], [unique, count - unique], `seed ${seed}`)
      assert.equal(result.seqNum, count === 0 ? 1 : 2)
      assert.equal(result.tableCount > 0, count > 0)
      const seen = readAllText(db)
      assert.deepEqual([seen.size, [...wanted].every(([key, value]) => seen.get(key) === value)], [wanted.size, true])
      await db.close()
      await vfs.settled()
      const again = await openSmall(vfs)
      assert.equal(readAllText(again).size, wanted.size)
      await again.close()
      await vfs.settled()
      assert.ok(tablesIn(vfs).length <= result.tableCount + 2, 'runs are gone')
    }
  })

  it('of a fresh database comes to the last level, with expiries', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs, { ttl: 1e9 })
    await db.load([
      { key: 'a', value: '1', expiresAt: 1 }, { key: 'b', value: '2' }, { key: 'c', value: '3', expiresAt: 2 ** 50 },
    ])
    assert.deepEqual([...readAllText(db).keys()], ['b', 'c'])
    assert.equal(db.stats().levels[6]!.tableCount, 1)
    await db.close()
  })

  it('is refused, or ends, and leaves nothing', async () => {
    const vfs = new SimVfs()
    const db = await openSmall(vfs)
    await db.put('k', 'v')
    const many = Array.from({ length: 4000 }, (_, i): LoadEntry => [`k${(i * 7919) % 4000}`, 'x'.repeat(100)])
    function* failing(): Generator<LoadEntry> {
      yield* many
      throw new Error('the source')
    }
    const abort = new AbortController()
    function* aborting(): Generator<LoadEntry> {
      yield* many
      abort.abort(new VarveError('ABORTED', 'enough'))
      yield* many
    }
    await rejects(db.load('entries' as never), 'INVALID_ARGUMENT', /iterable/)
    await rejects(db.load([['a', 1 as never]]), 'INVALID_ARGUMENT', /value/)
    await rejects(db.load([7 as never]), 'INVALID_ARGUMENT', /entry/)
    await rejects(db.load([['a'.repeat(70_000), '']]), 'KEY_TOO_LARGE')
    await rejects(db.load([], { sort: true } as never), 'INVALID_ARGUMENT', /sort/)
    await rejects(db.load(many, { sorted: true }), 'INVALID_ARGUMENT', /not sorted: key/)
    await assert.rejects(db.load(failing()), /the source/)
    await assert.rejects(db.load(slowly(failing())), /the source/)
    await rejects(db.load(aborting(), { signal: abort.signal }), 'ABORTED')
    await vfs.clock.advance(12_000)
    await vfs.settled()
    assert.deepEqual([...readAllText(db)], [['k', 'v']])
    assert.deepEqual([tablesIn(vfs).length, db.stats().operations], [0, []])
    const refused = rejects(db.load(slowly(many)), 'CLOSED')
    await db.close()
    await refused
    const again = await openSmall(vfs)
    assert.deepEqual([...readAllText(again)], [['k', 'v']])
    await again.close()
  })

  it('that is sorted refuses a key that falls, also where a slab begins, and takes equal ones', async () => {
    // Of the large ones each has a slab of its own.
    for (const [count, bytes] of [[8, 200_000], [2000, 400]] as const) {
      for (const seed of drawnNumbers('falls', 24)) {
        const vfs = new SimVfs({ seed })
        const db = await openSmall(vfs)
        const fallAt = new SeededRandom(seed, 'falls').below(count - 1) + 1
        const key = (i: number): string => `k${(i === fallAt ? i - 2 : i) + 5000}`
        const entries = Array.from({ length: count }, (_, i): LoadEntry => [key(i), 'x'.repeat(bytes)])
        const what = new RegExp(`not sorted: key "${key(fallAt)}" came behind "${key(fallAt - 1)}"`)
        await rejects(db.load(entries, { sorted: true }), 'INVALID_ARGUMENT', what)
        const twice = entries.map((_, i): LoadEntry => [`k${5000 + Math.floor(i / 2)}`, 'x'.repeat(bytes)])
        const { duplicateCount } = await db.load(twice, { sorted: true })
        assert.equal(duplicateCount, count / 2)
        await db.close()
      }
    }
  })

  it('ends with its signal, or a close, also while its source gives nothing', async () => {
    const vfs = new SimVfs()
    const db = await openSmall(vfs)
    async function* silent(): AsyncGenerator<LoadEntry> {
      yield ['a', 'b']
      await new Promise(() => undefined)
    }
    const abort = new AbortController()
    const aborted = assert.rejects(db.load(silent(), { signal: abort.signal }), /enough/)
    await new Promise((resolve) => setImmediate(resolve))
    abort.abort(new Error('enough'))
    await aborted
    const closed = rejects(db.load(silent()), 'CLOSED')
    await new Promise((resolve) => setImmediate(resolve))
    await db.close()
    await closed
    assert.equal(tablesIn(vfs).length, 0)
  })

  it('a source that never answers keeps neither a signal nor a close waiting', async () => {
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }
    const vfs = new SimVfs({ seed: 9 })
    const db = await openSmall(vfs)
    const abort = new AbortController()
    const aborted = rejects(db.load(never, { signal: abort.signal }), 'ABORTED')
    await vfs.settled()
    abort.abort(new VarveError('ABORTED', 'enough'))
    await aborted
    const refused = rejects(db.load(never), 'CLOSED')
    await vfs.settled()
    await db.close()
    await refused
  })

  it('ING-1: crashed after every change leaves all or nothing', async () => {
    const vfs = new SimVfs({ seed: 4 })
    let isLoaded = false
    const crashes = await crashesOf(vfs, () => isLoaded, async () => {
      const db = await openSmall(vfs)
      await db.put('p', 'before')
      await db.load(Array.from({ length: 3000 }, (_, i): LoadEntry => [`k${(i * 7919) % 3000}`, 'x'.repeat(100)]))
      isLoaded = true
      await db.close()
    })
    for (const { vfs: image, what, state } of drawn('loads crashed', crashes)) {
      const db = await openSmall(image)
      const count = readAllText(db).size
      assert.ok(count <= 1 || count === 3001, `${count} entries: ${what}`)
      if (state) assert.equal(count, 3001, what)
      const listed = db.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0)
      await image.settled()
      assert.ok(tablesIn(image).length <= listed + 1, what)
      await db.close()
    }
  })
})

describe('a table writer', () => {
  it('takes keys that ascend, each once, and tells which one does not', async () => {
    const vfs = new SimVfs()
    vfs.mkdirSync(USER_DIR)
    const path = vfs.join(USER_DIR, 'a')
    const writer = await Varve.tableWriter(path, { vfs })
    const add = (key: string) => () => writer.add(key, '')
    add('b')()
    assert.throws(add('b'), /key "b" was added already/)
    assert.throws(add('a'), /key "a" comes before the last one, "b"/)
    assert.throws(() => writer.add('c', 1 as never), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => writer.add('c', '', { ttl: 0 }), { code: 'INVALID_ARGUMENT' })
    add('c')()
    const { entryCount } = await writer.finish()
    assert.equal(entryCount, 2)
    assert.throws(add('d'), { code: 'CLOSED' })
    await rejects(Varve.tableWriter(path, { vfs }), 'ALREADY_EXISTS')
    await rejects(Varve.tableWriter(vfs.join(USER_DIR, 'b'), { vfs, blockSize: 3 }), 'INVALID_ARGUMENT', /blockSize/)
    assert.deepEqual(vfs.listSync(USER_DIR), ['a'])
  })

  it('leaves nothing when it is given up, or when nothing was added', async () => {
    const vfs = new SimVfs()
    vfs.mkdirSync(USER_DIR)
    for (const end of ['abort', 'finish', 'dispose'] as const) {
      const writer = await Varve.tableWriter(vfs.join(USER_DIR, 'a'), { vfs })
      if (end === 'finish') await rejects(writer.finish(), 'INVALID_ARGUMENT', /nothing was added/)
      else writer.add('a', 'b')
      await (end === 'dispose' ? writer[Symbol.asyncDispose]() : writer.abort())
      assert.deepEqual(vfs.listSync(USER_DIR), [])
    }
  })

  it('is given up whole when a write failed: `abort` waits until the file is gone', async () => {
    const vfs = new SimVfs()
    vfs.mkdirSync(USER_DIR)
    const writer = await Varve.tableWriter(vfs.join(USER_DIR, 'a'), { vfs })
    vfs.addFault({ fault: { do: 'error', code: 'ENOSPC' }, kind: 'write', times: Infinity })
    const fill = (): void => {
      for (let i = 100_000; i < 900_000; i++) writer.add(`${i}`, 'x'.repeat(1000))
    }
    assert.throws(fill, { code: 'NO_SPACE' })
    await writer.abort()
    assert.deepEqual(vfs.listSync(USER_DIR), [])
  })

  it('writes one file that several databases take in, of range deletes alone too', async () => {
    const vfs = new SimVfs()
    const ranges = await makeFile(vfs, 'ranges', { ranges: [{ gte: 'b', lt: 'd' }, { gte: 'c', lt: 'f' }] })
    const entries = await makeFile(vfs, 'entries', { entries: [['p', '1']] })
    for (const name of ['/one', '/two']) {
      const db = await Varve.open(name, { workers: 0, components: { vfs, clock: vfs.clock } })
      for (const key of 'abcdef') await db.put(key, key)
      await db.ingest([ranges, entries])
      assert.deepEqual([...db.keysSync()].map(textOf).join(''), 'afp')
      await db.close()
    }
  })
})
