/** A queue on VarveLevel, whose every pop looks for its head from the very start, and counts of what it walks over. */
import assert from 'node:assert/strict'
import { VarveLevel } from '../../../src/level.js'
import type { DatabaseOptions } from '../../../src/level.js'

export interface QueueRun {
  /** The number of items that go through it. */
  total: number
  /** The number of items in it when pushes and pops run in step. */
  length: number
  batch: number
  options: DatabaseOptions<string, string>
  /** After this many pops it waits for flushes and compactions: then counts do not depend on time. */
  settleEvery?: number
}

/** Counts of one tenth of the pops. */
export interface QueueTenth {
  /** Deleted keys walked over for each item popped. */
  passedEach: number
  /** The most for one look at the head. */
  passedMax: number
}

const key = (i: number): string => String(i).padStart(12, '0')

export async function runQueue(location: string, run: QueueRun): Promise<QueueTenth[]> {
  const { total, length, batch, settleEvery = Infinity } = run
  const db = new VarveLevel(location, run.options)
  await db.open()
  const passed = (): number => db.engine.stats().iterators.passedCount
  const tenths: QueueTenth[] = []
  let [pushed, popped, passedMax, tenthStart] = [0, 0, 0, 0]
  while (popped < total) {
    if (pushed < total) {
      await db.batch(Array.from({ length: batch }, (_, i) => ({ type: 'put', key: key(pushed + i), value: 'item' })))
      pushed += batch
      if (pushed < total && pushed - popped < length) continue
    }
    const before = passed()
    const page = await db.keys({ limit: batch }).all()
    passedMax = Math.max(passedMax, passed() - before)
    assert.deepEqual([page[0], page.at(-1)], [key(popped), key(popped + batch - 1)], 'the oldest items come first')
    await db.batch(page.map((name) => ({ type: 'del', key: name })))
    popped += batch
    if (popped % settleEvery === 0) await settled(db)
    if (popped % (total / 10) !== 0) continue
    tenths.push({ passedEach: (passed() - tenthStart) / (total / 10), passedMax })
    tenthStart = passed()
    passedMax = 0
  }
  assert.deepEqual(await db.keys({ limit: 1 }).all(), [])
  await db.close()
  return tenths
}

async function settled(db: VarveLevel): Promise<void> {
  for (let turn = 0; turn < 1e6; turn++) {
    const { flush, compaction } = db.engine.stats()
    if (flush.pending + compaction.active + compaction.queue === 0) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail('background work does not end')
}
