import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EntryKind, NO_FEATURES, runSync, runToEnd, SeededRandom } from '../base/index.js'
import type { FileHeader, SeqNum } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { encodeBatch, OperationList } from '../commit/index.js'
import type { BatchOperation, WriteBuffer } from '../commit/index.js'
import { isVersionSeen } from '../iterator/index.js'
import { openTable } from '../sstable/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { noPredecessor } from '../wal/index.js'
import { describeEntry } from '../../test/support/samples/log-history.js'
import { eio, recordCalls, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { sampleBuffer, sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import { buildTable } from './flush-build.js'
import { valueSettings } from './value-rules.js'
import type { FlushBuildInput, FlushBuildOutput } from './flush-build.js'

const header: FileHeader = {
  magic: 'varvetab', features: NO_FEATURES, databaseId: sampleDatabaseId, fileNum: 12,
  salt: new Uint8Array(8).fill(3), generation: 1, lineage: 1,
}

function newVfs(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  return vfs
}

function filled(batches: BatchOperation[][]): WriteBuffer {
  const { buffer } = sampleBuffer(5, { capacity: 1 << 20 })
  buffer.begin(noPredecessor(0))
  let seqNum = 1
  for (const [i, operations] of batches.entries()) {
    const position = i % 3 === 0 ? Uint8Array.of(i) : null
    encodeBatch(buffer, OperationList.read(operations), { sync: false, position }, seqNum)
    seqNum += operations.length
  }
  buffer.memtable.insertFrames(buffer.encodedEnd)
  return buffer
}

function inputOf({ memtable }: WriteBuffer, more: Partial<FlushBuildInput> = {}): FlushBuildInput {
  return {
    dir: '/db', fileName: '000012.table.tmp.1.2', isSynced: true, header, settings: { blockBytes: 1024 },
    slab: memtable.slab.buffer, start: memtable.start, end: memtable.publishedEnd, logNum: 5,
    provenBytes: memtable.publishedEnd, valueLogs: [],
    values: valueSettings({ valueThreshold: 0, garbageRatio: 0.3, writeBufferSize: 1 << 20, valueFileBytes: 2 ** 28 }),
    visibleSeqNum: memtable.lastSeqNum, snapshots: [], unlisted: [], ...more,
  }
}

/** Runs the job to its end, as a worker does. */
function build(vfs: Vfs, input: FlushBuildInput): FlushBuildOutput {
  return runToEnd(buildTable(input, { vfs }))
}

function readTable(vfs: Vfs, facts: NonNullable<FlushBuildOutput['facts']>): string[] {
  const file = vfs.openSync('/db/000012.table.tmp.1.2', 'read')
  const table = runSync(openTable({
    file, name: '000012.table', facts, cache: new BlockCache(1 << 20), databaseId: sampleDatabaseId,
  }))
  const entries: string[] = []
  const it = table.iterator()
  for (it.first(); it.valid; it.next()) {
    const key = it.keyBytes.slice(it.keyStart, it.keyEnd)
    entries.push(describeEntry(it.seqNum, it.kind, key, it.valueBytes.slice(it.valueStart, it.valueEnd)))
  }
  it.close()
  table.close()
  file.closeSync()
  return entries
}

function randomBatches(random: SeededRandom): BatchOperation[][] {
  return Array.from({ length: 60 }, (_, b) => Array.from({ length: 1 + random.below(9) }, (): BatchOperation => {
    const key = `k${random.below(60)}`
    return random.chance(0.2) ? { type: 'del', key } : { type: 'put', key, value: `v${b}`.repeat(random.below(30)) }
  }))
}

/** All versions in a memtable, in key order and then newest first. */
function versionsOf({ memtable }: WriteBuffer): { text: string; key: string; seqNum: SeqNum }[] {
  const versions = []
  const it = memtable.iterator()
  for (it.first(); it.valid; it.next()) {
    const key = it.keyBytes.slice(it.keyStart, it.keyEnd)
    const text = describeEntry(it.seqNum, it.kind, key, it.valueBytes.slice(it.valueStart, it.valueEnd))
    versions.push({ text, key: Buffer.from(key).toString(), seqNum: it.seqNum })
  }
  return versions
}

test('FLUSH-3: the table holds the versions that somebody sees, in order; the rest is counted as dropped', () => {
  const random = new SeededRandom(1, 'flush build')
  for (let round = 0; round < 10; round++) {
    const buffer = filled(randomBatches(random))
    const { lastSeqNum, entryCount } = buffer.memtable
    const snapshots = Array.from({ length: random.below(4) }, () => 1 + random.below(lastSeqNum)).sort((a, b) => a - b)
    const visibleSeqNum = lastSeqNum + random.below(2) * 100
    const vfs = newVfs()
    const { facts, keptCount, droppedCount } = build(vfs, inputOf(buffer, { snapshots, visibleSeqNum }))
    const versions = versionsOf(buffer)
    const expected = versions.filter(({ key, seqNum }, i) => {
      const newer = versions[i - 1]?.key === key ? versions[i - 1]!.seqNum : Infinity
      return isVersionSeen({ snapshots, visibleSeqNum }, seqNum, newer)
    })
    assert.deepEqual(readTable(vfs, facts!), expected.map(({ text }) => text))
    assert.deepEqual([keptCount, keptCount + droppedCount, facts!.entryCount], [expected.length, entryCount, keptCount])
    assert.deepEqual([facts!.firstLog, facts!.lastLog, facts!.fileNum], [5, 5, 12])
  }
})

test('FLUSH-2, H10: only published frames are read', () => {
  const buffer = filled([[{ type: 'put', key: 'a', value: '1' }]])
  const second = OperationList.read([{ type: 'put', key: 'b', value: 'not published' }])
  encodeBatch(buffer, second, { sync: false, position: null }, 2)
  const vfs = newVfs()
  const { facts } = build(vfs, inputOf(buffer))
  assert.deepEqual(readTable(vfs, facts!), ['1 a 1'])
})

test('H11: what a reader saw when the build began is kept for the snapshot that he takes later', () => {
  const put = (value: string): BatchOperation => ({ type: 'put', key: 'k', value })
  const buffer = filled([[put('old')], [put('new')]])
  const vfs = newVfs()
  const { facts } = build(vfs, inputOf(buffer, { visibleSeqNum: 1 }))
  assert.deepEqual(readTable(vfs, facts!), ['2 k new', '1 k old'])
})

test('entries of any length up to the last byte of the slab', () => {
  for (let length = 0; length < 300; length = length < 20 ? length + 1 : length + 27) {
    const operations = [1, 2].map((n): BatchOperation => ({ type: 'put', key: `k${n}`, value: 'v'.repeat(length + n) }))
    const { memtable } = filled([operations])
    const slab = new SharedArrayBuffer(memtable.publishedEnd)
    new Uint8Array(slab).set(new Uint8Array(memtable.slab.buffer, 0, memtable.publishedEnd))
    const vfs = newVfs()
    const { facts } = build(vfs, { ...inputOf({ memtable } as WriteBuffer), slab })
    const expected = [1, 2].map((n) => `${n} k${n} ${'v'.repeat(length + n)}`)
    assert.deepEqual(readTable(vfs, facts!), expected)
  }
})

test('an empty memtable makes no file', () => {
  const vfs = newVfs()
  assert.deepEqual(build(vfs, inputOf(filled([]))), {
    facts: null, keptCount: 0, droppedCount: 0, expiredCount: 0, decision: 'keep', valueLogs: [],
    largeCount: 0, largeBytes: 0,
  })
  assert.deepEqual(vfs.listSync('/db'), [])
})

test('FLUSH-4: the file is synced before the result is told; fast mode leaves that to later', () => {
  const buffer = filled([[{ type: 'put', key: 'a', value: '1' }]])
  const calls: string[] = []
  build(recordCalls(newVfs(), calls), inputOf(buffer))
  const name = '000012.table.tmp.1.2'
  assert.deepEqual([calls[0], ...calls.slice(-2)], [`open create ${name}`, `sync ${name}`, `close ${name}`])
  const fast: string[] = []
  build(recordCalls(newVfs(), fast), inputOf(buffer, { isSynced: false }))
  assert.ok(!fast.some((call) => call.startsWith('sync')))
})

test('a large table is synced in steps', () => {
  const { buffer } = sampleBuffer(5, { capacity: 20 << 20 })
  buffer.begin(noPredecessor(0))
  const value = new Uint8Array(8000)
  for (let i = 1; i <= 2100; i++) buffer.encodeOne(EntryKind.value, `k${i}`, value, i)
  buffer.memtable.insertFrames(buffer.encodedEnd)
  const calls: string[] = []
  build(recordCalls(newVfs(), calls), inputOf(buffer))
  assert.equal(calls.filter((call) => call.startsWith('dataSync')).length, 1)
})

test('a build that is given up between any two steps has no file open, and leaves none behind', () => {
  const buffer = filled(randomBatches(new SeededRandom(3, 'flush build')))
  const steps = [...buildTable(inputOf(buffer), { vfs: newVfs() })].length
  assert.ok(steps > 2)
  for (let step = 1; step <= steps; step++) {
    const inner = newVfs()
    const open = new Set<string>()
    const job = buildTable(inputOf(buffer), { vfs: watchedVfs(inner, {
      after({ name, file }) {
        if (name === 'open create') open.add(file)
        if (name === 'close') open.delete(file)
      },
    }) })
    for (let i = 0; i < step; i++) job.next()
    job.return(undefined as never)
    assert.deepEqual([[...open], inner.listSync('/db')], [[], []], `given up after ${step} of ${steps}`)
  }
})

test('a build that fails at any call says so with the file, and leaves no file behind', () => {
  const buffer = filled(randomBatches(new SeededRandom(2, 'flush build')))
  for (let failing = 0; ; failing++) {
    const inner = newVfs()
    let count = 0
    let hit = ''
    const vfs = watchedVfs(inner, {
      before: (call) => {
        if (hit !== '' || count++ !== failing) return
        hit = call.name
        throw eio(call)
      },
    })
    try {
      build(vfs, inputOf(buffer))
    } catch (error) {
      assert.equal((error as { code: string }).code, 'IO_ERROR', hit)
      assert.match((error as { file: string }).file, /^000012\.table/, hit)
      assert.deepEqual(inner.listSync('/db'), [], hit)
    }
    if (hit === '') break
    assert.ok(failing < 100)
  }
})

test('a name that is taken is not written over', () => {
  const vfs = newVfs()
  vfs.openSync('/db/000012.table.tmp.1.2', 'create').closeSync()
  assert.throws(() => build(vfs, inputOf(filled([[{ type: 'del', key: 'a' }]]))), { code: 'IO_ERROR' })
  assert.equal(vfs.statSync('/db/000012.table.tmp.1.2')?.size, 0)
})
