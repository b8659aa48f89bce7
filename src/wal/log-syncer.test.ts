import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { FILE_HEADER_BYTES, KiB, VarveError } from '../base/index.js'
import { FileSystemError } from '../vfs/index.js'
import { HandClock, settled } from '../../test/support/fakes/hand-clock.js'
import { HandFile } from '../../test/support/fakes/hand-file.js'
import { sampleLog, sampleLogHeader } from '../../test/support/samples/write-buffer-samples.js'
import type { LogFile } from './log-file.js'
import { LogSyncer } from './log-syncer.js'

const bytes = new Uint8Array(256 * KiB)

/** One syncer with logs whose syncs end when the test says so. */
class Scene {
  readonly calls: string[] = []
  readonly clock = new HandClock()
  readonly failures: unknown[] = []
  readonly syncer: LogSyncer
  readonly logs: LogFile[] = []
  readonly files: HandFile[] = []
  private seqNum = 0
  /** Gives what an open of a log gives, for blocking syncs. */
  openAgain: (file: HandFile) => HandFile = (file) => file

  constructor(syncBytes = 64 * KiB, mayBlock = true) {
    this.syncer = new LogSyncer(0, {
      clock: this.clock, syncIntervalMs: 1000, syncBytes, mayBlock,
      onFailure: (error, log) => this.failures.push([(error as { code: string }).code, log.fileNum]),
    })
  }

  /** Adds a new log, which takes the frames from now on. */
  add(): LogFile {
    const fileNum = this.logs.length + 1
    const file = new HandFile(`${fileNum}.wal`, this.calls)
    const log = sampleLog(file, sampleLogHeader(fileNum), undefined, () => this.openAgain(file))
    this.logs.push(log)
    this.files.push(file)
    this.syncer.add(log)
    return log
  }

  /** Writes `count` bytes more to the newest log; gives the sequence number of its last entry. */
  write(count = 100): number {
    const log = this.logs.at(-1)!
    log.writeSync(bytes, log.writtenEnd + count, ++this.seqNum)
    this.syncer.noteWritten(log)
    return this.seqNum
  }

  seal(log = this.logs.at(-1)!): void {
    log.isSealed = true
    this.syncer.noteSealed()
  }

  /** The syncs that began or ended since the last look. */
  syncs(): string[] {
    return this.calls.splice(0).filter((call) => call.includes('datasync'))
  }
}

let scene: Scene
beforeEach(() => {
  scene = new Scene()
  scene.add()
})

/** Follows a promise without waiting for it. */
function follow(promise: Promise<void>): { state: string } {
  const followed = { state: 'waiting' }
  promise.then(() => (followed.state = 'durable'), (error: VarveError) => (followed.state = error.code))
  return followed
}

test('WAL-5: a background sync begins after the interval, once for all that was written', async () => {
  scene.write()
  await scene.clock.advance(500)
  scene.write()
  await scene.clock.advance(499)
  assert.deepEqual(scene.syncs(), [])
  await scene.clock.advance(1)
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins'])
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 2)
  assert.equal(scene.syncer.unsyncedBytes, 0)
  await scene.clock.advance(10_000)
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal ends'], 'nothing to sync, no sync')
  assert.equal(scene.clock.timerCount, 0)
})

test('WAL-5: what is written while a sync is in flight is synced too, without another write', async () => {
  scene.write()
  await scene.clock.advance(1000)
  scene.write()
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 1, 'a sync covers only what was written before it was submitted')
  scene.syncs()
  await scene.clock.advance(1000)
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins'])
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 2)
})

test('WAL-5: many unsynced bytes are synced at once, also those written during a sync', async () => {
  scene.write(64 * KiB - 1)
  assert.deepEqual(scene.syncs(), [])
  scene.write(1)
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins'])
  scene.write(64 * KiB)
  assert.deepEqual(scene.syncs(), [], 'one in flight')
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal ends', 'pool datasync 1.wal begins'])
})

test('WAL-3: waiters are answered when a sync that began after their write has ended, together', async () => {
  const first = follow(scene.syncer.waitFor(scene.write()))
  const [second, third] = [follow(scene.syncer.waitFor(scene.write())), follow(scene.syncer.waitFor(scene.write()))]
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins'])
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual([first.state, second.state, third.state], ['durable', 'waiting', 'waiting'])
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal ends', 'pool datasync 1.wal begins'])
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual([second.state, third.state], ['durable', 'durable'])
  assert.equal(follow(scene.syncer.waitFor(2)).state, 'waiting')
  await settled()
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal ends'], 'what is durable needs no sync')
})

test('WAL-3, W10: a newer log counts only after every older one was synced to its end', async () => {
  scene.write()
  scene.add()
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  scene.seal(scene.logs[0]!)
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins'])
  scene.files[0]!.finish()
  await settled()
  assert.equal(waiter.state, 'waiting')
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal ends', 'pool datasync 2.wal begins'])
  scene.files[1]!.finish()
  await settled()
  assert.equal(waiter.state, 'durable')
})

test('a log that is sealed during its sync is synced again to its end', async () => {
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  scene.write()
  scene.seal()
  scene.add()
  scene.files[0]!.finish()
  await settled()
  assert.equal(waiter.state, 'durable')
  assert.deepEqual(scene.syncs(), [
    'pool datasync 1.wal begins', 'pool datasync 1.wal ends', 'pool datasync 1.wal begins',
  ])
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 2)
})

test('an unused log that is sealed while an older one is still being written does not stop the others', async () => {
  scene.add()
  scene.seal(scene.logs[1]!)
  scene.add()
  await settled()
  scene.logs[0]!.writeSync(bytes, 500, 1)
  scene.syncer.noteWritten(scene.logs[0]!)
  scene.seal(scene.logs[0]!)
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 1)
})

test('the sync mark never says more than was synced when it was submitted', async () => {
  assert.deepEqual([scene.syncer.markLog, scene.syncer.markBytes], [0, 0])
  const waiting = scene.syncer.waitFor(scene.write(100))
  scene.write(100)
  scene.files[0]!.finish()
  await waiting
  assert.deepEqual([scene.syncer.markLog, scene.syncer.markBytes], [1, FILE_HEADER_BYTES + 100])
})

test('WAL-4, W12: a failed sync fails every waiter once, and nothing is ever synced again', async () => {
  const first = follow(scene.syncer.waitFor(scene.write()))
  const second = follow(scene.syncer.waitFor(scene.write()))
  scene.syncs()
  scene.files[0]!.fail('EIO')
  await settled()
  assert.deepEqual([first.state, second.state], ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
  assert.deepEqual(scene.failures, [['EIO', 1]])
  assert.equal(scene.logs[0]!.hasFailed, true)
  const later = follow(scene.syncer.waitFor(1))
  assert.throws(() => scene.syncer.syncNow(), { code: 'COMMIT_UNKNOWN' })
  scene.add()
  scene.write()
  scene.seal()
  await scene.clock.advance(5000)
  assert.equal(later.state, 'COMMIT_UNKNOWN')
  assert.deepEqual(scene.syncs(), [])
  assert.deepEqual(scene.failures.length, 1)
  assert.equal(scene.syncer.durableSeqNum, 0)
})

test('WAL-4: a failed blocking sync throws COMMIT_UNKNOWN, and is not tried again', async () => {
  scene.write()
  scene.files[0]!.failing.set('datasync', 'EIO')
  assert.throws(() => scene.syncer.syncNow(), { code: 'COMMIT_UNKNOWN', file: '000001.wal' })
  scene.files[0]!.failing.clear()
  assert.throws(() => scene.syncer.syncNow(), { code: 'COMMIT_UNKNOWN' })
  await scene.clock.advance(5000)
  assert.deepEqual(scene.syncs(), ['datasync 1.wal'])
})

test('WAL-8: a blocking sync beside one in flight has a handle of its own, and hears of a failure there', async () => {
  const again = new HandFile('1.wal again', scene.calls)
  scene.openAgain = () => again
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  again.failing.set('datasync', 'EIO')
  assert.throws(() => scene.syncer.syncNow(), { code: 'COMMIT_UNKNOWN' })
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins', 'datasync 1.wal again'])
  await settled()
  assert.deepEqual([waiter.state, scene.syncer.durableSeqNum], ['COMMIT_UNKNOWN', 0])
})

test('WAL-8: without such a handle no sync goes to the thread pool', async () => {
  scene.openAgain = ({ path }) => {
    throw new FileSystemError('EMFILE', 'open', path)
  }
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  await settled()
  assert.deepEqual([scene.syncs(), waiter.state], [['datasync 1.wal'], 'durable'])
  scene.openAgain = (file) => file
  scene.write(64 * KiB)
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal begins'], 'as soon as there is one')
})

test('WAL-4: a sync in flight that ends well does not undo a failure', async () => {
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  scene.files[0]!.failing.set('datasync', 'EIO')
  assert.throws(() => scene.syncer.syncNow(), { code: 'COMMIT_UNKNOWN' })
  scene.files[0]!.finish()
  await settled()
  assert.equal(waiter.state, 'COMMIT_UNKNOWN')
  assert.equal(scene.syncer.durableSeqNum, 0)
})

test('a blocking sync syncs every log, oldest first, and answers waiters', async () => {
  scene.write()
  scene.add()
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  scene.logs[0]!.isSealed = true
  scene.syncs()
  scene.syncer.syncNow()
  assert.deepEqual(scene.syncs(), ['datasync 1.wal', 'datasync 2.wal'])
  assert.equal(scene.syncer.durableSeqNum, 2)
  await settled()
  assert.equal(waiter.state, 'durable')
  scene.files[0]!.finish()
  await settled()
  scene.syncer.syncNow()
  assert.deepEqual(scene.syncs(), ['pool datasync 1.wal ends'], 'nothing is left to sync')
})

test('WAL-3: a newer log is not durable while an older one may still get bytes', () => {
  scene.write()
  scene.add()
  scene.write()
  scene.syncer.syncNow()
  assert.equal(scene.syncer.durableSeqNum, 1)
  scene.logs[0]!.isSealed = true
  scene.syncer.syncNow()
  assert.equal(scene.syncer.durableSeqNum, 2)
})

test('a log that was cut after a failed write counts as far as it was cut to', async () => {
  const log = scene.logs[0]!
  const seqNum = scene.write()
  await settled()
  log.hasFailed = true
  log.syncedEnd = log.writtenEnd
  log.syncedSeqNum = seqNum
  const waiter = follow(scene.syncer.waitFor(seqNum))
  await settled()
  assert.equal(waiter.state, 'durable')
})

test('a log whose entries are in tables needs no sync any more', async () => {
  const waiter = follow(scene.syncer.waitFor(scene.write()))
  scene.logs[0]!.isSealed = true
  scene.add()
  scene.syncer.drop(scene.logs[0]!)
  await settled()
  assert.equal(waiter.state, 'durable')
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 1)
  assert.throws(() => {
    scene.add()
    scene.syncer.drop(scene.logs[2]!)
  }, { code: 'INTERNAL' })
})

test('after stop no timer is left and nobody waits', async () => {
  scene.write()
  const waiter = follow(scene.syncer.waitFor(1))
  scene.syncer.stop(new VarveError('CLOSED', 'closed'))
  await settled()
  assert.equal(waiter.state, 'CLOSED')
  assert.equal(scene.clock.timerCount, 0)
  scene.files[0]!.finish()
  await scene.syncer.idle()
  scene.write()
  await scene.clock.advance(5000)
  assert.equal(scene.clock.timerCount, 0)
  await assert.rejects(scene.syncer.waitFor(1), { code: 'CLOSED' })
})

test('VLG-2, A14: whoever waits for the last sync of a log hears of the one sync that there is', async () => {
  const log = scene.logs[0]!
  const told: string[] = []
  scene.write()
  scene.seal()
  assert.equal(scene.syncs().length, 1)
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(lastSync))
  await settled()
  assert.deepEqual([told, scene.syncs()], [[], []])
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual(told, ['done'])
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(lastSync))
  assert.deepEqual(told, ['done', 'done'])
})

test('VLG-2, A14: when that sync fails, nobody hears that it is done', async () => {
  const log = scene.logs[0]!
  const told: string[] = []
  scene.write()
  scene.seal()
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(lastSync))
  scene.files[0]!.fail()
  await settled()
  assert.deepEqual([told, scene.failures.length], [['never'], 1])
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(lastSync))
  assert.deepEqual(told, ['never', 'never'])
})

test('A14: a blocked caller is told that nobody can say, and what is promised until the next answer', async () => {
  const log = scene.logs[0]!
  const told: string[] = []
  scene.write()
  scene.seal()
  assert.equal(scene.syncer.promisedBytes(log), log.writtenEnd)
  scene.syncer.syncBlocked()
  assert.equal(scene.syncer.promisedBytes(log), log.writtenEnd, 'nobody waited')
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(lastSync))
  scene.syncer.syncBlocked()
  assert.deepEqual(told, ['later'])
  assert.equal(scene.syncer.promisedBytes(log), log.syncedEnd)
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual([told, scene.syncer.promisedBytes(log)], [['later'], log.writtenEnd])
})

/** The sync of the first log is in flight, and somebody waits for that of the second one, which is sealed. */
function waitForSecond(): string[] {
  const told: string[] = []
  scene.write()
  scene.seal()
  const second = scene.add()
  scene.write()
  scene.seal()
  scene.syncer.whenSynced(second, second.writtenEnd, (lastSync) => void told.push(lastSync))
  scene.syncs()
  return told
}

test('VLG-2, A14: a blocked caller does the last sync of a log of which none is in flight', async () => {
  const told = waitForSecond()
  const [first, second] = scene.logs as [LogFile, LogFile]
  scene.syncer.syncBlocked()
  assert.deepEqual([told, scene.syncs()], [['done'], ['datasync 2.wal']])
  assert.deepEqual([second.unsyncedBytes, scene.syncer.promisedBytes(first)], [0, first.writtenEnd])
  assert.equal(scene.syncer.durableSeqNum, 0, 'WAL-3: the older log is not synced')
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual([scene.syncer.durableSeqNum, scene.syncs()], [2, ['pool datasync 1.wal ends']])
})

test('VLG-2: when the sync of a blocked caller fails, all who wait hear that there will be none', () => {
  const told = waitForSecond()
  scene.syncer.whenSynced(scene.logs[0]!, scene.logs[0]!.writtenEnd, (lastSync) => void told.push(lastSync))
  scene.files[1]!.failing.set('datasync', 'EIO')
  scene.syncer.syncBlocked()
  assert.deepEqual([told, scene.failures], [['never', 'never'], [['EIO', 2]]])
})

test('a caller that must not block does not sync', () => {
  scene = new Scene(64 * KiB, false)
  scene.add()
  const told = waitForSecond()
  scene.syncer.syncBlocked()
  assert.deepEqual([told, scene.syncs()], [['later'], []])
})

test('A14: what is synced already is not waited for, though the end of the log is not', async () => {
  const log = scene.logs[0]!
  const told: string[] = []
  scene.write()
  scene.seal()
  scene.files[0]!.finish()
  await settled()
  scene.syncs()
  const synced = log.syncedEnd
  log.writtenEnd += 8 // as of a log whose last frames came after its last sync
  scene.syncer.whenSynced(log, synced, (lastSync) => void told.push(`${lastSync} as far as it is`))
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(`${lastSync} to its end`))
  assert.deepEqual([told, scene.syncs()], [['done as far as it is'], []])
  scene.syncer.syncBlocked()
  assert.deepEqual([told.at(-1), scene.syncs()], ['done to its end', ['datasync 1.wal']])
})

test('a wait for the last sync ends when syncing does', () => {
  const log = scene.logs[0]!
  const told: string[] = []
  scene.write()
  scene.seal()
  scene.syncer.whenSynced(log, log.writtenEnd, (lastSync) => void told.push(lastSync))
  scene.syncer.stop(new VarveError('CLOSED', 'test'))
  assert.deepEqual(told, ['never'])
})
