/** Inputs for LZ4, good and hostile; both implementations must do the same with each. */
import assert from 'node:assert/strict'
import type { SeededRandom } from '../../../src/base/index.js'
import { LZ4_MEMORY_BYTES, LZ4_PLAIN_BYTES_MAX, LZ4_ROOM_AT } from '../../../src/codec/lz4-memory.js'
import type { Lz4 } from '../../../src/codec/lz4-memory.js'
import { ScriptLz4 } from '../../../src/codec/lz4-script.js'
import { WasmLz4 } from '../../../src/codec/lz4-wasm.js'

const PLAIN_AT = LZ4_ROOM_AT
const PACKED_AT = (LZ4_ROOM_AT + LZ4_MEMORY_BYTES) / 2
const UNTOUCHED = 0xa5
/** Bytes behind a result that are looked at: no call may change them. */
const LOOKED_BEHIND = 64

/** How many blocks were unpacked by both, and how many were refused by both. */
export interface Tally {
  goodCount: number
  refusedCount: number
}

export class Lz4Comparison {
  readonly tally: Tally = { goodCount: 0, refusedCount: 0 }
  private readonly both: readonly [Lz4, Lz4] = [new ScriptLz4(), new WasmLz4()]

  /** Packs a random input, unpacks it, and unpacks some bytes that nobody packed. */
  run(random: SeededRandom): void {
    const plain = randomInput(random)
    const packed = this.pack(plain, random.chance(0.7) ? plain.length + 300 : random.below(plain.length + 20))
    if (packed === null) return
    assert.deepEqual(this.unpack(packed, plain.length), plain)
    this.unpack(flipped(packed, random), plain.length)
    this.unpack(packed.subarray(0, random.below(packed.length)), plain.length)
    this.unpack(packed, random.below(plain.length + 40))
    this.unpack(randomBytes(random, random.below(40), 256), random.below(400))
  }

  /** Null: it does not fit into `max` bytes. */
  pack(plain: Uint8Array, max: number): Uint8Array | null {
    const [first, second] = this.both.map((lz4) => {
      lz4.bytes.fill(UNTOUCHED, LZ4_ROOM_AT)
      lz4.bytes.set(plain, PLAIN_AT)
      const length = lz4.compress(PLAIN_AT, plain.length, PACKED_AT, max)
      assert.ok(length <= max)
      checkUntouched(lz4, PACKED_AT + max)
      assert.ok(same(lz4.bytes.subarray(PLAIN_AT, PLAIN_AT + plain.length), plain))
      return lz4.bytes.slice(PACKED_AT, PACKED_AT + length)
    })
    assert.ok(same(first!, second!), 'both pack the same')
    return first!.length === 0 ? null : first!
  }

  /** Null: it is refused. */
  unpack(packed: Uint8Array, size: number): Uint8Array | null {
    const [first, second] = this.both.map((lz4) => {
      lz4.bytes.fill(UNTOUCHED, LZ4_ROOM_AT)
      lz4.bytes.set(packed, PACKED_AT)
      const isGood = lz4.decompress(PACKED_AT, packed.length, PLAIN_AT, size)
      checkUntouched(lz4, PLAIN_AT + size)
      assert.ok(same(lz4.bytes.subarray(PACKED_AT, PACKED_AT + packed.length), packed))
      return isGood ? lz4.bytes.slice(PLAIN_AT, PLAIN_AT + size) : null
    })
    if (first === null || second === null) assert.equal(first, second, 'both refuse')
    else assert.ok(same(first!, second!), 'both unpack the same')
    if (first === null) this.tally.refusedCount++
    else this.tally.goodCount++
    return first!
  }
}

function checkUntouched(lz4: Lz4, from: number): void {
  for (let at = from; at < from + LOOKED_BEHIND; at++) assert.equal(lz4.bytes[at], UNTOUCHED, `${at - from} behind`)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** Mostly short; few or many different bytes; with or without repeats, near and far. */
function randomInput(random: SeededRandom): Uint8Array {
  const length = random.below(random.chance(0.01) ? LZ4_PLAIN_BYTES_MAX + 1 : random.pick([30, 300, 2000]))
  const input = new Uint8Array(length)
  const letters = random.pick([2, 4, 30, 256])
  const repeats = random.pick([0, 0.05, 0.3])
  for (let at = 0; at < length;) {
    if (at === 0 || !random.chance(repeats)) input[at++] = random.below(letters)
    else {
      const back = 1 + random.below(Math.min(at, random.pick([1, 3, 8, 12, 3000, LZ4_PLAIN_BYTES_MAX])))
      const end = Math.min(length, at + random.pick([3, 4, 19, 20, 300]))
      for (; at < end; at++) input[at] = input[at - back]!
    }
  }
  return input
}

function flipped(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const result = bytes.slice()
  for (let left = 1 + random.below(3); left > 0; left--) result[random.below(result.length)] = random.below(256)
  return result
}

function randomBytes(random: SeededRandom, length: number, letters: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(letters))
}
