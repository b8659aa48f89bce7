/** READ-7: walks share what they may read ahead. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import { ReadAhead } from './read-ahead.js'

test('READ-7: the walk whose last use is longest ago gives up its memory, one that is busy does not', () => {
  const ahead = new ReadAhead()
  ahead.bytesMax = 100
  const dropped: string[] = []
  const walk = (name: string) => ({ dropAhead: () => void dropped.push(name) })
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(walk)
  ahead.take(a!, 40)
  ahead.take(b!, 40)
  assert.deepEqual([ahead.room, ahead.bytes], [20, 80])
  ahead.rest(b!)
  ahead.rest(a!)
  assert.equal(ahead.room, 100)
  ahead.take(c!, 30)
  assert.deepEqual([dropped, ahead.bytes, ahead.room], [['b'], 70, 70])
  ahead.take(d!, 70)
  assert.deepEqual([dropped, ahead.bytes, ahead.room], [['b', 'a'], 100, 0])
  ahead.give(c!)
  ahead.give(a!) // which has none any more
  assert.deepEqual([ahead.bytes, ahead.room], [70, 30])
  // The first that rests is not the first of all.
  ahead.take(a!, 20)
  ahead.rest(a!)
  ahead.take(b!, 30)
  assert.deepEqual([dropped, ahead.bytes], [['b', 'a', 'a'], 100])
})

test('READ-7: whatever walks do, they never hold more than they may', () => {
  const random = new SeededRandom(3)
  for (let life = 0; life < 50; life++) {
    const ahead = new ReadAhead()
    ahead.bytesMax = random.below(1000)
    let peak = 0
    ahead.onGrown = () => (peak = ahead.peakBytes)
    const held = new Map<object, number>()
    const walks = Array.from({ length: 8 }, () => {
      const walk = { dropAhead: () => void held.delete(walk) }
      return walk
    })
    for (let i = 0; i < 300; i++) {
      const walk = random.pick(walks)
      if (held.has(walk)) {
        if (random.chance(0.5)) ahead.rest(walk)
        else {
          ahead.give(walk)
          held.delete(walk)
        }
      } else {
        const bytes = random.below(ahead.room + 1)
        ahead.take(walk, bytes)
        held.set(walk, bytes)
      }
      const sum = [...held.values()].reduce((all, bytes) => all + bytes, 0)
      assert.equal(ahead.bytes, sum)
      assert.ok(sum <= ahead.bytesMax && peak >= sum)
    }
  }
})
