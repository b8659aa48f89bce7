import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { packageDir } from '../../test/support/harness/golden.js'
import { drawnNumbers } from '../../test/support/harness/share.js'
import {
  appendPiece, batchOf, bytesOf, compareEntries, edit, filesOf, logOf, pairsOf, put, table, tableOf, tagged, vfsOf,
} from '../../test/support/samples/leveldb-crafting.js'
import type { CraftedEntry, CraftedTable, LevelFiles, Packing } from '../../test/support/samples/leveldb-crafting.js'
import { digestOf, readAll, readError, textOf } from '../../test/support/samples/leveldb-reading.js'
import { AbortWatch, ByteWriter, SeededRandom, systemClock } from '../base/index.js'
import { ProgressMeter } from '../report/index.js'
import { nodeCodec, NodeVfs } from '../vfs/index.js'
import { readLevelDatabase } from './read-level-database.js'

const fixtures = path.join(packageDir, 'test/fixtures/leveldb')
const del = (key: string, seq: number): CraftedEntry => ({ key: bytesOf(key), value: null, seq })
const logs = (...records: Uint8Array[]): Map<number, Uint8Array[]> => new Map([[5, records]])

/** Two tables and a log, in which each rule of what counts has a key. */
const older = table(7, 2, [put('a', 'old', 1), put('b', 'old', 2), put('c', 'old', 3), put('d', 'stays', 4)])
const newer = table(9, 0, [put('a', 'new', 12), put('a', 'between', 11), del('b', 13)])
const log = logs(batchOf(20, [{ key: bytesOf('c'), value: null }, { key: bytesOf('e'), value: bytesOf('log') }]))
const all = [['a', 'new'], ['d', 'stays'], ['e', 'log']]

async function entriesOf(files: LevelFiles): Promise<[string, string][]> {
  return textOf((await readAll(vfsOf(files), 'db')).entries)
}

// ── Databases that LevelDB made ─────────────────────────────────────────────────────────────────────────

const contents = JSON.parse(readFileSync(path.join(fixtures, 'content.json'), 'utf8')) as Record<string, object>

for (const [name, content] of Object.entries(contents)) {
  test(`the fixture ${name} reads as classic-level wrote it, and nothing of it changes`, async () => {
    const dir = path.join(fixtures, name)
    const state = (): unknown => readdirSync(dir).map((file) => [file, readFileSync(path.join(dir, file), 'latin1')])
    const before = state()
    for (const sortBytes of [undefined, 2000]) {
      const { entries, report } = await readAll(new NodeVfs(), dir, sortBytes === undefined ? {} : { sortBytes })
      assert.deepEqual(digestOf(entries), content)
      assert.equal(report.entries, entries.length)
      assert.equal(report.comparator, 'leveldb.BytewiseComparator')
      assert.ok(report.storedEntries >= entries.length)
    }
    assert.deepEqual(state(), before)
  })
}

// ── What counts ─────────────────────────────────────────────────────────────────────────────────────────

test('the newest of tables and logs counts, and deletions delete', async () => {
  const { entries, report } = await readAll(vfsOf(filesOf({ tables: [older, newer], logs: log })), 'db')
  assert.deepEqual(textOf(entries), all)
  const { tables, logs: logCount, entries: count, entryBytes, storedEntries, notes } = report
  assert.deepEqual([tables, logCount, count, entryBytes, storedEntries, notes], [2, 1, 3, 14, 9, []])
})

test('a table that the manifest lists no more is not read: deleted keys do not come back', async () => {
  const files = filesOf({
    tables: [older, newer], logs: log, edits: [edit.deleted(new ByteWriter(), 2, 7).finish()],
  })
  assert.deepEqual(await entriesOf(files), [['a', 'new'], ['e', 'log']])
})

test('an edit that moves a table to another level removes it there and adds it here', async () => {
  const bytes = tableOf(pairsOf(older.entries)).length
  const move = edit.deleted(new ByteWriter(), 2, 7)
  edit.added(move, [3, 7, bytes], [tagged(older.entries[0]!), tagged(older.entries.at(-1)!)])
  assert.deepEqual(await entriesOf(filesOf({ tables: [older, newer], logs: log, edits: [move.finish()] })), all)
})

test('E7 ii: logs from the number of the manifest on count, and the previous one; others do not', async () => {
  const one = (key: string, seq: number): Uint8Array[] => [batchOf(seq, [{ key: bytesOf(key), value: bytesOf('') }])]
  const database = { logs: new Map([[2, one('2', 1)], [3, one('3', 2)], [5, one('5', 3)], [8, one('8', 4)]]) }
  assert.deepEqual((await entriesOf(filesOf(database))).map(([key]) => key), ['5', '8'])
  const withPrevious = await entriesOf(filesOf({ ...database, previousLogNum: 3 }))
  assert.deepEqual(withPrevious.map(([key]) => key), ['3', '5', '8'])
})

test('E7 iii: the same write in two tables counts once, the one of the newer table', async () => {
  const twice = [table(7, 0, older.entries.slice()), table(8, 0, [put('a', 'old', 1), put('c', 'twin', 3)])]
  const entries = await entriesOf(filesOf({ tables: twice }))
  assert.deepEqual(entries, [['a', 'old'], ['b', 'old'], ['c', 'twin'], ['d', 'stays']])
})

test('LDB-1, E7 v: a listed table that is missing ends the reading before the first entry', async () => {
  const files = filesOf({ tables: [older, newer], logs: log })
  files.delete('000009.ldb')
  const error = await readError(vfsOf(files), 'db')
  assert.deepEqual([error.code, error.file], ['MISSING_FILE', '000009.ldb'])
})

test('a log that the manifest names and that is missing ends the reading', async () => {
  for (const database of [{ tables: [older], logs: new Map() }, { tables: [older], previousLogNum: 3 }]) {
    const error = await readError(vfsOf(filesOf(database)), 'db')
    assert.equal(error.code, 'MISSING_FILE')
    assert.match(error.file!, /\.log$/)
  }
})

test('tables have one of two endings, and the newer one counts', async () => {
  const files = filesOf({ tables: [{ ...older, ending: 'sst' }, newer], logs: log })
  assert.deepEqual(await entriesOf(files), all)
  const debris = ['000009.sst', bytesOf('debris')] as const
  for (const both of [[...files, debris], [debris, ...files]]) assert.deepEqual(await entriesOf(new Map(both)), all)
})

test('all packings are told apart; one that nobody knows names the table', async () => {
  const packings: Packing[] = ['raw', 'snappy', 'zlib', 'deflate2', 'deflate4']
  if (nodeCodec('zstd') !== null) packings.push('zstd')
  for (const packing of packings) {
    assert.deepEqual(await entriesOf(filesOf({ tables: [{ ...older, packing }, newer], logs: log })), all, packing)
  }
  const error = await readError(vfsOf(filesOf({ tables: [{ ...older, packing: 'unknown' }, newer], logs: log })), 'db')
  assert.deepEqual([error.code, error.file], ['NOT_SUPPORTED', '000007.ldb'])
})

test('a packing that the platform does not have names the table', async () => {
  const files = filesOf({ tables: [{ ...older, packing: 'zlib' }] })
  const error = await readError(vfsOf(files), 'db', { codecOf: () => null })
  assert.deepEqual([error.code, error.file], ['NOT_SUPPORTED', '000007.ldb'])
})

test('another order of keys is refused, or sorted bytewise and said so', async () => {
  // In the order of this table 'b' comes before 'a'.
  const odd = table(7, 2, [put('b', '1', 1), put('a', '2', 2)])
  for (const sortBytes of [100, 1000]) {
    const vfs = vfsOf(filesOf({ tables: [odd, { ...odd, fileNum: 8 }], logs: log, comparator: 'idb_cmp1' }))
    const error = await readError(vfs, 'db')
    assert.equal(error.code, 'NOT_SUPPORTED')
    assert.match(error.hint!, /anyComparator/)
    const { entries, report } = await readAll(vfs, 'db', { anyComparator: true, sortBytes })
    assert.deepEqual(textOf(entries), [['a', '2'], ['b', '1'], ['e', 'log']])
    assert.match(report.notes.join(), /idb_cmp1.*bytewise/)
  }
})

test('a field of the manifest that LevelDB does not have is refused', async () => {
  for (const field of [8, 10, 100, 8193]) {
    const error = await readError(vfsOf(filesOf({ edits: [edit.number(new ByteWriter(), field, 1).finish()] })), 'db')
    assert.equal(error.code, field < 128 ? 'UNSUPPORTED_FORMAT' : 'CORRUPTION', `${field}: ${error.message}`)
  }
})

test('a kind of entry that LevelDB does not have is refused, in tables and in logs', async () => {
  const key = tagged(put('k', '', 1), 2)
  const bytes = tableOf([[key, new Uint8Array()]])
  const inTable = filesOf({ tables: [{ ...table(7, 0, [put('k', '', 1)]), bytes, bounds: [key, key] }] })
  const inLog = filesOf({ logs: logs(new ByteWriter().u53(1).u32(1).u8(7).u8(0).finish()) })
  for (const files of [inTable, inLog]) assert.equal((await readError(vfsOf(files), 'db')).code, 'UNSUPPORTED_FORMAT')
})

test('directories of RocksDB are refused, with the command that exports them', async () => {
  const byName = filesOf({})
  byName.set('OPTIONS-000007', new Uint8Array())
  const files = [byName]
  for (const magic of ['f7cff485b741e288', '6495bf6396224282']) {
    const bytes = tableOf(pairsOf(older.entries), { magic })
    files.push(filesOf({ tables: [{ ...older, bytes }] }))
  }
  for (const each of files) {
    const error = await readError(vfsOf(each), 'db')
    assert.equal(error.code, 'NOT_SUPPORTED')
    assert.match(error.hint!, /ldb --db=DIR dump --hex/)
  }
})

test('what is no LevelDB database is NOT_FOUND, and what lacks its manifest MISSING_FILE', async () => {
  assert.equal((await readError(vfsOf(new Map()), 'db')).code, 'NOT_FOUND')
  assert.equal((await readError(vfsOf(new Map()), 'elsewhere')).code, 'NOT_FOUND')
  const files = filesOf({})
  files.delete('MANIFEST-000004')
  assert.equal((await readError(vfsOf(files), 'db')).code, 'MISSING_FILE')
  for (const text of ['', 'MANIFEST-000004', '../MANIFEST-000004\n', 'MANIFEST-x\n', 'M'.repeat(5000)]) {
    assert.equal((await readError(vfsOf(filesOf({}).set('CURRENT', bytesOf(text))), 'db')).code, 'CORRUPTION', text)
  }
})

test('the numbers of a batch go on over 2^24', async () => {
  const entries = [put('k', 'older', 0), put('k', 'newer', 0)]
  assert.deepEqual(await entriesOf(filesOf({ logs: logs(batchOf(2 ** 24 - 1, entries)) })), [['k', 'newer']])
})

// ── Ends of logs ────────────────────────────────────────────────────────────────────────────────────────

const batch = (key: string, seq: number, bytes = 1): Uint8Array =>
  batchOf(seq, [{ key: bytesOf(key), value: new Uint8Array(bytes).fill(seq) }])
const keysOf = async (bytes: Uint8Array): Promise<{ keys: string; notes: string }> => {
  const { entries, report } = await readAll(vfsOf(filesOf({}).set('000005.log', bytes)), 'db')
  return { keys: textOf(entries).map(([key]) => key).join(''), notes: report.notes.join() }
}

test('E7 i: a log that is cut anywhere ends with the last whole record, and a note says where', async () => {
  const records = [batch('a', 1), batch('b', 2, 33_000), batch('c', 3), batch('d', 4, 70)]
  const ends = records.map((_, i) => logOf(records.slice(0, i + 1)).length)
  const whole = logOf(records)
  const isOfValue = (size: number): boolean => (size > 100 && size < 32_700) || (size > 32_790 && size < 33_000)
  for (let size = 0; size <= whole.length; size += isOfValue(size) ? 61 : 1) {
    const { keys, notes } = await keysOf(whole.subarray(0, size))
    const count = ends.filter((end) => end <= size).length
    assert.equal(keys, 'abcd'.slice(0, count), `cut at ${size}`)
    const isAtEnd = size === 0 || ends.includes(size)
    assert.equal(/ends in the middle/.test(notes), !isAtEnd, `cut at ${size}: ${notes}`)
  }
})

test('E7 i: zeros that were reserved are passed over; in the middle of a record they are damage', async () => {
  const first = logOf([batch('a', 1)])
  const block = 32 * 1024
  const padded = (size: number, next: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(size + next.length)
    bytes.set(first)
    bytes.set(next, size)
    return bytes
  }
  for (const size of [first.length + 6, first.length + 7, block, 5 * block]) {
    assert.equal((await keysOf(padded(size, new Uint8Array()))).keys, 'a')
  }
  const after = await keysOf(padded(block, logOf([batch('b', 2)])))
  assert.equal(after.keys, 'ab')
  assert.match(after.notes, /zeros between/)
  const begun = new ByteWriter()
  appendPiece(begun, 2, bytesOf('begun'))
  const inside = new Uint8Array(block + first.length)
  inside.set(begun.finish())
  inside.set(first, block)
  await assert.rejects(keysOf(inside), { code: 'CORRUPTION' })
})

test('a record whose last sectors never came to the disk is an end; one with other wrong bytes is damage', async () => {
  const records = [batch('a', 1), batch('b', 2, 3000)]
  const whole = logOf(records)
  for (const lost of [512, 1024, 2560]) {
    const { keys, notes } = await keysOf(Uint8Array.from(whole, (byte, at) => (at < lost ? byte : 0)))
    assert.equal(keys, 'a')
    assert.match(notes, /ends in the middle/)
  }
  for (const flipped of [600, 2000, whole.length - 1]) {
    const bytes = whole.slice()
    bytes[flipped]! ^= 1
    await assert.rejects(keysOf(bytes), { code: 'CORRUPTION', file: '000005.log' })
  }
})

test('an empty first piece at the end of a block, as old versions wrote it, is passed over', async () => {
  const value = 32 * 1024 - 7 - 12 - 2 - 4 - 7
  const out = new ByteWriter()
  appendPiece(out, 1, batch('a', 1, value))
  assert.equal(out.length, 32 * 1024 - 7)
  appendPiece(out, 2, new Uint8Array())
  appendPiece(out, 1, batch('b', 2))
  assert.equal((await keysOf(out.finish())).keys, 'ab')
})

test('pieces in an order that nobody writes are damage', async () => {
  for (const kinds of [[3], [4], [2, 1], [2, 2], [2, 3, 1], [5], [9]]) {
    const out = new ByteWriter()
    for (const kind of kinds) appendPiece(out, kind, batch('a', 1))
    await assert.rejects(keysOf(out.finish()), { code: 'CORRUPTION' }, kinds.join())
  }
})

// ── Beside others ───────────────────────────────────────────────────────────────────────────────────────

test('a directory that changes while it is read is in use', async () => {
  const changes: ((vfs: ReturnType<typeof vfsOf>) => void)[] = [
    (vfs) => vfs.openSync('db/000005.log', 'write').writeSync(bytesOf('more'), 0, 4, 47),
    (vfs) => vfs.openSync('db/000011.ldb', 'create').closeSync(),
    (vfs) => vfs.unlinkSync('db/000007.ldb'),
    (vfs) => vfs.openSync('db/CURRENT', 'write').writeSync(bytesOf('MANIFEST-000040\n'), 0, 16, 0),
  ]
  for (const change of changes) {
    const vfs = vfsOf(filesOf({ tables: [older, newer], logs: log }))
    const meter = new ProgressMeter(systemClock)
    // The first bytes that are read are those of the manifest.
    meter.setTotals = () => change(vfs)
    const error = await readError(vfs, 'db', { meter })
    assert.equal(error.code, 'LOCKED', String(change))
  }
})

test('a reading that is given up, or whose signal fires, closes its files', async () => {
  const vfs = vfsOf(filesOf({ tables: [older, newer], logs: log }))
  let open = 0
  const openFile = vfs.open.bind(vfs)
  vfs.open = async (name, mode) => {
    const file = await openFile(name, mode)
    open++
    const close = file.close.bind(file)
    file.close = () => (open--, close())
    return file
  }
  const controller = new AbortController()
  controller.abort(new Error('enough'))
  await assert.rejects(readAll(vfs, 'db', { abort: new AbortWatch(controller.signal) }), /enough/)
  for await (const chunk of readLevelDatabase(vfs, 'db', { clock: systemClock }).chunks) {
    assert.equal(chunk.length, 3)
    break
  }
  assert.equal(open, 0)
})

test('progress counts the bytes of the files that are read, each once', async () => {
  const files = filesOf({ tables: [older, newer], logs: log })
  const meter = new ProgressMeter(systemClock)
  await readAll(vfsOf(files), 'db', { meter, sortBytes: 80 })
  const total = [...files].reduce((sum, [name, { length }]) => sum + (name === 'CURRENT' ? 0 : length), 0)
  assert.deepEqual([meter.now.totalBytes, meter.now.doneCount], [total, 3])
  assert.ok(meter.now.doneBytes <= total)
})

// ── Random databases ────────────────────────────────────────────────────────────────────────────────────

const PACKINGS: Packing[] = ['raw', 'snappy', 'zlib', 'deflate2', 'deflate4']

/** Draws a history, and puts its writes into tables and logs in one of the ways in which LevelDB may have done it. */
function drawDatabase(random: SeededRandom): { files: LevelFiles; model: Map<string, string> } {
  const model = new Map<string, string>()
  const groups: CraftedEntry[][] = Array.from({ length: 1 + random.below(random.chance(0.1) ? 90 : 6) }, () => [])
  const count = random.below(400)
  const keys = 1 + random.below(150)
  const base = random.pick([1, 2 ** 23 - 50, 2 ** 24 - 30, 2 ** 33])
  for (let i = 0; i < count; i++) {
    const key = `${'prefix!'.repeat(random.below(2))}${random.below(keys)}${random.chance(0.02) ? 'k'.repeat(300) : ''}`
    const value = random.chance(0.25) ? null : `${i} `.repeat(random.below(random.chance(0.03) ? 20_000 : 12))
    if (value === null) model.delete(key)
    else model.set(key, value)
    const group = groups[Math.floor((i * groups.length) / count)]!
    group.push(value === null ? del(key, base + i) : put(key, value, base + i))
  }
  const records: Uint8Array[] = []
  const last = groups.pop()!
  for (let at = 0; at < last.length; ) {
    const length = 1 + random.below(20)
    records.push(batchOf(last[at]!.seq, last.slice(at, at + length)))
    at += length
  }
  const tables: CraftedTable[] = []
  for (const [i, group] of groups.entries()) {
    // What a repair leaves: writes of this group in another table too.
    const twice = random.chance(0.2) ? random.pick(groups).filter(() => random.chance(0.3)) : []
    const sorted = [...new Set([...group, ...twice])].sort(compareEntries)
    for (let at = 0; at < sorted.length; ) {
      const entries = sorted.slice(at, at + 1 + random.below(120))
      const [packing, blockEntries] = [random.pick(PACKINGS), 1 + random.below(30)]
      tables.push({ fileNum: 10 + tables.length, level: Math.max(0, 6 - i), entries, packing, blockEntries })
      at += entries.length
    }
  }
  return { files: filesOf({ tables, logs: logs(...records) }), model }
}

test('LDB-2: random databases read as their model, whatever memory there is to sort in', async () => {
  for (const seed of drawnNumbers('leveldb databases', 300)) {
    const random = new SeededRandom(seed, 'leveldb')
    const { files, model } = drawDatabase(random)
    const sortBytes = random.pick([undefined, 60, 1000, 20_000])
    const expected = [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const { entries } = await readAll(vfsOf(files), 'db', sortBytes === undefined ? {} : { sortBytes })
    assert.deepEqual(textOf(entries), expected, `seed ${seed}`)
  }
})

test('LDB-4, E7 iv: a log that is larger than the memory to sort in is read in parts, each key once', async () => {
  const random = new SeededRandom(1, 'leveldb log')
  const model = new Map<string, string>()
  const records: Uint8Array[] = []
  for (let i = 0; i < 500; i++) {
    const [key, value] = [`key ${random.below(300)}`, random.chance(0.2) ? null : `value ${i} `.repeat(10)]
    if (value === null) model.delete(key)
    else model.set(key, value)
    records.push(batchOf(1 + i, [{ key: bytesOf(key), value: value === null ? null : bytesOf(value) }]))
  }
  const files = filesOf({ logs: logs(...records) })
  const { entries, report } = await readAll(vfsOf(files), 'db', { sortBytes: 4000 })
  assert.deepEqual(new Map(textOf(entries)), model)
  assert.equal(report.storedEntries, 500)
  assert.ok(report.readBytes > 5 * files.get('000005.log')!.length, 'it was read several times')
})

test('work is done in steps, between which the event loop turns', async () => {
  let [ms, turns] = [0, 0]
  const defer = (call: () => void): void => {
    turns++
    systemClock.defer(call)
  }
  const clock = { ...systemClock, nowMs: () => (ms += 0.7), defer }
  const keys = Array.from({ length: 30_000 }, (_, i) => bytesOf(String((i * 7919) % 30_011)))
  const entries = keys.map((key) => ({ key, value: bytesOf('v') }))
  const files = filesOf({ logs: logs(batchOf(1, entries)) })
  assert.equal((await readAll(vfsOf(files), 'db', { clock })).entries.length, 30_000)
  assert.ok(turns > 50, `${turns} turns`)
})
