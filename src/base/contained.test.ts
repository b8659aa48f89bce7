import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callContained } from './contained.js'

test('whatever a callback of the caller does wrong is heard and goes no further', async () => {
  const heard: string[] = []
  const hear = (error: unknown) => void heard.push((error as Error).message)
  const call = (callback: () => unknown) => callContained(callback, hear)
  const fail = (text: string): never => { throw new Error(text) }
  call(() => fail('thrown'))
  call(async () => fail('rejected'))
  call(() => ({ then: (_: unknown, reject: (error: Error) => void) => reject(new Error('thenable')) }))
  call(() => ({ get then(): never { return fail('getter') } }))
  call(() => ({ then: () => fail('then') }))
  for (const fine of [undefined, null, 1, 'text', {}, Promise.resolve()]) call(() => fine)
  await new Promise(setImmediate)
  assert.deepEqual(heard.sort(), ['getter', 'rejected', 'then', 'thenable', 'thrown'])
})
