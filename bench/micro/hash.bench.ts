/** The hash of keys, by their length, read as bytes and from a view (docs/design/0022-keyed-hash.md). */
import { drawHashSeed, hashRange, hashRangeWide, hashView, SeededRandom } from '../../src/base/index.js'
import { micro } from './harness.js'

const KEYS = 4096
/** Bytes between two keys, as many as the header of an entry in a log has. */
const GAP_BYTES = 8

const random = new SeededRandom(1)
const seed = drawHashSeed(random)
const other = drawHashSeed(random)
const wide = new Uint32Array(2)
let sum = 0

for (const size of [5, 8, 16, 40, 80, 100]) {
  const step = size + GAP_BYTES
  const bytes = new Uint8Array(new SharedArrayBuffer(KEYS * step + GAP_BYTES))
  random.fill(bytes)
  const view = new DataView(bytes.buffer)
  const each = (hash: (start: number, end: number) => number) => () => {
    for (let round = 0; round < 64; round++) {
      for (let start = 0; start < KEYS * step; start += step) sum ^= hash(start, start + size)
    }
  }
  await micro(`hash of ${size} bytes`, [
    { name: 'bytes', count: 64 * KEYS, run: each((start, end) => hashRange(bytes, start, end, seed)) },
    {
      name: '64 bits', count: 64 * KEYS, run: each((start, end) => {
        hashRangeWide(bytes, start, end, seed, wide)
        return wide[0]! ^ wide[1]!
      }),
    },
    {
      name: 'twice 32', count: 64 * KEYS, run: each((start, end) => {
        return hashRange(bytes, start, end, seed) ^ hashRange(bytes, start, end, other)
      }),
    },
    { name: 'view', count: 64 * KEYS, run: each((start, end) => hashView(view, start, end, seed)) },
  ])
}
if (sum === 0.5) console.log(sum)
