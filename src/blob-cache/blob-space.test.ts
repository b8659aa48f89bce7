import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobSpace } from './blob-space.js'

const spaceOf = (): BlobSpace => new BlobSpace({ maxBytes: 1000, catalogBytes: 100 })

test('nothing is reserved beyond what there may be, and only the catalog has its part', () => {
  const space = spaceOf()
  assert.ok(space.tryReserve('segment', 900))
  assert.ok(!space.tryReserve('segment', 1))
  assert.ok(!space.tryReserve('snapshot', 1))
  assert.ok(space.tryReserve('catalog', 100))
  assert.ok(!space.tryReserve('catalog', 1))
  assert.equal(space.usedBytes, 1000)
  space.release('segment', 50)
  assert.ok(space.tryReserve('catalog', 20), 'the catalog may have more while others leave room')
  assert.equal(space.freeBytes, 30)
  assert.ok(space.tryReserve('segment', 30))
})

test('what a snapshot would have is kept for it, and is not reserved twice', () => {
  const space = spaceOf()
  let snapshotBytes = 50
  space.snapshotBytes = () => snapshotBytes
  assert.equal(space.freeBytes, 850)
  assert.ok(!space.tryReserve('segment', 851))
  assert.ok(space.tryReserve('segment', 850))
  assert.ok(!space.tryReserve('segment', 1))
  snapshotBytes = 70
  assert.equal(space.freeBytes, -20, 'the index has grown: something has to go')
  assert.ok(!space.tryReserve('snapshot', 51), 'the part of the catalog is not for it')
  space.release('segment', 20)
  assert.ok(space.tryReserve('snapshot', 70))
  assert.equal(space.freeBytes, 0)
  assert.ok(space.tryReserve('catalog', 100))
  assert.equal(space.usedBytes, 1000)
})

test('those who wait are answered in order, and nobody goes before them', () => {
  const space = spaceOf()
  const answers: string[] = []
  space.reserve(800, (isGranted) => answers.push(`a ${isGranted}`))
  space.reserve(300, (isGranted) => answers.push(`b ${isGranted}`))
  space.reserve(50, (isGranted) => answers.push(`c ${isGranted}`))
  space.reserve(901, (isGranted) => answers.push(`d ${isGranted}`))
  assert.deepEqual(answers, ['a true', 'd false'])
  assert.equal(space.waitingBytes, 350)
  assert.ok(!space.tryReserve('segment', 10), 'a move does not take what somebody waits for')
  assert.ok(space.tryReserve('catalog', 10), 'a removal must be written')
  space.release('segment', 199)
  assert.deepEqual(answers.slice(2), [])
  space.release('segment', 1)
  assert.deepEqual(answers.slice(2), ['b true'])
  space.release('segment', 50)
  assert.deepEqual(answers.slice(3), ['c true'])
  space.reserve(100, (isGranted) => answers.push(`e ${isGranted}`))
  space.refuseAll()
  assert.deepEqual(answers.slice(4), ['e false'])
  assert.equal(space.waitingBytes, 0)
  assert.equal(space.usedBytes, 800 - 200 + 300 - 50 + 50 + 10)
})

test('streams have at most a quarter, and a stream that is complete gives its part back', () => {
  const space = spaceOf()
  assert.ok(space.tryReserve('stream', 250))
  assert.ok(!space.tryReserve('stream', 1))
  space.change('stream', 'segment', 200)
  assert.ok(space.tryReserve('stream', 200))
  assert.equal(space.usedBy('segment'), 200)
})

test('readers of removed segments hold at most a tenth before one is broken off', () => {
  const space = spaceOf()
  assert.ok(space.tryReserve('segment', 300))
  space.change('segment', 'held', 100)
  assert.equal(space.heldExcess, 0)
  space.change('segment', 'held', 30)
  assert.equal(space.heldExcess, 30)
  assert.equal(space.usedBytes, 300, 'what is held is on the disk yet')
  assert.throws(() => space.release('segment', 171), /nobody gives back more than he has/)
})
