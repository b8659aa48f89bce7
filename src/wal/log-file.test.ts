import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeFileHeader, FILE_HEADER_BYTES, KiB, MiB, NAME_NUMBER_MAX, runAsync, runSync, SeededRandom, SEQ_NUM_MAX,
} from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import { HandFile } from '../../test/support/fakes/hand-file.js'
import { eio, recordCalls, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { sampleLog, sampleLogHeader } from '../../test/support/samples/write-buffer-samples.js'
import { createLog } from './log-file.js'
import { decodePredecessor, encodePredecessor, FIRST_BATCH_OFFSET } from './log-format.js'

function newVfs(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  return vfs
}

test('a new log has a synced header; both forms make the same calls', async () => {
  const expected = ['open create 000007.wal', 'write 000007.wal', 'sync 000007.wal']
  const calls: string[] = []
  const log = runSync(createLog(recordCalls(newVfs(), calls), '/db', sampleLogHeader(7)))
  assert.deepEqual(calls.splice(0), expected)
  const bytes = new Uint8Array(200)
  assert.equal(log.file.readSync(bytes, 0, 200, 0), FILE_HEADER_BYTES)
  assert.deepEqual(decodeFileHeader(bytes, 'varvelog', 'x'), sampleLogHeader(7))
  assert.equal(log.writtenEnd, FILE_HEADER_BYTES)
  assert.equal(log.unsyncedBytes, 0)
  calls.length = 0
  await runAsync(createLog(recordCalls(newVfs(), calls), '/db', sampleLogHeader(7)))
  assert.deepEqual(calls, expected)
})

test('a log that cannot be made leaves no open handle', () => {
  for (const failing of ['open create', 'write', 'sync']) {
    const calls: string[] = []
    const vfs = watchedVfs(newVfs(), {
      before: (call) => {
        calls.push(call.name)
        if (call.name === failing) throw eio(call)
      },
    })
    assert.throws(() => runSync(createLog(vfs, '/db', sampleLogHeader(7))), { code: 'EIO' })
    assert.equal(calls.includes('close'), failing !== 'open create')
  }
})

test('WAL-2: writes go on where the last one ended, however short single writes are', async () => {
  const bytes = new Uint8Array(1000)
  new SeededRandom(1, 'log file').fill(bytes)
  const file = new HandFile('7.wal')
  file.writeBytesMax = 7
  const log = sampleLog(file, sampleLogHeader(7))
  log.writeSync(bytes, 300, 4)
  log.writeSync(bytes, 301, 5)
  assert.deepEqual([log.writtenEnd, log.writtenSeqNum, log.unsyncedBytes], [301, 5, 301 - FILE_HEADER_BYTES])
  const writing = log.writeRange(bytes, 301, 320)
  for (let i = 0; i < 3; i++) {
    file.finish()
    await Promise.resolve()
  }
  await writing
  assert.deepEqual(file.bytes.slice(FILE_HEADER_BYTES, 320), bytes.slice(FILE_HEADER_BYTES, 320))
  assert.equal(log.writtenEnd, 301, 'the caller moves it')
})

test('after a failed write the written end stays', () => {
  const file = new HandFile('7.wal')
  const log = sampleLog(file, sampleLogHeader(7))
  file.failing.set('write', 'ENOSPC')
  assert.throws(() => log.writeSync(new Uint8Array(500), 500, 9), { code: 'ENOSPC' })
  assert.deepEqual([log.writtenEnd, log.writtenSeqNum], [FILE_HEADER_BYTES, 0])
})

test('zeros are written ahead of awaited syncs when these are many and small', () => {
  for (const [step, zeros] of [[100, MiB], [40 * KiB, 0]] as const) {
    const file = new HandFile('7.wal')
    const log = sampleLog(file, sampleLogHeader(7))
    log.bytesMax = 4 * MiB
    const bytes = new Uint8Array(MiB).fill(1)
    for (let i = 1; i <= 8; i++) {
      assert.equal(file.size, i === 1 ? 0 : log.writtenEnd, 'not yet')
      log.writeSync(bytes, log.writtenEnd + step, i)
      log.fillAhead()
      log.syncedEnd = log.writtenEnd
    }
    assert.equal(file.size, log.writtenEnd + zeros)
    assert.ok(file.bytes.subarray(log.writtenEnd, file.size).every((byte) => byte === 0))
  }
})

test('WAL-8: from the first sync in the thread pool on, blocking syncs have a handle of their own', async () => {
  const calls: string[] = []
  const log = sampleLog(new HandFile('7.wal', calls), sampleLogHeader(7), undefined, () => {
    calls.push('open')
    return new HandFile('7.wal again', calls)
  })
  log.dataSyncSync()
  for (let i = 0; i < 2; i++) assert.ok(log.readyForPoolSync())
  log.dataSyncSync()
  log.writeSync(new Uint8Array(500), 500, 1)
  await log.close()
  assert.deepEqual(calls, [
    'datasync 7.wal', 'open', 'datasync 7.wal again', 'write 7.wal', 'close 7.wal again', 'close 7.wal',
  ])
})

test('WAL-8: a handle of another file is none', () => {
  const calls: string[] = []
  const other = Object.assign(new HandFile('7.wal', calls), { identitySync: () => 'another' })
  const log = sampleLog(new HandFile('7.wal'), sampleLogHeader(7), undefined, () => other)
  assert.equal(log.readyForPoolSync(), false)
  log.bytesMax = 4 * MiB
  for (let i = 0; i < 9; i++) log.fillAhead()
  assert.deepEqual(calls, ['close 7.wal', 'close 7.wal'], 'no zeros are written there')
})

test('the predecessor frame comes back', () => {
  const bytes = new Uint8Array(400)
  const predecessor = {
    fileNum: NAME_NUMBER_MAX, salt: Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1), lastSeqNum: SEQ_NUM_MAX, end: 2 ** 32 - 8,
  }
  assert.equal(encodePredecessor(bytes, 5, 1, predecessor), FIRST_BATCH_OFFSET)
  assert.deepEqual(decodePredecessor(bytes, FILE_HEADER_BYTES + 40), predecessor)
  for (const larger of [{ fileNum: NAME_NUMBER_MAX + 1 }, { lastSeqNum: SEQ_NUM_MAX + 1 }]) {
    encodePredecessor(bytes, 5, 1, { ...predecessor, ...larger })
    assert.equal(decodePredecessor(bytes, FILE_HEADER_BYTES + 40), null)
  }
})
