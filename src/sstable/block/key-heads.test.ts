import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, EntryKind, putValueHandle, SeededRandom, VALUE_HANDLE_BYTES } from '../../base/index.js'
import { BlockBuilder } from './block-builder.js'
import { checkEntries } from './block-check.js'
import { BlockReader } from './block-reader.js'
import { BuildBuffer } from './build-buffer.js'
import { compareTied, headOf, KeyHeads } from './key-heads.js'

/** Makes an open block of these keys. */
function blockOf(keys: readonly Uint8Array[], kind = 1): { block: BlockReader; view: DataView } {
  const memory = new BuildBuffer()
  const builder = new BlockBuilder(memory)
  for (const [i, key] of keys.entries()) {
    builder.stage(key, 0, key.length)
    builder.measure()
    const value = new Uint8Array(kind === EntryKind.valueHandle ? VALUE_HANDLE_BYTES : 0)
    if (kind === EntryKind.valueHandle) putValueHandle(value, 0, 128, 1000, 1, 7)
    builder.push(1000 - i, kind, value.length)
    builder.putValues(value, 0, value.length)
  }
  const length = builder.encode(0)
  const block = new BlockReader()
  block.open(memory.bytes, memory.words, 0)
  checkEntries(block, length)
  return { block, view: memory.view }
}

function randomKeys(random: SeededRandom, prefix: string): Uint8Array[] {
  const keys = Array.from({ length: 1 + random.below(60) }, () => {
    const key = new Uint8Array(random.below(random.pick([3, 8, 20])))
    for (let i = 0; i < key.length; i++) key[i] = random.pick([0, 0, 1, 0x7f, 0x80, 0xff])
    return Buffer.concat([Buffer.from(prefix), key])
  })
  return keys.sort(compareBytes)
}

const signed = (order: number) => Math.sign(order)

test('heads and what decides when they are equal give the order of the keys, whatever prefix a block has', () => {
  for (let seed = 1; seed <= 80; seed++) {
    const random = new SeededRandom(seed, 'heads')
    const shared = 'shared bytes'.slice(0, random.below(13))
    const sets = [0, 1].map(() => randomKeys(random, shared + '0123456789'.slice(0, random.below(11))))
    const headAt = random.below(shared.length + 1)
    const [a, b] = sets.map((keys) => {
      const opened = blockOf(keys)
      const heads = new KeyHeads(headAt)
      heads.read(opened.block, opened.view)
      return { ...opened, heads, keys }
    })
    for (let i = 0; i < a!.keys.length; i++) {
      const own = headOf(a!.keys[i]!, headAt)
      assert.deepEqual([a!.heads.high[i], a!.heads.low[i]], [own.high, own.low])
      for (let j = 0; j < b!.keys.length; j++) {
        const byHead = own.high - b!.heads.high[j]! || own.low - b!.heads.low[j]!
        const order = byHead || compareTied(a!.block, i, b!.block, j, headAt)
        assert.equal(signed(order), signed(compareBytes(a!.keys[i]!, b!.keys[j]!)), `seed ${seed}`)
      }
    }
  }
})

test('plain: a value, or its handle, whose head differs from the one before', () => {
  const keys = ['key-0000', 'key-0001', 'key-0001-0002', 'key-0001-0003', 'key-0002'].map((key) => Buffer.from(key))
  const { block, view } = blockOf(keys)
  const heads = new KeyHeads(0)
  heads.read(block, view)
  assert.deepEqual([...heads.isPlain.subarray(0, 5)], [1, 1, 0, 0, 1])
  const handles = blockOf(keys, EntryKind.valueHandle)
  heads.read(handles.block, handles.view)
  assert.deepEqual([...heads.isPlain.subarray(0, 5)], [1, 1, 0, 0, 1])
  const tombstones = blockOf(keys, 2)
  heads.read(tombstones.block, tombstones.view)
  assert.deepEqual([...heads.isPlain.subarray(0, 5)], [0, 0, 0, 0, 0])
})

test('entries out of order are refused, before and behind the head too, also without the shared prefix', () => {
  const change = (place: number, prefixBytes: number) => {
    const names = ['shared-00000001-tail1', 'shared-00000001-tail3', 'shared-00000003-tail1']
    const keys = names.map((key) => Buffer.from(key))
    const { block, view } = blockOf([Buffer.from('s'.slice(prefixBytes)), ...keys])
    assert.equal(block.prefixBytes, 1 - prefixBytes)
    block.bytes[block.suffixStart(2) + place - block.prefixBytes]! -= 3
    new KeyHeads(1 - prefixBytes).read(block, view)
  }
  for (const place of [3, 9, 14, 20]) assert.throws(() => change(place, 0), /out of order/, String(place))
  const { block, view } = blockOf(['shared-1', 'shared-2', 'shared-3'].map((key) => Buffer.from(key)))
  assert.equal(block.prefixBytes, 7)
  new KeyHeads(3).read(block, view)
  const loose = blockOf([Buffer.alloc(0), ...['shared-1', 'shared-2', 'shared-3'].map((key) => Buffer.from(key))])
  loose.block.bytes[loose.block.suffixStart(2) + 1] = 0
  assert.throws(() => new KeyHeads(6).read(loose.block, loose.view), /out of order/, 'before the head')
})
