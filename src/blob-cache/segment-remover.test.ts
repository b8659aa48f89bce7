import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../base/index.js'
import { BlobEvictor } from './blob-eviction.js'
import { BlobIndex } from './blob-index.js'
import { BlobQueues } from './blob-queues.js'
import { BlobSpace } from './blob-space.js'
import { ChangeTag } from './catalog-format.js'
import type { FooterEntry } from './segment-footer.js'
import { SegmentRemover } from './segment-remover.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

async function turn(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

/** A remover of segments of 100 bytes whose steps are told, and whose groups end when the test says so. */
function scene(entries: Partial<FooterEntry>[] | null, sealed: readonly number[], otherBytes = 700) {
  const steps: string[] = []
  const ends: ((error?: Error) => void)[] = []
  const index = new BlobIndex()
  const space = new BlobSpace({ maxBytes: 1100, catalogBytes: 200 })
  const queues = new BlobQueues({ maxBytes: 1000, youngShare: 0, segmentBytes: 100, itemCount: () => 100 })
  const evictor = new BlobEvictor({ queues, space, clock: systemClock, segmentBytes: 100, ahead: { count: 1 } })
  for (const segment of sealed) {
    assert.ok(space.tryReserveForMoves(100))
    queues.add(segment, 'young', 100)
    queues.seal(segment)
  }
  assert.ok(space.tryReserveForMoves(otherBytes))
  const remover: SegmentRemover = new SegmentRemover({
    index, space, queues, evictor, clock: systemClock,
    segments: {
      entriesOf: async () => entries ?? Promise.reject(new Error('EIO')),
      remove: async (segment: number) => {
        steps.push(`unlink ${segment}, ${index.count} in the index`)
        space.release('segment', 100)
      },
    } as unknown as SegmentSet,
    slabs: { forget: () => undefined } as unknown as SlabSupply,
    mover: {
      copy: async ({ segment }) => {
        steps.push(`copy ${segment}`)
        return [{ tag: ChangeTag.limit, segment: 9, bytes: 500 }]
      },
      end: (isDurable) => steps.push(`copies ${isDurable ? 'count' : 'are dead'}`),
    },
    catalog: {
      submit: (changes) => new Promise<void>((resolve, reject) => {
        steps.push(`group of ${changes.map(({ tag }) => (tag === ChangeTag.limit ? 'limit' : 'removal')).join(', ')}`)
        ends.push((error) => (error === undefined ? resolve() : reject(error)))
      }),
    },
    makeSafe: async () => {
      steps.push('bytes safe')
    },
    sealOpen: (segment) => {
      steps.push(`seal ${segment}`)
      return segment !== 99
    },
  })
  const wait = (bytes: number) => {
    space.reserve(bytes, (isGranted) => steps.push(isGranted ? 'granted' : 'refused'))
    remover.look()
    return turn()
  }
  const end = (error?: Error) => {
    ends.shift()!(error)
    return turn()
  }
  return { index, space, queues, remover, steps, wait, end }
}

const ENTRIES = [
  { low: 1, high: 1, recordNum: 0, bytes: 80 }, { low: 2, high: 2, recordNum: 1, bytes: 80 },
]

describe('a segment goes', () => {
  it('after its removal is durable: until then what is in it is a hit, and its file stays (BC-2, BC-12)', async () => {
    for (const entries of [ENTRIES, null]) {
      const { index, steps, wait, end } = scene(entries, [1])
      index.set(1, 1, 1, 128, 80, 0, 0)
      index.set(2, 2, 8, 128, 80, 0, 0)
      await wait(100)
      assert.deepEqual(steps, ['bytes safe', 'group of removal'])
      assert.equal(index.count, 2)
      await end()
      assert.deepEqual(steps.slice(2, 4), ['unlink 1, 1 in the index', 'granted'])
      assert.ok(index.find(2, 2) >= 0, 'what was put elsewhere meanwhile stays')
    }
  })

  it('not at all when its removal cannot be written; who waits is told, and the next one tries again', async () => {
    const { index, steps, wait, end } = scene(ENTRIES, [1])
    index.set(1, 1, 1, 128, 80, 0, 0)
    await wait(100)
    await end(new Error('ENOSPC'))
    assert.deepEqual(steps, ['bytes safe', 'group of removal', 'refused'])
    assert.equal(index.count, 1)
    await wait(100)
    await end()
    assert.equal(index.count, 0)
    assert.deepEqual(steps.slice(3, 7), ['bytes safe', 'group of removal', 'unlink 1, 0 in the index', 'granted'])
  })

  it('after what is worth it was copied, in one group with the limits of the copies (BC-5)', async () => {
    for (const isDurable of [true, false]) {
      const { remover, index, steps, end } = scene(ENTRIES, [2], 700)
      index.set(1, 1, 2, 128, 10, 0, 1)
      remover.look()
      await turn()
      assert.deepEqual(steps, ['copy 2', 'bytes safe', 'group of limit, removal'])
      await end(isDurable ? undefined : new Error('EIO'))
      assert.equal(steps[3], isDurable ? 'copies count' : 'copies are dead')
      assert.equal(steps.length > 4, isDurable, 'a failed removal is not tried again while nobody waits')
    }
  })

  it('and becomes ghosts, when it was young', async () => {
    const { index, queues, wait, end } = scene(ENTRIES, [1])
    index.set(1, 1, 1, 128, 80, 0, 0)
    await wait(100)
    await end()
    assert.deepEqual([queues.hasGhost(1, 1), queues.hasGhost(2, 2)], [true, false])
  })

  it('or nobody waits: where none can go, who wants room is refused, or an open one is sealed (BC-7)', async () => {
    const { steps, wait, space, queues } = scene(ENTRIES, [], 800)
    await wait(100)
    assert.deepEqual(steps.splice(0), ['refused'])
    queues.add(5, 'young', 100)
    await wait(100)
    assert.deepEqual(steps.splice(0), ['seal 5'])
    space.refuseAll()
    queues.remove(5)
    queues.add(99, 'main', 100)
    await wait(100)
    assert.deepEqual(steps, ['refused', 'seal 99', 'refused'])
  })
})
