/** The varve stream: every byte string comes back, and a stream that is not whole is told from one that is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KiB, MiB, SeededRandom } from '../base/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { entriesInto, readExport } from '../../test/support/samples/read-export.js'
import type { ExportEntry } from '../../test/support/samples/read-export.js'
import { ExportReader } from './export-reader.js'
import { ExportWriter } from './export-writer.js'

function origin(seed = 1) {
  return { databaseId: new Uint8Array(16).fill(7), lineage: 5, random: new SeededRandom(seed) }
}

/** The bytes of a stream of these entries. */
function streamOf(entries: readonly ({ key: Uint8Array; value: Uint8Array } & Partial<ExportEntry>)[]): Uint8Array {
  const parts: Uint8Array[] = []
  const writer = new ExportWriter(origin(), (bytes) => parts.push(bytes))
  for (const entry of entries) writer.add(entry)
  const totals = writer.end()
  const bytes = new Uint8Array(Buffer.concat(parts))
  assert.deepEqual(totals, { count: entries.length, bytes: bytes.length })
  return bytes
}

/** What a reader makes of the bytes, given in pieces of at most so many. */
function read(bytes: Uint8Array, pieceBytes = bytes.length): ExportEntry[] {
  const entries: ExportEntry[] = []
  const reader = new ExportReader('stream', entriesInto(entries))
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.slice(at, at + pieceBytes)
    reader.push(piece)
    piece.fill(0xaa) // it is the caller's again
  }
  reader.end()
  return entries
}

function drawEntries(seed: number, count: number, bytesMax: number): ExportEntry[] {
  const random = new SeededRandom(seed)
  const draw = (max: number): Uint8Array => {
    const bytes = new Uint8Array(random.below(max + 1))
    random.fill(bytes)
    return bytes
  }
  return Array.from({ length: count }, () => ({
    key: draw(40), value: draw(random.below(10) === 0 ? bytesMax : 100),
    expiryMs: random.below(2) * (1 + random.below(2 ** 31)), seqNum: random.below(2) * (1 + random.below(2 ** 31)),
    source: random.below(4) === 0 ? '000012.table' : null, reason: random.below(4) === 0 ? 'doubtful: größer' : null,
  }))
}

const plain = (entries: readonly ExportEntry[]) =>
  entries.map(({ key, value, ...facts }) => ({ key: Buffer.from(key), value: Buffer.from(value), ...facts }))

test('what is written is read, whatever the pieces are', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const entries = drawEntries(seed, 200, 5000)
    const bytes = streamOf(entries)
    for (const pieceBytes of [1, 7, 4096, bytes.length]) {
      assert.deepEqual(plain(read(bytes, pieceBytes)), plain(entries), `seed ${seed}, pieces of ${pieceBytes}`)
    }
  }
})

test('values on both sides of a frame are whole', () => {
  const key = new Uint8Array(9).fill(1)
  for (const length of [MiB - 200, MiB - 64, MiB - 63, MiB - 62, MiB, 2 * MiB + 17, 5 * MiB]) {
    const value = new Uint8Array(length)
    new SeededRandom(length).fill(value)
    const bytes = streamOf([{ key, value: key }, { key, value }, { key, value: key }])
    const values = read(bytes, 64 * KiB).map((entry) => entry.value)
    assert.equal(values.length, 3)
    assert.ok(Buffer.from(value).equals(values[1]!), String(length))
  }
})

test('an entry is the same wherever it was lent from', () => {
  const parts: Uint8Array[] = []
  const writer = new ExportWriter(origin(), (bytes) => parts.push(bytes))
  const entries = drawEntries(3, 100, 3 * MiB).map((entry) => ({ ...entry, seqNum: 0, source: null, reason: null }))
  for (const { key, value, expiryMs } of entries) {
    const bytes = Buffer.concat([Buffer.from('??'), key, value, Buffer.from('!')])
    const [keyStart, keyEnd, valueEnd] = [2, 2 + key.length, 2 + key.length + value.length]
    const lent = { keyBytes: bytes, keyStart, keyEnd, valueBytes: bytes, valueStart: keyEnd, valueEnd }
    writer.addLent(lent, expiryMs)
    bytes.fill(0)
  }
  writer.end()
  assert.deepEqual(Buffer.concat(parts), Buffer.from(streamOf(entries)))
})

/** A stream with an entry over two frames, and all that may be said of one. */
function smallStream(): Uint8Array {
  return streamOf([...drawEntries(8, 6, 30), { key: Uint8Array.of(1), value: Uint8Array.of(2), expiryMs: 77 }])
}

test('a stream that is cut at any byte has no end', () => {
  const bytes = smallStream()
  for (let length = 0; length < bytes.length; length++) {
    assert.match(expectError(() => read(bytes.slice(0, length)), 'CORRUPTION').message, /cut off/)
  }
})

test('a stream with any byte changed, or bytes behind its end, is no stream', () => {
  const bytes = smallStream()
  for (let at = 0; at < bytes.length; at++) {
    for (const bits of [0x01, 0x80, 0xff]) {
      const bad = bytes.slice()
      bad[at]! ^= bits
      assert.throws(() => read(bad), ({ code }: { code: string }) => code === 'CORRUPTION', `offset ${at}`)
    }
  }
  assert.match(expectError(() => read(new Uint8Array([...bytes, 0])), 'CORRUPTION').message, /behind the end/)
  assert.match(expectError(() => read(new Uint8Array([...bytes, ...bytes])), 'CORRUPTION').message, /behind the end/)
})

test('as a generator it gives the totals at the end, and throws where there is none', async () => {
  const bytes = smallStream()
  const walk = async (chunks: Uint8Array[]) => {
    let count = 0
    const stream = readExport('stream', chunks)
    for (;;) {
      const { done, value } = await stream.next()
      if (done === true) return { count, totals: value }
      count += value.length
    }
  }
  assert.deepEqual(await walk([bytes]), { count: 7, totals: { count: 7, bytes: bytes.length } })
  await assert.rejects(walk([bytes.slice(0, -1)]), /cut off/)
})
