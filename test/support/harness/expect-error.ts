/** Runs a function that must throw a VarveError of one of these codes, and gives the error. */
import assert from 'node:assert/strict'
import { VarveError } from '../../../src/base/index.js'
import type { ErrorCode } from '../../../src/base/index.js'

export function expectError(run: () => unknown, ...codes: ErrorCode[]): VarveError {
  try {
    run()
  } catch (error) {
    if (!VarveError.is(error)) throw error
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}; expected ${codes}`)
    return error
  }
  return assert.fail(`no error; expected ${codes}`)
}
