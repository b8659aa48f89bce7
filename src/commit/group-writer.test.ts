import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { EntryKind, MiB } from '../base/index.js'
import { inPool } from '../vfs/index.js'
import { CommitScene, follow, puts } from '../../test/support/scenes/commit-scene.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { settled } from '../../test/support/fakes/hand-clock.js'
import { readHistory } from '../../test/support/samples/log-history.js'
import { writeHow } from './write-how.js'

const noSync = { sync: false, position: null }
/** Two of them go through the thread pool, one after the other. */
const large = new Uint8Array(1_100_000).fill(0x61)

let scene: CommitScene
beforeEach(() => {
  scene = new CommitScene({ capacity: 4 * MiB })
})

const put = (key: string, sync = false, value: string | Uint8Array = key) =>
  scene.pipeline.writeOne(EntryKind.value, key, value, writeHow(sync))
const putSync = (key: string, sync = false, value: string | Uint8Array = key) =>
  scene.pipeline.writeOneSync(EntryKind.value, key, value, writeHow(sync))
const keys = (entries: string[]) => entries.map((entry) => entry.split(' ').slice(0, 2).join(' '))
const recovered = () => keys(readHistory(scene.logBytes).entries)
const published = () => keys(scene.published)

test('over 2 MiB the first group goes through the thread pool, and everything behind it waits for it', async () => {
  const answers = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  const behind = follow(put('c'))
  await settled()
  assert.deepEqual(scene.takeCalls(), ['pool write 1.wal begins'])
  assert.deepEqual(published(), [])
  assert.deepEqual([...answers, behind].map(({ state }) => state), ['waiting', 'waiting', 'waiting'])
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual(scene.takeCalls(), ['pool write 1.wal ends', 'write 1.wal'])
  assert.deepEqual([...answers, behind].map(({ state }) => state), ['done', 'done', 'done'])
  assert.deepEqual(published(), ['1 a', '2 b', '3 c'])
  assert.deepEqual(recovered(), published())
})

test('who is written is answered while the next group is in the thread pool', async () => {
  const half = large.subarray(0, large.length / 2)
  const answers = Array.from({ length: 6 }, (_, i) => follow(put(`k${i}`, false, half)))
  const doneCount = (): number => answers.filter(({ state }) => state === 'done').length
  for (const done of [0, 2]) {
    await settled()
    assert.equal(doneCount(), done)
    assert.equal(published().length, done)
    scene.files[0]!.finish()
  }
  await settled()
  assert.equal(doneCount(), 6, 'the last group is no longer large')
  assert.deepEqual(scene.takeCalls().filter((call) => !call.endsWith('ends')), [
    'pool write 1.wal begins', 'pool write 1.wal begins', 'write 1.wal',
  ])
  assert.deepEqual(recovered(), published())
})

/** Takes a place in the thread pool, in which there is room; gives what ends that. */
function occupyPool(): () => void {
  let leave: (() => void) | null = null
  void inPool(() => new Promise<void>((resolve) => (leave = resolve)))
  assert.ok(leave !== null, 'there is room')
  return leave
}

test('A24: while two others are in the thread pool a pool write waits, and a Sync call does not', async () => {
  const [leaveFirst, leaveSecond] = [occupyPool(), occupyPool()]
  const answers = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  assert.deepEqual(scene.takeCalls(), [])
  putSync('c')
  assert.deepEqual(published(), ['1 a', '2 b', '3 c'])
  leaveFirst()
  await settled()
  assert.deepEqual(scene.takeCalls(), ['write 1.wal', 'pool write 1.wal begins'])
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual(answers.map(({ state }) => state), ['done', 'done'])
  const leaveThird = occupyPool() // the write has left
  leaveSecond()
  leaveThird()
  await settled()
})

test('A24: a log that failed while its pool write waited is not written', async () => {
  const [leaveFirst, leaveSecond] = [occupyPool(), occupyPool()]
  const answers = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  scene.files[0]!.failing.set('write', 'EIO')
  expectError(() => putSync('c'), 'COMMIT_UNKNOWN')
  scene.takeCalls()
  leaveFirst()
  await settled()
  leaveSecond()
  assert.deepEqual(scene.takeCalls(), [])
  assert.deepEqual(answers.map(({ state }) => state), ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
})

test('a pool write is looped over short writes', async () => {
  scene.files[0]!.writeBytesMax = 500_000
  const answer = follow(scene.pipeline.writeBatch([...puts('a'), { type: 'put', key: 'b', value: large }, ...puts('c'),
    { type: 'put', key: 'd', value: large }], noSync))
  await settled()
  for (let i = 0; i < 5; i++) {
    assert.equal(answer.state, 'waiting')
    scene.files[0]!.finish()
    await settled()
  }
  assert.equal(answer.state, 'done')
  assert.deepEqual(recovered(), ['1 a', '2 b', '3 c', '4 d'])
})

test('groups that fill several buffers in one turn are all written, and settled in order', async () => {
  const answers = Array.from({ length: 20 }, (_, i) => follow(put(`k${i}`, false, large)))
  for (let i = 0; i < 20 && answers.some(({ state }) => state !== 'done'); i++) {
    await settled()
    for (const file of scene.files) if (file.held.length > 0) file.finish()
  }
  await settled()
  assert.ok(answers.every(({ state }) => state === 'done'))
  assert.equal(scene.buffers.length, 7)
  const settledOnes = scene.told.filter((line) => line.startsWith('settled'))
  assert.deepEqual(settledOnes, [1, 2, 3, 4, 5, 6].map((log) => `settled ${log}`))
  assert.equal(recovered().length, 20)
  assert.deepEqual(recovered(), published())
})

test('a buffer is sealed while a write in the pool carries part of it', async () => {
  const first = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  const second = Array.from({ length: 3 }, (_, i) => follow(put(`c${i}`, false, large)))
  assert.deepEqual(scene.told, ['rotated 1 to 2'])
  for (let i = 0; i < 6; i++) {
    await settled()
    for (const file of scene.files) if (file.held.length > 0) file.finish()
  }
  await settled()
  assert.ok([...first, ...second].every(({ state }) => state === 'done'))
  assert.deepEqual(scene.told, ['rotated 1 to 2', 'settled 1'])
  assert.deepEqual(recovered(), published())
})

test('a Sync call takes over what a pool write is busy with, and answers its callers', async () => {
  const pooled = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  putSync('c')
  assert.deepEqual(published(), ['1 a', '2 b', '3 c'])
  await settled()
  assert.deepEqual(pooled.map(({ state }) => state), ['done', 'done'])
  const later = follow(put('d'))
  await settled()
  assert.equal(later.state, 'waiting', 'the pool still writes')
  scene.files[0]!.finish()
  await settled()
  assert.equal(later.state, 'done')
  assert.deepEqual(published(), ['1 a', '2 b', '3 c', '4 d'])
  assert.deepEqual(recovered(), published())
})

test('H9, COM-5: a full disk: the log is cut, all that is encoded is refused, nothing of it shows', async () => {
  putSync('before')
  scene.takeCalls()
  const file = scene.files[0]!
  const group = [follow(put('a')), follow(put('b', true)), follow(scene.pipeline.writeBatch(puts('c', 'd'), noSync))]
  file.spaceBytes = 100 // the first frame fits, the second in part
  await settled()
  assert.deepEqual(group.map(({ state }) => state), ['NO_SPACE', 'NO_SPACE', 'NO_SPACE'])
  assert.deepEqual(scene.told, ['write of 1 failed: ENOSPC, cut'])
  assert.deepEqual(scene.takeCalls().slice(-2), ['truncate 1.wal', 'datasync 1.wal'])
  assert.deepEqual(published(), ['1 before'])
  assert.deepEqual(recovered(), ['1 before'])
  expectError(() => putSync('later'), 'BACKGROUND_ERROR')
})

test('COM-4: numbers of a failed write are never used again; the next log goes on behind them', async () => {
  putSync('before')
  scene.files[0]!.failing.set('write', 'ENOSPC')
  await assert.rejects(put('lost'), { code: 'NO_SPACE' })
  scene.refusal = null
  scene.pipeline.rotate(scene.takeBuffer()!)
  putSync('after')
  assert.deepEqual(published(), ['1 before', '3 after'])
  assert.deepEqual(readHistory(scene.logBytes), { entries: scene.published, cut: null })
})

test('COM-5: a failed pool write takes with it what was encoded behind it, sealed buffers too', async () => {
  const pooled = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  const behind = Array.from({ length: 3 }, (_, i) => follow(put(`c${i}`, false, large)))
  assert.deepEqual(scene.told, ['rotated 1 to 2'])
  scene.files[0]!.fail('ENOSPC')
  await settled()
  for (const { state } of [...pooled, ...behind]) assert.equal(state, 'NO_SPACE')
  assert.deepEqual(scene.told, ['rotated 1 to 2', 'write of 1 failed: ENOSPC, cut', 'settled 1'])
  assert.deepEqual(published(), [])
  assert.deepEqual(recovered(), [])
})

test('a failed write that cannot be cut back is COMMIT_UNKNOWN', async () => {
  scene.files[0]!.failing.set('write', 'EIO').set('truncate', 'EIO')
  const answer = follow(put('a'))
  await settled()
  assert.equal(answer.state, 'COMMIT_UNKNOWN')
  assert.deepEqual(scene.told, ['write of 1 failed: EIO, not cut'])
})

test('a failed write while another one is in the pool cannot be cut: COMMIT_UNKNOWN', async () => {
  const pooled = [follow(put('a', false, large)), follow(put('b', false, large))]
  await settled()
  scene.files[0]!.failing.set('write', 'EIO')
  expectError(() => putSync('c'), 'COMMIT_UNKNOWN')
  await settled()
  assert.deepEqual(pooled.map(({ state }) => state), ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
  scene.files[0]!.finish()
  await settled()
  assert.deepEqual(scene.told, ['write of 1 failed: EIO, not cut'])
  assert.deepEqual(published(), [])
})

test('WAL-4: when the sync of the cut fails, nothing before it is ever called durable', async () => {
  const durable = follow(put('a', true))
  await settled()
  assert.equal(durable.state, 'waiting')
  scene.files[0]!.failing.set('write', 'EIO').set('datasync', 'EIO')
  const answer = follow(put('b'))
  await settled()
  assert.deepEqual([durable.state, answer.state], ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
  scene.files[0]!.failing.clear()
  scene.files[0]!.finish()
  await settled()
  assert.equal(scene.syncer.durableSeqNum, 0)
})

test('after a cut, what stands before it can still be called durable', async () => {
  putSync('a')
  scene.files[0]!.failing.set('write', 'ENOSPC')
  await assert.rejects(put('b'), { code: 'NO_SPACE' })
  const durable = follow(scene.syncer.waitFor(1))
  await settled()
  assert.equal(durable.state, 'done')
})

test('WAL-1: a log whose sync failed is not written any more; what is encoded for it is refused', async () => {
  const durable = follow(put('a', true))
  await settled()
  scene.takeCalls()
  scene.files[0]!.fail('EIO')
  const encoded = follow(put('b')) // the failure is not told yet
  await settled()
  assert.deepEqual([durable.state, encoded.state], ['COMMIT_UNKNOWN', 'BACKGROUND_ERROR'])
  assert.deepEqual(scene.takeCalls(), [])
  assert.deepEqual(published(), ['1 a'])
})

test('COM-7: callers of a pool write whose log fails meanwhile are answered', async () => {
  const durable = follow(put('a', true))
  await settled()
  const pooled = [follow(put('b', false, large)), follow(put('c', true, large))]
  await settled()
  const behind = follow(put('d'))
  scene.files[0]!.fail('EIO') // the sync of a
  await settled()
  scene.files[0]!.finish() // the pool write
  await settled()
  assert.deepEqual([durable, ...pooled, behind].map(({ state }) => state), Array(4).fill('COMMIT_UNKNOWN'))
  await scene.pipeline.idle()
  assert.deepEqual(published(), ['1 a'])
})

test('idle waits for the pool and for the open group, and ends after a failure', async () => {
  await scene.pipeline.idle()
  follow(put('a', false, large))
  follow(put('b', false, large))
  await settled()
  follow(put('c'))
  const idle = follow(scene.pipeline.idle())
  await settled()
  assert.equal(idle.state, 'waiting')
  scene.files[0]!.finish()
  await settled()
  assert.equal(idle.state, 'done')
  scene.files[0]!.failing.set('write', 'EIO')
  follow(put('d'))
  await scene.pipeline.idle()
})
