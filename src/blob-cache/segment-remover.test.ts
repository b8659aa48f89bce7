import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BlobIndex } from './blob-index.js'
import type { CatalogWriter } from './catalog-writer.js'
import type { FooterEntry } from './segment-footer.js'
import { SegmentRemover } from './segment-remover.js'
import type { SegmentSet } from './segment-set.js'
import type { SlabSupply } from './slab-supply.js'

async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** A remover of segments whose steps are told, and whose groups end when the test says so. */
function scene(entries: Partial<FooterEntry>[] | null, used = { bytes: 0, oldest: 7 as number | null }) {
  const steps: string[] = []
  const ends: ((error?: Error) => void)[] = []
  const index = new BlobIndex()
  const remover = new SegmentRemover({
    maxBytes: 1000, index,
    segments: {
      get usedBytes() {
        return used.bytes
      },
      get oldest() {
        return used.oldest
      },
      entriesOf: async () => entries ?? Promise.reject(new Error('EIO')),
      reserve: (segment: number, bytes: number) => {
        steps.push(`reserve ${segment}`)
        used.bytes += bytes
      },
      remove: async (segment: number) => {
        steps.push(`unlink ${segment}, ${index.count} in the index`)
        used.bytes -= 400
      },
    } as unknown as SegmentSet,
    slabs: { forget: () => undefined } as unknown as SlabSupply,
    catalog: {
      catalog: { roomBytes: 200 },
      submit: () => new Promise<void>((resolve, reject) => {
        steps.push(`group, ${index.count} in the index`)
        ends.push((error) => (error === undefined ? resolve() : reject(error)))
      }),
    } as unknown as CatalogWriter,
    makeSafe: async () => {
      steps.push('bytes safe')
    },
  })
  return { index, remover, steps, ends, used }
}

const ENTRIES = [{ low: 1, high: 1, recordNum: 0 }, { low: 2, high: 2, recordNum: 1 }]

describe('a segment goes', () => {
  it('after its removal is durable: until then what is in it is a hit, and its file stays (BC-2, BC-12)', async () => {
    for (const entries of [ENTRIES, null]) {
      const { index, remover, steps, ends } = scene(entries)
      index.set(1, 1, 7, 128, 80, 0, 0)
      index.set(2, 2, 8, 128, 80, 0, 0)
      const removed = remover.remove(7)
      await turn()
      assert.deepEqual(steps, ['bytes safe', 'group, 2 in the index'])
      ends.shift()!()
      await removed
      assert.deepEqual(steps.slice(2), ['unlink 7, 1 in the index'])
      assert.ok(index.find(2, 2) >= 0, 'what was put elsewhere meanwhile stays')
    }
  })

  it('not at all when its removal cannot be written', async () => {
    const { index, remover, steps, ends } = scene(ENTRIES)
    index.set(1, 1, 7, 128, 80, 0, 0)
    const removed = remover.remove(7)
    await turn()
    ends.shift()!(new Error('ENOSPC'))
    await assert.rejects(removed)
    assert.equal(steps.length, 2)
    assert.equal(index.count, 1)
    const again = remover.remove(7)
    await turn()
    ends.shift()!()
    await again
    assert.equal(index.count, 0)
  })

  it('before its room is used (BC-3)', async () => {
    const { remover, steps, ends, used } = scene(ENTRIES, { bytes: 700, oldest: 7 })
    const reserved = remover.reserve(9, 400)
    await turn()
    assert.deepEqual(steps, ['bytes safe', 'group, 0 in the index'])
    ends.shift()!()
    await reserved
    assert.deepEqual([steps.at(-1), used.bytes], ['reserve 9', 700])
    assert.deepEqual([remover.evictedSegments, remover.evictedBytes], [1, 400])
    used.oldest = null
    await assert.rejects(remover.reserve(10, 400), /do not fit/)
  })
})
