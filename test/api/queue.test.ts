/** Many deletes in front of what is looked for: the right answer, and without walking over them again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { Varve } from '../../src/index.js'
import { GapHint } from '../../src/read/gap-hint.js'
import { bytes, onEach, Place, text } from '../support/databases/databases.js'
import { sampleBuffer } from '../support/samples/write-buffer-samples.js'

const key = (i: number): string => String(i).padStart(6, '0')

function firstFrom(db: Varve, gte: string, snapshot?: ReturnType<Varve['snapshot']>): string | undefined {
  const options = snapshot === undefined ? { gte, limit: 1 } : { gte, limit: 1, snapshot }
  return text([...db.keysSync(options)][0])
}

test('a queue: each head is the oldest item left, also when one is put in front again', () => onEach(async (place) => {
  const db = await place.open({ writeBufferSize: 1 << 20, workers: 0 })
  for (let i = 0; i < 3000; i++) {
    db.putSync(key(i), 'item')
    if (i < 200) continue
    assert.equal(firstFrom(db, ''), key(i - 200))
    db.delSync(key(i - 200))
    if (i % 500 !== 0) continue
    db.putSync(key(i - 300), 'again')
    assert.equal(firstFrom(db, ''), key(i - 300))
    assert.equal(firstFrom(db, key(i - 299)), key(i - 199))
    db.delSync(key(i - 300))
  }
}))

test('random puts, deletes, flushes and seeks against a model, with readers of older times', async () => {
  for (let seed = 0; seed < 8; seed++) {
    const random = new SeededRandom(seed, 'queue')
    const db = await new Place('memory').open({ writeBufferSize: 1 << 20, workers: 0 })
    const model = new Set<string>()
    const expected = (gte: string, keys: Iterable<string> = model): string | undefined => (
      [...keys].filter((each) => each >= gte).sort()[0]
    )
    let held: { snapshot: ReturnType<Varve['snapshot']>; keys: Set<string> } | null = null
    for (let step = 0; step < 1500; step++) {
      const name = key(random.below(400))
      if (random.chance(0.06)) {
        db.putSync(name, 'x')
        model.add(name)
      } else if (random.chance(0.9)) {
        db.delSync(name)
        model.delete(name)
      } else if (random.chance(0.02)) await db.flush()
      const gte = random.chance(0.5) ? '' : key(random.below(400))
      assert.equal(firstFrom(db, gte), expected(gte), `seed ${seed}, step ${step}`)
      if (random.chance(0.02)) {
        held?.snapshot.release()
        held = { snapshot: db.snapshot(), keys: new Set(model) }
      }
      if (held !== null) assert.equal(firstFrom(db, gte, held.snapshot), expected(gte, held.keys), 'as it was')
    }
    await db.close()
  }
})

test('an iterator that gave the last entry of its limit holds nothing any more', async () => {
  const db = await new Place('memory').open()
  for (let i = 0; i < 5; i++) db.putSync(key(i), 'x')
  const iterator = db.keysSync({ limit: 2 })
  iterator.next()
  assert.equal(db.stats().iterators.activeCount, 1)
  assert.equal(text(iterator.next().value), key(1))
  assert.equal(db.stats().iterators.activeCount, 0)
  assert.deepEqual(iterator.next(), { done: true, value: undefined })
  await db.close()
  assert.deepEqual(iterator.next(), { done: true, value: undefined })
})

test('a stretch of deleted keys is remembered until a key is put into it', () => {
  const hint = new GapHint()
  const { buffer } = sampleBuffer(1, { capacity: 1 << 16, lastSeqNum: 0 })
  const { memtable } = buffer
  const reader = { memtable, seqNum: memtable.lastSeqNum, timeMs: 50, entryCount: memtable.entryCount, epoch: 0 }
  const find = (from: string, seqNum = memtable.lastSeqNum, timeMs = 50) => {
    const found = hint.find({ memtable, seqNum, timeMs }, bytes(from))
    return found === null ? null : [text(found.lower), text(found.end)]
  }
  hint.note(reader, 31, bytes('a'), bytes('m'))
  assert.equal(find('a'), null, 'too few')
  hint.note(reader, 32, bytes('b'), bytes('m'))
  assert.deepEqual(find('b'), ['b', 'm'])
  assert.deepEqual(find('lzz'), ['b', 'm'])
  assert.deepEqual([find('a'), find('m'), find('b', memtable.lastSeqNum - 1)], [null, null, null])
  assert.deepEqual([find('b', memtable.lastSeqNum, 49), find('b', memtable.lastSeqNum, 51)], [null, ['b', 'm']])
  const other = sampleBuffer(2, { capacity: 1 << 16, lastSeqNum: 0 }).buffer.memtable
  assert.equal(hint.find({ memtable: other, seqNum: 5, timeMs: 50 }, bytes('c')), null)
})
