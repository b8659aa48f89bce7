/**
 * Checkpoints of which one call after the other fails, is the last before an abort, or before a close: nothing is left,
 * and the database goes on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { CheckpointOptions, CheckpointResult, ErrorCode, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { OtherVolume } from '../support/fakes/other-volume.js'
import type { VolumeFault } from '../support/fakes/other-volume.js'
import { drawn, drawnNumbers } from '../support/harness/share.js'

const KEYS = 60

interface Scene {
  memory: MemoryVfs
  volume: OtherVolume
  db: Varve
  settings: VarveOptions
}

/** A database with tables, a value log and logs; the target is on another volume, or not. */
async function newScene(isApart: boolean): Promise<Scene> {
  const memory = new MemoryVfs()
  const volume = new OtherVolume(memory, '/copy')
  volume.isApart = isApart
  const settings: VarveOptions = {
    workers: 0, writeBufferSize: 64 * 1024, valueThreshold: 1024, compaction: { style: 'none' },
    components: { vfs: volume.vfs },
  }
  const db = await Varve.open('/db', settings)
  for (let i = 0; i < KEYS; i++) await db.put(`key ${i}`, `${i}`.padEnd(i % 3 === 0 ? 3000 : 100, 'v'))
  await db.flush()
  await db.put('in a log', 'only')
  return { memory, volume, db, settings }
}

function leftAt({ memory }: Scene): string[] {
  return memory.listSync('/').filter((name) => name.startsWith('copy'))
}

/** The source is as it was, holds nothing, and can be written and copied. */
async function checkSource(scene: Scene): Promise<void> {
  const { db, volume } = scene
  const { database, files, operations } = db.stats()
  assert.deepEqual([database.state, files.holds, operations], ['OPEN', [], []], 'C17, HOLD-2')
  volume.fault = null
  volume.onCall = null
  await db.put('later', 'x', { sync: true })
  await checkCopy(scene, await db.checkpoint('/copy.again'), '/copy.again')
}

async function checkCopy({ settings }: Scene, { seqNum }: CheckpointResult, dir: string): Promise<void> {
  const copy = await Varve.open(dir, settings)
  assert.equal(copy.stats().database.visibleSeq, seqNum)
  assert.equal(Buffer.from(copy.getSync('key 30')!).toString().length, 3000)
  assert.equal(Buffer.from(copy.getSync('in a log')!).toString(), 'only')
  await copy.close()
}

/** How many calls to the target's volume a checkpoint makes. */
async function countCalls(isApart: boolean, options: CheckpointOptions): Promise<number> {
  const scene = await newScene(isApart)
  await scene.db.checkpoint('/copy', options)
  const { length } = scene.volume.calls
  await scene.db.close()
  return length
}

async function failOnce(isApart: boolean, options: CheckpointOptions, fault: VolumeFault): Promise<void> {
  const scene = await newScene(isApart)
  scene.volume.fault = fault
  const what = (): string => `${fault.when} ${scene.volume.calls[fault.at - 1]}, ${fault.code}`
  let made: CheckpointResult | null = null
  try {
    made = await scene.db.checkpoint('/copy', options)
  } catch (error) {
    assert.ok(VarveError.is(error), what())
    const codes: ErrorCode[] = fault.code === 'ENOSPC' ? ['NO_SPACE'] : ['IO_ERROR']
    assert.ok(codes.includes(error.code), `${what()}: ${error.code}, ${error.message}`)
  }
  assert.deepEqual(leftAt(scene), made === null ? [] : ['copy'], `CP-4: ${what()}`)
  if (made !== null) await checkCopy(scene, made, '/copy')
  await checkSource(scene)
  await scene.db.close()
}

for (const [name, isApart, options] of [
  ['by links', false, { mode: 'link' }],
  ['by links where they can be', false, { mode: 'auto', verify: true }],
  ['on another volume', true, {}],
  ['without logs', true, { mode: 'copy', logs: 'flush' }],
] as const) {
  test(`CP-4, C17: each call of a checkpoint ${name} that fails leaves nothing, and the source goes on`, async () => {
    const count = await countCalls(isApart, options)
    const faults: VolumeFault[] = []
    for (let at = 1; at <= count; at++) {
      for (const code of ['EIO', 'ENOSPC']) {
        for (const when of ['before', 'after'] as const) faults.push({ at, code, when })
      }
    }
    for (const fault of drawn(`faults ${name}`, faults)) await failOnce(isApart, options, fault)
  })

  test(`HOLD-1, HOLD-2, C17: an abort or a close at each call of a checkpoint ${name}`, async () => {
    const count = await countCalls(isApart, options)
    for (const at of drawnNumbers(`aborts ${name}`, count)) {
      const scene = await newScene(isApart)
      const controller = new AbortController()
      scene.volume.onCall = (number) => {
        if (number === at + 1) controller.abort(new Error('enough'))
      }
      const made = await scene.db.checkpoint('/copy', { ...options, signal: controller.signal })
        .catch((error: unknown) => (assert.match(String(error), /enough/), null))
      assert.deepEqual(leftAt(scene), made === null ? [] : ['copy'])
      await checkSource(scene)
      await scene.db.close()
    }
    for (const at of drawnNumbers(`closes ${name}`, count)) {
      const scene = await newScene(isApart)
      let closed: Promise<void> | null = null
      scene.volume.onCall = (number) => {
        if (number === at + 1) closed = scene.db.close()
      }
      const made = await scene.db.checkpoint('/copy', options)
        .catch((error: unknown) => (assert.equal((error as VarveError).code, 'CLOSED'), null))
      await closed
      assert.deepEqual(leftAt(scene), made === null ? [] : ['copy'])
      if (made !== null) await checkCopy(scene, made, '/copy')
      const again = await Varve.open('/db', scene.settings)
      assert.equal(again.getSync('in a log')?.length, 4)
      await again.close()
    }
  })
}

for (const code of ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP']) {
  test(`a link that is refused with ${code} becomes a copy, or an error with mode 'link'`, async () => {
    const scene = await newScene(false)
    const { volume, db } = scene
    const failLinks = (): void => {
      volume.onCall = () => {
        const isLink = volume.calls.at(-1)!.startsWith('link ')
        volume.fault = isLink ? { at: volume.calls.length, code, when: 'before' } : null
      }
    }
    failLinks()
    const error = await db.checkpoint('/copy', { mode: 'link' }).catch((thrown: unknown) => thrown as VarveError)
    assert.ok(VarveError.is(error) && error.code === 'IO_ERROR' && error.hint!.includes("'copy'"))
    assert.deepEqual(leftAt(scene), [])
    const made = await db.checkpoint('/copy')
    assert.ok(made.linkedBytes === 0 && made.copiedBytes > 0)
    volume.onCall = null
    volume.fault = null
    await checkCopy(scene, made, '/copy')
    await checkSource(scene)
    await db.close()
  })
}

test('HOLD-2: 10,000 aborted checkpoints leave no hold, and no file that should have gone', async () => {
  const random = new SeededRandom(5, 'aborts')
  const scene = await newScene(true)
  const { db, volume } = scene
  const calls = await countCalls(true, {})
  let aborted = 0
  for (const i of drawnNumbers('aborted checkpoints', 10_000)) {
    const controller = new AbortController()
    const at = volume.calls.length + 1 + random.below(calls)
    volume.onCall = (number) => {
      if (number === at) controller.abort(new Error('enough'))
    }
    if (i % 50 === 0) {
      for (let k = 0; k < 5; k++) await db.put(`key ${k}`, `${i}`.padEnd(2000, 'w'))
      void db.compact()
    }
    if (random.chance(0.3)) await db.put('in a log', 'only')
    try {
      await db.checkpoint('/copy', { signal: controller.signal })
      await Varve.destroy('/copy', { vfs: scene.memory })
    } catch (error) {
      assert.match(String(error), /enough/)
      aborted++
    }
    assert.deepEqual(db.stats().files.holds, [])
  }
  assert.ok(aborted > 0)
  assert.deepEqual(leftAt(scene), [])
  await db.compact()
  for (let i = 0; i < 100 && db.stats().files.deleteWaitingCount > 0; i++) await new Promise(setImmediate)
  const { files, snapshots, pins, levels, valueLog } = db.stats()
  assert.deepEqual([files.holds, snapshots.activeCount, pins, files.deleteWaitingCount], [[], 0, [], 0])
  const listed = levels.reduce((sum, { tableCount }) => sum + tableCount, 0)
  await db.close()
  const names = scene.memory.listSync('/db')
  assert.equal(names.filter((name) => name.endsWith('.table')).length, listed)
  const valueLogs = valueLog.files.filter(({ isLog }) => !isLog)
  assert.equal(names.filter((name) => name.endsWith('.vlog')).length, valueLogs.length)
})
