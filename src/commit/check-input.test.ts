import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { expectError } from '../../test/support/harness/expect-error.js'
import { checkKey, checkValue } from './check-input.js'

const wrong = [
  undefined, null, 0, 1, NaN, true, 10n, Symbol('s'), {}, [], [1, 2], () => 'k', new Date(0), new ArrayBuffer(8),
  new SharedArrayBuffer(8), new DataView(new ArrayBuffer(8)), new Uint16Array(2), new Int8Array(2),
  new Uint8ClampedArray(2), new String('k'), { length: 1, 0: 1 },
]

test('only strings and Uint8Arrays are keys and values; the message says what was given', () => {
  for (const value of wrong) {
    const type = value === null ? 'null' : typeof value
    assert.match(expectError(() => checkKey(value), 'INVALID_ARGUMENT').message, new RegExp(`key .* not ${type}`))
    assert.match(expectError(() => checkValue(value), 'INVALID_ARGUMENT').message, new RegExp(`value .* not ${type}`))
  }
  class Subclass extends Uint8Array {}
  const views = [new Uint8Array(0), Buffer.from('x'), new Uint8Array(new SharedArrayBuffer(4)), new Subclass(3)]
  for (const value of ['', 'k', '\ud800', ...views]) {
    checkKey(value)
    checkValue(value)
  }
})

test('a key has at most 65,535 bytes, as it is stored', () => {
  checkKey(new Uint8Array(65_535))
  expectError(() => checkKey(new Uint8Array(65_536)), 'KEY_TOO_LARGE')
  checkKey('x'.repeat(65_535))
  expectError(() => checkKey('x'.repeat(65_536)), 'KEY_TOO_LARGE')
  checkKey('€'.repeat(21_845))
  expectError(() => checkKey('€'.repeat(21_845) + 'x'), 'KEY_TOO_LARGE')
  checkKey('\ud800'.repeat(21_845))
  expectError(() => checkKey('\ud800'.repeat(21_846)), 'KEY_TOO_LARGE')
})

test('a value has at most 1 GiB, without being looked at', () => {
  const huge = new Uint8Array(2 ** 30 + 1)
  expectError(() => checkValue(huge), 'VALUE_TOO_LARGE')
})

test('a view whose memory was transferred away is refused: it is not an empty value', () => {
  for (const make of [(b: ArrayBuffer) => new Uint8Array(b), (b: ArrayBuffer) => Buffer.from(b, 2, 4)]) {
    const buffer = new ArrayBuffer(16)
    const view = make(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    expectError(() => checkKey(view), 'INVALID_ARGUMENT')
    expectError(() => checkValue(view), 'INVALID_ARGUMENT')
  }
})

test('only what a view is made of counts, not what it says of itself', () => {
  class Short extends Uint8Array {
    override get length() { return 3 }
    override get byteLength() { return 3 }
  }
  expectError(() => checkKey(new Short(65_536)), 'KEY_TOO_LARGE')
  const claims = Object.defineProperty(new Uint8Array(4), 'length', { value: 2 ** 31 })
  checkKey(claims)
  checkValue(claims)
  for (const fake of [Object.create(Uint8Array.prototype), new Proxy(new Uint8Array(3), {})]) {
    expectError(() => checkKey(fake), 'INVALID_ARGUMENT')
    expectError(() => checkValue(fake), 'INVALID_ARGUMENT')
  }
})

test('a view of another realm is a view', () => {
  const foreign: unknown = runInNewContext('new Uint8Array([1, 2])')
  checkKey(foreign)
  checkValue(foreign)
  expectError(() => checkKey(runInNewContext('new Uint16Array([1, 2])')), 'INVALID_ARGUMENT')
})
