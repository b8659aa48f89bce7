/** `refresh` and `follow` of a database that is open for reading only: what they tell, share, hold and refuse. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { logFileName } from '../../src/base/index.js'
import { VarveLevel } from '../../src/level.js'
import type { RefreshResult, Varve } from '../../src/index.js'
import { MemoryVfs, SimVfs } from '../../src/testing.js'
import { text } from '../support/databases/databases.js'
import {
  append, DIR, logsIn, pair, quiet, sameAsFresh, sameSeq, turns, viewOn, writerOn,
} from '../support/databases/followed-pair.js'
import { makeTables } from '../support/databases/many-tables.js'
import { takeImage } from '../support/databases/vfs-image.js'
import { recordCalls, watchedVfs } from '../support/fakes/watched-vfs.js'
import type { WatchedCall } from '../support/fakes/watched-vfs.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { SwitchedVfs } from '../support/model/followed-life.js'

keepProcess()

describe('refresh', () => {
  it('tells what came, in steps of the writer: writes, a flush, a reopen', async () => {
    const { vfs, writer, view } = await pair()
    assert.deepEqual(await quiet(view), { seqNum: 0, changed: false })
    await writer.put('a', '1')
    assert.deepEqual(await quiet(view), { seqNum: 1, changed: true })
    assert.deepEqual(await quiet(view), { seqNum: 1, changed: false })
    await writer.flush()
    await view.refresh()
    assert.deepEqual(await sameAsFresh(view, vfs), ['a=1'])
    await writer.close()
    const again = await writerOn(vfs)
    await again.delRange({})
    await again.put('b', '2')
    await view.refresh()
    assert.deepEqual(await sameAsFresh(view, vfs), ['b=2'])
    await again.close()
    await view.close()
  })

  it('reads only what is new', async () => {
    const { writer, view } = await pair({ writeBufferSize: 4 * 1024 * 1024 })
    for (let i = 0; i < 1000; i++) await writer.put(`${i}`, 'x'.repeat(1000))
    await view.refresh()
    await writer.put('one', 'more')
    const { readBytes } = await view.refresh()
    assert.ok(readBytes < 64 * 1024, `${readBytes} bytes`)
    assert.equal((await view.refresh()).readBytes, 0)
    await writer.close()
    await view.close()
  })

  it('gives large values, ranges and expiry, also of logs that became value logs', async () => {
    const { vfs, writer, view } = await pair({ valueThreshold: 4096, writeBufferSize: 256 * 1024 })
    for (let i = 0; i < 30; i++) {
      await writer.put(`k${i % 7}`, String(i).repeat(10_000))
      if (i % 5 === 0) await writer.putStream(`s${i}`, [new Uint8Array(70_000).fill(i)])
      if (i % 9 === 0) await writer.delRange({ gte: 'k2', lt: 'k4' })
      if (i % 11 === 0) await writer.flush()
      await view.refresh()
      await sameAsFresh(view, vfs)
    }
    await writer.collectGarbage({ ratio: 0.05 })
    await view.refresh()
    await sameAsFresh(view, vfs)
    await writer.close()
    await view.close()
  })

  it('is refused while the database is open for writing, with wrong options, and when it is closed', async () => {
    const { writer, view } = await pair()
    await assert.rejects(writer.refresh(), { code: 'NOT_SUPPORTED' })
    assert.throws(() => writer.follow(), { code: 'NOT_SUPPORTED' })
    for (const options of [{ durableOnly: 1 }, { signal: 1 }, { every: 1 }, 1] as never[]) {
      await assert.rejects(view.refresh(options), { code: 'INVALID_ARGUMENT' })
    }
    const wrong = [{ everyMs: 0 }, { everyMs: NaN }, { everyMs: 2 ** 31 }, { onChange: 1 }, { onError: 1 }]
    for (const options of wrong as never[]) {
      assert.throws(() => view.follow(options), { code: 'INVALID_ARGUMENT' })
    }
    await writer.close()
    await view.close()
    await assert.rejects(view.refresh(), { code: 'CLOSED' })
    assert.throws(() => view.follow(), { code: 'CLOSED' })
  })

  it('of the facade: the engine under it refreshes', async () => {
    const { vfs, writer } = await pair()
    const level = new VarveLevel(DIR, { readOnly: true, components: { vfs } } as never)
    await level.open()
    await writer.put('key', 'value')
    await level.engine.refresh()
    assert.equal(await level.get('key'), 'value')
    await level.close()
    await writer.close()
  })
})

describe('calls beside each other', () => {
  it('share one reading that begins after them', async () => {
    const lists: WatchedCall[] = []
    const before = (call: WatchedCall): void => void (call.name === 'list' && lists.push(call))
    const { writer, view } = await pair({}, (vfs) => watchedVfs(vfs, { before }))
    await view.refresh()
    lists.length = 0
    const first = view.refresh()
    await writer.put('a', '1')
    const others = [view.refresh(), view.refresh(), view.refresh()]
    assert.deepEqual((await Promise.all(others)).map(({ seqNum }) => seqNum), [1, 1, 1])
    await first
    assert.ok(lists.length <= 3, `${lists.length} listings for four calls`)
    await writer.close()
    await view.close()
  })

  it('a signal ends the call, and nothing else', async () => {
    const { writer, view } = await pair()
    await writer.put('a', '1')
    const controller = new AbortController()
    const refused = view.refresh({ signal: controller.signal })
    const kept = view.refresh()
    controller.abort(new Error('no more'))
    await assert.rejects(refused, /no more/)
    assert.equal((await kept).seqNum, 1)
    await assert.rejects(view.refresh({ signal: AbortSignal.abort(new Error('never')) }), /never/)
    await writer.close()
    await view.close()
  })

  it('a close ends it, leaves no file open, and gives back all memory', async () => {
    for (let count = 0; count < 8; count++) {
      const vfs = new SimVfs({})
      const writer = await writerOn(vfs)
      for (let i = 0; i < 50; i++) await writer.put(`${i}`, 'x'.repeat(3000))
      await writer.flush()
      const view = await viewOn(vfs)
      const openBefore = vfs.openFileCount
      await writer.put('a', '1')
      const refreshed = view.refresh().then(() => 'done', (error: { code: string }) => error.code)
      await turns(count)
      await view.close()
      assert.match(await refreshed, /^(done|CLOSED)$/)
      assert.ok(vfs.openFileCount < openBefore, 'handles of the view are closed')
      await writer.close()
      assert.equal(vfs.openFileCount, 0)
    }
  })

  it('a read that meets a missing file in the middle of a refresh: neither takes what the other opened', async () => {
    const vfs = new MemoryVfs()
    const { entries } = makeTables(vfs, DIR, { count: 30 })
    const writer = await writerOn(vfs, { compaction: { style: 'none' } })
    let view: Varve | null = null
    let isReading = false
    const before = ({ name, file }: WatchedCall): void => {
      if (view === null || isReading || name !== 'open read' || !file.endsWith('.table')) return
      isReading = true
      for (const key of entries.keys()) assert.ok(view.hasSync(key))
      isReading = false
    }
    const watched = watchedVfs(vfs, { before })
    const opened = await viewOn(watched, { maxOpenFiles: 2, blockCacheSize: 0 })
    await writer.batch([...entries].map(([key, value]) => ({ type: 'put', key, value })))
    await writer.compact()
    while (writer.stats().jobs.activeCount > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    view = opened
    await opened.refresh()
    view = null
    assert.equal((await sameAsFresh(opened, vfs)).length, entries.size)
    await writer.close()
    await opened.close()
  })
})

describe('rules', () => {
  it('VIEW-5: walks and snapshots stay where they began, and their tables are closed when they end', async () => {
    const { vfs, writer, view } = await pair()
    for (let i = 0; i < 20; i++) await writer.put(`k${i}`, 'old')
    await writer.flush()
    await view.refresh()
    const snapshot = view.snapshot()
    const walk = view.entriesSync()
    assert.equal(text(walk.next().value?.[1]), 'old')
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) await writer.put(`k${i}`, `new ${round}`)
      await writer.compact()
      await view.refresh()
      assert.equal(text(view.getSync('k3')), `new ${round}`)
      assert.equal(text(view.getSync('k3', { snapshot })), 'old')
    }
    assert.deepEqual(new Set([...walk].map(([, value]) => text(value))), new Set(['old']))
    assert.ok(view.stats().files.openCount > 1, 'the old table is held')
    snapshot.release()
    await view.refresh()
    assert.equal(view.stats().files.openCount, 1)
    assert.deepEqual((await sameAsFresh(view, vfs)).length, 20)
    await writer.close()
    await view.close()
  })

  it('slabs of logs that were flushed are given back, and blocks of closed tables leave the cache', async () => {
    const { writer, view } = await pair({ writeBufferSize: 256 * 1024, valueThreshold: 0 })
    let most = 0
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 20; j++) await writer.put(`${i} ${j}`, 'x'.repeat(5000))
      await view.refresh()
      for (const _ of view.entriesSync()) if (i < 0) break
      most = Math.max(most, view.stats().memory.slabBytes)
      if (i % 4 === 0) await writer.compact()
    }
    await writer.compact()
    await view.refresh()
    assert.ok(most < 6 * 256 * 1024, `${most} bytes of slabs`)
    assert.ok(view.stats().memory.slabBytes <= 256 * 1024)
    const { files, levels } = view.stats()
    assert.equal(files.openCount, levels.reduce((sum, { tableCount }) => sum + tableCount, 0))
    await writer.del('0 0')
    await writer.delRange({})
    await writer.compact()
    await view.refresh()
    assert.equal(view.stats().cache?.usedBytes, 0)
    await writer.close()
    await view.close()
  })

  it('VIEW-4: durableOnly stops at what is known to be synced, and takes nothing back', async () => {
    const disk = new SimVfs({})
    const writer = await writerOn(disk, { syncIntervalMs: 60_000, syncBytes: 1 << 30 })
    await writer.put('a', '1', { sync: true })
    const view = await viewOn(disk)
    await writer.put('b', '2')
    await writer.put('c', '3')
    assert.equal((await view.refresh({ durableOnly: true })).seqNum, 1)
    assert.equal(view.getSync('b'), undefined)
    await writer.sync()
    await writer.put('d', '4')
    assert.equal((await view.refresh({ durableOnly: true })).seqNum, 3, 'what the last frame says was synced')
    const left = disk.clone('none', 1)
    assert.ok((await sameSeq(left)) >= 3, 'a power loss takes nothing of it back')
    assert.equal((await view.refresh()).seqNum, 4)
    assert.equal((await view.refresh({ durableOnly: true })).seqNum, 4, 'what was shown stays')
    await writer.put('e', '5')
    assert.equal((await view.refresh({ durableOnly: true })).seqNum, 4)
    await writer.flush()
    assert.equal((await view.refresh({ durableOnly: true })).seqNum, 5, 'tables are synced')
    assert.deepEqual((await sameAsFresh(view, disk)).length, 5)
    await writer.close()
    await view.close()
  })

  it('VIEW-6: a torn frame at the end of the newest log is not there yet; with the rest of it, it is', async () => {
    const { vfs, writer, view } = await pair()
    await writer.put('a', '1')
    const [log] = logsIn(vfs)
    const { size } = vfs.statSync(`${DIR}/${log}`)!
    await writer.put('b', 'x'.repeat(200))
    const whole = takeImage(vfs, DIR).get(log!)!
    for (const bytes of [10, 41, 100]) {
      append(vfs, log!, new Uint8Array(whole.length - size).fill(0), size)
      append(vfs, log!, whole.subarray(size, size + bytes), size)
      assert.equal((await view.refresh()).seqNum, 1)
      assert.deepEqual(await sameAsFresh(view, vfs), ['a=1'])
    }
    append(vfs, log!, whole.subarray(size), size)
    assert.deepEqual(await quiet(view), { seqNum: 2, changed: true })
    await writer.close()
    await view.close()
  })

  it('VIEW-6: a torn frame in a log that another follows is damage, and what was shown stays', async () => {
    const vfs = new MemoryVfs()
    const writer = await writerOn(vfs, { writeBufferSize: 64 * 1024 })
    await writer.put('a', '1', { sync: true })
    const view = await viewOn(vfs)
    await view.refresh()
    const [log] = logsIn(vfs)
    const { size } = vfs.statSync(`${DIR}/${log}`)!
    await writer.put('b', '2')
    await writer.sync()
    await writer.put('c', '3', { sync: true })
    append(vfs, log!, new Uint8Array(8).fill(0xff), size + 44)
    await assert.rejects(view.refresh(), { code: 'CORRUPTION', file: log })
    assert.equal(text(view.getSync('a')), '1')
    await assert.rejects(viewOn(vfs), { code: 'CORRUPTION' }, 'as a fresh open')
    await view.close()
    await writer.close()
  })

  it('nothing moves: a follower changes no name and no byte, and takes no lock', async () => {
    const calls: string[] = []
    const { writer, view } = await pair({}, (vfs) => recordCalls(vfs, calls))
    for (let i = 0; i < 30; i++) {
      await writer.put(`${i}`, 'x'.repeat(4000))
      if (i % 7 === 0) await writer.flush()
      await view.refresh({ durableOnly: i % 2 === 0 })
    }
    const kinds = new Set(calls.map((call) => call.slice(0, call.lastIndexOf(' '))))
    for (const kind of kinds) assert.ok(/^(list|stat|open read|read|close|realPath|freeBytes)$/.test(kind), kind)
    await writer.close()
    await view.close()
  })

  it('a thousand tables that stay are not touched', async () => {
    const vfs = new MemoryVfs()
    makeTables(vfs, DIR, { count: 1000 })
    const writer = await writerOn(vfs)
    const calls: string[] = []
    const view = await viewOn(recordCalls(vfs, calls))
    await view.refresh()
    await writer.put('a', '1')
    await writer.flush()
    await writer.put('b', '1')
    calls.length = 0
    await view.refresh()
    const tables = new Set(calls.flatMap((call) => call.match(/\S+\.table$/) ?? []))
    assert.equal(tables.size, 1, 'only the new one')
    calls.length = 0
    await view.refresh()
    assert.equal(calls.filter((call) => call.startsWith('list')).length, 1)
    assert.ok(calls.length < 25, `${calls.length} calls when nothing is new`)
    await writer.close()
    await view.close()
  })
})

describe('follow', () => {
  it('tells each change once, and ends with stop, using, the signal and the close', async () => {
    const ways = ['stop', 'using', 'signal', 'close'] as const
    for (const way of ways) {
      const { writer, view } = await pair()
      const controller = new AbortController()
      const seen: number[] = []
      let wake = (): void => undefined
      const onChange = ({ seqNum }: RefreshResult): void => {
        seen.push(seqNum)
        wake()
      }
      const following = view.follow({ everyMs: 1, onChange, signal: controller.signal })
      for (let i = 1; i <= 3; i++) {
        const heard = new Promise<void>((resolve) => (wake = resolve))
        await writer.put('k', String(i))
        await heard
        assert.equal(text(view.getSync('k')), String(i))
      }
      assert.deepEqual(seen, [1, 2, 3])
      if (way === 'stop') following.stop()
      else if (way === 'signal') controller.abort()
      else if (way === 'using') following[Symbol.dispose]()
      else await view.close()
      await following.ended
      await writer.put('k', 'later')
      assert.deepEqual(seen, [1, 2, 3])
      await writer.close()
      await view.close()
    }
  })

  it('goes on after an error that onError was told; without it, and when a callback throws, it ends', async () => {
    let failures = 0
    const before = ({ name }: WatchedCall): void => {
      if (name !== 'list' || failures === 0) return
      failures--
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    const { writer, view } = await pair({}, (vfs) => watchedVfs(vfs, { before }))
    const told: unknown[] = []
    const changed = new Promise((resolve) => {
      view.follow({ everyMs: 1, onError: (error) => void told.push(error), onChange: resolve })
      failures = 6
    })
    while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await writer.put('a', '1')
    await changed
    const alone = view.follow({ everyMs: 1 })
    failures = 6
    await assert.rejects(alone.ended, { code: 'IO_ERROR' })
    failures = 0
    await writer.put('b', '1')
    await assert.rejects(view.follow({ everyMs: 1, onChange: () => assert.fail('mine') }).ended, /mine/)
    await view.close()
    await writer.close()
  })

  it('ends when the directory has another history', async () => {
    const disk = new SwitchedVfs(new SimVfs({}))
    const writer = await writerOn(disk.machine)
    await writer.put('a', '1')
    const view = await viewOn(disk.vfs)
    const told: unknown[] = []
    const following = view.follow({ everyMs: 1, onError: (error) => void told.push(error) })
    disk.machine = new SimVfs({ seed: 5 })
    const other = await writerOn(disk.machine)
    await other.put('b', '1')
    await following.ended
    assert.equal((told.at(-1) as { code: string }).code, 'SNAPSHOT_GONE')
    await view.close()
  })
})

test('a log that grows beyond the room it got is read on all the same', async () => {
  const vfs = new MemoryVfs()
  const writer = await writerOn(vfs, { writeBufferSize: 64 * 1024 })
  await writer.put('a', '1')
  const view = await viewOn(vfs)
  await view.refresh()
  await writer.close()
  const large = await writerOn(vfs, { writeBufferSize: 1024 * 1024 })
  for (let i = 0; i < 100; i++) {
    await large.put(`${i}`, 'x'.repeat(9000))
    if (i % 10 === 0) await view.refresh()
  }
  await large.put('huge', 'x'.repeat(3_000_000))
  await view.refresh()
  assert.equal((await sameAsFresh(view, vfs)).length, 102)
  assert.ok(vfs.statSync(`${DIR}/${logFileName(large.stats().wal.logNum)}`) !== null)
  await large.close()
  await view.close()
})
