/** Gets that miss read rows alone: the answers are the same, whatever becomes of the file meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesOf, DATABASE_ID, getEntry, newFile, shownPoint, TABLE_NAME, writeTable,
} from '../../../test/support/samples/table-samples.js'
import type { Entry, WrittenTable } from '../../../test/support/samples/table-samples.js'
import { partsOf } from '../../../test/support/samples/table-crafting.js'
import { drawn } from '../../../test/support/harness/share.js'
import { EntryKind, runSync, SeededRandom, VarveError } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import type { ReadableFile } from '../../vfs/index.js'
import { openTable } from './table.js'
import type { Table, TableOpenOptions } from './table.js'

const BLOCK_BYTES = 1024

/** Makes entries in order, two versions of every fourth key; their values have one length, or not. */
function entriesOf(random: SeededRandom, valuesAlike: boolean): Entry[] {
  return Array.from({ length: 900 }, (_, i) => {
    const value = new Uint8Array(valuesAlike ? 40 : random.below(80))
    random.fill(value)
    const kind = !valuesAlike && random.chance(0.1) ? EntryKind.tombstone : EntryKind.value
    const number = i - (i % 5 === 4 ? 1 : 0)
    return { key: Buffer.from(`key ${String(number).padStart(5, '0')}`), seqNum: 10_000 - i, kind, value }
  })
}

interface Read {
  offset: number
  bytes: number
}

/** Opens the table over a cache that is much too small for it; `onRead` sees each read of the file, and its result. */
function openSmall(
  { file, facts }: WrittenTable, onRead: (read: Read) => number, options: Partial<TableOpenOptions> = {},
  cacheBytes = 16 * 1024,
): { table: Table; cache: BlockCache } {
  const watched: ReadableFile = {
    path: file.path,
    sizeSync: () => file.sizeSync(),
    read: (target, at, bytes, offset) => file.read(target, at, bytes, offset),
    readSync(target, at, bytes, offset) {
      const count = onRead({ offset, bytes })
      return file.readSync(target, at, count, offset)
    },
  }
  const cache = new BlockCache(cacheBytes)
  const table = runSync(
    openTable({ file: watched, name: TABLE_NAME, databaseId: DATABASE_ID, facts, cache, ...options }),
  )
  return { table, cache }
}

function expectedOf(entries: Entry[], { key }: Entry, snapshot: number): string | null {
  const found = entries.find((e) => Buffer.compare(e.key, key) === 0 && e.seqNum <= snapshot)
  return found === undefined ? null : shownPoint(found)
}

function checkRandomGets(table: Table, entries: Entry[], random: SeededRandom, count: number): void {
  for (let turn = 0; turn < count; turn++) {
    const entry = random.pick(entries)
    const snapshot = random.chance(0.8) ? Infinity : random.below(10_000)
    const found = getEntry(table, entry.key, snapshot)
    assert.equal(found && shownPoint(found), expectedOf(entries, entry, snapshot))
  }
}

test('gets that miss read rows alone, fewer bytes, and give the same answers', () => {
  for (const [valuesAlike, cacheBytes] of [[true, 16_384], [false, 16_384], [true, 4096], [false, 0]] as const) {
    const random = new SeededRandom(3, 'parts')
    const entries = entriesOf(random, valuesAlike)
    const reads: Read[] = []
    const { table, cache } = openSmall(writeTable(entries, { blockBytes: BLOCK_BYTES }), (read) => {
      reads.push(read)
      return read.bytes
    }, {}, cacheBytes)
    checkRandomGets(table, entries, random, 1000)
    reads.length = 0
    const misses = cache.missCount
    checkRandomGets(table, entries, random, 2000)
    const bytes = reads.reduce((sum, read) => sum + read.bytes, 0)
    assert.ok(cache.missCount - misses > 500)
    assert.ok(bytes < 0.6 * BLOCK_BYTES * (cache.missCount - misses), `${bytes} for ${cache.missCount - misses}`)
    table.dropLookup()
    checkRandomGets(table, entries, random, 300)
    table.close()
  }
})

test('neighbours that come next find the whole block, also when its row alone was read for the first', () => {
  const random = new SeededRandom(4, 'neighbours')
  const entries = entriesOf(random, true)
  for (const cacheBytes of [16_384, 0]) {
    let reads = 0
    const onRead = ({ bytes }: Read): number => (reads++, bytes)
    const { table, cache } = openSmall(writeTable(entries, { blockBytes: BLOCK_BYTES }), onRead, {}, cacheBytes)
    checkRandomGets(table, entries, random, 1000)
    reads = 0
    const { evictionCount } = cache
    for (const { key } of entries) getEntry(table, key, Infinity)
    const blocks = Math.ceil(900 * (40 + 8 + 20) / BLOCK_BYTES)
    assert.ok(reads <= 2 * blocks + 2, `${reads} reads of ${blocks} blocks`)
    assert.ok(cache.evictionCount - evictionCount < 8, 'a pass takes nothing from what is used')
    table.close()
  }
})

test('a row that cannot be read, or is cut short, is read again as a whole block', () => {
  const random = new SeededRandom(7, 'faults')
  const entries = entriesOf(random, false)
  let failed = 0
  const { table } = openSmall(writeTable(entries, { blockBytes: BLOCK_BYTES }), ({ bytes }) => {
    if (bytes > BLOCK_BYTES / 2 || random.chance(0.4)) return bytes
    failed++
    if (random.chance(0.5)) return bytes >> 1
    throw Object.assign(new Error('EIO'), { code: 'EIO' })
  })
  checkRandomGets(table, entries, random, 3000)
  assert.ok(failed > 100, String(failed))
  table.close()
})

test('a byte that changes under an open table gives the right answers or CORRUPTION, never wrong ones', () => {
  for (const seed of drawn('changed', Array.from({ length: 24 }, (_, i) => i))) {
    const random = new SeededRandom(seed, 'changed')
    const entries = entriesOf(random, seed % 2 === 0)
    const { file, facts } = writeTable(entries, { blockBytes: BLOCK_BYTES })
    const copy = newFile(bytesOf(file))
    const { index } = partsOf(bytesOf(file))
    const dataEnd = index.offset(index.blockCount)
    const { table, cache } = openSmall({ file: copy, facts }, ({ bytes }) => bytes)
    checkRandomGets(table, entries, random, 800)
    let refused = 0
    for (let turn = 0; turn < 60; turn++) {
      const at = 128 + random.below(dataEnd - 128)
      const near = Math.floor((at - 128) / (dataEnd - 128) * entries.length)
      const [good] = [bytesOf(file).slice(at, at + 1)]
      copy.writeSync(Uint8Array.of(good[0]! ^ 1 << random.below(8)), 0, 1, at)
      for (let k = 0; k < 60; k++) {
        const entry = entries[Math.min(entries.length - 1, Math.max(0, near - 8 + random.below(16)))]!
        try {
          const found = getEntry(table, entry.key, Infinity)
          assert.equal(found && shownPoint(found), expectedOf(entries, entry, Infinity), `seed ${seed}, byte ${at}`)
        } catch (error) {
          assert.ok(VarveError.is(error) && error.code === 'CORRUPTION', String(error))
          refused++
        }
      }
      copy.writeSync(good, 0, 1, at)
    }
    assert.ok(refused > 0 && cache.missCount > 500, `seed ${seed}: ${refused}, ${cache.missCount}`)
    checkRandomGets(table, entries, random, 200)
    table.close()
  }
})

test('a get goes on when its read makes the point hash go', () => {
  const random = new SeededRandom(9, 'gone')
  const entries = entriesOf(random, false)
  let reads = 0
  const written = writeTable(entries, { blockBytes: BLOCK_BYTES })
  const opened: { table?: Table } = {}
  const { table } = openSmall(written, ({ bytes }) => bytes, {
    onIndexRead() {
      reads++
      opened.table!.dropLookup()
    },
  })
  opened.table = table
  for (let turn = 0; turn < 20; turn++) {
    runSync(table.loadLookup('pointHash'))
    table.dropIndex()
    checkRandomGets(table, entries, random, 20)
  }
  assert.ok(reads >= 15, String(reads))
  table.close()
})
