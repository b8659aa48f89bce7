import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { drawnNumbers } from '../../test/support/harness/share.js'
import { Lz4Comparison } from '../../test/support/samples/lz4-comparison.js'
import { SeededRandom } from '../base/index.js'
import { LZ4_PLAIN_BYTES_MAX } from './lz4-memory.js'
import { WasmLz4 } from './lz4-wasm.js'
import { lz4OfThread } from './lz4.js'

const text = (packed: string): Uint8Array => Uint8Array.from(Buffer.from(packed, 'latin1'))

test('both implementations do the same with random and with hostile bytes, and touch nothing else', () => {
  const comparison = new Lz4Comparison()
  for (const seed of drawnNumbers('lz4', 20_000)) comparison.run(new SeededRandom(seed, 'lz4'))
  const { goodCount, refusedCount } = comparison.tally
  assert.ok(goodCount > 100 && refusedCount > 100, JSON.stringify(comparison.tally))
})

test('blocks as the page of the format describes them', () => {
  const comparison = new Lz4Comparison()
  const cases: [string, string][] = [
    ['\x00', ''],
    ['\x30abc', 'abc'],
    ['\xf0\x00aaaaabbbbbccccc', 'aaaaabbbbbccccc'],
    // Two literals, a match of 4 + 3 bytes two bytes back, and the last literals.
    ['\x23ab\x02\x00\x50vwxyz', 'ab' + 'abababa' + 'vwxyz'],
    // A match of 4 + 15 + 255 + 1 bytes of one letter.
    ['\x1fa\x01\x00\xff\x01\x50vwxyz', 'a'.repeat(1 + 275) + 'vwxyz'],
  ]
  for (const [packed, plain] of cases) assert.deepEqual(comparison.unpack(text(packed), plain.length), text(plain))
})

test('a block that lies about lengths or places is refused', () => {
  const comparison = new Lz4Comparison()
  const refused: [string, number][] = [
    ['', 0],
    ['\x40abc', 4],
    ['\x30abc', 2],
    ['\x30abc', 4],
    ['\xf0', 15],
    ['\xf0\xff', 300],
    ['\x10a\x01', 5],
    ['\x10a\x00\x00\x10b', 6],
    ['\x10a\x02\x00\x10b', 6],
    ['\x1fa\x01\x00', 30],
    ['\x10a\x01\x00', 5],
    ['\x10a\x01\x00\x10b', 5],
  ]
  for (const [packed, size] of refused) {
    assert.equal(comparison.unpack(text(packed), size), null, JSON.stringify(packed))
  }
})

test('the largest input, of one byte, of random bytes, and of bytes that match far back', () => {
  const comparison = new Lz4Comparison()
  const random = new SeededRandom(1, 'large')
  const size = LZ4_PLAIN_BYTES_MAX
  const bytes = (length: number) => Uint8Array.from({ length }, () => random.below(256))
  const half = bytes(size / 2)
  const inputs = [new Uint8Array(size), bytes(size), Buffer.concat([half, half])]
  const lengths = inputs.map((input) => {
    const packed = comparison.pack(Uint8Array.from(input), size + 300)!
    assert.ok(Buffer.compare(comparison.unpack(packed, size)!, input) === 0)
    return packed.length
  })
  assert.ok(lengths[0]! < size / 200 && lengths[1]! > size && lengths[2]! < 0.52 * size, String(lengths))
})

test('it fits exactly, or not at all', () => {
  const comparison = new Lz4Comparison()
  const input = text('abcabcabcabcabcabc of which a part repeats, of which a part repeats, and the rest of it does not')
  const { length } = comparison.pack(input, 1000)!
  for (let max = 0; max < length; max++) assert.equal(comparison.pack(input, max), null)
  assert.equal(comparison.pack(input, length)!.length, length)
})

test('a thread has one, in WebAssembly where it is there', () => {
  assert.ok(lz4OfThread() instanceof WasmLz4)
  assert.equal(lz4OfThread(), lz4OfThread())
  const code = `import('${new URL('./lz4.js', import.meta.url).href}')
    .then(({ lz4OfThread }) => console.log(lz4OfThread().constructor.name))`
  const { stdout } = spawnSync(process.execPath, ['--jitless', '--no-warnings', '-e', code], { encoding: 'utf8' })
  assert.equal(stdout.trim(), 'ScriptLz4')
})
