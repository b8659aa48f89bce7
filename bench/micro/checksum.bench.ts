/** CRC-32: the table against the native function. The switch-over is NATIVE_BYTES_MIN in base/checksum.ts. */
import { crc32 as nativeCrc32 } from 'node:zlib'
import { crc32, SeededRandom, useNativeCrc32 } from '../../src/base/index.js'
import { micro } from './harness.js'

const bytes = new Uint8Array(64 * 1024)
new SeededRandom(1).fill(bytes)
let sum = 0

function repeat(count: number, one: () => number): () => void {
  return () => {
    for (let i = 0; i < count; i++) sum ^= one()
  }
}

for (const size of [32, 128, 256, 512, 4096, 65_536]) {
  const count = Math.ceil(2 ** 22 / size)
  const part = bytes.subarray(0, size)
  await micro(`crc32 of ${size} bytes`, [
    { name: 'table', count, prepare: () => useNativeCrc32(null), run: repeat(count, () => crc32(bytes, 0, size)) },
    { name: 'native', count, run: repeat(count, () => nativeCrc32(part)) },
    {
      name: 'as the engine calls it', count,
      prepare: () => useNativeCrc32(nativeCrc32 as (data: Uint8Array, seed: number) => number),
      run: repeat(count, () => crc32(bytes, 0, size)),
    },
  ])
}
if (sum === 0.5) console.log(sum)
