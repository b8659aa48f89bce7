import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { AbortWatch } from './abort-watch.js'

const never = new Promise<never>(() => undefined)

/** Makes a signal as older libraries do, and as another realm's would look from here. */
function polyfill(fields: object = {}) {
  const listeners = new Set<() => void>()
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
    ...fields,
  }
  return { signal, listeners }
}

test('the reason of the signal ends what is waited for, and no listener stays', async () => {
  const controller = new AbortController()
  const watch = new AbortWatch(controller.signal)
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
  assert.equal(await watch.orAborted(Promise.resolve(7)), 7)
  watch.check()
  const waited = watch.orAborted(never)
  const reason = new Error('enough')
  controller.abort(reason)
  await assert.rejects(waited, reason)
  await assert.rejects(watch.orAborted(never), reason)
  assert.throws(() => watch.check(), reason)
  watch.end()
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  const late = new AbortWatch(AbortSignal.abort(reason))
  assert.throws(() => late.check(), reason)
  late.end()
})

test('an error of what is waited for comes through', async () => {
  const watch = new AbortWatch(new AbortController().signal)
  await assert.rejects(watch.orAborted(Promise.reject(new Error('mine'))), /mine/)
})

test('a signal of another make is one; without a reason it is ABORTED', async () => {
  const { signal, listeners } = polyfill()
  const watch = new AbortWatch(signal)
  const waited = watch.orAborted(never)
  for (const listener of listeners) listener()
  await assert.rejects(waited, { code: 'ABORTED' })
  watch.end()
  assert.equal(listeners.size, 0)
  const hostile = polyfill()
  Object.defineProperty(hostile.signal, 'reason', { get: () => { throw new Error('mine') } })
  const other = new AbortWatch(hostile.signal)
  for (const listener of hostile.listeners) listener()
  assert.throws(() => other.check(), { code: 'ABORTED' })
  new AbortWatch(polyfill({ removeEventListener: () => { throw new Error('mine') } }).signal).end()
})

test('what is no signal is refused', () => {
  const mine = new Error('mine')
  const fail = (): never => { throw mine }
  const wrong = [
    null, 0, 'abort', true, {}, new EventTarget(), new AbortController(), polyfill({ aborted: 1 }).signal,
    polyfill({ addEventListener: undefined }).signal, polyfill({ removeEventListener: 'x' }).signal,
  ]
  for (const signal of wrong) expectError(() => new AbortWatch(signal), 'INVALID_ARGUMENT')
  const throwing = [
    polyfill({ addEventListener: fail }).signal, Object.defineProperty(polyfill().signal, 'aborted', { get: fail }),
    new Proxy({}, { get: fail }),
  ]
  for (const signal of throwing) assert.equal(expectError(() => new AbortWatch(signal), 'INVALID_ARGUMENT').cause, mine)
})
