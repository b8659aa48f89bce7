import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { SeededRandom, systemClock } from '../base/index.js'
import { SlabPool } from '../slab/index.js'
import { FileSystemError, MemoryVfs } from '../vfs/index.js'
import { HandExecutor } from '../../test/support/hand-executor.js'
import { watchedVfs } from '../../test/support/watched-vfs.js'
import { sampleDatabaseId } from '../../test/support/write-buffer-samples.js'
import { WriteBuffers } from './write-buffers.js'

let calls: string[]
let failing: string
let failures: unknown[]
let readyCount: number
let nextNum: number
let buffers: WriteBuffers

beforeEach(() => {
  calls = []
  failing = ''
  failures = []
  readyCount = 0
  nextNum = 10
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  buffers = new WriteBuffers({
    vfs: watchedVfs(vfs, {
      before: ({ name, file }) => {
        calls.push(`${name} ${file}`)
        if (name === failing) throw new FileSystemError('EIO', name, file)
      },
    }),
    dir: '/db', clock: systemClock, pool: new SlabPool(64 * 1024, 2), random: new SeededRandom(1),
    executor: new HandExecutor(),
    databaseId: sampleDatabaseId, generation: 1, allocateFileNum: () => nextNum++, lastSeqNum: () => 5,
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
  assert.equal(buffers.take(0), null)
  assert.equal(readyCount, 0)
  await buffers.prepared()
  assert.deepEqual([calls.splice(0), readyCount], [durable(10), 1])
  assert.equal(buffers.take(0)?.log.fileNum, 10)
  await buffers.prepared()
  calls.length = 0
  assert.equal(buffers.takeNow(0).log.fileNum, 11)
  calls.length = 0 // the next spare has begun
  const made = buffers.takeNow(0)
  assert.deepEqual(calls.slice(0, 4), durable(made.log.fileNum))
})

test('WAL-7: log numbers rise in the order in which logs are used, blocked callers or not', async () => {
  const used: number[] = []
  for (let i = 0; i < 12; i++) {
    if (i % 4 === 0) await buffers.prepared()
    if (i % 4 === 1) await Promise.resolve()
    used.push((i % 3 === 0 ? buffers.take(0) ?? buffers.takeNow(0) : buffers.takeNow(0)).log.fileNum)
  }
  assert.deepEqual(used, used.toSorted((a, b) => a - b))
  assert.equal(new Set(used).size, used.length)
  await buffers.close()
  for (const name of buffers.takeUnusedBelow(Infinity)) {
    assert.ok(!used.includes(Number(name.slice(0, 6))), 'a log that comes too late is told')
  }
})

test('a buffer has room for its batch; one that an ordinary slab cannot take is XL', async () => {
  await buffers.prepared()
  const small = buffers.take(1000)!
  assert.deepEqual([small.isXl, small.bytes.length], [false, 64 * 1024])
  const large = buffers.takeNow(100_000)
  assert.ok(large.isXl && large.bytes.length > 100_000 + 192)
  assert.equal(large.memtable.lastSeqNum, 5)
})

test('a log that cannot be made is told; the directory’s sync is told apart', async () => {
  for (const [name, file] of [['open create', '000020.wal'], ['write', '000030.wal'], ['syncDir', '.']]) {
    nextNum += 10 - (nextNum % 10)
    failing = name!
    await buffers.prepared()
    assert.equal((failures.at(-1) as { file: string }).file, file)
    assert.throws(() => buffers.takeNow(0), { name: 'VarveError' })
    assert.equal(buffers.spareName, null)
  }
})

test('without memory the spare stays', async () => {
  await buffers.prepared()
  assert.throws(() => buffers.take(2 ** 50), { code: 'BUSY' })
  assert.equal(buffers.spareName, '000010.wal')
  assert.equal(buffers.take(0)?.log.fileNum, 10)
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
