/**
 * What: a blob that is much larger than the memory that it goes through, from a stream and into one. BC-8.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32, MiB } from '../../src/base/index.js'
import { BlobCache } from '../../src/blob-cache/index.js'
import { isWholeRun } from '../support/harness/share.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const PIECES = isWholeRun ? 1024 : 160
const MEMORY_BYTES = 64 * MiB

test(`a blob of ${PIECES} MiB streams through 64 MiB of memory`, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'varve-blob-'))
  try {
    const cache = await BlobCache.open(join(root, 'cache'), { maxBytes: 5120 * MiB, maxBlobBytes: 1100 * MiB })
    const before = process.memoryUsage().arrayBuffers
    let [most, checksum] = [0, 0]
    const look = () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    async function* pieces() {
      const piece = new Uint8Array(MiB)
      for (let i = 0; i < PIECES; i++) {
        piece.fill(i & 255, 0, 64).fill(i >>> 8, 64, 128)
        checksum = crc32(piece, 0, MiB, checksum)
        look()
        yield piece
      }
    }
    assert.deepEqual(await cache.put('large', pieces()), { stored: true })
    const stream = (await cache.getStream('large'))!
    assert.equal(stream.size, PIECES * MiB)
    let sum = 0
    for await (const part of stream) {
      sum = crc32(part, 0, part.length, sum)
      look()
    }
    assert.equal(sum, checksum)
    t.diagnostic(`at most ${(most / MiB).toFixed(1)} MiB`)
    assert.ok(most <= MEMORY_BYTES, `${most}`)
    await cache.close()
  } finally {
    rmSync(root, { recursive: true })
  }
})
