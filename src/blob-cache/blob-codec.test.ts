import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobCompressor, compressWhole } from './blob-codec.js'

/** A codec that makes so many bytes of anything. */
const codecOf = (bytes: number) => ({
  number: 1,
  compress: async (_: Uint8Array, bytesMax: number) => (bytes <= bytesMax ? new Uint8Array(bytes) : null),
  decompress: async () => null,
})

test('a value is compressed when that saves an eighth, exactly, with its frames', async () => {
  const plain = new Uint8Array(8000)
  assert.equal((await compressWhole(plain, codecOf(7000 - 4)))?.length, 7000)
  assert.equal(await compressWhole(plain, codecOf(7001 - 4)), null)
  assert.equal(await compressWhole(plain, codecOf(7000)), null)
})

test('the first frame of a streamed value decides for all of it', async () => {
  for (const [bytes, isCompressed] of [[100_000, true], [262_144, false]] as const) {
    const compressor = new BlobCompressor(codecOf(bytes))
    let stored = 0
    const store = async (piece: Uint8Array) => void (stored += piece.length)
    await compressor.write(new Uint8Array(600_000), store)
    await compressor.flush(store)
    assert.equal(compressor.codecNumber, isCompressed ? 1 : 0)
    // The last frame is not shorter, so it stands as it is.
    assert.equal(stored, isCompressed ? 2 * 100_004 + 75_712 + 4 : 600_000)
  }
})
