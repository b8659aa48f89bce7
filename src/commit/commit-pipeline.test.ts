import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { EntryKind, MiB, VarveError } from '../base/index.js'
import { FIRST_BATCH_OFFSET } from '../wal/index.js'
import { CommitScene, follow, puts } from '../../test/support/scenes/commit-scene.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { settled } from '../../test/support/fakes/hand-clock.js'
import { readHistory } from '../../test/support/samples/log-history.js'
import type { BatchOperation } from './operation-list.js'
import { writeHow } from './write-how.js'

const noSync = { sync: false, position: null }

let scene: CommitScene
beforeEach(() => {
  scene = new CommitScene()
})

const put = (key: string, sync = false, value: string | Uint8Array = key) =>
  scene.pipeline.writeOne(EntryKind.value, key, value, writeHow(sync))
const putSync = (key: string, sync = false, value: string | Uint8Array = key) =>
  scene.pipeline.writeOneSync(EntryKind.value, key, value, writeHow(sync))

/** Reads what a reopen after a process kill would read. */
const recovered = () => readHistory(scene.logBytes).entries

test('calls of one turn share a write, and are answered when it is done', async () => {
  const first = follow(put('a'))
  follow(scene.pipeline.writeBatch(puts('b', 'c'), noSync))
  const last = follow(scene.pipeline.writeOne(EntryKind.tombstone, 'a', '', writeHow(false)))
  assert.equal(scene.pipeline.visibleSeqNum, 0, 'nothing is visible before it is in the log')
  assert.deepEqual(scene.published, [])
  await settled()
  assert.deepEqual([first.state, last.state], ['done', 'done'])
  assert.deepEqual(scene.takeCalls(), ['write 1.wal'])
  assert.deepEqual(scene.published, ['1 a a', '2 b b', '3 c c', '4 a deleted'])
  assert.deepEqual(recovered(), scene.published)
  assert.equal(scene.pipeline.visibleSeqNum, 4)
})

test('COM-3: a Sync call writes what earlier async calls encoded, in order, before it returns', async () => {
  const earlier = follow(put('async'))
  putSync('sync')
  assert.deepEqual(scene.published, ['1 async async', '2 sync sync'])
  assert.equal(scene.pipeline.visibleSeqNum, 2)
  assert.deepEqual(scene.takeCalls(), ['write 1.wal'])
  await settled()
  assert.equal(earlier.state, 'done')
  assert.deepEqual(scene.takeCalls(), [])
})

test('H7: a Sync call that asks for no sync does not wait for a sync in flight', async () => {
  const durable = follow(put('a', true))
  await settled()
  assert.equal(durable.state, 'waiting')
  putSync('b')
  assert.equal(scene.pipeline.visibleSeqNum, 2)
  scene.files[0]!.finish()
  await settled()
  assert.equal(durable.state, 'done')
  assert.equal(scene.syncer.durableSeqNum, 1)
})

test('sync: true is answered after a sync that began after the write; a blocking one syncs here', async () => {
  putSync('a', true)
  assert.deepEqual(scene.takeCalls(), ['write 1.wal', 'datasync 1.wal'])
  scene.pipeline.writeBatchSync(puts('x', 'y'), { sync: true, position: null })
  assert.deepEqual(scene.takeCalls(), ['write 1.wal', 'datasync 1.wal'])
  const durable = follow(put('b', true))
  await settled()
  assert.deepEqual(scene.takeCalls(), ['write 1.wal', 'pool datasync 1.wal begins'])
  assert.equal(durable.state, 'waiting')
  scene.files[0]!.finish()
  await settled()
  assert.equal(durable.state, 'done')
})

test('an empty batch writes nothing; with a position it is a frame of its own', async () => {
  scene.pipeline.writeBatchSync([], noSync)
  await scene.pipeline.writeBatch([], noSync)
  assert.deepEqual(scene.takeCalls(), [])
  const position = Uint8Array.of(1, 2, 3)
  scene.pipeline.writeBatchSync([], { sync: false, position })
  position.fill(9)
  assert.deepEqual(scene.pipeline.position, Uint8Array.of(1, 2, 3))
  assert.equal(scene.pipeline.lastSeqNum, 0)
  putSync('a')
  assert.deepEqual(scene.pipeline.position, Uint8Array.of(1, 2, 3))
  assert.deepEqual(recovered(), ['1 a a'])
})

test('W26: the caller may change its buffers as soon as the call has returned, waiting or not', async () => {
  const key = Buffer.from('key')
  const value = Buffer.alloc(100, 'v')
  const operations: BatchOperation[] = [{ type: 'put', key, value }]
  scene.spares = 0
  const one = () => scene.pipeline.writeOne(EntryKind.value, key, value, writeHow(false))
  const answers = [one(), scene.pipeline.writeBatch(operations, noSync)]
  while (scene.pipeline.waiting.isEmpty) answers.push(one())
  answers.push(scene.pipeline.writeBatch(operations, noSync))
  key.fill('x')
  value.fill('x')
  operations.length = 0
  scene.spares = 10
  scene.pipeline.encodeWaiting()
  await Promise.all(answers)
  assert.equal(scene.published.length, answers.length)
  for (const entry of scene.published) assert.match(entry, /^\d+ key v{100}$/)
})

test('COM-1: a batch that does not fit goes whole into the next buffer', async () => {
  putSync('a', false, 'x'.repeat(60_000))
  scene.pipeline.writeBatchSync(puts('b', 'c'.repeat(10_000)), noSync)
  assert.deepEqual(scene.told, ['blocked', 'rotated 1 to 2', 'settled 1'])
  assert.equal(scene.buffers[1]!.memtable.entryCount, 2)
  assert.deepEqual(recovered(), scene.published)
})

test('a batch larger than a buffer gets one of its own, which is left at once', async () => {
  const answers = [put('a'), put('big', false, 'x'.repeat(200_000)), put('b')]
  await Promise.all(answers)
  assert.equal(scene.buffers[1]!.isXl, true)
  assert.equal(scene.pipeline.current, scene.buffers[2])
  assert.deepEqual(scene.told, ['rotated 1 to 2', 'rotated 2 to 3', 'settled 1', 'settled 2'])
  assert.deepEqual(scene.published.map((entry) => entry.slice(0, 5)), ['1 a a', '2 big', '3 b b'])
  assert.deepEqual(recovered(), scene.published)
  putSync('BIG', false, 'y'.repeat(300_000))
  assert.equal(scene.pipeline.current.isXl, false)
})

test('calls without room wait in order, and nothing overtakes them', async () => {
  scene.spares = 0
  const first = put('a', false, 'x'.repeat(60_000))
  const waiting = follow(put('b', false, 'x'.repeat(10_000)))
  const small = follow(put('c'))
  await first
  await settled()
  assert.deepEqual([waiting.state, small.state], ['waiting', 'waiting'])
  assert.equal(scene.pipeline.waiting.count, 2)
  scene.isStopped = true
  scene.spares = 1
  scene.pipeline.encodeWaiting()
  assert.equal(scene.pipeline.waiting.count, 2, 'stopped: a spare alone is not enough')
  scene.isStopped = false
  scene.pipeline.encodeWaiting()
  await settled()
  assert.deepEqual([waiting.state, small.state], ['done', 'done'])
  assert.deepEqual(scene.published.map((entry) => entry.slice(0, 3)), ['1 a', '2 b', '3 c'])
  assert.equal(scene.pipeline.waiting.bytes, 0)
})

test('COM-6: waiting calls are bounded by bytes; what does not fit is refused and changed nothing', async () => {
  scene.isStopped = true
  scene.spares = 0
  const { waiting } = scene.pipeline
  await put('fill', false, 'x'.repeat(60_000))
  const first = follow(put('a', false, 'x'.repeat(10_000)))
  waiting.bytes += 256 * MiB - 20_000
  const fits = follow(put('b'))
  const refused = follow(put('c', false, 'x'.repeat(10_000)))
  await settled()
  assert.deepEqual([first.state, fits.state, refused.state], ['waiting', 'waiting', 'BUSY'])
  waiting.rejectAll(new VarveError('CLOSED', 'closed'))
  await settled()
  assert.deepEqual([first.state, fits.state, refused.state], ['CLOSED', 'CLOSED', 'BUSY'])
  assert.deepEqual([waiting.bytes, waiting.count, scene.pipeline.lastSeqNum], [0, 0, 1])
})

test('a Sync call first encodes the calls that wait, each once, also when flushes end meanwhile', async () => {
  scene.spares = 0
  await put('fill', false, 'x'.repeat(60_000))
  const waiting = ['b', 'c', 'd'].map((key) => follow(put(key, false, key.repeat(50_000))))
  assert.equal(scene.pipeline.waiting.count, 3)
  scene.whileBlocked = () => {
    scene.spares = 10
    scene.pipeline.encodeWaiting() // as the engine does when a flush is installed
  }
  putSync('sync')
  await settled()
  assert.deepEqual(waiting.map(({ state }) => state), ['done', 'done', 'done'])
  assert.deepEqual(scene.published.map((entry) => entry.slice(0, 3)), ['1 f', '2 b', '3 c', '4 d', '5 s'])
  assert.deepEqual(recovered(), scene.published)
})

test('what is encoded is written before a Sync call waits for a buffer, so that its flush can begin', () => {
  const earlier = follow(put('a', false, 'x'.repeat(60_000)))
  let publishedThen = -1
  scene.whileBlocked = () => (publishedThen = scene.published.length)
  putSync('b', false, 'y'.repeat(10_000))
  assert.equal(publishedThen, 1)
  assert.equal(earlier.state, 'waiting')
})

test('a failure while a Sync call waits refuses it before anything is encoded', async () => {
  putSync('a', false, 'x'.repeat(60_000))
  scene.whileBlocked = () => (scene.refusal = new VarveError('BACKGROUND_ERROR', 'manifest'))
  expectError(() => putSync('b', false, 'y'.repeat(10_000)), 'BACKGROUND_ERROR')
  assert.equal(scene.pipeline.lastSeqNum, 1)
  await assert.rejects(put('c'), { code: 'BACKGROUND_ERROR' })
  assert.equal(recovered().length, 1)
})

test('re-entrancy: what a getter in a batch writes stands before the batch, and the batch is whole', async () => {
  const answers: { state: string }[] = []
  const operations: BatchOperation[] = puts('a')
  operations.push({
    type: 'put',
    get key() {
      putSync('sync')
      scene.pipeline.writeBatchSync(puts('batch'), noSync)
      answers.push(follow(put('async')))
      scene.pipeline.encodeWaiting()
      operations.push(...puts('late'))
      return 'outer'
    },
    value: 'outer',
  }, ...puts('z'))
  for (const write of ['writeBatchSync', 'writeBatch'] as const) void scene.pipeline[write](operations, noSync)
  await settled()
  const inner = ['sync', 'batch', 'async']
  const written = [...inner, 'a', 'outer', 'z', ...inner, 'a', 'outer', 'z', 'late']
  assert.deepEqual(scene.published, written.map((key, i) => `${i + 1} ${key} ${key}`))
  assert.ok(answers.every(({ state }) => state === 'done'))
  assert.equal(scene.pipeline.lastSeqNum, written.length)
  assert.deepEqual(recovered(), scene.published)
})

test('an array that another length is told of later counts as long as it was when it was read', () => {
  const array = puts('a', 'b', 'c')
  const told = [2, 2 ** 40, -1, 1.5, NaN, '2', 2 ** 24 + 1]
  for (const length of told) {
    const liar = new Proxy(array, { get: (target, name) => (name === 'length' ? length : Reflect.get(target, name)) })
    const write = () => scene.pipeline.writeBatchSync(liar, noSync)
    if (length === 2) write()
    else assert.throws(write, (error: VarveError) => /^(INVALID_ARGUMENT|BATCH_TOO_LARGE)$/.test(error.code))
  }
  const shrinking = puts('d', 'e')
  Object.defineProperty(shrinking[0]!, 'key', { get: () => ((shrinking.length = 0), 'd') })
  assert.throws(() => scene.pipeline.writeBatchSync(shrinking, noSync), { code: 'INVALID_ARGUMENT' })
  assert.deepEqual([scene.published, scene.pipeline.lastSeqNum], [['1 a a', '2 b b'], 2])
})

test('each operation is read once, also when the batch does not fit or waits', async () => {
  const reads = new Map<string, number>()
  const counted = (key: string): BatchOperation => new Proxy({ type: 'put', key, value: 'x'.repeat(30_000) }, {
    get(target, name) {
      reads.set(`${key}.${String(name)}`, (reads.get(`${key}.${String(name)}`) ?? 0) + 1)
      return Reflect.get(target, name)
    },
  })
  scene.spares = 0
  scene.pipeline.writeBatchSync([counted('a')], noSync)
  scene.pipeline.writeBatchSync([counted('b'), counted('c')], noSync)
  const answers = [scene.pipeline.writeBatch([counted('d'), counted('e')], noSync)]
  assert.ok(!scene.pipeline.waiting.isEmpty)
  answers.push(scene.pipeline.writeBatch([counted('f')], noSync))
  scene.spares = 10
  scene.pipeline.encodeWaiting()
  await Promise.all(answers)
  assert.equal(scene.pipeline.lastSeqNum, 6)
  assert.deepEqual([reads.size, ...new Set(reads.values())], [30, 1], 'type, key, value, ttl and expiresAt of each')
})

test('COM-2: a bad operation anywhere in a batch, or a getter that throws, leaves nothing behind', async () => {
  const throwing = { type: 'put' as const, key: 'k', get value(): string { throw new TypeError('mine') } }
  const bad: [unknown, string][] = [
    [{ type: 'put', key: 1, value: 'v' }, 'INVALID_ARGUMENT'],
    [{ type: 'put', key: 'k', value: undefined }, 'INVALID_ARGUMENT'],
    [{ type: 'merge', key: 'k', value: 'v' }, 'INVALID_ARGUMENT'],
    [{ type: 'put', key: 'k'.repeat(65_536), value: 'v' }, 'KEY_TOO_LARGE'],
    [null, 'INVALID_ARGUMENT'], [undefined, 'INVALID_ARGUMENT'], [7, 'INVALID_ARGUMENT'],
  ]
  for (const [operation, code] of bad) {
    const batch = [...puts('a', 'b'), operation, ...puts('c')] as BatchOperation[]
    expectError(() => scene.pipeline.writeBatchSync(batch, noSync), code as 'INVALID_ARGUMENT')
    await assert.rejects(scene.pipeline.writeBatch(batch, noSync), { code })
  }
  assert.throws(() => scene.pipeline.writeBatchSync([...puts('a'), throwing], noSync), /mine/)
  assert.equal(scene.pipeline.lastSeqNum, 0)
  assert.deepEqual(scene.takeCalls(), [])
  putSync('after')
  assert.deepEqual(recovered(), ['1 after after'])
})

test('the newest sync mark goes into each frame', () => {
  putSync('a', true)
  putSync('b')
  putSync('c', true)
  putSync('d')
  const bytes = scene.logBytes
  const intact = bytes.get(1)!.slice()
  const frameBytes = (intact.length - FIRST_BATCH_OFFSET) / 4
  const damagedAt = FIRST_BATCH_OFFSET + frameBytes * 2 + 50
  bytes.get(1)![damagedAt]! ^= 1
  expectError(() => readHistory(bytes), 'CORRUPTION') // the mark in d speaks of c
  bytes.set(1, intact.slice(0, FIRST_BATCH_OFFSET + frameBytes * 3))
  bytes.get(1)![damagedAt]! ^= 1
  assert.deepEqual(readHistory(bytes).entries, ['1 a a', '2 b b'], 'nothing says that c was synced')
})

test('timers are not starved: after two milliseconds a group waits for the loop', async () => {
  const now = scene.clock.nowMs.bind(scene.clock)
  let passed = 0
  scene.clock.nowMs = () => now() + passed
  for (let i = 0; i < 40; i++) {
    await put(`k${i}`)
    passed += 0.05
  }
  passed += 2
  let deferred = 0
  for (let i = 0; i < 40; i++) {
    const answer = follow(put(`m${i}`))
    for (let n = 0; n < 5; n++) await Promise.resolve()
    if (answer.state === 'waiting') {
      deferred++
      await scene.clock.turn()
    }
    assert.equal(answer.state, 'done')
  }
  assert.ok(deferred > 0)
})

test('a call that there is no memory for is refused, those behind it are not', async () => {
  await put('fill', false, 'x'.repeat(60_000))
  scene.spares = 0
  const huge = follow(put('huge', false, 'x'.repeat(10_000)))
  const small = follow(put('small'))
  const fill = scene.fill.bind(scene)
  scene.fill = (buffer, bytes) => {
    if (bytes > 5000) throw new VarveError('BUSY', 'no memory')
    fill(buffer, bytes)
  }
  scene.spares = 1
  scene.pipeline.encodeWaiting()
  await settled()
  assert.deepEqual([huge.state, small.state], ['BUSY', 'done'])
  expectError(() => putSync('huge', false, 'x'.repeat(70_000)), 'BUSY')
  putSync('after')
  assert.deepEqual(recovered(), scene.published)
})

test('an empty buffer gets its slab with the first batch, whatever its size; the log is not left for it', async () => {
  for (const [first, isXl] of [['a', false], ['x'.repeat(200_000), true]] as const) {
    for (const isSync of [false, true]) {
      scene = new CommitScene({ isFilled: false, lastSeqNum: 7 })
      assert.deepEqual([scene.pipeline.current.isFilled, scene.pipeline.current.isUsed], [false, false])
      if (isSync) putSync('first', false, first)
      else await put('first', false, first)
      assert.equal(scene.buffers[0]!.isXl, isXl)
      assert.equal(scene.buffers.length, isXl ? 2 : 1)
      assert.equal(scene.buffers[1]?.isFilled ?? false, false, 'behind an XL batch nothing is written yet')
      await put('second')
      assert.deepEqual(recovered(), scene.published)
      assert.deepEqual(scene.pipeline.visibleSeqNum, 9)
    }
  }
})

test('a buffer that was never filled may be left: nothing is in its log', async () => {
  scene = new CommitScene({ isFilled: false, lastSeqNum: 7 })
  scene.pipeline.rotate(scene.takeBuffer()!)
  assert.deepEqual(scene.told, ['rotated 1 to 2', 'settled 1'])
  await put('a')
  assert.deepEqual(recovered(), ['8 a a'])
})

test('while writers are stopped the current buffer takes what fits into it, and no other is filled', async () => {
  scene = new CommitScene({ isFilled: false })
  scene.isStopped = true
  await put('a')
  putSync('b')
  const waiting = follow(put('c', false, 'x'.repeat(70_000)))
  await settled()
  assert.deepEqual([waiting.state, scene.buffers.length, scene.told], ['waiting', 1, []])
  scene.isStopped = false
  scene.pipeline.encodeWaiting()
  await settled()
  assert.equal(waiting.state, 'done')
})

test('while writers are stopped an empty buffer takes no batch that needs a slab of its own', async () => {
  scene = new CommitScene({ isFilled: false })
  scene.isStopped = true
  const waiting = follow(put('a', false, 'x'.repeat(70_000)))
  await settled()
  assert.deepEqual([waiting.state, scene.pipeline.current.isFilled], ['waiting', false])
  scene.isStopped = false
  scene.pipeline.encodeWaiting()
  await settled()
  assert.equal(waiting.state, 'done')
})

test('the next log is asked for when half of the current one is written, by bytes or by the index', async () => {
  await put('a', false, 'x'.repeat(20_000))
  assert.equal(scene.halfFullCount, 0)
  await put('b', false, 'x'.repeat(20_000))
  assert.equal(scene.halfFullCount, 1)
  scene = new CommitScene()
  scene.pipeline.current.indexBytesMax = 200_000
  putSync('tiny')
  assert.equal(scene.halfFullCount, 1)
})
