import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { HandClock, settled } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { sampleTable } from '../../test/support/samples/manifest-samples.js'
import { sampleBuffer, sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import { EntryKind, fileNumOf, newFileHeader, parseFileName, SeededRandom, VarveError } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { NewValueLog, VersionEdit } from '../manifest/index.js'
import type { PublishTablesInput } from '../tables/index.js'
import { Installer } from '../versions/index.js'
import { noPredecessor } from '../wal/index.js'
import type { LastSync, LogFile } from '../wal/index.js'
import type { FlushBuildInput, FlushBuildOutput } from './flush-build.js'
import type { FlushTask } from './flush-queue.js'
import { Flusher } from './flusher.js'
import type { FlushHost } from './flusher.js'
import { FlushedValues } from './flushed-values.js'
import { valueSettings } from './value-rules.js'

class Scene implements FlushHost {
  readonly executor = new HandExecutor()
  readonly clock = new HandClock()
  readonly told: string[] = []
  readonly edits: { edit: VersionEdit; done: (error: unknown) => void }[] = []
  readonly flusher: Flusher
  openError: VarveError | null = null
  /** Those who wait for the last sync of a log, and how far it must be synced for them. */
  readonly syncWaits: ((lastSync: LastSync) => void)[] = []
  readonly syncEnds: number[] = []
  promisedBytes = 0
  readonly syncer = {
    whenSynced: (_log: LogFile, end: number, tell: (lastSync: LastSync) => void) => {
      this.syncWaits.push(tell)
      this.syncEnds.push(end)
    },
    promisedBytes: () => this.promisedBytes,
  }
  private nextNum = 100
  private logNum = 0
  private seqNum = 0

  constructor(buildsMax = 2, isStrict = true) {
    const installer = new Installer({
      dir: '/db', executor: this.executor, isStrict,
      versions: {
        allocateFileNum: () => this.nextNum++,
        append: (edit, done) => void this.edits.push({ edit, done }),
        holdBack: (edit) => void this.told.push(`held up to log ${edit.logPointer}`),
      },
      tables: {
        loadSync: () => {
          if (this.openError !== null) throw this.openError
        },
        retire: () => undefined,
      },
      logPins: { *syncKept() {} },
      heldEdits: { add: () => undefined },
      deleter: { add: (names) => void this.abandoned.push(...names), syncingDirectory: () => () => undefined },
      unlistedTables: () => [3],
      uniqueSuffix: () => '1.2',
      wallMs: () => 0,
      newHeader: (fileNum, magic) =>
        newFileHeader(magic, {
          databaseId: sampleDatabaseId, generation: 1, lineage: 1, random: new SeededRandom(1),
        }, fileNum),
      onDurable: () => undefined,
      onFailure: (_place, error) => {
        this.told.push('directory failed')
        this.flusher.suspend(error)
      },
    })
    const scene = this
    const snapshots = { takeRule() { return { snapshots: [], visibleSeqNum: scene.seqNum } } }
    const { clock } = this
    this.flusher = new Flusher({
      installer, snapshots, clock, buildsMax, tableSettings: { blockBytes: 4096 }, host: this,
      valueSettings: valueSettings({
        valueThreshold: 512, garbageRatio: 0.3, writeBufferSize: 1 << 20, valueFileBytes: 2 ** 28,
      }),
      syncer: this.syncer, valueLogs: { pendingFacts: () => null }, flushedValues: new FlushedValues(),
    })
  }

  onInstalled = (task: FlushTask, edit: VersionEdit) => {
    const table = edit.addTables?.[0]?.facts.fileNum ?? 'no table'
    this.told.push(`installed log ${task.log.fileNum}: table ${table}, pointer ${edit.logPointer}`)
  }
  readonly abandoned: string[] = []
  onStage = () => undefined
  onAttemptFailed = (task: FlushTask, error: unknown, willRetry: boolean) => {
    this.told.push(`log ${task.log.fileNum} failed: ${(error as VarveError).code}${willRetry ? ', again later' : ''}`)
  }
  onBug = (error: VarveError) => {
    this.told.push(`bug: ${error.message}`)
    this.flusher.suspend(error)
  }

  /** Adds a sealed memtable with `entryCount` entries to the queue. */
  add(entryCount = 2, valueBytes = 1): void {
    const capacity = 64 * 1024 + 2 * valueBytes
    const { buffer } = sampleBuffer(++this.logNum, { lastSeqNum: this.seqNum, capacity })
    buffer.begin(noPredecessor(this.seqNum))
    for (let i = 0; i < entryCount; i++) {
      buffer.encodeOne(EntryKind.value, `k${i}`, 'v'.repeat(valueBytes), ++this.seqNum)
    }
    buffer.memtable.insertFrames(buffer.encodedEnd)
    this.flusher.prepare({ memtable: buffer.memtable, log: buffer.log, nextLogNum: this.logNum + 1 })
    this.flusher.settle(buffer.memtable)
  }

  /** The names of running jobs, such as `build 1 as 100` or `publish 100`. */
  get doing(): string[] {
    return this.executor.jobs.map(({ job }) => {
      if (job.kind === 'publishTables') {
        const { files } = job.input as PublishTablesInput
        return `publish ${files.map(({ finalName }) => fileNumOf(parseFileName(finalName))).join(', ')}`
      }
      const { logNum, header } = job.input as FlushBuildInput
      return `build ${logNum} as ${header.fileNum}`
    })
  }

  private takeBuild(logNum: number) {
    return this.executor.take((job) => (job.input as FlushBuildInput).logNum === logNum)
  }

  private takePublish() {
    return this.executor.take((job) => job.kind === 'publishTables')
  }

  /** Ends the build of this log, with these changes to its result. */
  built(logNum: number, lie: Partial<FlushBuildOutput> & { table?: Partial<TableFacts> } = {}): void {
    const { job, deliver } = this.takeBuild(logNum)
    const { header } = job.input as FlushBuildInput
    const { table, ...rest } = lie
    const facts = sampleTable(header.fileNum, 'a-z', {
      entryCount: 2, smallestSeqNum: 1, largestSeqNum: 2, firstLog: logNum, lastLog: logNum, ...table,
    })
    const output = { facts, keptCount: 2, droppedCount: 0, decision: 'keep', valueLogs: [], ...rest }
    deliver({ ok: true, output: output as never })
  }

  buildFails(logNum: number, code: 'IO_ERROR' | 'NO_SPACE' | 'INTERNAL' = 'IO_ERROR'): void {
    this.takeBuild(logNum).deliver({ ok: false, error: new VarveError(code, 'build') })
  }

  published(stayed: string[] = []): void {
    this.takePublish().deliver({ ok: true, output: stayed as never })
  }

  publishFails(file: string): void {
    this.takePublish().deliver({ ok: false, error: new VarveError('IO_ERROR', 'publish', { file }) })
  }

  durable(): void {
    this.edits.shift()!.done(null)
  }
}

let scene: Scene
beforeEach(() => {
  scene = new Scene()
})

test('the four stages, one after the other; the pointer goes to the next log', async () => {
  scene.add()
  const released = follow(scene.flusher.whenReleased())
  assert.deepEqual(scene.doing, ['build 1 as 100'])
  scene.built(1)
  assert.deepEqual(scene.doing, ['publish 100'])
  assert.deepEqual(scene.edits, [])
  scene.published()
  assert.deepEqual(scene.told, [], 'nothing is installed before its edit is durable')
  scene.durable()
  assert.deepEqual(scene.told, ['installed log 1: table 100, pointer 2'])
  await settled()
  assert.equal(released.state, 'done')
  assert.equal(scene.flusher.completedCount, 1)
})

test('a build waits until every byte of its log is written or void', () => {
  const { buffer } = sampleBuffer(1)
  buffer.begin(noPredecessor(0))
  buffer.encodeOne(EntryKind.value, 'k', 'v', 1)
  buffer.memtable.insertFrames(buffer.encodedEnd)
  scene.flusher.prepare({ memtable: buffer.memtable, log: buffer.log, nextLogNum: 2 })
  scene.flusher.schedule()
  assert.deepEqual(scene.doing, [])
  scene.flusher.settle(buffer.memtable)
  assert.deepEqual(scene.doing, ['build 1 as 100'])
})

test('FLUSH-1, F12: two are built at a time, and installed in order however they end', () => {
  for (let i = 0; i < 3; i++) scene.add()
  assert.deepEqual(scene.doing, ['build 1 as 100', 'build 2 as 101'])
  scene.built(2)
  assert.deepEqual(scene.doing, ['build 1 as 100', 'build 3 as 102'])
  scene.built(1)
  assert.deepEqual(scene.doing, ['build 3 as 102', 'publish 100'])
  scene.published()
  scene.durable()
  assert.deepEqual(scene.told, ['installed log 1: table 100, pointer 2'])
  assert.deepEqual(scene.doing, ['build 3 as 102', 'publish 101'])
  scene.published()
  scene.durable()
  scene.built(3)
  scene.published()
  scene.durable()
  assert.deepEqual(scene.told.slice(1), [
    'installed log 2: table 101, pointer 3', 'installed log 3: table 102, pointer 4',
  ])
})

test('FLUSH-8, FLUSH-9: a failed build of N holds back N + 1, and comes again under a new number', async () => {
  scene.add()
  scene.add()
  scene.built(2)
  scene.buildFails(1, 'NO_SPACE')
  assert.deepEqual(scene.doing, [])
  assert.deepEqual(scene.told, ['log 1 failed: NO_SPACE, again later'])
  scene.add()
  assert.deepEqual(scene.doing, [], 'nothing begins before the back-off is over')
  await scene.clock.advance(99)
  assert.deepEqual(scene.doing, [])
  await scene.clock.advance(1)
  assert.deepEqual(scene.doing, ['build 1 as 102', 'build 3 as 103'])
  scene.built(1)
  scene.published()
  scene.durable()
  assert.deepEqual(scene.told.at(-1), 'installed log 1: table 102, pointer 2')
  assert.deepEqual(scene.doing, ['build 3 as 103', 'publish 101'])
  assert.equal(scene.flusher.retriedCount, 1)
})

test('after three attempts it is given up, with longer pauses between; resume begins again', async () => {
  scene.add()
  const released = follow(scene.flusher.whenReleased())
  scene.buildFails(1)
  await scene.clock.advance(100)
  scene.buildFails(1, 'INTERNAL')
  await scene.clock.advance(199)
  assert.deepEqual(scene.doing, [])
  await scene.clock.advance(1)
  scene.buildFails(1)
  assert.deepEqual(scene.told, [
    'log 1 failed: IO_ERROR, again later', 'log 1 failed: INTERNAL, again later', 'log 1 failed: IO_ERROR',
  ])
  await scene.clock.advance(60_000)
  assert.deepEqual(scene.doing, [])
  assert.equal(released.state, 'IO_ERROR')
  await assert.rejects(scene.flusher.whenReleased(), { code: 'IO_ERROR' })
  assert.equal(scene.clock.timerCount, 0)
  scene.add()
  assert.deepEqual(scene.doing, [])
  scene.flusher.resume()
  assert.deepEqual(scene.doing, ['build 1 as 103', 'build 2 as 104'])
  scene.buildFails(1)
  assert.deepEqual(scene.told.at(-1), 'log 1 failed: IO_ERROR, again later', 'with all its tries')
})

test('F08: a lost worker is a failed attempt', async () => {
  scene.add()
  scene.buildFails(1, 'INTERNAL')
  assert.deepEqual(scene.abandoned, ['000100.table.tmp.1.2'])
  await scene.clock.advance(100)
  assert.deepEqual(scene.doing, ['build 1 as 101'])
})

test('F10, F14: what a worker says is compared with the memtable; a second lie is a bug', async () => {
  const lies = [
    { keptCount: 1 }, { droppedCount: 1 }, { facts: null }, { table: { fileNum: 7 } },
    { table: { largestSeqNum: 1000 } }, { table: { entryCount: 0 } }, { table: { bytes: 0 } },
  ]
  for (const lie of lies) {
    const liar = new Scene()
    liar.add()
    liar.built(1, lie as never)
    assert.deepEqual(liar.told, ['log 1 failed: INTERNAL, again later'], JSON.stringify(lie))
    assert.deepEqual([liar.doing, liar.edits], [[], []])
    await liar.clock.advance(100)
    liar.built(1, lie as never)
    assert.match(liar.told[1]!, /^bug: flush of 000001.wal/)
    await liar.clock.advance(60_000)
    assert.deepEqual([liar.doing, liar.edits], [[], []])
  }
})

test('everything dropped is no lie: no table, the pointer moves', () => {
  scene.add()
  scene.built(1, { facts: null, keptCount: 0, droppedCount: 2 })
  scene.durable()
  assert.deepEqual(scene.told, ['installed log 1: table no table, pointer 2'])
})

test('F13: an empty memtable needs no job, but waits for its turn', () => {
  scene.add(2)
  scene.add(0)
  assert.deepEqual(scene.doing, ['build 1 as 100'])
  assert.deepEqual(scene.edits, [])
  scene.built(1)
  scene.published()
  scene.durable()
  scene.durable()
  assert.deepEqual(scene.told, ['installed log 1: table 100, pointer 2', 'installed log 2: table no table, pointer 3'])
})

test('FLUSH-13: a name that cannot be linked: once more; a directory that cannot be synced: the end', async () => {
  scene.add()
  scene.built(1)
  scene.publishFails('000100.table')
  assert.deepEqual(scene.told, ['log 1 failed: IO_ERROR, again later'])
  assert.deepEqual(scene.abandoned.splice(0), ['000100.table.tmp.1.2', '000100.table'])
  await scene.clock.advance(100)
  scene.built(1)
  scene.publishFails('.')
  assert.deepEqual([scene.told.slice(1), scene.abandoned], [['directory failed'], []])
  await scene.clock.advance(60_000)
  assert.deepEqual(scene.doing, [])
  await scene.flusher.resting()
})

test('a temp name that stayed beside the final one goes', () => {
  scene.add()
  scene.built(1)
  scene.published(['000100.table.tmp.1.2'])
  scene.durable()
  assert.deepEqual([scene.abandoned, scene.flusher.completedCount], [['000100.table.tmp.1.2'], 1])
})

test('a table that cannot be read back is built again before any manifest names it', async () => {
  scene.add()
  scene.openError = new VarveError('CORRUPTION', 'footer')
  scene.built(1)
  scene.published()
  assert.deepEqual([scene.told, scene.edits], [['log 1 failed: CORRUPTION, again later'], []])
  assert.deepEqual(scene.abandoned, ['000100.table.tmp.1.2', '000100.table'])
  scene.openError = null
  await scene.clock.advance(100)
  assert.deepEqual(scene.doing, ['build 1 as 101'])
})

test('an edit that failed installs nothing, and nothing behind it passes', async () => {
  scene.add()
  scene.add()
  scene.built(1)
  scene.built(2)
  scene.published()
  scene.flusher.suspend(new VarveError('COMMIT_UNKNOWN', 'manifest'))
  scene.edits.shift()!.done(new VarveError('COMMIT_UNKNOWN', 'manifest'))
  await scene.clock.advance(60_000)
  assert.deepEqual([scene.told, scene.doing, scene.edits], [[], [], []])
  await scene.flusher.resting()
})

test('suspended: what is under way ends, nothing begins; then it rests', async () => {
  scene.add()
  scene.add()
  scene.add()
  scene.built(1)
  scene.flusher.suspend(new VarveError('CLOSED', 'closing'))
  const resting = follow(scene.flusher.resting())
  scene.published()
  scene.durable()
  await settled()
  assert.deepEqual(scene.told, ['installed log 1: table 100, pointer 2'])
  assert.equal(resting.state, 'waiting')
  assert.deepEqual(scene.doing, ['build 2 as 101', 'build 3 as 102'])
  scene.buildFails(3)
  scene.built(2)
  await settled()
  assert.equal(resting.state, 'done')
  assert.deepEqual(scene.doing, [])
})

test('whenReleased waits for what is queued at the call, not for what comes later', async () => {
  await scene.flusher.whenReleased()
  scene.add()
  const first = follow(scene.flusher.whenReleased())
  scene.add()
  scene.built(1)
  scene.published()
  scene.durable()
  await settled()
  assert.equal(first.state, 'done')
})

test('fast mode: the final name at once, installed as soon as it can be read', () => {
  scene = new Scene(2, false)
  scene.add()
  const { fileName, isSynced } = scene.executor.jobs[0]!.job.input as FlushBuildInput
  assert.deepEqual([fileName, isSynced], ['000100.table', false])
  scene.built(1)
  assert.deepEqual(scene.told, ['held up to log 2', 'installed log 1: table 100, pointer 2'])
  assert.deepEqual(scene.edits, [])
})

test('the slab is held until the worker has answered', () => {
  scene.add()
  const { slab } = scene.flusher.queue.oldest!.memtable
  let isFree = false
  Object.assign(slab, { onFree: () => (isFree = true) })
  scene.flusher.queue.oldest!.memtable.release()
  assert.equal(isFree, false)
  scene.buildFails(1)
  assert.equal(isFree, true)
})

const promoted = (logNum: number): NewValueLog => ({
  fileNum: logNum, isLog: true, bytes: 128, salt: new Uint8Array(8), putCount: 1, putBytes: 100, namedInLog: 0,
})
const pointing = (logNum: number) => ({
  valueLogs: [promoted(logNum)], table: { valueFiles: [{ fileNum: logNum, valueCount: 1, valueBytes: 100 }] },
})

test('VLG-2, A14: a log is promoted when its last sync has ended, and there is no second one', () => {
  scene.add()
  scene.built(1, pointing(1))
  assert.deepEqual([scene.doing, scene.edits.length, scene.syncWaits.length], [[], 0, 1])
  assert.deepEqual(scene.syncEnds, [promoted(1).bytes])
  scene.syncWaits.shift()!('done')
  assert.deepEqual(scene.doing, ['publish 100'])
  scene.published()
  assert.deepEqual(scene.edits[0]!.edit.addValueLogs, [promoted(1)])
  scene.durable()
  assert.deepEqual(scene.told, ['installed log 1: table 100, pointer 2'])
})

test('A14: where a caller blocks while that sync is in flight, the table is built again, and copies', () => {
  scene.add()
  scene.built(1, pointing(1))
  scene.promisedBytes = 7
  scene.syncWaits.shift()!('later')
  assert.deepEqual(scene.abandoned, ['000100.table.tmp.1.2'])
  assert.deepEqual(scene.doing, ['build 1 as 101'])
  assert.equal((scene.executor.jobs[0]!.job.input as FlushBuildInput).provenBytes, 7)
  scene.built(1)
  scene.published()
  assert.equal(scene.edits[0]!.edit.addValueLogs, undefined)
  scene.durable()
  assert.deepEqual(scene.told, ['installed log 1: table 101, pointer 2'])
  assert.equal(scene.flusher.failedCount, 0)
})

test('VLG-2: a log that will never be synced is not promoted', () => {
  scene.add()
  scene.built(1, pointing(1))
  scene.flusher.suspend(new VarveError('CLOSED', 'test'))
  scene.syncWaits.shift()!('never')
  assert.deepEqual([scene.doing, scene.edits.length, scene.flusher.queue.length], [[], 0, 1])
  assert.deepEqual(scene.abandoned, ['000100.table.tmp.1.2'])
})

test('in fast mode a promoted log is in the version at once', () => {
  scene = new Scene(2, false)
  scene.add()
  scene.built(1, pointing(1))
  assert.deepEqual(scene.told, ['held up to log 2', 'installed log 1: table 100, pointer 2'])
  assert.equal(scene.syncWaits.length, 0)
})

test('VLG-1: what a build says of its handles must fit what it made', () => {
  const { valueFiles: [file] } = pointing(1).table
  const lies: Parameters<Scene['built']>[1][] = [
    { valueLogs: [promoted(1)] },
    { table: pointing(1).table },
    { ...pointing(1), valueLogs: [{ ...promoted(1), putCount: 2 }] },
    { ...pointing(1), valueLogs: [{ ...promoted(1), putBytes: 99 }] },
    { ...pointing(1), valueLogs: [{ ...promoted(1), bytes: 2 ** 20 }] },
    { ...pointing(1), valueLogs: [{ ...promoted(1), isLog: false }] },
    { ...pointing(2), valueLogs: [promoted(2)] },
    { valueLogs: [promoted(1)], table: { valueFiles: [{ ...file!, valueCount: 3 }] } },
    { valueLogs: [promoted(1)], table: { valueFiles: [file!, { ...file!, fileNum: 2 }] } },
    {
      valueLogs: [promoted(1), { ...promoted(2), isLog: false }],
      table: { valueFiles: [file!, { ...file!, fileNum: 2 }] },
    },
    { ...pointing(1), valueLogs: [promoted(1), promoted(2)] },
  ]
  for (const [i, lie] of lies.entries()) {
    scene = new Scene()
    scene.add()
    scene.built(1, lie)
    assert.deepEqual(scene.told, ['log 1 failed: INTERNAL, again later'], String(i))
  }
})

test('a value log is named with its table, and goes with it when the attempt fails', async () => {
  scene.add(2, 700_000)
  const { input } = scene.executor.jobs[0]!.job as { input: FlushBuildInput }
  assert.equal(input.valueLogs[0]!.fileName, '000101.vlog.tmp.1.2')
  assert.deepEqual([input.valueLogs[0]!.header.magic, input.valueLogs[0]!.header.fileNum], ['varvevlg', 101])
  const copied = {
    valueLogs: [{ ...promoted(101), isLog: false, bytes: 2000 }],
    table: { valueFiles: [{ fileNum: 101, valueCount: 1, valueBytes: 100 }] },
  }
  scene.built(1, copied)
  assert.deepEqual(scene.doing, ['publish 100, 101'])
  scene.publishFails('000101.vlog')
  assert.deepEqual(scene.abandoned, [
    '000100.table.tmp.1.2', '000101.vlog.tmp.1.2', '000100.table', '000101.vlog',
  ])
  await scene.clock.advance(100)
  assert.deepEqual(scene.doing, ['build 1 as 102'])
})
