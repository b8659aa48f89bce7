import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { OperationList } from './operation-list.js'
import type { BatchOperation } from './operation-list.js'
import { operationOf } from './operations.js'
import { PackedOperations } from './packed-operations.js'

const texts = ['', 'a', 'ä€', '\u{1F600}', '\ud800', 'x'.repeat(100), 'é'.repeat(70)]

function drawBytes(random: SeededRandom): Bytes {
  if (random.chance(0.5)) return random.pick(texts)
  const length = random.pick([0, 1, 3, 64, 65, 5000])
  const memory = random.chance(0.3) ? new SharedArrayBuffer(length + 7) : new ArrayBuffer(length + 7)
  return new Uint8Array(memory, 7, length).fill(random.u32())
}

const asBytes = (data: Bytes) => Buffer.from(data as Uint8Array)

test('what is packed comes out again, as bytes of its own, within the bound of its frame', () => {
  const random = new SeededRandom(11)
  for (let round = 0; round < 200; round++) {
    const given = Array.from({ length: random.below(6) }, () => {
      const key = drawBytes(random)
      return random.chance(0.3)
        ? { type: 'del' as const, key, value: undefined } : { type: 'put' as const, key, value: drawBytes(random) }
    })
    const expected = given.map(({ type, key, value }) => [type, asBytes(key), asBytes(value ?? '')])
    const packed = PackedOperations.pack(OperationList.read(given as BatchOperation[]))
    for (const { key, value } of given) for (const data of [key, value]) if (ArrayBuffer.isView(data)) data.fill(0x5a)
    const { kinds, keys, values, count } = packed.unpack()
    const unpacked = kinds.map((kind, i) => [operationOf(kind).type, asBytes(keys[i]!), asBytes(values[i]!)])
    assert.deepEqual(unpacked, expected)
    const dataBytes = expected.reduce((sum, [, key, value]) => sum + key!.length + value!.length, 0)
    assert.equal(packed.memoryBytes, dataBytes + 17 * count)
    const position = round % 2 === 0 ? null : new Uint8Array(9)
    const leastBytes = 40 + 8 * count + dataBytes + (position?.length ?? 0)
    assert.ok(packed.frameBytesBound({ sync: false, position }) >= leastBytes)
  }
})

test('what cannot be written is refused before anything is copied', () => {
  const refused = (operation: object) => () =>
    PackedOperations.pack(OperationList.read([{ type: 'put', key: 'k', value: 'v' }, operation as BatchOperation]))
  assert.throws(refused({ type: 'del', key: 'x'.repeat(65_536) }), { code: 'KEY_TOO_LARGE' })
  assert.throws(refused({ type: 'put', key: 1, value: 'v' }), { code: 'INVALID_ARGUMENT' })
})
