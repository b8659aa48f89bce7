import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processShared } from './process-shared.js'

test('whoever asks first makes the value, everybody gets the same one', () => {
  const first = processShared('process-shared.test', () => ({ n: 1 }))
  assert.equal(processShared('process-shared.test', () => ({ n: 2 })), first)
})

test('another copy of the module gets the same values', async () => {
  const mine = processShared('process-shared.test copies', () => ({}))
  const url = new URL('./process-shared.js?copy', import.meta.url).href
  const copy = (await import(url)) as { processShared: typeof processShared }
  assert.notEqual(copy.processShared, processShared)
  assert.equal(copy.processShared('process-shared.test copies', () => ({})), mine)
})
