import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { SeededRandom, systemClock } from '../base/index.js'
import { SlabPool } from '../slab/index.js'
import { FileSystemError, MemoryVfs } from '../vfs/index.js'
import { settled } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import { WriteBuffers } from './write-buffers.js'

let calls: string[]
let failing: string
let failures: unknown[]
let readyCount: number
let nextNum: number
let pool: SlabPool
let buffers: WriteBuffers

beforeEach(() => {
  calls = []
  failing = ''
  failures = []
  readyCount = 0
  nextNum = 10
  pool = new SlabPool(64 * 1024, 2)
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  buffers = new WriteBuffers({
    vfs: watchedVfs(vfs, {
      before: ({ name, file }) => {
        calls.push(`${name} ${file}`)
        if (name === failing) throw new FileSystemError('EIO', name, file)
      },
    }),
    dir: '/db', clock: systemClock, pool, random: new SeededRandom(1),
    executor: new HandExecutor(), valueFiles: { hold: () => undefined, release: () => undefined },
    databaseId: sampleDatabaseId, generation: 1, lineage: 1, hashSeed: { low: 1, high: 2 },
    allocateFileNum: () => nextNum++, lastSeqNum: () => 5,
    indexBytesMax: () => 100_000,
    onReady: () => readyCount++,
    onFailure: (error) => failures.push(error),
  })
})

afterEach(() => buffers.close())

const durable = (log: number) => [
  `open create 0000${log}.wal`, `write 0000${log}.wal`, `sync 0000${log}.wal`, 'syncDir db',
]

test('WAL-6: a log is handed out when its header and its name are durable, awaited or blocking', async () => {
  assert.equal(buffers.take(), null)
  assert.equal(readyCount, 0)
  await buffers.prepared()
  assert.deepEqual([calls.splice(0), readyCount], [durable(10), 1])
  assert.equal(buffers.take()?.log.fileNum, 10)
  await settled()
  assert.deepEqual(calls, [], 'the next one is made when it is asked for')
  await buffers.prepared()
  calls.length = 0
  assert.equal(buffers.takeNow().log.fileNum, 11)
  const made = buffers.takeNow()
  assert.deepEqual(calls, durable(made.log.fileNum))
})

test('WAL-7: log numbers rise in the order in which logs are used, blocked callers or not', async () => {
  const used: number[] = []
  for (let i = 0; i < 12; i++) {
    if (i % 4 === 0) await buffers.prepared()
    if (i % 4 === 1) await Promise.resolve()
    used.push((i % 3 === 0 ? buffers.take() ?? buffers.takeNow() : buffers.takeNow()).log.fileNum)
  }
  assert.deepEqual(used, used.toSorted((a, b) => a - b))
  assert.equal(new Set(used).size, used.length)
  await buffers.close()
  for (const name of buffers.takeUnusedBelow(Infinity)) {
    assert.ok(!used.includes(Number(name.slice(0, 6))), 'a log that comes too late is told')
  }
})

test('a buffer takes no memory until it gets a slab with room for its first batch; a larger one is XL', async () => {
  await buffers.prepared()
  const small = buffers.take()!
  assert.deepEqual([small.isFilled, small.isUsed, small.memtable.indexBytes, pool.usedBytes], [false, false, 0, 0])
  buffers.fill(small, 1000)
  assert.deepEqual([small.isXl, small.bytes.length, pool.usedBytes], [false, 64 * 1024, 64 * 1024])
  const large = buffers.takeNow()
  buffers.fill(large, 100_000)
  assert.ok(large.isXl && large.roomBytes > 100_000)
  assert.equal(large.memtable.lastSeqNum, 5)
  for (const { memtable } of [small, large]) memtable.release()
  assert.equal(pool.usedBytes, 0)
})

test('a log that cannot be made is told; the directory’s sync is told apart', async () => {
  for (const [name, file] of [['open create', '000020.wal'], ['write', '000030.wal'], ['syncDir', '.']]) {
    nextNum += 10 - (nextNum % 10)
    failing = name!
    await buffers.prepared()
    assert.equal((failures.at(-1) as { file: string }).file, file)
    assert.throws(() => buffers.takeNow(), { name: 'VarveError' })
    assert.equal(buffers.spareName, null)
  }
})

test('without memory a buffer stays empty, for a smaller batch', () => {
  const buffer = buffers.takeNow()
  assert.throws(() => buffers.fill(buffer, 2 ** 50), { code: 'BUSY' })
  assert.deepEqual([buffer.isFilled, pool.usedBytes], [false, 0])
  buffers.fill(buffer, 10)
  assert.equal(buffer.isFilled, true)
})

test('close waits for what is being made and lets go of it; then nothing is made and nobody is told', async () => {
  buffers.prepare()
  await buffers.close()
  assert.ok(calls.includes('close 000010.wal'))
  calls.length = 0
  buffers.prepare()
  await buffers.prepared()
  assert.deepEqual([calls, failures, buffers.spareName], [[], [], null])
})
