/**
 * Damage of every kind to LevelDB directories: what is read is right, or it is an error. The format cannot tell from a
 * sound database: a log or a manifest that is cut at the end of a record, and CURRENT naming another manifest that is
 * there. A cut in the middle of a record looks as the death of the program that wrote it does, and a note says so.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { packageDir } from '../../test/support/harness/golden.js'
import { drawn, drawnNumbers } from '../../test/support/harness/share.js'
import {
  appendPiece, batchOf, bytesOf, edit, filesOf, logOf, manifestOf, maskedCrc, pairsOf, put, snappyOf, table, tableOf,
  tagged, varint, vfsOf,
} from '../../test/support/samples/leveldb-crafting.js'
import type { CraftedEntry, LevelFiles } from '../../test/support/samples/leveldb-crafting.js'
import { digestOf, readAll, readError } from '../../test/support/samples/leveldb-reading.js'
import { BadBytes, ByteWriter, corruption, SeededRandom, VarveError } from '../base/index.js'
import { crc32c, unmaskedCrc } from './crc32c.js'
import { SnappyDecoder } from './snappy.js'

const many = Array.from({ length: 20 }, (_, i) => put(`key ${10 + i}`, `value ${i} `.repeat(3), i + 1))
const tables = [table(7, 1, many, { packing: 'snappy' }), table(8, 0, [put('key 13', 'newer', 30), put('x', 'y', 31)])]
const records = [40, 41, 42].map((seq) => batchOf(seq, [put(`log ${seq}`, 'v'.repeat(seq), seq)]))
const database = { tables, logs: new Map([[5, records]]) }

const FOUND_DAMAGE = ['CORRUPTION', 'MISSING_FILE', 'NOT_SUPPORTED', 'NOT_FOUND']

/** Reads files that may be damaged: gives whether it was found, and fails when what is read is wrong. */
async function isFound(files: LevelFiles, expected: object, what: string): Promise<boolean> {
  try {
    const { entries, report } = await readAll(vfsOf(files), 'db')
    assert.deepEqual(digestOf(entries), expected, `${what}: ${report.notes.join()}`)
    return false
  } catch (error) {
    if (!VarveError.is(error)) throw error
    assert.ok(FOUND_DAMAGE.includes(error.code), `${what}: ${error.code} ${error.message}`)
    if (error.code === 'CORRUPTION') assert.ok(error.file !== undefined && error.offset !== undefined, what)
    return true
  }
}

function flipped(files: LevelFiles, name: string, at: number, bit: number): LevelFiles {
  const bytes = files.get(name)!.slice()
  bytes[at]! ^= 1 << bit
  return new Map(files).set(name, bytes)
}

function readFixture(name: string): LevelFiles {
  const dir = path.join(packageDir, 'test/fixtures/leveldb', name)
  return new Map(readdirSync(dir).map((file) => [file, new Uint8Array(readFileSync(path.join(dir, file)))]))
}

const contents = JSON.parse(
  readFileSync(path.join(packageDir, 'test/fixtures/leveldb/content.json'), 'utf8'),
) as Record<string, object>

// ── Every byte ──────────────────────────────────────────────────────────────────────────────────────────

test('LDB-3: every bit of every file of a small database: the right data, or an error', async () => {
  const files = filesOf(database)
  const expected = digestOf((await readAll(vfsOf(files), 'db')).entries)
  const placesOf = ([name, { length }]: [string, Uint8Array]): (readonly [string, number])[] =>
    Array.from({ length: 8 * length }, (_, at) => [name, at] as const)
  const places = [...files].flatMap(placesOf)
  let found = 0
  const cases = drawn('leveldb bits', places)
  for (const [name, at] of cases) {
    if (await isFound(flipped(files, name, at >>> 3, at & 7), expected, `${name} bit ${at}`)) found++
  }
  // Only filters, padding and what stands about them are not read.
  assert.ok(found > 0.8 * cases.length, `${found} of ${cases.length}`)
})

for (const name of ['levels', 'raw', 'large', 'killed', 'repaired', 'log']) {
  test(`drawn bytes of the fixture ${name}: the right data, or an error`, async () => {
    const files = readFixture(name)
    const names = [...files.keys()].filter((file) => files.get(file)!.length > 0)
    for (const seed of drawnNumbers(`leveldb flips ${name}`, 100)) {
      const random = new SeededRandom(seed, name)
      const file = random.pick(names)
      const [at, bit] = [random.below(files.get(file)!.length), random.below(8)]
      await isFound(flipped(files, file, at, bit), contents[name]!, `${file} at ${at} bit ${bit}`)
    }
  })
}

test('a length that leads behind the end of a log is damage where the record is whole', async () => {
  const files = filesOf(database)
  let at = 0
  for (const record of records) {
    for (const bit of [3, 6, 12]) {
      const error = await readError(vfsOf(flipped(files, '000005.log', at + (bit < 8 ? 4 : 5), bit % 8)), 'db')
      assert.deepEqual([error.code, error.file], ['CORRUPTION', '000005.log'])
    }
    at += 7 + record.length
  }
})

test('a manifest that is cut anywhere gives the same data, an error, or a note that it is not whole', async () => {
  const merged = table(9, 2, [...many, put('x', 'y', 31)])
  const size = tableOf(pairsOf(merged.entries)).length
  const bounds = [tagged(merged.entries[0]!), tagged(merged.entries.at(-1)!)] as const
  const edits = [
    edit.number(new ByteWriter(), 4, 100).finish(),
    edit.added(edit.deleted(edit.deleted(new ByteWriter(), 1, 7), 0, 8), [2, 9, size], bounds).finish(),
  ]
  const inputs = [table(7, 1, many), table(8, 0, [put('x', 'y', 31)])]
  const files = filesOf({ ...database, tables: inputs, edits })
  files.set('000009.ldb', tableOf(pairsOf(merged.entries)))
  const whole = files.get('MANIFEST-000004')!
  const expected = digestOf((await readAll(vfsOf(files), 'db')).entries)
  for (const inputsThere of [true, false]) {
    if (!inputsThere) for (const name of ['000007.ldb', '000008.ldb']) files.delete(name)
    for (const cut of drawnNumbers('leveldb manifest cuts', whole.length)) {
      const cutFiles = vfsOf(new Map(files).set('MANIFEST-000004', whole.subarray(0, cut)))
      try {
        const { entries, report } = await readAll(cutFiles, 'db')
        const isTold = /MANIFEST-000004 ends|tables that the manifest does not know/.test(report.notes.join())
        if (!isTold) assert.deepEqual(digestOf(entries), expected, `cut at ${cut}`)
      } catch (error) {
        if (!VarveError.is(error)) throw error
        assert.ok(FOUND_DAMAGE.includes(error.code), `cut at ${cut}: ${error.code}`)
      }
    }
  }
})

test('a table that is cut anywhere is CORRUPTION; bytes behind its end are not looked at', async () => {
  const files = filesOf(database)
  const whole = files.get('000007.ldb')!
  for (const cut of drawnNumbers('leveldb table cuts', whole.length)) {
    const error = await readError(vfsOf(new Map(files).set('000007.ldb', whole.subarray(0, cut))), 'db')
    assert.equal(error.code, 'CORRUPTION', `cut at ${cut}`)
  }
  const none = filesOf({ tables: [{ ...tables[0]!, bytes: whole.subarray(0, 47) }] })
  assert.equal((await readError(vfsOf(none), 'db')).code, 'CORRUPTION')
  const longer = new ByteWriter().raw(whole).raw(bytesOf('more')).finish()
  assert.equal((await readAll(vfsOf(new Map(files).set('000007.ldb', longer)), 'db')).entries.length, 24)
})

// ── Right checksums, wrong content ──────────────────────────────────────────────────────────────────────

async function tableError(
  pairs: [Uint8Array, Uint8Array][], change?: (block: Uint8Array, index: number) => Uint8Array,
): Promise<VarveError> {
  const bytes = tableOf(pairs, change === undefined ? {} : { change })
  const bounds = [tagged(put('', '', 999)), tagged(put('\xff\xff', '', 0))] as const
  return readError(vfsOf(filesOf({ tables: [{ ...table(7, 0, many), bytes, bounds }] })), 'db')
}

test('tables whose entries are out of order, or outside of their bounds, are CORRUPTION', async () => {
  const wrong: CraftedEntry[][] = [
    [put('b', '', 1), put('a', '', 2)], [put('a', '', 1), put('a', '', 2)], [put('a', '', 1), put('a', '', 1)],
    [put('ab', '', 1), put('a', '', 2)],
  ]
  for (const entries of wrong) assert.match((await tableError(pairsOf(entries))).message, /order/)
  for (const bounds of [['b', 'z'], ['a', 'b']] as const) {
    const entries = [put('a', '', 5), put('c', '', 6)]
    const [low, high] = bounds.map((key) => tagged(put(key, '', 5)))
    const error = await readError(vfsOf(filesOf({ tables: [table(7, 0, entries, { bounds: [low!, high!] })] })), 'db')
    assert.equal(error.code, 'CORRUPTION')
  }
})

test('blocks that lie about lengths are CORRUPTION', async () => {
  const pairs = pairsOf(many)
  const hostile = (text: string): Uint8Array => bytesOf(text)
  const blocks = [
    '', '\x00', '\xff\xff\xff\xff', '\x01\x00\x00\x00', // No room for what stands at the end.
    '\x05\x09\x00aaaaaaaaa\x00\x00\x00\x00\x00\x00\x00\x00', // It shares bytes of no key.
    '\x00\x07\x00aaaaaaa\x00\x00\x00\x00\x01\x00\x00\x00', // A key without its tag.
    '\x00\xff\xff\xff\xff\x0f\x00a\x00\x00\x00\x00\x01\x00\x00\x00',
    '\x00\x08\x7faaaaaaaa\x00\x00\x00\x00\x01\x00\x00\x00',
    '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00',
  ]
  for (const block of blocks) {
    for (const at of [0, -1]) {
      const error = await tableError(pairs, (own, index) => (index === at ? hostile(block) : own))
      assert.equal(error.code, 'CORRUPTION', JSON.stringify([block, at]))
    }
  }
})

test('a block whose number of places reaches just before its beginning is CORRUPTION, wherever it stands', async () => {
  const pairs = pairsOf(many)
  for (const at of [0, 1, 2, -1]) {
    const error = await tableError(pairs, (own, index) => {
      if (index !== at) return own
      const count = Math.floor((own.length - 4) / 4) + 1
      return new ByteWriter().raw(own.subarray(0, -4)).u32(count).finish()
    })
    assert.equal(error.code, 'CORRUPTION')
    assert.match(error.message, /too many places/, `block ${at}`)
  }
})

test('handles of blocks behind the end, of endless size, or twice the same, are CORRUPTION', async () => {
  const handle = (offset: number, size: number): Uint8Array => varint(varint(new ByteWriter(), offset), size).finish()
  for (const bad of [handle(10, 2 ** 31), handle(2 ** 52, 10), handle(0, 100_000), bytesOf('\x80')]) {
    const index = new ByteWriter().u8(0).u8(1).u8(bad.length).raw(bytesOf('k')).raw(bad).u32(0).u32(1).finish()
    assert.equal((await tableError(pairsOf(many), (own, at) => (at === -1 ? index : own))).code, 'CORRUPTION')
  }
  const twice = (own: Uint8Array): Uint8Array => {
    const entries = own.subarray(0, -8)
    return new ByteWriter().raw(entries).raw(entries).u32(0).u32(1).finish()
  }
  const error = await tableError(pairsOf(many.slice(0, 3)), (own, at) => (at === -1 ? twice(own) : own))
  assert.match(error.message, /order/)
})

test('batches that lie about lengths or counts are CORRUPTION', async () => {
  const one = { key: bytesOf('k'), value: bytesOf('v') }
  const batches = [
    new Uint8Array(11), batchOf(1, [one], 2), batchOf(1, [one, one], 1), batchOf(1, [one], 2 ** 32 - 1),
    new ByteWriter().u53(1).u32(1).u8(1).u8(200).finish(), new ByteWriter().u32(0).u32(2 ** 31).u32(0).finish(),
    varint(new ByteWriter().u53(1).u32(1).u8(1), 2 ** 40).finish(),
  ]
  for (const batch of batches) {
    const error = await readError(vfsOf(filesOf({ logs: new Map([[5, [batch]]]) })), 'db')
    assert.deepEqual([error.code, error.file, error.offset], ['CORRUPTION', '000005.log', 0])
  }
})

test('manifests that lie about lengths, or lack what each has, are CORRUPTION', async () => {
  const endless = `\x02${'\xff'.repeat(10)}\x01`
  const lies = ['\x01\x7fshort', '\x07', '\x07\x01\x02\x03\x04abcd', endless, '\x05\x01']
  for (const lie of lies) {
    const error = await readError(vfsOf(filesOf({ edits: [bytesOf(lie)] })), 'db')
    assert.equal(error.code, 'CORRUPTION', JSON.stringify(lie))
  }
  const odd = table(7, 0, many, { bounds: [tagged(put('z', '', 1)), tagged(put('a', '', 1))] })
  const files = filesOf({}).set('MANIFEST-000004', manifestOf({ tables: [odd] }, new Map([[7, 100]])))
  assert.equal((await readError(vfsOf(files), 'db')).code, 'CORRUPTION')
  for (const bytes of [new Uint8Array(), logOf([]), logOf([edit.number(new ByteWriter(), 2, 5).finish()])]) {
    assert.equal((await readError(vfsOf(filesOf({}).set('MANIFEST-000004', bytes)), 'db')).code, 'CORRUPTION')
  }
  const piece = new ByteWriter()
  appendPiece(piece, 3, bytesOf('x'))
  const middle = filesOf({}).set('MANIFEST-000004', piece.finish())
  assert.deepEqual((await readError(vfsOf(middle), 'db')).file, 'MANIFEST-000004')
})

// ── Checksums and Snappy ────────────────────────────────────────────────────────────────────────────────

test('CRC-32C has the values of RFC 3720, in one piece and in two, and its mask can be undone', () => {
  const cases: [Uint8Array, number][] = [
    [new Uint8Array(32), 0x8a9136aa], [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e], [bytesOf('123456789'), 0xe3069283],
  ]
  for (const [bytes, crc] of cases) {
    assert.equal(crc32c(bytes, 0, bytes.length), crc)
    assert.equal(crc32c(bytes, 5, bytes.length, crc32c(bytes, 0, 5)), crc)
    assert.equal(unmaskedCrc(maskedCrc(crc)), crc)
    assert.notEqual(maskedCrc(crc), crc)
  }
})

function unpack(source: Uint8Array, stepBytes?: number): Uint8Array {
  const decoder = new SnappyDecoder()
  const [room, at] = [new Uint8Array(decoder.begin(source, 0, source.length) + 20).fill(7), 10]
  decoder.into(room, at)
  while (!decoder.run(stepBytes));
  assert.ok(room.subarray(0, at).every((byte) => byte === 7) && room.subarray(-10).every((byte) => byte === 7))
  return room.subarray(at, -10)
}

test('Snappy unpacks all elements, at once or in steps', () => {
  const far = 'x'.repeat(10) + 'literal of some length '.repeat(3000)
  for (const plain of ['', 'a', 'abcd'.repeat(30), far, Array.from({ length: 70_000 }, (_, i) => i * i).join()]) {
    const source = snappyOf(bytesOf(plain))
    for (const step of [undefined, 1, 1000]) assert.equal(Buffer.from(unpack(source, step)).toString('latin1'), plain)
  }
  // A literal with a length of three and of four bytes, and a copy with a distance of four.
  const cases: [string, string][] = [
    ['\x03\xf8\x02\x00\x00abc', 'abc'], ['\x03\xfc\x02\x00\x00\x00abc', 'abc'],
    ['\x07\x08abc\x0f\x03\x00\x00\x00', 'abcabca'],
  ]
  for (const [packed, plain] of cases) assert.equal(Buffer.from(unpack(bytesOf(packed))).toString(), plain)
})

test('Snappy that lies is refused: nothing is written elsewhere, nothing large is taken', () => {
  const refused = [
    '', '\x80', '\xff\xff\xff\xff\x0f\x00a', '\x05\x00a', '\x01\x04ab', '\x03\x08ab',
    '\x05\x00a\x01\x01\x00', '\x05\x00a\x01\x00',
    '\x05\x00a\x01\x02', '\x05\x00a\x0e\x01', '\x05\x00a\x0f\x01\x00\x00', '\x05\x00a\x1e\x01\x00',
    '\x02\xf0', '\x02\xf4\x01',
    '\x02\xfc\xff\xff\xff\xffab', '\x05\x00a\x0f\xff\xff\xff\xff',
  ]
  const judged = (run: () => unknown): unknown => {
    try {
      return run()
    } catch (error) {
      throw error instanceof BadBytes ? corruption('snappy', error.offset, error.message) : error
    }
  }
  for (const source of refused) expectError(() => judged(() => unpack(bytesOf(source))), 'CORRUPTION')
  for (const seed of drawnNumbers('snappy flips', 20_000)) {
    const random = new SeededRandom(seed, 'snappy')
    const source = snappyOf(bytesOf('some text, some more text, and more '.repeat(1 + random.below(4))))
    source[random.below(source.length)]! ^= 1 << random.below(8)
    try {
      unpack(source.subarray(0, random.chance(0.2) ? random.below(source.length) : source.length))
    } catch (error) {
      if (!(error instanceof BadBytes)) throw error
    }
  }
})
