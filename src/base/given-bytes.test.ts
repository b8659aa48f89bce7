import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { copyView, hasMemory, isByteView, viewLength } from './given-bytes.js'

/** A view whose own properties and methods lie in every way that may do harm. */
class Liar extends Uint8Array {
  static get [Symbol.species](): never { throw new Error('species') }
  override get length() { return 1 }
  override get byteLength() { return 1 }
  override get byteOffset() { return 7 }
  override get buffer(): never { throw new Error('buffer') }
  override slice(): never { throw new Error('slice') }
  override [Symbol.iterator](): never { throw new Error('iterator') }
}

/** The class as newer types declare it. The oldest supported Node has it, but its types do not. */
const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & {
  resize(length: number): void
}

test('a byte view is a Uint8Array or extends one, in whatever realm; nothing else is', () => {
  const foreign: unknown = runInNewContext('new Uint8Array(2)')
  for (const view of [new Uint8Array(0), Buffer.from('x'), new Liar(3), foreign]) assert.ok(isByteView(view))
  const others = [
    undefined, null, 1, 'text', Symbol('s'), [], {}, new ArrayBuffer(1), new SharedArrayBuffer(1), new Int8Array(1),
    new Uint8ClampedArray(1), new DataView(new ArrayBuffer(1)), Object.create(Uint8Array.prototype),
    new Proxy(new Uint8Array(1), {}), { [Symbol.toStringTag]: 'Uint8Array' },
  ]
  for (const other of others) assert.equal(isByteView(other), false)
})

test('length and bytes are those of the memory, whatever the view says', () => {
  const liar = new Liar(5)
  for (let i = 0; i < 5; i++) liar[i] = i
  assert.equal(viewLength(liar), 5)
  const copy = copyView(liar)
  liar[0] = 9
  assert.deepEqual(copy, Uint8Array.of(0, 1, 2, 3, 4))
  const buffer = copyView(Buffer.from('abc'))
  assert.equal(Object.getPrototypeOf(buffer), Uint8Array.prototype, 'no Buffer, whose slice is a view')
  assert.deepEqual(copyView(new Uint8Array(new SharedArrayBuffer(4), 1, 2)).buffer.byteLength, 2)
})

test('memory that was transferred away or cut off is missed, an empty view is not', () => {
  for (const view of [new Uint8Array(0), Buffer.alloc(0), new Uint8Array(3)]) assert.ok(hasMemory(view))
  const sent = new Uint8Array(8)
  structuredClone(sent, { transfer: [sent.buffer] })
  assert.equal(hasMemory(sent), false)
  const memory = new Resizable(16, { maxByteLength: 32 })
  const [fixed, tracking] = [new Uint8Array(memory, 8, 8), new Uint8Array(memory, 8)]
  memory.resize(12)
  assert.deepEqual([viewLength(fixed), hasMemory(fixed), viewLength(tracking)], [0, false, 4])
  memory.resize(4)
  assert.deepEqual([viewLength(tracking), hasMemory(tracking)], [0, false])
})
