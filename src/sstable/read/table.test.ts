/** What is written into a table is read back: in order both ways, by key, by key and snapshot. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesOf, compareEntries, DATABASE_ID, entryAt, getEntry, newFile, openWritten, shown, shownPoint, TABLE_NAME,
  writeTable,
} from '../../../test/support/samples/table-samples.js'
import type { Entry } from '../../../test/support/samples/table-samples.js'
import {
  compareBytes, EntryKind, KEY_BYTES_MAX, runAsync, runSync, SeededRandom, SEQ_NUM_MAX, toHex,
} from '../../base/index.js'
import type { InternalIterator } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import { describeTable } from '../dump/table-dump.js'
import { readTableFacts } from './table-open.js'
import { TableIterators } from './table-iterator.js'
import { openTable } from './table.js'
import type { Table } from './table.js'
import { drawn } from '../../../test/support/harness/share.js'

function checkGet(table: Table, entries: Entry[], key: Uint8Array, snapshot: number): void {
  const expected = entries.find((e) => compareBytes(e.key, key) === 0 && e.seqNum <= snapshot)
  const found = getEntry(table, key, snapshot)
  const text = expected === undefined ? null : shownPoint(expected)
  assert.equal(found && shownPoint(found), text, `${toHex(key)} at ${snapshot}`)
}

function checkScans(table: Table, entries: Entry[]): void {
  const expected = entries.map(shown)
  const iterator = table.iterator()
  const forward: string[] = []
  for (iterator.first(); iterator.valid; iterator.next()) forward.push(shown(entryAt(iterator)))
  assert.deepEqual(forward, expected)
  const backward: string[] = []
  for (iterator.last(); iterator.valid; iterator.prev()) backward.push(shown(entryAt(iterator)))
  assert.deepEqual(backward.reverse(), expected)
  iterator.close()
}

function checkSeeks(table: Table, entries: Entry[], keys: Uint8Array[]): void {
  const iterator = table.iterator()
  for (const key of keys) {
    const padded = new Uint8Array([7, ...key, 7])
    const at = entries.findIndex((e) => compareBytes(e.key, key) >= 0)
    const split = at < 0 ? entries.length : at
    iterator.seekGE(padded, 1, 1 + key.length)
    checkStands(iterator, entries, split)
    if (iterator.valid) {
      iterator.prev()
      checkStands(iterator, entries, split - 1)
    }
    iterator.seekLT(padded, 1, 1 + key.length)
    checkStands(iterator, entries, split - 1)
    if (iterator.valid) {
      iterator.next()
      checkStands(iterator, entries, split)
    }
  }
  iterator.close()
}

function checkStands(iterator: InternalIterator, entries: Entry[], at: number): void {
  assert.equal(iterator.valid, at >= 0 && at < entries.length)
  if (iterator.valid) assert.equal(shown(entryAt(iterator)), shown(entries[at]!))
}

interface Shape {
  count: number
  keyBytesMax: number
  /** Count of different byte values in keys: few make many common prefixes and many versions. */
  alphabet: number
  valueBytesMax: number
  seqNumMax: number
  /** The least length of a key. When it equals the largest one, entries are found by arithmetic. The default is 0. */
  keyBytesMin?: number
  valueBytesMin?: number
  /** The part of the entries that are tombstones; 0.2 by default. */
  tombstones?: number
}

function randomKey(random: SeededRandom, { keyBytesMin = 0, keyBytesMax, alphabet }: Shape): Uint8Array {
  const key = new Uint8Array(keyBytesMin + random.below(keyBytesMax - keyBytesMin + 1))
  for (let i = 0; i < key.length; i++) key[i] = random.below(alphabet) * Math.floor(255 / (alphabet - 1))
  return key
}

function randomEntries(random: SeededRandom, shape: Shape): Entry[] {
  const entries = new Map<string, Entry>()
  const { valueBytesMin = 0, tombstones = 0.2 } = shape
  while (entries.size < shape.count) {
    const key = randomKey(random, shape)
    const seqNum = Math.floor((random.u32() / 2 ** 32) * shape.seqNumMax)
    const value = new Uint8Array(valueBytesMin + random.below(shape.valueBytesMax - valueBytesMin + 1))
    random.fill(value)
    const kind = random.chance(tombstones) ? EntryKind.tombstone : EntryKind.value
    entries.set(`${toHex(key)} ${seqNum}`, { key, seqNum, kind, value })
  }
  return [...entries.values()].sort(compareEntries)
}

const ONE_LENGTH = { count: 1200, keyBytesMin: 7, keyBytesMax: 7, alphabet: 3, valueBytesMax: 20, seqNumMax: 10_000 }

const SHAPES: Record<string, Shape> = {
  'keys of one length': ONE_LENGTH,
  'keys and values of one length': { ...ONE_LENGTH, valueBytesMin: 20, tombstones: 0 },
  'the same, and a few tombstones': { ...ONE_LENGTH, valueBytesMin: 20, tombstones: 0.004 },
  'keys and values of one length, wide numbers': {
    ...ONE_LENGTH, valueBytesMin: 20, tombstones: 0, seqNumMax: SEQ_NUM_MAX,
  },
  'values of one length': { ...ONE_LENGTH, keyBytesMin: 3, valueBytesMin: 20, tombstones: 0 },
  'few versions': { count: 1500, keyBytesMax: 12, alphabet: 256, valueBytesMax: 40, seqNumMax: 2 ** 31 },
  'many versions': { count: 1500, keyBytesMax: 3, alphabet: 2, valueBytesMax: 30, seqNumMax: SEQ_NUM_MAX },
  'long common prefixes': { count: 800, keyBytesMax: 90, alphabet: 2, valueBytesMax: 9, seqNumMax: 5000 },
  'values larger than a block': { count: 60, keyBytesMax: 9, alphabet: 4, valueBytesMax: 200_000, seqNumMax: 90 },
}

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`a random table reads back: ${name}`, () => {
    for (const seed of drawn(name, [1, 2, 3])) {
      const random = new SeededRandom(seed, name)
      const entries = randomEntries(random, shape)
      const written = writeTable(entries, { blockBytes: random.pick([1024, 2048, 8192]) })
      const keys = Array.from({ length: 150 }, () => randomKey(random, shape))
      for (const entry of entries) if (random.chance(0.2)) keys.push(entry.key)
      for (const cacheBytes of [0, 20_000, 1 << 22]) {
        for (const pointHash of [true, false]) {
          const table = openWritten(written, new BlockCache(cacheBytes), pointHash)
          checkScans(table, entries)
          checkSeeks(table, entries, keys)
          for (const key of keys) {
            checkGet(table, entries, key, Infinity)
            checkGet(table, entries, key, Math.floor((random.u32() / 2 ** 32) * shape.seqNumMax))
          }
          table.close()
        }
      }
    }
  })
}

test('a point hash that comes when blocks are in the cache already, goes and comes again', () => {
  const random = new SeededRandom(12)
  const entries = randomEntries(random, ONE_LENGTH)
  const cache = new BlockCache(1 << 22)
  const table = openWritten(writeTable(entries, { blockBytes: 1024 }), cache, false)
  for (const isWanted of [false, true, false, true]) {
    if (isWanted) runSync(table.loadLookup('pointHash'))
    else table.dropLookup()
    for (const { key } of entries) checkGet(table, entries, key, random.below(ONE_LENGTH.seqNumMax))
  }
  assert.equal(cache.missCount, cache.blockCount, 'each block was read once')
  table.close()
})

test('iterators and gets share a cache that is too small for them', () => {
  const random = new SeededRandom(11)
  const entries = randomEntries(random, SHAPES['few versions']!)
  const cache = new BlockCache(24 * 1024)
  const table = openWritten(writeTable(entries, { blockBytes: 1024 }), cache)
  const walks = Array.from({ length: 8 }, () => ({ iterator: table.iterator(), at: -1 }))
  for (let turn = 0; turn < 20_000; turn++) {
    const walk = random.pick(walks)
    const { iterator } = walk
    if (!iterator.valid || random.chance(0.05)) {
      walk.at = random.below(entries.length)
      const { key } = entries[walk.at]!
      walk.at = entries.findIndex((e) => compareBytes(e.key, key) === 0)
      iterator.seekGE(key, 0, key.length)
    } else if (random.chance(0.7)) {
      walk.at++
      iterator.next()
    } else {
      walk.at--
      iterator.prev()
    }
    const { key, seqNum } = random.pick(entries)
    if (turn % 3 === 0) checkGet(table, entries, key, seqNum)
    const other = random.pick(walks)
    if (other.iterator.valid) checkStands(other.iterator, entries, other.at)
  }
  assert.ok(cache.evictionCount > 1000)
  for (const { iterator } of walks) iterator.close()
  table.close()
  assert.equal(cache.usedBytes, 0)
})

test('a closed iterator is turned to the next table that is walked, and keeps nothing of the last one', () => {
  const iterators = new TableIterators()
  const cache = new BlockCache(1 << 20)
  const open = (first: number, keyBytes: number): { table: Table; entries: Entry[] } => {
    const entries = Array.from({ length: 200 }, (_, i) => ({
      key: new Uint8Array(keyBytes).fill(first).fill(i, keyBytes - 1), seqNum: 1, kind: EntryKind.value,
      value: new Uint8Array(i),
    }))
    const { file, facts } = writeTable(entries, { blockBytes: 1024 })
    const name = TABLE_NAME
    return { table: runSync(openTable({ file, name, databaseId: DATABASE_ID, facts, cache, iterators })), entries }
  }
  const [short, long] = [open(1, 3), open(2, 2000)]
  const first = short.table.iterator()
  const second = short.table.iterator()
  assert.notEqual(first, second)
  first.last()
  second.first()
  first.close()
  assert.deepEqual([first.valid, first.keyBytes.length, first.valueBytes.length], [false, 64, 64])
  const reused = long.table.iterator()
  assert.equal(reused, first)
  reused.seekGE(long.entries[100]!.key, 0, 2000)
  second.next()
  assert.equal(shown(entryAt(reused)), shown(long.entries[100]!))
  assert.equal(shown(entryAt(second)), shown(short.entries[1]!))
  for (const iterator of [reused, second]) iterator.close()
  assert.equal(first.keyBytes.length, 64, 'a large key is not kept')
  for (const { table, entries } of [short, long, short]) checkScans(table, entries)
  for (const { table } of [short, long]) table.close()
  assert.equal(cache.usedBytes, 0, 'no block is held')
})

test('a block has at most 1024 entries, and is not larger than asked', () => {
  const entries = Array.from({ length: 5000 }, (_, i) => (
    { key: new Uint8Array([i >> 8, i]), seqNum: 1, kind: EntryKind.value, value: new Uint8Array(0) }
  ))
  for (const blockBytes of [1024, 65_536]) {
    const written = writeTable(entries, { blockBytes })
    const layout = [...describeTable({ file: written.file, name: TABLE_NAME })]
    const blocks = layout.filter((section) => section.title.startsWith('block'))
    for (const { bytes } of blocks) assert.ok(bytes <= blockBytes)
    if (blockBytes > 1024) assert.equal(blocks.length, Math.ceil(5000 / 1024))
    const table = openWritten(written, new BlockCache(1 << 20))
    checkScans(table, entries)
    for (let i = 0; i < 5000; i += 100) checkGet(table, entries, entries[i]!.key, 1)
  }
})

test('a block is full with what its keys share counted once', () => {
  const entries = Array.from({ length: 500 }, (_, i) => (
    { key: Buffer.from('x'.repeat(100) + (1000 + i)), seqNum: i + 1, kind: EntryKind.value, value: new Uint8Array(9) }
  ))
  const { file } = writeTable(entries, { blockBytes: 2048 })
  const blocks = [...describeTable({ file, name: TABLE_NAME })].filter(({ title }) => title.startsWith('block'))
  for (const { bytes } of blocks.slice(0, -1)) assert.ok(bytes <= 2048 && bytes > 1900, String(bytes))
})

test('hits and misses are counted; what point reads use stays through a scan', () => {
  const entries = randomEntries(new SeededRandom(12), SHAPES['few versions']!)
  const cache = new BlockCache(16 * 1024)
  const table = openWritten(writeTable(entries, { blockBytes: 1024 }), cache)
  const hot = entries[700]!.key
  checkGet(table, entries, hot, Infinity)
  assert.deepEqual([cache.hitCount, cache.missCount], [0, 1])
  const iterator = table.iterator()
  let count = 0
  for (iterator.first(); iterator.valid; iterator.next()) {
    if (count++ % 200 === 0) checkGet(table, entries, hot, Infinity)
  }
  iterator.close()
  const misses = cache.missCount
  assert.ok(cache.evictionCount > 10)
  checkGet(table, entries, hot, Infinity)
  assert.equal(cache.missCount, misses)
})

test('gets in the order of keys read a row and the block once, and few blocks come into a full cache', () => {
  const entries = randomEntries(new SeededRandom(13), SHAPES['few versions']!)
  const written = writeTable(entries, { blockBytes: 1024 })
  for (const pointHash of [true, false]) {
    const large = new BlockCache(1 << 22)
    const pass = (cache: BlockCache): Table => {
      const table = openWritten(written, cache, pointHash)
      for (const { key } of entries) checkGet(table, entries, key, Infinity)
      return table
    }
    pass(large)
    const small = new BlockCache(8 * 1024)
    const table = pass(small)
    const { blockCount } = large
    const [least, most] = pointHash ? [blockCount + 1, 2 * blockCount] : [blockCount, blockCount]
    assert.ok(small.missCount >= least && small.missCount <= most, String(small.missCount))
    assert.ok(small.evictionCount > 0 && small.evictionCount < small.missCount / 4, String(small.evictionCount))
    table.close()
    assert.equal(small.usedBytes, 0)
  }
})

test('bounds between blocks are short', () => {
  const entries = Array.from({ length: 200 }, (_, i) => (
    { key: new Uint8Array(100).fill(i), seqNum: 1, kind: EntryKind.value, value: new Uint8Array(400) }
  ))
  const written = writeTable(entries, { blockBytes: 1024 })
  const layout = [...describeTable({ file: written.file, name: TABLE_NAME })]
  const bounds = layout.flatMap(({ fields }) => fields).filter(({ name }) => /^block \d+: bound key$/.test(name))
  assert.ok(bounds.length > 50)
  bounds.forEach((part, i) => assert.equal(part.bytes, i === bounds.length - 1 ? 100 : 1))
  checkScans(openWritten(written, new BlockCache(1 << 20)), entries)
})

test('facts say what is in the table, and the file alone says the same', async () => {
  const random = new SeededRandom(5)
  const entries = randomEntries(random, SHAPES['few versions']!)
  const { file, facts } = writeTable(entries, { firstLog: 3, lastLog: 4 })
  assert.deepEqual(facts, {
    fileNum: 7,
    bytes: file.sizeSync(),
    entryCount: entries.length,
    tombstoneCount: entries.filter((e) => e.kind === EntryKind.tombstone).length,
    hiddenCount: entries.filter((e, i) => i > 0 && Buffer.compare(e.key, entries[i - 1]!.key) === 0).length,
    rawBytes: entries.reduce((sum, e) => sum + e.key.length + e.value.length, 0),
    smallestKey: entries[0]!.key,
    largestKey: entries[entries.length - 1]!.key,
    spans: null, smallestSeqNum: Math.min(...entries.map((e) => e.seqNum)),
    largestSeqNum: Math.max(...entries.map((e) => e.seqNum)),
    firstLog: 3,
    lastLog: 4,
    salt: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]),
    keyspaceId: 0,
    expiry: null,
    valueFiles: [],
  })
  assert.deepEqual(await runAsync(readTableFacts({ file, name: TABLE_NAME })), facts)
})

test('longest key, empty key, empty value', () => {
  const long = new Uint8Array(KEY_BYTES_MAX).fill(255)
  const longer = long.slice()
  longer[KEY_BYTES_MAX - 1] = 254
  const entries = [new Uint8Array(0), new Uint8Array([0]), longer, long].map((key, i) => (
    { key, seqNum: i, kind: EntryKind.value, value: new Uint8Array(i % 2) }
  ))
  const written = writeTable(entries)
  for (const pointHash of [true, false]) {
    const table = openWritten(written, new BlockCache(1 << 20), pointHash)
    checkScans(table, entries)
    checkSeeks(table, entries, entries.map((e) => e.key))
    for (const { key } of entries) checkGet(table, entries, key, Infinity)
    checkGet(table, entries, new Uint8Array([0, 0]), Infinity)
    checkGet(table, entries, new Uint8Array(KEY_BYTES_MAX + 1).fill(255), Infinity)
  }
})

test('versions of one key over many blocks: each snapshot finds its own', () => {
  const key = new Uint8Array([1, 2, 3])
  const value = new Uint8Array(50)
  const entries: Entry[] = []
  for (let seqNum = 4000; seqNum > 0; seqNum -= 2) entries.push({ key, seqNum, kind: EntryKind.value, value })
  entries.unshift({ key: new Uint8Array([1, 2]), seqNum: 1, kind: EntryKind.value, value })
  entries.push({ key: new Uint8Array([1, 2, 3, 0]), seqNum: 1, kind: EntryKind.value, value })
  const written = writeTable(entries, { blockBytes: 1024 })
  for (const pointHash of [true, false]) {
    const table = openWritten(written, new BlockCache(1 << 20), pointHash)
    for (let snapshot = 0; snapshot <= 4001; snapshot++) checkGet(table, entries, key, snapshot)
    checkSeeks(table, entries, [key, entries[0]!.key, entries[entries.length - 1]!.key])
  }
})

test('a file that takes a few bytes at a time gets the same bytes', () => {
  const entries = randomEntries(new SeededRandom(6), SHAPES['values larger than a block']!)
  const { file } = writeTable(entries)
  const slow = newFile()
  const writeSync = slow.writeSync.bind(slow)
  slow.writeSync = (source, at, length, position) => writeSync(source, at, Math.min(length, 1013), position)
  assert.ok(compareBytes(bytesOf(file), bytesOf(writeTable(entries, {}, slow).file)) === 0)
  slow.writeSync = () => 0
  assert.throws(() => writeTable(entries, {}, slow), { code: 'IO_ERROR', file: TABLE_NAME })
})

test('entries out of order are refused', () => {
  const entry = (key: number[], seqNum: number): Entry => (
    { key: new Uint8Array(key), seqNum, kind: EntryKind.value, value: new Uint8Array(0) }
  )
  assert.throws(() => writeTable([entry([2], 1), entry([1], 2)]), { code: 'INTERNAL' })
  assert.throws(() => writeTable([entry([1], 1), entry([1], 1)]), { code: 'INTERNAL' })
  assert.throws(() => writeTable([entry([1], 1), entry([1], 2)]), { code: 'INTERNAL' })
  assert.throws(() => writeTable([entry([1, 0], 3), entry([1], 2)]), { code: 'INTERNAL' })
  assert.throws(() => writeTable([]), { code: 'INTERNAL' })
})
