import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, entryBytesMax, EntryKind, finishEntry, newKeyStart, SeededRandom } from '../base/index.js'
import { compareEntryKeys, keyWord, sortEntries } from './entry-sort.js'

/** Writes entries with these keys one behind the other, as in a slab. */
function layOut(keys: Uint8Array[]): { bytes: Uint8Array; offsets: Uint32Array } {
  const total = keys.reduce((sum, key) => sum + entryBytesMax(key.length, 2), 8)
  const bytes = new Uint8Array(new SharedArrayBuffer(total)).fill(0xee)
  const offsets = new Uint32Array(keys.length)
  let at = 8
  for (const [i, key] of keys.entries()) {
    offsets[i] = at
    bytes.set(key, newKeyStart(at))
    at = finishEntry(bytes, at, EntryKind.value, key.length, 2)
  }
  return { bytes, offsets }
}

/** Gives the order by its definition: by key, then newest first. */
function expectedOrder(keys: Uint8Array[]): number[] {
  return keys.map((_, i) => i).sort((a, b) => compareBytes(keys[a]!, keys[b]!) || b - a)
}

function check(keys: Uint8Array[], what: string): void {
  const { bytes, offsets } = layOut(keys)
  assert.deepEqual([...sortEntries(bytes, offsets)], expectedOrder(keys), what)
}

const random = new SeededRandom(3, 'entry sort')
const letters = [0, 1, 0x61, 0x62, 0xff]

/** Makes keys of one shape. */
const shapes: Record<string, () => Uint8Array> = {
  'short keys, prefixes of each other, zero bytes': () =>
    Uint8Array.from({ length: random.below(7) }, () => random.pick(letters)),
  'zeros of every length': () => new Uint8Array(random.below(12)),
  'few keys, many versions': () => Uint8Array.of(random.below(3)),
  'long common prefixes': () => {
    const key = new Uint8Array(60 + random.below(4)).fill(0x70)
    key[50 + random.below(key.length - 50)] = random.pick(letters)
    return key
  },
  'numbers behind a prefix': () => Buffer.from(`prefix/${String(random.below(100_000)).padStart(9, '0')}`),
  'eight bytes, then a tail': () => {
    const head = `${random.below(5)}234567${random.below(3)}`
    return Buffer.from(head + 'tail'.slice(random.below(5)))
  },
  'random bytes': () => Uint8Array.from({ length: 1 + random.below(20) }, () => random.u32()),
  'around the border of a word': () => Uint8Array.from({ length: 3 + random.below(3) }, () => random.pick([0, 0xff])),
}

for (const [name, make] of Object.entries(shapes)) {
  test(`the order is that of a comparator: ${name}`, () => {
    for (const count of [0, 1, 2, 11, 12, 13, 14, 40, 300, 2000]) {
      check(Array.from({ length: count }, make), `${count} keys`)
    }
  })
}

test('keys in order, in reverse order, and all alike', () => {
  const keys = Array.from({ length: 500 }, (_, i) => Uint8Array.of(i >> 8, i & 0xff))
  check(keys, 'in order')
  check(keys.map((key) => Buffer.concat([Buffer.from('12345678'), key])), 'in order, behind eight bytes')
  check([...keys, ...keys.slice(0, 3)], 'in order, but for the last')
  check(keys.toReversed(), 'reversed')
  check(keys.map(() => new Uint8Array(9)), 'alike')
})

test('very long keys with one late difference do not take the stack', () => {
  const keys = Array.from({ length: 40 }, (_, i) => {
    const key = new Uint8Array(65_535)
    key[65_534 - (i % 3)] = i
    return key
  })
  check(keys, 'long')
})

test('a word is four bytes of the key, zeros behind its end, never of what stands behind the key', () => {
  const { bytes, offsets } = layOut([Uint8Array.of(1, 2, 3, 4, 0xff)])
  const words = [0, 1, 2, 3, 4, 5, 9].map((depth) => keyWord(bytes, offsets[0]!, depth))
  assert.deepEqual(words, [0x01020304, 0x020304ff, 0x0304ff00, 0x04ff0000, 0xff000000, 0, 0])
  const pair = layOut([Uint8Array.of(1), Uint8Array.of(1, 0)])
  assert.ok(compareEntryKeys(pair.bytes, pair.offsets[0]!, pair.offsets[1]!) < 0)
})
