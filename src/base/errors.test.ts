import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from './errors.js'

test('an error of another copy of the package is a VarveError, by `is` and by instanceof', async () => {
  const url = new URL('./errors.js?copy', import.meta.url).href
  const other = (await import(url)) as { VarveError: typeof VarveError }
  assert.notEqual(other.VarveError, VarveError)
  const error: unknown = new other.VarveError('BUSY', 'wait')
  assert.equal(VarveError.is(error), true)
  assert.equal(error instanceof VarveError, true)
  assert.equal(error instanceof Error, true)
})

test('what is no VarveError is none by instanceof either', () => {
  for (const value of [new Error('x'), Object.create(Error.prototype), null, undefined, 'BUSY', { code: 'BUSY' }]) {
    assert.equal((value as object) instanceof VarveError, false)
    assert.equal(VarveError.is(value), false)
  }
})

test('a class that extends it has only its own', () => {
  class Mine extends VarveError {}
  assert.equal(new VarveError('BUSY', 'wait') instanceof Mine, false)
  assert.equal(new Mine('BUSY', 'wait') instanceof Mine, true)
  assert.equal(new Mine('BUSY', 'wait') instanceof VarveError, true)
})
