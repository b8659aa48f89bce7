/** Long calls of an open database: what waits hears of the end, and nothing stays of a wait that is over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import v8 from 'node:v8'
import vm from 'node:vm'
import { systemClock } from '../base/index.js'
import { Pace } from '../report/index.js'
import { HandClock } from '../../test/support/fakes/hand-clock.js'
import { Operations } from './operations.js'

const CALL = { kind: 'export', abort: null, onProgress: undefined } as const

test('a wait ends with the call, and what is waited for goes on', async () => {
  const operations = new Operations(systemClock)
  let told = 0
  const running = operations.run(CALL, async (operation) => {
    operation.tell(() => told++)
    operation.tell(() => told++)()
    assert.equal(await operation.orEnd(Promise.resolve(7)), 7)
    await assert.rejects(operation.orEnd(Promise.reject(new Error('its own'))), /its own/)
    await operation.orEnd(new Promise(() => undefined))
  })
  const ended = assert.rejects(running, { code: 'CLOSED' })
  await new Promise((resolve) => setImmediate(resolve))
  await operations.close()
  await ended
  assert.equal(told, 1, 'a listener that was taken back hears nothing')
})

test('a call that waits again and again keeps nothing of the waits before', async () => {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void
  const operations = new Operations(systemClock)
  await operations.run(CALL, async (operation) => {
    const waits: WeakRef<object>[] = []
    for (let i = 0; i < 50; i++) {
      const waited = operation.orEnd(Promise.resolve({ i }).then((value) => {
        waits.push(new WeakRef(value))
        return value
      }))
      await waited
    }
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    const left = waits.filter((wait) => wait.deref() !== undefined)
    assert.ok(left.length <= 2, `${left.length} of ${waits.length} are left`)
  })
})

test('a rest that a low pace asks for ends soon after the call must end', async () => {
  const clock = new HandClock()
  const pace = new Pace(clock, 1)
  let isEnded = false
  const rest = pace.take(1000, () => {
    if (isEnded) throw new Error('enough')
  })
  const ended = assert.rejects(rest, /enough/)
  isEnded = true
  await clock.advance(100)
  await ended
})
