/** Level deep finds each inconsistency that is planted into files whose checksums are all right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  crc32, emptyFrameHeader, EntryKind, FILE_HEADER_BYTES, fileSeedOf, FRAME_HEADER_BYTES, frameBytes, newFileHeader,
  parseFileName, putExpiry, putU32, readFrameHeader, runSync, SeededRandom, tableFileName,
} from '../../src/base/index.js'
import type { TableFacts } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { Problem, VerifyLevel } from '../../src/index.js'
import { Spans } from '../../src/iterator/index.js'
import { applyEdits, emptyVersion, newLineage } from '../../src/manifest/index.js'
import { TableBuilder } from '../../src/sstable/index.js'
import { SectionSlot } from '../../src/sstable/table-format.js'
import { MemoryVfs } from '../../src/testing.js'
import { writeManifest } from '../../src/versions/index.js'
import { FULL_DIR, makeFullDatabase } from '../support/databases/full-database.js'
import { DATABASE_ID, makeDatabase, sampleEntries } from '../support/databases/value-databases.js'
import type { DatabasePlan, MadeEntry } from '../support/databases/value-databases.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import { drawnNumbers } from '../support/harness/share.js'
import { craftIn, findPieces, partsOf } from '../support/samples/table-crafting.js'

const DIR = '/db'

async function problemsOf(vfs: MemoryVfs, level: VerifyLevel): Promise<string[]> {
  const { problems } = await Varve.verify(DIR, { level, vfs })
  return problems.filter(({ severity }) => severity !== 'waste').map(textOf)
}

function textOf({ severity, file, message }: Problem): string {
  return `${severity} ${file}: ${message.replace(/^\S+( at offset \d+)?: /, '')}`
}

function newDatabase(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  return vfs
}

// ── Handles ───────────────────────────────────────────────────────────────────────────────────────

function withHandles(change: (entry: MadeEntry) => MadeEntry, plan: Partial<DatabasePlan> = {}): MemoryVfs {
  const vfs = newDatabase()
  const entries = sampleEntries(12).map((entry) => (entry.log === undefined ? entry : { ...entry, log: 14 }))
  makeDatabase(vfs, DIR, { entries: entries.map(change), ...plan })
  return vfs
}

test('handles that lead to their records are no problem', async () => {
  for (const level of ['quick', 'full', 'deep'] as const) {
    assert.deepEqual(await problemsOf(withHandles((entry) => entry), level), [])
  }
})

test('a handle that leads elsewhere is found by the walk alone', async () => {
  const lies: [NonNullable<MadeEntry['lies']>, RegExp][] = [
    [{ offset: 4096 }, /no record of this key stands at offset 4096 of value log 14/],
    [{ offset: 60 }, /its value is in the header of value log 14/],
    [{ checksum: 7 }, /its value in value log 14 has another checksum/],
    [{ offset: 2 ** 31 }, /its value is behind the end of value log 14/],
  ]
  for (const [lie, message] of lies) {
    const vfs = withHandles((entry) => (entry.key === 'key 0005' ? { ...entry, lies: lie } : entry))
    assert.deepEqual(await problemsOf(vfs, 'full'), [], 'all checksums are right')
    const found = await problemsOf(vfs, 'deep')
    assert.equal(found.length, 1, found.join())
    assert.match(found[0]!, message)
    assert.match(found[0]!, /^damage 000020.table/)
  }
})

test('wrong counts of a value log in the manifest are found', async () => {
  const vfs = withHandles((entry) => entry, { facts: (facts) => ({ ...facts, putCount: facts.putCount + 1 }) })
  const found = await problemsOf(vfs, 'full')
  assert.equal(found.length, 1)
  assert.match(found[0]!, /^damage 000014.vlog: it has 9 values of \d+ bytes, the manifest says 10/)
})

// ── Order ─────────────────────────────────────────────────────────────────────────────────────────

interface PlannedTable {
  level: number
  fileNum: number
  entries: [key: string, seqNum: number, expiryMs?: number][]
  spans?: Spans
}

/** Makes tables and a manifest, which says of them what `change` gives, and then what `lie` makes of it unchecked. */
function makeTables(
  tables: PlannedTable[], change: (facts: TableFacts) => TableFacts = (facts) => facts,
  lie: (facts: readonly TableFacts[]) => void = () => undefined,
): MemoryVfs {
  const vfs = newDatabase()
  const random = new SeededRandom(5)
  const origin = { databaseId: DATABASE_ID, generation: 1, lineage: 77, random }
  const addTables = tables.map(({ level, fileNum, entries, spans }) => {
    const { salt } = newFileHeader('varvetab', origin, fileNum)
    const file = vfs.openSync(vfs.join(DIR, tableFileName(fileNum)), 'create')
    const builder = new TableBuilder(file, {
      databaseId: DATABASE_ID, fileNum, salt, generation: 1, layout: 'columns',
    })
    for (const [key, seqNum, expiryMs] of entries) {
      const bytes = new TextEncoder().encode(key)
      const value = new Uint8Array(16)
      const kind = expiryMs === undefined ? EntryKind.value : putExpiry(value, 0, EntryKind.value, expiryMs)
      builder.add(bytes, 0, bytes.length, seqNum, kind, value, 0, value.length)
    }
    if (spans !== undefined) builder.addSpans(spans)
    const facts = builder.finish()
    file.closeSync()
    return { level, facts: change(facts) }
  })
  const version = applyEdits({ ...emptyVersion, lineage: newLineage(random) }, [{
    addTables, logPointer: 900, lastSeqNum: 100, nextFileNum: 1000,
  }])
  lie(version.levels.flatMap((level) => level.tables))
  const manifest = runSync(writeManifest({ ...origin, vfs, dir: DIR }, 40, version))
  runSync(manifest.close())
  return vfs
}

test('an entry that is in two tables is found by the walk', async () => {
  const vfs = makeTables([
    { level: 1, fileNum: 10, entries: [['a', 5], ['b', 6]] }, { level: 2, fileNum: 11, entries: [['b', 6], ['c', 2]] },
  ])
  assert.deepEqual(await problemsOf(vfs, 'full'), [])
  assert.deepEqual(await problemsOf(vfs, 'deep'), ['damage 000011.table: the same entry is in two places'])
})

test('an older entry in an upper level is found by the walk', async () => {
  const vfs = makeTables([
    { level: 1, fileNum: 10, entries: [['a', 5], ['b', 3]] }, { level: 2, fileNum: 11, entries: [['b', 6], ['c', 2]] },
  ])
  assert.deepEqual(await problemsOf(vfs, 'full'), [])
  assert.deepEqual(await problemsOf(vfs, 'deep'), [
    'damage 000010.table: entry 3 stands above the newer entry 6 of its key',
  ])
})

test('facts of the manifest that are not those of the table are found at every level', async () => {
  const vfs = makeTables([{ level: 1, fileNum: 10, entries: [['a', 5], ['b', 6]] }],
    (facts) => ({ ...facts, entryCount: 3 }))
  for (const level of ['quick', 'full', 'deep'] as const) {
    const found = await problemsOf(vfs, level)
    assert.equal(found.length, 1)
    assert.match(found[0]!, /^damage 000010.table: not as the manifest says: entryCount/)
  }
})

test('tables of one level that overlap are found at every level', async () => {
  const truth = new Map<number, TableFacts>()
  const vfs = makeTables([
    { level: 1, fileNum: 10, entries: [['a', 5], ['c', 6]] }, { level: 1, fileNum: 11, entries: [['b', 7], ['d', 8]] },
  ], (facts) => {
    truth.set(facts.fileNum, facts)
    if (facts.fileNum === 10) return facts
    return { ...facts, smallestKey: Uint8Array.of(0x78), largestKey: Uint8Array.of(0x79) }
  }, (tables) => {
    for (const facts of tables) Object.assign(facts, truth.get(facts.fileNum))
  })
  for (const level of ['quick', 'full', 'deep'] as const) {
    assert.match((await problemsOf(vfs, level)).join(), /^damage 000040.manifest: .*MAN-1: tables 10 and 11 of level 1/)
  }
})

test('range tombstones outside of what the manifest says of them are found at every level', async () => {
  const key = (text: string): Uint8Array => new TextEncoder().encode(text)
  const spans = Spans.of({ lower: key('b'), upper: key('f'), seqNum: 9 })
  const table: PlannedTable = { level: 1, fileNum: 10, entries: [['a', 5], ['c', 6]], spans }
  assert.deepEqual(await problemsOf(makeTables([table]), 'deep'), [])
  const vfs = makeTables([table], (facts) => {
    const narrow = { lower: key('b'), upper: key('e') }
    const widest = facts.spans!.widest.map((span) => ({ ...span, ...narrow }))
    return { ...facts, spans: { ...facts.spans!, ...narrow, widest } }
  })
  for (const level of ['quick', 'full', 'deep'] as const) {
    assert.match((await problemsOf(vfs, level)).join(), /^damage 000010.table: the range tombstones are not as/)
  }
})

// ── Bytes that are wrong under right checksums ────────────────────────────────────────────────────

/** Changes the part of table 10 that begins at `offset`, and makes its checksum right. */
function craftTable(vfs: MemoryVfs, offset: number, change: (content: Uint8Array) => void): MemoryVfs {
  const name = vfs.join(DIR, tableFileName(10))
  const bytes = takeImage(vfs, DIR).get(tableFileName(10))!
  const crafted = craftIn(bytes, offset, change)
  const file = vfs.openSync(name, 'write')
  file.writeSync(crafted, 0, crafted.length, 0)
  file.closeSync()
  return vfs
}

test('a filter or a point hash without a key, and a wrong expiry, are found by deep alone', async () => {
  const entries = 'abcdefghij'.split('').map((key, i): [string, number, number] => [key, i + 1, 5000 + i])
  const made = (): MemoryVfs => makeTables([{ level: 1, fileNum: 10, entries }])
  assert.deepEqual(await problemsOf(made(), 'deep'), [])
  const { footer: { sections } } = partsOf(takeImage(made(), DIR).get(tableFileName(10))!)
  const cases: [string, number, (content: Uint8Array) => void, RegExp][] = [
    ['filter', sections[SectionSlot.filter]!.offset, (content) => content.fill(0, 16), /the filter misses a key/],
    ['point hash', sections[SectionSlot.pointHash]!.offset, (content) => content.fill(0, 16),
      /the point hash misses the newest version of a key/],
    ['expiry', FILE_HEADER_BYTES, (content) => {
      // The latest of them expires later than the properties say.
      const at = content.findIndex((byte, i) => byte === (5009 & 0xff) && content[i + 1] === 5009 >> 8)
      content[at + 1] = 0x7f
    }, /the entries that expire are not those that the properties speak of/],
  ]
  for (const [what, offset, change, message] of cases) {
    const vfs = craftTable(made(), offset, change)
    for (const level of ['quick', 'full'] as const) {
      assert.deepEqual(await problemsOf(vfs, level), [], `${what}: all checksums are right`)
    }
    assert.match((await problemsOf(vfs, 'deep')).join(), message)
  }
})

// ── Hostile bytes under right checksums ───────────────────────────────────────────────────────────

/** Changes bytes of a table's block or section, or of a frame, and makes its checksum right again. */
function hostile(name: string, good: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = good.slice()
  const change = (start: number, end: number): void => {
    const at = start + random.below(end - start)
    bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, bytes[at]! ^ (1 << random.below(8))])
  }
  const seed = fileSeedOf(bytes)
  if (parseFileName(name)!.kind === 'table') {
    const { offset, bytes: length, seal } = random.pick(findPieces(bytes))
    change(offset, offset + length)
    seal(bytes)
    return bytes
  }
  const frames: number[] = []
  const frame = emptyFrameHeader()
  for (let at = FILE_HEADER_BYTES; at + FRAME_HEADER_BYTES <= bytes.length; at += frameBytes(frame.bodyBytes)) {
    if (!readFrameHeader(bytes, at, at, seed, frame)) break
    frames.push(at)
  }
  const at = random.pick(frames)
  readFrameHeader(bytes, at, at, seed, frame)
  if (frame.bodyBytes > 0 && random.chance(0.7)) {
    const start = at + FRAME_HEADER_BYTES
    change(start, Math.min(start + frame.bodyBytes, start + 200))
    putU32(bytes, at + 8, crc32(bytes, start, start + frame.bodyBytes, (seed ^ at) >>> 0))
  } else change(at + 4, at + FRAME_HEADER_BYTES)
  putU32(bytes, at, crc32(bytes, at + 4, at + FRAME_HEADER_BYTES, (seed ^ at) >>> 0))
  return bytes
}

test('hostile bytes under right checksums end in a report, without a hang or much memory (V2, VER-3)', async () => {
  const image = await makeFullDatabase(2)
  const names = [...image.keys()].filter((name) => image.get(name)!.length > 0)
  for (const seed of drawnNumbers('hostile', 3000)) {
    const random = new SeededRandom(seed, 'hostile')
    const name = random.pick(names)
    const vfs = vfsOf(withFile(image, name, hostile(name, image.get(name)!, random)), FULL_DIR)
    for (const level of ['quick', 'full', 'deep'] as const) {
      const before = process.memoryUsage().arrayBuffers
      try {
        await Varve.verify(FULL_DIR, { level, vfs })
      } catch (error) {
        assert.fail(`seed ${seed}, ${name}, ${level}: ${String((error as Error).stack)}`)
      }
      const taken = process.memoryUsage().arrayBuffers - before
      assert.ok(taken < 64 * 1024 * 1024, `seed ${seed}, ${name}: ${taken} bytes`)
    }
  }
})

test('a log that is just being made is no problem, and a used one that is cut is', async () => {
  const vfs = new MemoryVfs()
  await (await Varve.open(DIR, { workers: 0, components: { vfs } })).close()
  const image = takeImage(vfs, DIR)
  const names = [...image.keys()].filter((name) => name.endsWith('.wal')).sort()
  const next = Number.parseInt(names.at(-1) ?? '1', 10) + 1
  for (const bytes of [0, 1, 20, 63]) {
    const made = withFile(image, `${String(next).padStart(6, '0')}.wal`, new Uint8Array(bytes))
    for (const level of ['quick', 'full', 'deep'] as const) {
      assert.deepEqual(await problemsOf(vfsOf(made, DIR), level), [], `${bytes} bytes, ${level}`)
    }
  }
  const db = await Varve.open(DIR, { workers: 0, components: { vfs }, flushOnClose: false })
  for (let i = 0; i < 10; i++) await db.put(`key ${i}`, 'value', { sync: true })
  await db.close()
  const used = [...takeImage(vfs, DIR)].filter(([name, bytes]) => name.endsWith('.wal') && bytes.length > 300)
  assert.equal(used.length, 1)
  const cut = withFile(takeImage(vfs, DIR), used[0]![0], used[0]![1].subarray(0, 20))
  assert.match((await problemsOf(vfsOf(cut, DIR), 'full')).join(), /^(damage|suspicion) \d+.wal: /)
})

test('a directory without a database is an error, and no report', async () => {
  const vfs = newDatabase()
  await assert.rejects(Varve.verify(DIR, { vfs }), (error) => VarveError.is(error) && error.code === 'NOT_FOUND')
  await assert.rejects(Varve.verify('/none', { vfs }), (error) => VarveError.is(error) && error.code === 'NOT_FOUND')
  const wrong = { level: 'all' as VerifyLevel, vfs }
  await assert.rejects(Varve.verify(DIR, wrong), { code: 'INVALID_ARGUMENT', message: /level must be one of quick/ })
})
