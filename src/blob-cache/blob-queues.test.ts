import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobQueues } from './blob-queues.js'

const NEVER = -Infinity

function queuesOf(maxBytes = 1000, youngShare = 0.1, segmentBytes = 10): BlobQueues {
  return new BlobQueues({ maxBytes, youngShare, segmentBytes, itemCount: () => 1000 })
}

function addSealed(queues: BlobQueues, segment: number, queue: 'young' | 'main', expiresMs = Infinity): void {
  queues.add(segment, queue, 0)
  queues.grow(segment, 10)
  queues.seal(segment, expiresMs)
}

test('the oldest young segment goes while young ones have more than their part, else the oldest main one', () => {
  const queues = queuesOf()
  for (let segment = 1; segment <= 12; segment++) addSealed(queues, segment, 'young')
  for (let segment = 21; segment <= 23; segment++) addSealed(queues, segment, 'main')
  const order: number[] = []
  for (let victim = queues.victim(NEVER); victim !== null; victim = queues.victim(NEVER)) {
    order.push(victim.segment)
    queues.remove(victim.segment)
  }
  // 100 bytes are for young ones; when main ones are used up, the others go.
  assert.deepEqual(order, [1, 2, 21, 22, 23, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
})

test('young ones have at least three segments', () => {
  const queues = queuesOf(100, 0.1, 10)
  for (const segment of [1, 2, 3]) addSealed(queues, segment, 'young')
  addSealed(queues, 9, 'main')
  assert.equal(queues.victim(NEVER)?.segment, 9)
  queues.remove(9)
  addSealed(queues, 4, 'young')
  assert.equal(queues.victim(NEVER)?.segment, 1)
})

test('open and leaving segments are passed over; one that stays may be chosen again', () => {
  const queues = queuesOf()
  queues.add(1, 'main', 10)
  addSealed(queues, 2, 'main')
  addSealed(queues, 3, 'main')
  assert.equal(queues.oldestOpen(), 1)
  assert.equal(queues.victim(NEVER)?.segment, 2)
  assert.equal(queues.victim(NEVER)?.segment, 3)
  assert.equal(queues.victim(NEVER), null)
  queues.stay(2)
  assert.equal(queues.victim(NEVER)?.segment, 2)
  queues.seal(1)
  assert.equal(queues.oldestOpen(), null)
  assert.equal(queues.victim(NEVER)?.segment, 1)
})

test('a segment that was lent is the newest of its queue when it is given back', () => {
  const queues = queuesOf(100, 0, 10)
  queues.add(1, 'young', 10)
  queues.lend(1, true)
  for (const segment of [2, 3, 4]) addSealed(queues, segment, 'young')
  queues.lend(1, false)
  queues.seal(1)
  assert.equal(queues.victim(NEVER)?.segment, 2)
  queues.lend(9, false) // It is gone.
})

test('a segment whose blobs are all expired goes first', () => {
  const queues = queuesOf()
  addSealed(queues, 1, 'main')
  addSealed(queues, 2, 'main', 500)
  addSealed(queues, 3, 'young', 400)
  assert.deepEqual(queues.victim(499), { segment: 3, queue: 'young', bytes: 10, isExpired: true, wasKept: false })
  assert.equal(queues.victim(499)?.segment, 1)
  assert.equal(queues.victim(500)?.isExpired, true)
})

test('a kept segment stands at the end of the main queue, and knows it', () => {
  const queues = queuesOf()
  for (let segment = 1; segment <= 11; segment++) addSealed(queues, segment, 'young')
  addSealed(queues, 21, 'main')
  assert.equal(queues.victim(NEVER)?.segment, 1)
  queues.keep(1)
  assert.deepEqual(queues.victim(NEVER), { segment: 21, queue: 'main', bytes: 10, isExpired: false, wasKept: false })
  assert.deepEqual(queues.victim(NEVER), { segment: 1, queue: 'main', bytes: 10, isExpired: false, wasKept: true })
})

test('a ghost is there once', () => {
  const queues = queuesOf()
  assert.equal(queues.hasGhost(7, 1), false)
  queues.addGhost(7, 1, 100)
  assert.deepEqual([queues.hasGhost(7, 1), queues.hasGhost(7, 1)], [true, false])
  assert.ok(queues.ghostBytes > 0)
})
