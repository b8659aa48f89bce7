import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import { BlobEvictor, MovePlan, visitsAfterMove } from './blob-eviction.js'
import type { EvictionStep } from './blob-eviction.js'
import { BlobQueues } from './blob-queues.js'
import { BlobSpace } from './blob-space.js'

const stopped = { nowMs: () => 0, wallMs: () => 0 }

interface Scene {
  readonly space: BlobSpace
  readonly queues: BlobQueues
  readonly evictor: BlobEvictor
  readonly ahead: { count: number }
}

function sceneOf(maxBytes = 1000, clock = stopped): Scene {
  const space = new BlobSpace({ maxBytes, catalogBytes: 0 })
  const queues = new BlobQueues({ maxBytes, youngShare: 0.1, segmentBytes: 10, itemCount: () => 1000 })
  const ahead = { count: 1 }
  return { space, queues, ahead, evictor: new BlobEvictor({ space, queues, clock, segmentBytes: 50, ahead }) }
}

/** Adds sealed segments of 100 bytes. */
function fill({ space, queues }: Scene, segments: readonly number[], expiresMs = Infinity): void {
  for (const segment of segments) {
    assert.ok(space.tryReserveForMoves(100))
    queues.add(segment, 'main', 100)
    queues.seal(segment, expiresMs)
  }
}

function shown(step: EvictionStep): string {
  if (step.kind === 'rest') return 'rest'
  return step.kind === 'seal' ? `seal ${step.segment}` : `${step.isMoved ? 'move' : 'drop'} ${step.victim.segment}`
}

function finish({ space, queues, evictor }: Scene, segment: number): void {
  const bytes = queues.bytesOf(segment)
  evictor.gone(segment)
  space.release('segment', bytes)
}

test('room is made ahead, one move at a time; where there is nothing to move the next segment goes beside it', () => {
  const scene = sceneOf()
  const { space, evictor } = scene
  fill(scene, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.equal(shown(evictor.next()), 'rest')
  assert.ok(space.tryReserve('segment', 20))
  assert.equal(shown(evictor.next()), 'move 1')
  assert.equal(shown(evictor.next()), 'rest')
  let answer: boolean | undefined
  space.reserve(150, (isGranted) => (answer = isGranted))
  assert.equal(shown(evictor.next()), 'rest', 'who waits waits for the move: it ends by itself')
  evictor.drops(1)
  assert.deepEqual([shown(evictor.next()), shown(evictor.next())], ['move 2', 'rest'])
  evictor.drops(2)
  assert.equal(shown(evictor.next()), 'rest', 'there will be room enough')
  finish(scene, 2)
  finish(scene, 1)
  assert.equal(answer, true)
  assert.ok(!evictor.isBusy)
})

test('more room is made ahead where more segments are', () => {
  const scene = sceneOf()
  fill(scene, [1, 2, 3, 4, 5, 6, 7, 8])
  scene.ahead.count = 3
  assert.equal(shown(scene.evictor.next()), 'rest')
  scene.ahead.count = 4
  assert.equal(shown(scene.evictor.next()), 'move 1')
})

test('there is room for moves, however many wait, on a disk that has it', () => {
  const scene = sceneOf()
  const { space, evictor } = scene
  fill(scene, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  space.reserve(60, () => assert.fail('there is room for moves only'))
  assert.ok(space.tryReserveForMoves(50))
  assert.equal(shown(evictor.next()), 'move 1')
  assert.ok(!space.tryReserveForMoves(51))
  evictor.failed(1)
  space.withheldBytes = 60
  assert.equal(shown(evictor.next()), 'drop 1')
})

test('for somebody who waits a few segments are kept, not all', () => {
  const scene = sceneOf()
  const { space, evictor } = scene
  fill(scene, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  space.reserve(60, () => undefined)
  const outcomes = [1, 2, 3, 4, 5, 6].map(() => {
    const step = evictor.next()
    assert.ok(step.kind === 'remove')
    const plan = evictor.plan(step.victim, [0, 100, 0, 0])
    if (plan === 'keep') evictor.kept(step.victim.segment)
    else evictor.failed(step.victim.segment)
    return plan === 'keep' ? 'kept' : 'moved'
  })
  assert.deepEqual(outcomes, ['kept', 'kept', 'kept', 'kept', 'moved', 'moved'])
})

test('room is made for the largest blob that was put', () => {
  const scene = sceneOf()
  fill(scene, [1, 2, 3, 4, 5, 6, 7])
  assert.equal(shown(scene.evictor.next()), 'rest')
  scene.evictor.notePut(250)
  assert.equal(shown(scene.evictor.next()), 'rest')
  scene.evictor.notePut(251)
  assert.equal(shown(scene.evictor.next()), 'move 1')
})

test('a removal that failed begins again', () => {
  const scene = sceneOf()
  fill(scene, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  assert.equal(shown(scene.evictor.next()), 'move 1')
  scene.evictor.failed(1)
  assert.ok(!scene.evictor.isBusy)
  assert.equal(shown(scene.evictor.next()), 'move 1')
})

test('when only open segments are left, one is to be sealed for somebody who waits', () => {
  const { space, queues, evictor } = sceneOf()
  assert.ok(space.tryReserveForMoves(1000))
  queues.add(1, 'young', 1000)
  assert.equal(shown(evictor.next()), 'rest')
  space.reserve(10, () => undefined)
  assert.equal(shown(evictor.next()), 'seal 1')
  queues.seal(1)
  assert.equal(shown(evictor.next()), 'move 1')
})

test('an open segment is not sealed while another one leaves', () => {
  const scene = sceneOf()
  const { space, queues, evictor } = scene
  fill(scene, [1])
  assert.ok(space.tryReserve('segment', 850))
  queues.add(2, 'young', 850)
  assert.equal(shown(evictor.next()), 'move 1')
  space.reserve(60, () => undefined)
  assert.equal(shown(evictor.next()), 'rest')
  evictor.kept(1)
  assert.equal(shown(evictor.next()), 'move 1')
})

test('expired segments go first, and nothing of them is moved, unless the clock jumped forward', () => {
  const clock = { now: 0, wall: 1e12, nowMs: () => clock.now, wallMs: () => clock.wall }
  const scene = sceneOf(1000, clock)
  fill(scene, [1, 2, 3, 4, 5, 6, 7, 8])
  fill(scene, [9, 10], 1e12 + 5000)
  clock.wall += 3_600_000
  assert.equal(shown(scene.evictor.next()), 'move 1', 'an hour passed on the wall, none in truth')
  scene.evictor.failed(1)
  clock.now += 3_590_000
  assert.equal(shown(scene.evictor.next()), 'drop 9')
})

test('a victim of which most was hit is kept, once', () => {
  const { evictor } = sceneOf()
  const victim = { segment: 1, queue: 'main', bytes: 100, isExpired: false, wasKept: false } as const
  assert.equal(evictor.plan(victim, [10, 40, 20, 11]), 'keep')
  assert.notEqual(evictor.plan(victim, [10, 40, 20, 10]), 'keep')
  assert.notEqual(evictor.plan({ ...victim, wasKept: true }, [0, 40, 20, 40]), 'keep')
})

test('what may be moved follows what was put', () => {
  const { evictor } = sceneOf(8000)
  const victim = { segment: 1, queue: 'main', bytes: 10_000, isExpired: false, wasKept: true } as const
  const movable = (): number => {
    const plan = evictor.plan(victim, [0, 0, 0, 10_000])
    return plan === 'keep' ? 0 : Array.from({ length: 10_000 }, () => plan.takes(3, 1)).filter(Boolean).length
  }
  assert.equal(movable(), 1000)
  evictor.noteMoved(1000)
  assert.equal(movable(), 0)
  evictor.notePut(100)
  assert.equal(movable(), 33)
  for (let i = 0; i < 100; i++) evictor.notePut(100)
  assert.equal(movable(), 1000)
})

test('of too much, what was hit most is moved', () => {
  const takenOf = (bytesMax: number): number[] => {
    const plan = new MovePlan([50, 30, 20, 10], bytesMax)
    return [0, 1, 2, 3].map((visits) => Array.from({ length: 10 }, () => plan.takes(visits, 5)).filter(Boolean).length)
  }
  assert.deepEqual(takenOf(1000), [0, 6, 4, 2])
  assert.deepEqual(takenOf(60), [0, 6, 4, 2])
  assert.deepEqual(takenOf(45), [0, 3, 4, 2])
  assert.deepEqual(takenOf(12), [0, 0, 0, 2])
  assert.deepEqual(takenOf(0), [0, 0, 0, 0])
  assert.deepEqual(takenOf(-5), [0, 0, 0, 0])
  assert.deepEqual([1, 2, 3].map((visits) => visitsAfterMove('main', visits)), [0, 1, 2])
  assert.deepEqual([1, 2, 3].map((visits) => visitsAfterMove('young', visits)), [0, 0, 0])
})

/** A store without files that does everything in a drawn order, and counts its bytes once more by itself. */
class DrawnStore {
  readonly scene: Scene
  private readonly random: SeededRandom
  private readonly maxBytes: number
  private readonly segmentBytes: number
  private lastNumber = 0
  private readonly files = new Map<number, { bytes: number; isOpen: boolean }>()
  private readonly leaving: { segment: number; isMoved: boolean }[] = []
  private readonly streams: number[] = []
  private readonly held: number[] = []
  private other = 0
  waitingPuts = 0

  constructor(random: SeededRandom) {
    this.random = random
    this.segmentBytes = 16 + random.below(200)
    this.maxBytes = this.segmentBytes * (8 + random.below(40))
    const catalogBytes = Math.floor(this.maxBytes / 64)
    const space = new BlobSpace({ maxBytes: this.maxBytes, catalogBytes })
    const { segmentBytes, maxBytes } = this
    const youngShare = random.pick([0.05, 0.1, 0.5])
    const queues = new BlobQueues({ maxBytes, youngShare, segmentBytes, itemCount: () => 9 })
    const ahead = { count: random.pick([1, 2, 4]) }
    const evictor = new BlobEvictor({ space, queues, clock: stopped, segmentBytes, ahead })
    this.scene = { space, queues, evictor, ahead }
  }

  step(): void {
    const { space } = this.scene
    const bytes = 1 + this.random.below(this.segmentBytes)
    switch (this.random.below(9)) {
      case 0: case 1: case 2: return this.put(bytes)
      case 3: return this.stream(bytes)
      case 4: return this.endStream(this.random.chance(0.5))
      case 5: case 6: return this.endRemoval(this.random.chance(0.1))
      case 7: return this.endRead()
      default:
        if (this.other > 0) space.release('snapshot', this.other)
        this.other = space.tryReserve('snapshot', bytes) ? bytes : 0
    }
  }

  /** Ends all that is under way, as long as something is. */
  settle(): void {
    while (this.leaving.length + this.streams.length + this.held.length > 0) {
      this.endRemoval(false)
      this.endStream(false)
      this.endRead()
      this.check()
    }
  }

  /** Does what is due, and checks what must always hold. */
  check(): void {
    const { space, evictor, queues } = this.scene
    for (let due = evictor.next(); due.kind !== 'rest'; due = evictor.next()) {
      if (due.kind === 'seal') this.seal(due.segment)
      else this.leaving.push({ segment: due.victim.segment, isMoved: due.isMoved })
    }
    while (space.heldExcess > 0) this.endRead()
    let sum = this.other
    for (const [segment, { bytes }] of this.files) {
      sum += bytes
      assert.equal(queues.bytesOf(segment), bytes)
    }
    for (const each of [...this.streams, ...this.held]) sum += each
    assert.equal(space.usedBytes, sum)
    assert.ok(sum <= this.maxBytes, 'never more than there may be')
    const isUnderWay = this.leaving.length + this.streams.length + this.held.length > 0
    assert.ok(space.waitingBytes === 0 || isUnderWay, 'somebody waits, and nothing is under way')
    assert.equal(space.waitingBytes > 0, this.waitingPuts > 0)
  }

  private put(bytes: number): void {
    this.waitingPuts++
    this.scene.space.reserve(bytes, (isGranted) => {
      assert.ok(isGranted)
      this.waitingPuts--
      this.append(bytes, this.random.pick(['young', 'young', 'main']))
    })
  }

  private append(bytes: number, queue: 'young' | 'main'): void {
    const { queues } = this.scene
    const open = [...this.files].filter(([, { isOpen }]) => isOpen)
    const found = open.length > 2 ? this.random.pick(open)[0] : undefined
    const segment = found ?? ++this.lastNumber
    if (found === undefined) {
      queues.add(segment, queue, 0)
      this.files.set(segment, { bytes: 0, isOpen: true })
    }
    queues.grow(segment, bytes)
    const file = this.files.get(segment)!
    file.bytes += bytes
    if (file.bytes > this.segmentBytes) this.seal(segment)
  }

  private seal(segment: number): void {
    this.scene.queues.seal(segment)
    this.files.get(segment)!.isOpen = false
  }

  private stream(bytes: number): void {
    if (this.scene.space.tryReserve('stream', bytes)) this.streams.push(bytes)
  }

  private endStream(isComplete: boolean): void {
    const { space, queues } = this.scene
    const bytes = this.streams.shift()
    if (bytes === undefined) return
    if (!isComplete) return space.release('stream', bytes)
    space.change('stream', 'segment', bytes)
    queues.add(++this.lastNumber, 'young', bytes)
    this.files.set(this.lastNumber, { bytes, isOpen: false })
    queues.seal(this.lastNumber)
  }

  private endRemoval(hasFailed: boolean): void {
    const { space, queues, evictor } = this.scene
    if (this.leaving.length === 0) return
    const { segment, isMoved } = this.leaving.splice(this.random.below(this.leaving.length), 1)[0]!
    if (hasFailed) return evictor.failed(segment)
    if (isMoved && this.random.chance(0.2)) return evictor.kept(segment)
    const bytes = queues.bytesOf(segment)
    if (isMoved && this.random.chance(0.3)) {
      evictor.drops(segment)
      this.leaving.push({ segment, isMoved: false })
      return
    }
    const moved = this.random.below(bytes + 1)
    if (isMoved && space.tryReserveForMoves(moved)) this.append(moved, 'main')
    this.files.delete(segment)
    evictor.gone(segment)
    if (!this.random.chance(0.3)) return space.release('segment', bytes)
    this.held.push(bytes)
    space.change('segment', 'held', bytes)
  }

  private endRead(): void {
    const bytes = this.held.shift()
    if (bytes !== undefined) this.scene.space.release('held', bytes)
  }
}

test('in any order of things the cache has at most its bytes, and nobody waits for nothing', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed, 'eviction')
    const store = new DrawnStore(random)
    try {
      for (let i = 0; i < 400; i++) {
        store.step()
        store.check()
      }
      store.settle()
      assert.equal(store.waitingPuts, 0, 'all who waited are answered')
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
