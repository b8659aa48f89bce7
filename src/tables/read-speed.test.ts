import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadSpeed } from './read-speed.js'

/** Reads until `count` are done, each of which takes `ms`; gives how many blocked, and how long together. */
function read(speed: ReadSpeed, watch: { ms: number; nowMs(): number }, count: number, ms: number) {
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

test('fast reads block, and one that is slow changes nothing', () => {
  const [speed, watch] = [new ReadSpeed(), newWatch()]
  for (let i = 0; i < 100; i++) {
    assert.equal(read(speed, watch, 50, 0.02).blocked, 50)
    assert.equal(read(speed, watch, 1, 500).blocked, 1)
  }
})

for (const ms of [0.6, 1, 5, 80]) {
  test(`reads of ${ms} ms do not block: some of the first, then a 64th of the time`, () => {
    const [speed, watch] = [new ReadSpeed(), newWatch()]
    assert.ok(read(speed, watch, 20, ms).blocked <= (ms < 1 ? 20 : ms < 2 ? 7 : 4))
    const { blockedMs } = read(speed, watch, 5000, ms)
    assert.ok(blockedMs > 0 && blockedMs <= (5000 * ms) / 60, `${blockedMs} of ${5000 * ms} ms`)
    watch.ms += 64 * ms
    const after = read(speed, watch, 3000, 0.02)
    assert.ok(after.blocked > 1500, `${after.blocked} of 3000 block when they are fast again`)
    assert.equal(read(speed, watch, 100, 0.02).blocked, 100)
  })
}
