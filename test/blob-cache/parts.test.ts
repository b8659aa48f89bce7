/**
 * What: parts of blobs, streams of them and what is known of them; damage, readers that stop, compression.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom, VarveError } from '../../src/base/index.js'
import { codecOf, findCodecs } from '../../src/blob-cache/blob-codec.js'
import type { BlobStream } from '../../src/blob-cache/blob-stream.js'
import { nodeCodec } from '../../src/vfs/index.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import type { TextStore } from '../support/blob-cache/blob-machine.js'
import { drawn, isWholeRun } from '../support/harness/share.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const WHOLE = { start: 0, end: 2 ** 40 }
/** One part of 256 KiB and more fits into a segment. */
const ROOMY = { maxBytes: 16_000_000, segmentBytes: 1_000_000, slabBytes: 16_384, blobBytesMax: 3_000_000 }

function bytesOf(length: number, salt = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) * 7 + (i >>> 16) * 3 + salt * 97) & 255)
}

/** Bytes that no codec makes fewer. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  new SeededRandom(1, 'noise').fill(bytes)
  return bytes
}

async function streamOf(cache: TextStore, key: string, part = WHOLE): Promise<BlobStream> {
  const found = await cache.store.parts.stream(cache.store.hashed(key), part, null)
  assert.ok(typeof found !== 'string', `${key}: ${JSON.stringify(found)}`)
  return found
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

function equal(a: Uint8Array, b: Uint8Array, what: string): void {
  assert.ok(Buffer.compare(a, b) === 0, what)
}

describe('a part of a blob', () => {
  const cuts = [0, 1, 5000, 262_143, 262_144, 262_145, 600_000, 699_999, 700_000, 900_000]
  for (const name of ['none', 'deflate', 'brotli'] as const) {
    it(`is what was put there, read in each way; compressed with ${name}`, async () => {
      const vfs = new SimVfs({ seed: 1 })
      const codecs = findCodecs(nodeCodec)
      const codec = name === 'none' ? null : codecOf(codecs, name)
      let cache = await openCache(vfs, ROOMY)
      const text = new TextEncoder().encode('a line that comes again and again, with a number\n'.repeat(14_286))
      const values = new Map([
        ['text', text.subarray(0, 700_000)], ['mixed', noise(700_000)], ['small', text.subarray(0, 3000)],
        ['empty', text.subarray(0, 0)],
      ])
      for (const [key, value] of values) {
        const source = key === 'mixed' ? new Blob([value]).stream() : value
        const meta = new TextEncoder().encode(`meta of ${key}`)
        assert.deepEqual(await cache.put(key, source, 'written', { codec, meta, version: 7 }), { stored: true })
      }
      for (let life = 0; life < 2; life++) {
        for (const [key, value] of values) {
          const hashed = cache.store.hashed(key)
          equal((await cache.store.get(hashed))!, value, key)
          const entry = (await cache.store.parts.entry(hashed))!
          assert.deepEqual([entry.size, entry.version, entry.expiresAt], [value.length, 7, Infinity])
          assert.equal(new TextDecoder().decode(entry.meta), `meta of ${key}`)
          const isShorter = entry.storedBytes <= entry.size * 7 / 8
          const mayBe = (codec !== null && /text|small/.test(key)) || key === 'empty'
          assert.equal(isShorter, mayBe, `${key} ${entry.storedBytes}`)
          for (const start of cuts) {
            for (const end of cuts.filter((cut) => cut >= start)) {
              if ((start + end + life) % 3 !== 0) continue
              const expected = value.subarray(start, end)
              const got = await cache.store.parts.get(hashed, { start, end })
              assert.ok(got instanceof Uint8Array)
              equal(got, expected, `${key} ${start} ${end}`)
              const stream = await streamOf(cache, key, { start, end })
              assert.equal(stream.size, expected.length)
              equal(await readAll(stream), expected, `stream of ${key} ${start} ${end}`)
            }
          }
          const target = new Uint8Array(1000).fill(9)
          const into = await cache.store.parts.getInto(hashed, target, { start: 10, end: 700 })
          const bytes = Math.min(690, Math.max(0, value.length - 10))
          assert.deepEqual(into, { bytes, size: value.length })
          equal(target.subarray(0, bytes), value.subarray(10, 700), key)
          assert.ok(target.subarray(bytes).every((byte) => byte === 9))
        }
        await cache.store.close()
        assert.equal(vfs.openFileCount, 0)
        cache = await openCache(vfs, ROOMY)
      }
      await cache.store.close()
    })
  }

  it('above 4 MiB is read part by part by a get, too: right, or missed when a byte is flipped (BC-1)', async () => {
    const vfs = new SimVfs({ seed: 7 })
    const settings = { ...ROOMY, maxBytes: 40_000_000, blobBytesMax: 8_000_000 }
    let cache = await openCache(vfs, settings)
    const value = bytesOf(5_000_000)
    assert.equal((await cache.put('large', value)).stored, true)
    equal((await cache.store.get(cache.store.hashed('large')))!, value, 'large')
    await cache.store.close()
    const name = vfs.listSync(CACHE_DIR).filter((each) => each.endsWith('.segment'))
      .find((each) => vfs.statSync(vfs.join(CACHE_DIR, each))!.size > value.length)!
    const file = vfs.openSync(vfs.join(CACHE_DIR, name), 'write')
    const byte = new Uint8Array(1)
    file.readSync(byte, 0, 1, 4_900_000)
    byte[0]! ^= 4
    file.writeSync(byte, 0, 1, 4_900_000)
    file.closeSync()
    cache = await openCache(vfs, settings)
    assert.equal(await cache.store.get(cache.store.hashed('large')), undefined)
    assert.equal(cache.store.counts.misses.corrupt, 1)
    await cache.store.close()
  })

  it('is right or missed when any byte is flipped, and a stream of it fails (BC-1)', async () => {
    const vfs = new SimVfs({ seed: 2 })
    const values = new Map([['a', bytesOf(600_000, 1)], ['b', bytesOf(300_000, 2)]])
    const cache = await openCache(vfs, ROOMY)
    for (const [key, value] of values) await cache.put(key, value)
    await cache.store.close()
    const places = vfs.listSync(CACHE_DIR).filter((name) => name.endsWith('.segment')).flatMap((name) => {
      const { size } = vfs.statSync(vfs.join(CACHE_DIR, name))!
      return Array.from({ length: 64 }, (_, i) => ({ name, at: Math.floor((i / 64) * size) + i % 80 }))
    })
    let [misses, failures] = [0, 0]
    for (const { name, at } of drawn('blob part damage', places)) {
      for (const isOpen of [true, false]) {
        const image = vfs.clone('all', 1)
        const before = isOpen ? await openCache(image, ROOMY) : null
        image.damage(image.join(CACHE_DIR, name), { do: 'flipBit', offset: at, bit: at % 8 })
        const damaged = before ?? await openCache(image, ROOMY)
        for (const [key, value] of values) {
          for (const part of [{ start: 0, end: 100_000 }, { start: 250_000, end: 299_000 }, WHOLE]) {
            const found = await damaged.store.parts.stream(damaged.store.hashed(key), part, null)
            if (typeof found === 'string') {
              misses++
              continue
            }
            const read = await readAll(found).catch((error: unknown) => {
              assert.ok(VarveError.is(error) && error.code === 'CORRUPTION', `${error}`)
              failures++
              return null
            })
            const what = `${key} with byte ${at} of ${name} flipped`
            if (read !== null) equal(read, value.subarray(part.start, part.end), what)
          }
          const whole = await damaged.store.get(damaged.store.hashed(key))
          if (whole !== undefined) equal(whole, value, `${key} with byte ${at} of ${name} flipped`)
        }
        await damaged.store.close()
      }
    }
    // A share of the places may have none of a kind.
    assert.ok(!isWholeRun || (misses > 0 && failures > 0), `${misses} ${failures}`)
  })
})

describe('a stream of a blob', () => {
  it('goes on over overwrite, delete and eviction of its blob; its room comes back after it (BC-2)', async () => {
    const vfs = new SimVfs({ seed: 3 })
    const maxBytes = 2_000_000
    vfs.mkdirSync(CACHE_DIR)
    let most = 0
    vfs.onEffect = () => {
      most = Math.max(most, vfs.usedBytes)
    }
    const settings = { maxBytes, segmentBytes: 40_000, slabBytes: 8192, blobBytesMax: 400_000 }
    const cache = await openCache(vfs, settings)
    const value = bytesOf(390_000)
    await cache.put('k', value)
    const unread = await streamOf(cache, 'k')
    const reader = (await streamOf(cache, 'k')).getReader()
    const first = (await reader.read()).value!
    await cache.delete('k')
    for (let i = 0; i < 1500; i++) await cache.put(`filler ${i}`, bytesOf(1500, i))
    const pieces = [first]
    // The blob is larger than what readers of removed segments may hold together: it is broken off.
    await assert.rejects(reader.read(), (error) => VarveError.is(error) && error.code === 'ABORTED')
    await assert.rejects(readAll(unread), (error) => VarveError.is(error) && error.code === 'ABORTED')
    await cache.put('small enough', bytesOf(150_000, 5))
    const held = (await streamOf(cache, 'small enough')).getReader()
    equal((await held.read()).value!, bytesOf(150_000, 5), 'all of it')
    assert.ok(pieces[0]!.length > 0 && most <= maxBytes, `BC-3: ${most}`)
    await cache.store.close()
    assert.equal(vfs.openFileCount, 0)
  })

  it('reads on when its segment is removed, as long as others hold little; a minute of rest ends it (N2)', async () => {
    const vfs = new SimVfs({ seed: 4 })
    const settings = { maxBytes: 8_000_000, segmentBytes: 40_000, slabBytes: 8192, blobBytesMax: 400_000 }
    const cache = await openCache(vfs, settings)
    const value = bytesOf(390_000)
    await cache.put('k', value)
    const readers = [(await streamOf(cache, 'k')).getReader(), (await streamOf(cache, 'k')).getReader()]
    const pieces: Uint8Array[] = [(await readers[0]!.read()).value!]
    await readers[1]!.read()
    await cache.delete('k')
    for (let i = 0; i < 6000; i++) await cache.put(`filler ${i}`, bytesOf(1500, i))
    const { store } = cache
    assert.ok(store.usedBytes - files(vfs) < 300_000, 'its file is there')
    const before = files(vfs)
    for (;;) {
      const { done, value: piece } = await readers[0]!.read()
      if (done) break
      pieces.push(piece)
    }
    equal(Buffer.concat(pieces), value, 'all of it')
    await vfs.clock.advance(61_000)
    await vfs.clock.advance(61_000)
    await assert.rejects(readers[1]!.read(), (error) => VarveError.is(error) && error.code === 'ABORTED')
    await store.sync()
    assert.ok(files(vfs) <= before - 390_000, 'its file is gone')
    await store.close()
    assert.equal(vfs.openFileCount, 0)
  })

  it('200 that stall, each on a segment of its own, leave room for what is put (N2, BC-7)', async () => {
    const vfs = new SimVfs({ seed: 5 })
    const settings = { maxBytes: 4_000_000, segmentBytes: 40_000, slabBytes: 4096, blobBytesMax: 400_000 }
    const cache = await openCache(vfs, settings)
    const readers: ReadableStreamDefaultReader<Uint8Array>[] = []
    for (let i = 0; i < 200; i++) {
      assert.deepEqual(await cache.put(`large ${i}`, bytesOf(40_000, i)), { stored: true })
      const reader = (await streamOf(cache, `large ${i}`)).getReader()
      readers.push(reader)
      equal((await reader.read()).value!, bytesOf(40_000, i), 'the first part')
      if (i % 2 === 0) readers.push((await streamOf(cache, `large ${i}`)).getReader())
    }
    assert.deepEqual(await cache.put('last', bytesOf(300_000)), { stored: true })
    await cache.store.close()
    assert.equal(vfs.openFileCount, 0)
  })
})

function files(vfs: SimVfs): number {
  return vfs.listSync(CACHE_DIR).reduce((sum, name) => sum + vfs.statSync(vfs.join(CACHE_DIR, name))!.size, 0)
}
