/** What `stats().valueLog` says of the work that was done with large values. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { Stats, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'

const DIR = '/db'
const KiB = 1024
const MiB = 1024 * KiB

function open(vfs: MemoryVfs, options: VarveOptions = {}): Promise<Varve> {
  return Varve.open(DIR, {
    workers: 0, valueThreshold: 4096, writeBufferSize: 4 * MiB, compaction: { style: 'none' }, components: { vfs },
    ...options,
  })
}

type Counters = Stats['valueLog']

function written({ promotedCount, promotedBytes, copiedCount, copiedBytes, keptCount, keptBytes }: Counters): number[] {
  return [promotedCount, promotedBytes, copiedCount, copiedBytes, keptCount, keptBytes]
}

async function fill(db: Varve, large: number, small: number): Promise<void> {
  for (let i = 0; i < large; i++) await db.put(`large ${i}`, new Uint8Array(100 * KiB).fill(i))
  for (let i = 0; i < small; i++) await db.put(`small ${i}`, new Uint8Array(4000).fill(i))
}

test('values that flushes promote, copy and keep are counted, each once, and those of an open too', async () => {
  const vfs = new MemoryVfs()
  let db = await open(vfs)
  await fill(db, 20, 0)
  await db.flush()
  assert.deepEqual(written(db.stats().valueLog), [20, 20 * 100 * KiB, 0, 0, 0, 0])
  await fill(db, 11, 300)
  await db.put('large 0', new Uint8Array(100 * KiB)) // what it replaces is written nowhere
  await db.flush()
  assert.deepEqual(written(db.stats().valueLog).slice(2), [11, 11 * 100 * KiB, 0, 0])
  await fill(db, 2, 0)
  await db.flush()
  assert.deepEqual(written(db.stats().valueLog), [20, 20 * 100 * KiB, 11, 11 * 100 * KiB, 2, 2 * 100 * KiB])
  await fill(db, 15, 300)
  await db.close()
  db = await open(vfs, { flushOnClose: false })
  assert.deepEqual(written(db.stats().valueLog), [0, 0, 0, 0, 0, 0])
  await fill(db, 15, 300)
  await db.close()
  db = await open(vfs)
  assert.equal(db.stats().recovery!.replayedEntryCount, 315)
  assert.deepEqual(written(db.stats().valueLog), [0, 0, 15, 15 * 100 * KiB, 0, 0])
  await db.close()
})

test('values that a collection moves are counted, with their bytes', async () => {
  const db = await open(new MemoryVfs(), { compaction: { style: 'leveled' } })
  await fill(db, 20, 0)
  await db.flush()
  for (let i = 0; i < 15; i++) await db.del(`large ${i}`)
  await db.collectGarbage({ ratio: 0.05 })
  const { movedCount, movedBytes } = db.stats().valueLog
  assert.deepEqual([movedCount, movedBytes], [5, 5 * 100 * KiB])
  await db.close()
})

test('reads of value logs are counted: calls, bytes, and those in the thread pool', async () => {
  const vfs = new MemoryVfs()
  let db = await open(vfs)
  await fill(db, 20, 0)
  await db.put('z', new Uint8Array(300 * KiB))
  await db.close()
  for (const readOnly of [false, true]) {
    db = await open(vfs, { readOnly })
    const counted = (): number[] => {
      const { readCount, readBytes, poolReadCount } = db.stats().valueLog
      return [readCount, readBytes, poolReadCount]
    }
    await db.has('z')
    for await (const _ of db.keys()) continue
    assert.deepEqual(counted(), [0, 0, 0])
    await db.get('large 3')
    assert.deepEqual(counted(), [1, 100 * KiB, 0])
    await db.get('z')
    assert.deepEqual(counted(), [2, 400 * KiB, 1])
    db.getSync('z')
    assert.deepEqual(counted(), [3, 700 * KiB, 1])
    await db.close()
  }
})
