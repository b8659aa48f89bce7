import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, EntryKind, FILE_HEADER_BYTES, KeyHash, SeededRandom } from '../base/index.js'
import type { InternalIterator, PointResult, SeqNum } from '../base/index.js'
import { checkAgainstModel, randomEntries } from '../../test/support/model/iterator-model.js'
import type { TestEntry } from '../../test/support/fakes/array-iterator.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { frameWriter } from '../../test/support/samples/frame-writer.js'
import type { FrameWriter } from '../../test/support/samples/frame-writer.js'
import { SlabPool } from '../slab/index.js'
import { Memtable } from './memtable.js'
import { mergeRuns, sortRun } from './order-jobs.js'
import { RunIterator } from './run-iterator.js'
import { WalkUse } from './walk-use.js'

const BASE = 2 ** 40
const emptyValue = { kind: EntryKind.value, value: new Uint8Array(0) }

interface Filled {
  memtable: Memtable
  writer: FrameWriter
  executor: HandExecutor
}

function make(capacity = 1 << 20, withExecutor = true, walks = new WalkUse()): Filled {
  const pool = new SlabPool(capacity, 0)
  const slab = pool.take(capacity)
  const executor = new HandExecutor({ sortRun, mergeRuns } as never)
  const memtable = new Memtable({
    logNum: 3, start: FILE_HEADER_BYTES, baseSeqNum: BASE, hashSeed: { low: 99, high: 2 },
    executor: withExecutor ? executor : null, walks,
  })
  memtable.fill(slab)
  return { memtable, writer: frameWriter(slab.bytes, FILE_HEADER_BYTES), executor }
}

/** Inserts entries by sequence number, in batches of a few. */
function insert({ memtable, writer }: Filled, entries: TestEntry[], random: SeededRandom): void {
  const left = entries.toSorted((a, b) => a.seqNum - b.seqNum)
  while (left.length > 0) {
    const batch = left.splice(0, 1 + random.below(4))
    let count = 1
    while (count < batch.length && batch[count]!.seqNum === batch[0]!.seqNum + count) count++
    left.unshift(...batch.splice(count))
    writer.batch(batch)
    if (random.chance(0.5) || left.length === 0) memtable.insertFrames(writer.end)
  }
}

const numbered = (entries: TestEntry[]) => entries.map((entry) => ({ ...entry, seqNum: entry.seqNum + BASE }))

function get(memtable: Memtable, key: Uint8Array, snapshot: SeqNum): string {
  const out: PointResult = { kind: 0, valueBytes: key, valueStart: 0, valueEnd: 0 }
  if (!memtable.get(key, 0, key.length, snapshot, out, new KeyHash())) return 'absent'
  return `${out.kind} ${Buffer.from(out.valueBytes.slice(out.valueStart, out.valueEnd)).toString('hex')}`
}

test('point reads at every snapshot, against a model', () => {
  const random = new SeededRandom(1, 'memtable')
  for (let round = 0; round < 20; round++) {
    const filled = make()
    const entries = numbered(randomEntries(random, 1 + random.below(120)))
    insert(filled, entries, random)
    assert.equal(filled.memtable.entryCount, entries.length)
    assert.equal(filled.memtable.tombstoneCount, entries.filter(({ kind }) => kind === EntryKind.tombstone).length)
    for (let i = 0; i < 200; i++) {
      const key = random.chance(0.9) ? random.pick(entries).key : Uint8Array.of(0x63, 1)
      const snapshot = random.chance(0.2) ? Number.MAX_SAFE_INTEGER : BASE + random.below(entries.length * 2 + 4)
      const expected = entries.find((entry) => compareBytes(entry.key, key) === 0 && entry.seqNum <= snapshot)
      const found = get(filled.memtable, key, snapshot)
      if (expected === undefined) assert.equal(found, 'absent')
      else assert.equal(found, `${expected.kind} ${Buffer.from(expected.value).toString('hex')}`)
    }
  }
})

test('iterators go both ways and seek, against a model', () => {
  const random = new SeededRandom(2, 'memtable')
  for (let round = 0; round < 20; round++) {
    const filled = make(1 << 20, round % 2 === 0)
    const entries = numbered(randomEntries(random, random.below(150)))
    insert(filled, entries, random)
    checkAgainstModel(filled.memtable.iterator(), entries, random, 200)
  }
})

test('an iterator sees what was there when it was made, however much comes later', () => {
  const random = new SeededRandom(3, 'memtable')
  const filled = make()
  const entries = numbered(randomEntries(random, 300)).sort((a, b) => a.seqNum - b.seqNum)
  const iterators = []
  for (let i = 0; i < 30; i++) {
    insert(filled, entries.slice(i * 10, i * 10 + 10), random)
    const expected = entries.slice(0, i * 10 + 10).sort((a, b) => compareBytes(a.key, b.key) || b.seqNum - a.seqNum)
    iterators.push({ iterator: filled.memtable.iterator(), expected })
  }
  for (const { iterator, expected } of iterators) checkAgainstModel(iterator, expected, random, 40)
})

test('MEM-2, MEM-4: chunks sorted and merged by workers, early, late or never, give the same order', () => {
  const random = new SeededRandom(4, 'memtable')
  for (const answer of ['at once', 'at random', 'never', 'failing'] as const) {
    const filled = make(8 << 20)
    const entries: TestEntry[] = Array.from({ length: 40_000 }, (_, i) => ({
      ...emptyValue, key: Buffer.from(`key ${random.below(9000)}`), seqNum: BASE + 1 + i,
    }))
    for (let i = 0; i < entries.length; i += 1000) {
      filled.writer.batch(entries.slice(i, i + 1000))
      filled.memtable.insertFrames(filled.writer.end)
      if (i % 7000 === 0) filled.memtable.iterator()
      const { executor } = filled
      assert.ok(filled.memtable.sortsBehind <= 3, 'a bound on what is behind')
      if (answer === 'at once') while (executor.jobs.length > 0) executor.run()
      if (answer === 'failing') while (executor.jobs.length > 0) executor.fail(new Error('worker lost'))
      const isLucky = answer === 'at random' && executor.jobs.length > 0 && random.chance(0.4)
      if (isLucky) executor.run(random.below(executor.jobs.length))
    }
    const expected = entries.toSorted((a, b) => compareBytes(a.key, b.key) || b.seqNum - a.seqNum)
    const it = filled.memtable.iterator()
    let i = 0
    for (it.first(); it.valid; it.next()) assert.equal(it.seqNum, expected[i++]!.seqNum, answer)
    assert.equal(i, expected.length)
  }
})

test('runs are merged for those who read in order, not for those who only write', () => {
  const filled = make(8 << 20)
  const kinds = new Map<string, number>()
  const runAll = () => {
    for (const { executor } = filled; executor.jobs.length > 0; executor.run()) {
      const { kind } = executor.jobs[0]!.job
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
  }
  for (let i = 0; i < 5 * 8192; i += 8192) {
    filled.writer.batch(Array.from({ length: 8192 }, (_, n) => ({
      ...emptyValue, key: Buffer.from(`a long prefix ${(i + n) * 7919 % 100_003}`), seqNum: BASE + 1 + i + n,
    })))
    filled.memtable.insertFrames(filled.writer.end)
    runAll()
  }
  assert.deepEqual([...kinds], [['sortRun', 5]])
  const before = [...keysOf(filled.memtable.iterator())]
  runAll()
  assert.deepEqual([...kinds], [['sortRun', 5], ['mergeRuns', 1]])
  assert.deepEqual([...keysOf(filled.memtable.iterator())], before)
  assert.deepEqual(before, before.toSorted())
})

test('runs are merged ahead in a memtable that follows one which was walked over', () => {
  const walks = new WalkUse()
  const kindsOf = (isWalked: boolean): Set<string> => {
    const filled = make(8 << 20, true, walks)
    for (let i = 0; i < 4; i++) insertChunk(filled, i * 8192, 8192)
    const kinds = runAll(filled)
    if (isWalked) for (let i = 0; i < 2; i++) assert.equal([...keysOf(filled.memtable.iterator())].length, 4 * 8192)
    return kinds
  }
  assert.deepEqual([...kindsOf(true)], ['sortRun'])
  assert.deepEqual([...kindsOf(false)], ['sortRun', 'mergeRuns'])
  assert.deepEqual([...kindsOf(false)], ['sortRun'], 'nobody walks any more')
})

test('when writes pause, all that is walked over becomes one run, and what comes then is in it, too', () => {
  const filled = make(8 << 20)
  const { memtable } = filled
  let count = 0
  const add = (entries: number): void => {
    insertChunk(filled, count, entries)
    count += entries
  }
  const walk = (): string[] => {
    const keys = [...keysOf(memtable.iterator())]
    assert.equal(keys.length, count)
    assert.deepEqual(keys, keys.toSorted())
    return keys
  }
  for (let i = 0; i < 3; i++) add(8192)
  memtable.gather()
  assert.deepEqual([...runAll(filled)], ['sortRun'], 'nobody walks over it')
  walk()
  assert.deepEqual([...runAll(filled)], ['mergeRuns'], 'the first walk of the pause')
  assert.ok(memtable.iterator() instanceof RunIterator)
  for (let i = 0; i < 3; i++) {
    add(100)
    walk()
  }
  assert.deepEqual([...runAll(filled)], [], 'a write has ended the pause')
  memtable.gather()
  walk()
  assert.deepEqual([...runAll(filled)], ['sortRun'], 'two runs are few')
  add(8192)
  add(5)
  walk()
  memtable.gather()
  walk()
  assert.deepEqual([...runAll(filled)], ['sortRun', 'mergeRuns'])
  walk()
  assert.ok(memtable.iterator() instanceof RunIterator)
})

function insertChunk(filled: Filled, start: number, count: number): void {
  filled.writer.batch(Array.from({ length: count }, (_, n) => ({
    ...emptyValue, key: Buffer.from(`a long prefix ${(start + n) * 7919 % 100_003}`), seqNum: BASE + 1 + start + n,
  })))
  filled.memtable.insertFrames(filled.writer.end)
}

/** Does all jobs that come up; gives their kinds. */
function runAll({ executor }: Filled): Set<string> {
  const kinds = new Set<string>()
  for (; executor.jobs.length > 0; executor.run()) kinds.add(executor.jobs[0]!.job.kind)
  return kinds
}

test('runs that are done when the executor was closed are not merged any more', () => {
  const filled = make(8 << 20)
  for (let i = 0; i < 4 * 8192; i += 8192) {
    filled.writer.batch(Array.from({ length: 8192 }, (_, n) => ({
      ...emptyValue, key: Buffer.from(String((i + n) * 7919 % 100_003)), seqNum: BASE + 1 + i + n,
    })))
    filled.memtable.insertFrames(filled.writer.end)
    filled.memtable.iterator()
    while (filled.executor.jobs.length > 1) filled.executor.run()
  }
  filled.executor.isClosed = true
  while (filled.executor.jobs.length > 0) filled.executor.run()
  assert.equal([...keysOf(filled.memtable.iterator())].length, 4 * 8192)
})

function* keysOf(it: InternalIterator): Generator<string> {
  for (it.first(); it.valid; it.next()) yield Buffer.from(it.keyBytes.subarray(it.keyStart, it.keyEnd)).toString()
}

test('MEM-3: without workers too, a few entries at a time over the border of a chunk', () => {
  for (const withExecutor of [true, false]) {
    const filled = make(4 << 20, withExecutor)
    const count = 8192 + 100
    for (let i = 0; i < count; i += 10) {
      filled.writer.batch(Array.from({ length: 10 }, (_, n) => ({
        ...emptyValue, key: Buffer.from(String((i + n) * 7919 % 10_007)), seqNum: BASE + 1 + i + n,
      })))
      filled.memtable.insertFrames(filled.writer.end)
      if (i > 8100) filled.memtable.iterator()
    }
    const it = filled.memtable.iterator()
    let found = 0
    for (it.first(); it.valid; it.next()) found++
    assert.equal(found, filled.memtable.entryCount)
  }
})

test('MEM-1: frames that are not given are not seen', () => {
  const filled = make()
  filled.writer.batch([{ key: Buffer.from('a'), seqNum: BASE + 1, kind: 1, value: Buffer.from('1') }])
  const end = filled.writer.end
  filled.writer.batch([{ key: Buffer.from('b'), seqNum: BASE + 2, kind: 1, value: Buffer.from('2') }])
  filled.memtable.insertFrames(end)
  assert.equal(get(filled.memtable, Buffer.from('b'), Infinity), 'absent')
  assert.equal(filled.memtable.lastSeqNum, BASE + 1)
  filled.memtable.insertFrames(filled.writer.end)
  assert.equal(get(filled.memtable, Buffer.from('b'), Infinity), '1 32')
  assert.throws(() => filled.memtable.insertFrames(filled.writer.end + 8), { code: 'INTERNAL' })
})

test('the external position of the newest batch that carried one', () => {
  const filled = make()
  const entry = (seqNum: number): TestEntry => ({ ...emptyValue, key: Buffer.from('k'), seqNum: BASE + seqNum })
  filled.writer.batch([entry(1)])
  filled.memtable.insertFrames(filled.writer.end)
  assert.equal(filled.memtable.position, null)
  filled.writer.batch([entry(2)], Buffer.from('position 2'))
  filled.writer.batch([entry(3)])
  filled.writer.batch([], Buffer.from(''))
  filled.memtable.insertFrames(filled.writer.end)
  assert.deepEqual(filled.memtable.position, new Uint8Array(0))
  assert.equal(filled.memtable.entryCount, 3)
})

test('SLAB-1: the slab goes back when its last user lets go, a sort in a worker included', () => {
  const pool = new SlabPool(4 << 20, 1)
  const slab = pool.take(0)
  const executor = new HandExecutor({ sortRun, mergeRuns } as never)
  const memtable = new Memtable({ logNum: 3, start: 128, baseSeqNum: 0, hashSeed: { low: 1, high: 2 }, executor })
  memtable.fill(slab)
  slab.release()
  const writer = frameWriter(slab.bytes, 128)
  writer.batch(Array.from({ length: 8192 }, (_, i) => ({ ...emptyValue, key: Buffer.from(`${i}`), seqNum: i + 1 })))
  memtable.insertFrames(writer.end)
  assert.equal(executor.jobs.length, 1)
  memtable.hold()
  memtable.release()
  memtable.release()
  assert.deepEqual([pool.usedBytes, pool.freeBytes], [4 << 20, 0])
  executor.run()
  assert.deepEqual([pool.usedBytes, pool.freeBytes], [0, 4 << 20])
  assert.equal(pool.take(0), slab)
  assert.throws(() => memtable.release(), { code: 'INTERNAL' })
})
