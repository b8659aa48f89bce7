import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './clock.js'
import { Turns } from './turns.js'

class HandClock implements Clock {
  time = 0
  deferred: (() => void)[] = []
  nowMs = () => this.time
  wallMs = () => this.time
  after = () => ({ cancel: () => undefined })
  defer = (callback: () => void) => void this.deferred.push(callback)
  deferWork = this.defer
  keepAlive = () => ({ cancel: () => undefined })
  turn(): void {
    for (const callback of this.deferred.splice(0)) callback()
  }
}

function asks(turns: Turns, count: number): boolean {
  let isOver = false
  for (let i = 0; i < count; i++) isOver = turns.isOver() || isOver
  return isOver
}

test('a turn is over after two milliseconds without a macrotask', () => {
  const clock = new HandClock()
  const turns = new Turns(clock)
  assert.equal(asks(turns, 16), false)
  clock.time += 1.9
  assert.equal(asks(turns, 16), false)
  clock.time += 0.2
  assert.equal(asks(turns, 16), true)
  assert.equal(asks(turns, 16), true, 'it stays over until the loop has turned')
  clock.turn()
  assert.equal(asks(turns, 16), false)
})

test('a loop that turns by itself is never stopped', () => {
  const clock = new HandClock()
  const turns = new Turns(clock)
  for (let i = 0; i < 50; i++) {
    assert.equal(asks(turns, 32), false)
    clock.time += 1.5
    clock.turn()
  }
  assert.ok(clock.deferred.length <= 1, 'one look at the loop at a time')
})

test('after much work at once the clock is asked each time', () => {
  const clock = new HandClock()
  const turns = new Turns(clock)
  assert.equal(turns.isOverNow(), false)
  clock.time += 2.1
  assert.equal(turns.isOver(), false)
  assert.equal(turns.isOverNow(), true)
  clock.turn()
  assert.equal(turns.isOverNow(), false)
})

test('the clock is asked seldom', () => {
  const clock = new HandClock()
  let looks = 0
  clock.nowMs = () => (looks++, 0)
  asks(new Turns(clock), 1600)
  assert.equal(looks, 100)
})

test('work that goes on in a turn of its own has two milliseconds from there', () => {
  const clock = new HandClock()
  const turns = new Turns(clock)
  turns.isOverNow()
  clock.time += 2.1
  assert.equal(turns.isOverNow(), true)
  turns.defer(() => void (clock.time += 1.5))
  clock.turn()
  clock.time += 0.6
  assert.equal(turns.isOverNow(), true, 'what ran before the first look counts')
})

test('of several that wait for a turn of their own, all share one turn', () => {
  const clock = new HandClock()
  const turns = new Turns(clock)
  turns.isOverNow()
  clock.time += 2.1
  const late: boolean[] = []
  for (let i = 0; i < 3; i++) {
    turns.defer(() => {
      clock.time += 1.2
      late.push(turns.isOverNow())
    })
  }
  clock.turn()
  assert.deepEqual(late, [false, true, true])
})
