import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallSpeed } from './call-speed.js'

/** Calls until `count` are done, each of which takes `ms`; gives how many blocked, and how long together. */
function call(speed: CallSpeed, watch: { ms: number; nowMs(): number }, count: number, ms: number) {
  let [blocked, blockedMs] = [0, 0]
  for (let i = 0; i < count; i++) {
    const mustWait = speed.mustWait(watch)
    const startMs = watch.nowMs()
    watch.ms += ms
    if (mustWait) continue
    blocked++
    blockedMs += ms
    speed.note(startMs, watch)
  }
  return { blocked, blockedMs }
}

const newWatch = () => ({ ms: 0, nowMs() { return this.ms } })

test('fast calls block, and one that is slow changes nothing', () => {
  const [speed, watch] = [new CallSpeed(), newWatch()]
  for (let i = 0; i < 100; i++) {
    assert.equal(call(speed, watch, 50, 0.02).blocked, 50)
    assert.equal(call(speed, watch, 1, 500).blocked, 1)
  }
})

for (const ms of [0.6, 1, 5, 80]) {
  test(`calls of ${ms} ms do not block: some of the first, then a 64th of the time`, () => {
    const [speed, watch] = [new CallSpeed(), newWatch()]
    assert.ok(call(speed, watch, 20, ms).blocked <= (ms < 1 ? 20 : ms < 2 ? 7 : 4))
    const { blockedMs } = call(speed, watch, 5000, ms)
    assert.ok(blockedMs > 0 && blockedMs <= (5000 * ms) / 60, `${blockedMs} of ${5000 * ms} ms`)
    watch.ms += 64 * ms
    const after = call(speed, watch, 3000, 0.02)
    assert.ok(after.blocked > 1500, `${after.blocked} of 3000 block when they are fast again`)
    assert.equal(call(speed, watch, 100, 0.02).blocked, 100)
  })
}

test('what many bytes take anyway is not slow', () => {
  const [speed, watch] = [new CallSpeed(), newWatch()]
  for (let i = 0; i < 100; i++) {
    const startMs = watch.nowMs()
    watch.ms += 1.6
    speed.note(startMs, watch, 1.5e6)
    assert.equal(speed.mustWait(watch), false)
  }
})
