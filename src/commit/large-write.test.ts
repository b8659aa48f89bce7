import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { EntryKind, KiB, MiB, SeededRandom, VarveError } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { SlabPool } from '../slab/index.js'
import { FIRST_BATCH_OFFSET } from '../wal/index.js'
import { HandFile } from '../../test/support/fakes/hand-file.js'
import { settled } from '../../test/support/fakes/hand-clock.js'
import { CommitScene, follow, puts } from '../../test/support/scenes/commit-scene.js'
import type { Followed } from '../../test/support/scenes/commit-scene.js'
import { sampleBuffer } from '../../test/support/samples/write-buffer-samples.js'
import { readHistory } from '../../test/support/samples/log-history.js'
import { LargeWrite } from './large-write.js'
import { OperationList } from './operation-list.js'
import type { BatchOperation } from './operation-list.js'
import { drawnNumbers } from '../../test/support/harness/share.js'
import { writeHow } from './write-how.js'

const noSync = { sync: false, position: null }
const LARGE = 17 * MiB
/** A slab in which a large value has room. */
const ROOMY = 40 * MiB
const random = new SeededRandom(1, 'large writes')

let scene: CommitScene
beforeEach(() => {
  scene = new CommitScene()
})

const put = (key: string, value: Bytes) => scene.pipeline.writeOne(EntryKind.value, key, value, writeHow(false))
const putSync = (key: string, value: Bytes) => scene.pipeline.writeOneSync(EntryKind.value, key, value, writeHow(false))
const del = (key: string) => scene.pipeline.writeOne(EntryKind.tombstone, key, '', writeHow(false))

/** A large value that is told apart by its first byte. */
function large(first = 7): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(LARGE)
  value[0] = first
  value[LARGE - 1] = first
  return value
}

/** Takes the memory away from every view of it. */
function transfer({ buffer }: Uint8Array): void {
  structuredClone(null, { transfer: [buffer as ArrayBuffer] })
}

/** Lets steps and writes go on until nothing is left to do. */
async function atRest(): Promise<void> {
  for (let idle = 0; idle < 3;) {
    const held = scene.files.find((file: HandFile) => file.held.length > 0)
    held?.finish()
    const before = scene.clock.deferredCount
    await scene.clock.turn()
    idle = held === undefined && before === 0 ? idle + 1 : 0
  }
}

/** The entries in the order of their sequence numbers: key and first byte, or key and 'deleted'. */
function written(): string[] {
  const entries: [number, string][] = []
  for (const { memtable } of scene.buffers) {
    if (memtable.entryCount === 0) continue
    const it = memtable.iterator()
    for (it.first(); it.valid; it.next()) {
      const key = Buffer.from(it.keyBytes.subarray(it.keyStart, it.keyEnd)).toString()
      const value = it.valueBytes.subarray(it.valueStart, it.valueEnd)
      if (value.length >= LARGE) assert.equal(value[0], value[LARGE - 1], 'the value is whole')
      entries.push([it.seqNum, it.kind === EntryKind.tombstone ? `${key} deleted` : `${key} ${value[0]}`])
    }
  }
  return entries.sort((a, b) => a[0] - b[0]).map(([, text]) => text)
}

/** What an open after a kill would read, as a count: the bytes are checked on the way. */
const recoveredCount = (): number => readHistory(scene.logBytes).entries.length

const randomData = (): Bytes => {
  const bytes = new Uint8Array(random.below(random.chance(0.3) ? 20_000 : 40))
  random.fill(bytes)
  if (random.chance(0.5)) return bytes
  return Buffer.from(bytes.subarray(0, 500)).toString('latin1') + '😀'.repeat(bytes.length >> 4)
}

test('what is filled in steps before it has a log is a frame like any other', () => {
  for (let i = 0; i < 200; i++) {
    const operations: BatchOperation[] = Array.from({ length: 1 + random.below(5) }, () =>
      random.chance(0.2) ? { type: 'del', key: randomData() } : { type: 'put', key: randomData(), value: randomData() })
    const position = random.chance(0.3) ? new Uint8Array(random.below(30)).fill(3) : null
    const list = OperationList.read(operations)
    const write = new LargeWrite(list, { sync: false, position })
    const pool = new SlabPool(FIRST_BATCH_OFFSET + write.frameBytesBound(), 0)
    write.begin(pool.take(0))
    write.fillNow()
    const { buffer } = sampleBuffer(1, { isFilled: false })
    buffer.begin(buffer.predecessor)
    buffer.fill(write.takeSlab())
    buffer.sealFilled(write, 1, list.count)
    assert.ok(buffer.encodedEnd <= buffer.bytes.length)
    const { entries } = readHistory(new Map([[1, buffer.bytes.slice(0, buffer.encodedEnd)]]))
    const text = (data: Bytes | undefined) => Buffer.from(data as string).toString('latin1')
    assert.deepEqual(entries, operations.map((operation, at) => {
      assert.ok(operation.type !== 'delRange')
      return `${at + 1} ${text(operation.key)} ${operation.type === 'del' ? 'deleted' : text(operation.value)}`
    }))
  }
})

test('a long string is measured and written in steps, never between the halves of a pair', async () => {
  const text = `${'x'.repeat(256 * 1024 - 1)}😀`.repeat(24)
  const answer = follow(put('text', text))
  await atRest()
  assert.equal(answer.state, 'done')
  const buffer = scene.buffers.find(({ memtable }) => memtable.entryCount > 0)!
  const it = buffer.memtable.iterator()
  it.first()
  assert.equal(Buffer.from(it.valueBytes.subarray(it.valueStart, it.valueEnd)).toString(), text)
  assert.equal(recoveredCount(), 1)
})

test('A7: later calls wait for a large put, so that a delete behind it deletes it; it has the next log', async () => {
  const answers = [follow(put('a', 'before')), follow(put('k', large())), follow(del('k')), follow(put('z', 'behind'))]
  await settled()
  assert.deepEqual(answers.map(({ state }) => state), ['done', 'waiting', 'waiting', 'waiting'])
  await atRest()
  assert.deepEqual(answers.map(({ state }) => state), ['done', 'done', 'done', 'done'])
  assert.deepEqual(written(), ['a 98', 'k 7', 'k deleted', 'z 98'])
  assert.deepEqual(scene.told.filter((text) => text.startsWith('rotated')), ['rotated 1 to 2', 'rotated 2 to 3'])
  assert.equal(recoveredCount(), 4)
})

test('A7: a log that a flush begins while a large put is filled is the one that takes it', async () => {
  putSync('a', 'x')
  const answer = follow(put('k', large()))
  await scene.clock.turn()
  scene.pipeline.rotate(scene.takeBuffer()!) // as flush() does
  await atRest()
  assert.equal(answer.state, 'done')
  assert.deepEqual(scene.buffers.map(({ isXl }) => isXl), [false, true, false])
  assert.equal(recoveredCount(), 2)
})

test('a large put that is copied into the current buffer begins again when that is left', async () => {
  scene = new CommitScene({ capacity: ROOMY })
  putSync('a', 'x')
  const answers = [follow(put('k', large())), follow(put('b', 'x'))]
  for (let i = 0; i < 5; i++) await scene.clock.turn()
  scene.pipeline.rotate(scene.takeBuffer()!) // as flush() does
  await atRest()
  assert.deepEqual(answers.map(({ state }) => state), ['done', 'done'])
  assert.deepEqual(scene.buffers.map(({ memtable }) => memtable.entryCount), [1, 2])
  assert.deepEqual(written(), ['a 120', 'k 7', 'b 120'])
  assert.equal(recoveredCount(), 3)
})

test('A8: a Sync call finishes a large put on the spot, however far it is', async () => {
  for (const turns of [0, 1, 5, 40, 100, 101, 105, 140]) {
    scene = new CommitScene({ capacity: turns < 100 ? KiB * 64 : ROOMY })
    const answer = follow(put('k', large()))
    for (let i = 0; i < turns % 100; i++) await scene.clock.turn()
    putSync('k', 'y')
    assert.deepEqual(written(), ['k 7', 'k 121'])
    await atRest()
    assert.equal(answer.state, 'done')
    assert.equal(recoveredCount(), 2)
  }
})

interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void
}

test('A8, COM-8: memory that is transferred or cut while it is copied is refused, and nothing else', async () => {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ResizableBuffer
  const resizable = new Resizable(LARGE, { maxByteLength: LARGE })
  const ways: [Uint8Array, (value: Uint8Array) => void][] = [
    [large(), transfer],
    [new Uint8Array(resizable), () => resizable.resize(LARGE - 1)],
    [new Uint8Array(8 * MiB).subarray(1), transfer],
  ]
  for (const [value, change] of ways) {
    scene = new CommitScene()
    scene.spares = 0
    const [first, last] = ['x'.repeat(60_000), 'x'.repeat(10_000)]
    const answers = [follow(put('a', first)), follow(put('k', value)), follow(put('b', last))]
    await scene.clock.turn()
    await scene.clock.turn()
    change(value)
    scene.spares = 10
    scene.pipeline.encodeWaiting()
    await atRest()
    assert.deepEqual(answers.map(({ state }) => state), ['done', 'INVALID_ARGUMENT', 'done'])
    assert.deepEqual(written(), ['a 120', 'b 120'])
    assert.equal(scene.pool.usedBytes, 0)
    assert.equal(recoveredCount(), 2)
  }
})

test('A8: memory that is gone is told to the caller who gave it, not to the Sync call that meets it', async () => {
  for (const bytes of [LARGE, 8 * MiB]) {
    scene = new CommitScene()
    scene.spares = 0
    await put('fill', 'x'.repeat(60_000))
    const value = new Uint8Array(bytes)
    const answer = follow(put('k', value))
    await scene.clock.turn()
    transfer(value)
    putSync('s', 'y'.repeat(60_000))
    await atRest()
    assert.equal(answer.state, 'INVALID_ARGUMENT')
    assert.deepEqual(written(), ['fill 120', 's 121'])
    assert.equal(scene.pool.usedBytes, 0)
  }
})

test('a write of 4 MiB and less may be changed as soon as it was called', async () => {
  scene.spares = 0
  await put('fill', 'x'.repeat(60_000))
  const value = new Uint8Array(4 * MiB - 10).fill(1)
  const answer = follow(put('k', value))
  value.fill(2)
  scene.spares = 10
  scene.pipeline.encodeWaiting()
  await atRest()
  assert.equal(answer.state, 'done')
  assert.deepEqual(written(), ['fill 120', 'k 1'])
})

test('no step is larger than a MiB, and each has a turn of its own', async () => {
  const answer = follow(put('k', large()))
  let turns = 0
  for (; answer.state === 'waiting'; turns++) {
    await scene.clock.turn()
    scene.files.find((file) => file.held.length > 0)?.finish()
  }
  assert.ok(turns >= LARGE / MiB, `${turns} turns`)
})

test('a close or a failure while a large put is filled refuses it and gives its memory back', async () => {
  const answers = [follow(put('k', large())), follow(put('l', large()))]
  await scene.clock.turn()
  assert.ok(scene.pool.usedBytes > LARGE)
  scene.pipeline.waiting.rejectAll(new VarveError('CLOSED', 'closed'))
  await atRest()
  assert.deepEqual(answers.map(({ state }) => state), ['CLOSED', 'CLOSED'])
  assert.deepEqual([scene.pool.usedBytes, written(), scene.pipeline.lastSeqNum], [0, [], 0])
  putSync('after', 'x')
  assert.equal(recoveredCount(), 1)
})

test('without memory a large put is refused, the calls behind it are not', async () => {
  scene.noMemory = new VarveError('BUSY', 'no memory')
  const answers = [follow(put('k', large())), follow(put('a', 'x'))]
  await atRest()
  assert.deepEqual(answers.map(({ state }) => state), ['BUSY', 'done'])
  assert.deepEqual(written(), ['a 120'])
})

test('a large put does not begin, and is not written, while writers are stopped', async () => {
  scene.isStopped = true
  const answer = follow(put('k', large()))
  await atRest()
  assert.deepEqual([scene.pool.usedBytes, answer.state], [0, 'waiting'])
  scene.isStopped = false
  scene.pipeline.encodeWaiting()
  await scene.clock.turn()
  scene.isStopped = true
  await atRest()
  assert.ok(scene.pool.usedBytes > LARGE)
  assert.equal(answer.state, 'waiting')
  scene.isStopped = false
  scene.pipeline.encodeWaiting()
  await atRest()
  assert.equal(answer.state, 'done')
})

/** The model: calls are applied in the order in which they were made; what is refused is left out. */
interface Call {
  entries: string[]
  answer: Followed
  mayFail: boolean
}

test('whatever the order of calls and events: numbers follow the calls, and everybody is answered', async () => {
  const values = [large(1), large(2), large(3)]
  for (const run of drawnNumbers('large writes', 12)) {
    const random = new SeededRandom(run, 'calls and events')
    scene = new CommitScene({ capacity: run % 2 === 0 ? KiB * 64 : ROOMY })
    const calls: Call[] = []
    const pending: { value: Uint8Array<ArrayBuffer>; call: Call }[] = []
    const note = (entries: string[], answer: Promise<unknown>): Call => {
      const call = { entries, answer: follow(answer), mayFail: false }
      calls.push(call)
      return call
    }
    const actions = [
      () => { const i = random.below(3); note([`k ${i + 1}`], put('k', values[i]!)) },
      () => {
        const value = large(9)
        pending.push({ value, call: note(['t 9'], put('t', value)) })
      },
      () => {
        const gone = pending.pop()
        if (gone === undefined || gone.call.answer.state !== 'waiting') return
        gone.call.mayFail = true
        transfer(gone.value)
      },
      () => note(['s 97'], put('s', 'a'.repeat(random.below(30_000) + 1))),
      () => note(['k deleted'], del('k')),
      () => note(['a 97', 'm 5', 'b 98'], scene.pipeline.writeBatch(
        [...puts('a'), { type: 'put', key: 'm', value: new Uint8Array(5 * MiB).fill(5) }, ...puts('b')], noSync)),
      () => note(['x 120', 'L 1', 'y 121'], scene.pipeline.writeBatch(
        [...puts('x'), { type: 'put', key: 'L', value: values[0]! }, ...puts('y')], noSync)),
      () => {
        putSync('n', 'n')
        calls.push({ entries: ['n 110'], answer: { state: 'done' }, mayFail: false })
      },
      () => { if (scene.pipeline.current.isUsed) scene.pipeline.rotate(scene.takeBufferNow()) },
      () => (scene.spares = random.below(2)),
      () => (scene.isStopped = random.chance(0.3)),
      () => scene.pipeline.encodeWaiting(),
    ]
    for (let i = 0; i < 25; i++) {
      actions[random.below(actions.length)]!()
      for (let n = random.below(4); n > 0; n--) await scene.clock.turn()
      if (random.chance(0.5)) scene.files.find((file) => file.held.length > 0)?.finish()
    }
    for (let i = 0; i < 5; i++) {
      Object.assign(scene, { isStopped: false, spares: 100 })
      scene.pipeline.encodeWaiting()
      await atRest()
    }
    const expected = calls.filter(({ answer }) => answer.state === 'done').flatMap(({ entries }) => entries)
    for (const { answer, mayFail, entries } of calls) {
      const isFair = answer.state === 'done' || (mayFail && answer.state === 'INVALID_ARGUMENT')
      assert.ok(isFair, `${entries}: ${answer.state}`)
    }
    assert.deepEqual(written(), expected, `run ${run}`)
    assert.equal(recoveredCount(), expected.length)
    const logs = scene.buffers.filter(({ isUsed }) => isUsed).map(({ log }) => log.fileNum)
    assert.deepEqual(logs, logs.toSorted((a, b) => a - b))
  }
})
