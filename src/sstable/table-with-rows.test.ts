/** Tables with rows: the same answers as with columns, whatever entries they have; from bad bytes CORRUPTION alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, drawn, drawnNumbers, heavyTest } from '../../test/support/harness/share.js'
import { craftIn, partsOf, rowsSample } from '../../test/support/samples/table-crafting.js'
import {
  bytesOf, checkWritten, compareEntries, DATABASE_ID, entryAt, getEntry, newFile, openWritten, sampleEntries, shown,
  TABLE_NAME, writeTable,
} from '../../test/support/samples/table-samples.js'
import type { Entry, WrittenTable } from '../../test/support/samples/table-samples.js'
import { handleEntry } from '../../test/support/samples/value-handles.js'
import { EntryKind, getU32, MustKnow, putU32, SeededRandom, VarveError } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { rowHeadOf } from './block/block-reader.js'
import { BuildBuffer, scanBytes, TableBuilder, TableScan } from './index.js'
import type { TableBuilderOptions } from './index.js'
import { Codec, FOOTER_BYTES, SectionSlot } from './table-format.js'

Error.stackTraceLimit = 3

const HANDLE = { fileNum: 3, offset: 128, length: 900 }

type Draw = (random: SeededRandom, i: number) => string

/** Key shapes: short ones, paths, one long prefix, more than a prefix of rows may have, heads that are all alike. */
const KEYS: Draw[] = [
  (random) => String.fromCharCode(...Array.from({ length: random.below(4) }, () => random.below(256))),
  (random, i) => `/home/someone/${'projects/'.repeat(random.below(12))}file-${i % 50}.txt`,
  (_, i) => `tenant-000000000000000000000042/${String(i).padStart(9, '0')}`,
  (random, i) => 'p'.repeat(4090 + (i % 9)) + random.below(1000),
  (random) => 'aaaa' + '\0'.repeat(random.below(6)) + 'b'.repeat(random.below(3)),
]

function drawEntries(random: SeededRandom): Entry[] {
  const draw = random.pick(KEYS)
  const most = random.pick([1, 5, 60, 400])
  const isWide = random.chance(0.2)
  const lengths = random.pick([[0], [100], [0, 5, 120, 127, 128, 129, 300, 20_000], [50, 70_000]])
  const entries = new Map<string, Entry>()
  for (let i = 0; i < 1 + random.below(most); i++) {
    const key = Buffer.from(draw(random, i), 'latin1')
    const versions = random.chance(0.1) ? 1 + random.below(random.pick([3, 200])) : 1
    for (let version = 0; version < versions; version++) {
      const seqNum = 1 + random.below(isWide ? 2 ** 40 : 100_000)
      const value = new Uint8Array(random.pick(lengths))
      random.fill(value)
      let entry: Entry = { key, seqNum, kind: EntryKind.value, value }
      if (random.chance(0.1)) entry = { ...entry, kind: EntryKind.tombstone, value: new Uint8Array(0) }
      else if (random.chance(0.1)) entry = handleEntry(key.toString('latin1'), seqNum, HANDLE)
      entries.set(`${key.toString('latin1')} ${seqNum}`, { ...entry, key })
    }
  }
  return [...entries.values()].sort(compareEntries)
}

interface Both {
  random: SeededRandom
  entries: Entry[]
  rows: WrittenTable
  columns: WrittenTable
  options: Partial<TableBuilderOptions>
}

function drawBoth(seed: number): Both {
  const random = new SeededRandom(seed, 'rows')
  const entries = drawEntries(random)
  const options = { blockBytes: random.pick([1024, 2048, 8192, 65_536]) }
  const rows = writeTable(entries, options)
  return { random, entries, options, rows, columns: writeTable(entries, { ...options, layout: 'columns' }) }
}

function says(written: WrittenTable): number {
  return getU32(bytesOf(written.file), written.facts.bytes - FOOTER_BYTES + 76)
}

test('walks, seeks and point reads of any entries answer as with columns, from the cache and past it', () => {
  let rowTables = 0
  for (const seed of drawn('entries in rows', Array.from({ length: 50 }, (_, i) => i))) {
    const { random, entries, rows, columns } = drawBoth(seed)
    checkWritten(rows)
    assert.deepEqual({ ...rows.facts, bytes: 0 }, { ...columns.facts, bytes: 0 })
    if ((says(rows) & MustKnow.rowBlocks) !== 0) rowTables++
    for (const [cacheBytes, isPointHashed] of [[0, true], [20_000, true], [1 << 22, true], [1 << 22, false]] as const) {
      const [a, b] = [rows, columns].map((each) => openWritten(each, new BlockCache(cacheBytes), isPointHashed))
      const [i, j] = [a!.iterator(), b!.iterator()]
      const same = (where: string): void => {
        assert.equal(i.valid, j.valid, where)
        if (i.valid) assert.equal(shown(entryAt(i)), shown(entryAt(j)), where)
      }
      for (i.first(), j.first(); ; i.next(), j.next()) {
        same(`seed ${seed}, next`)
        if (!i.valid) break
      }
      for (i.last(), j.last(); ; i.prev(), j.prev()) {
        same(`seed ${seed}, prev`)
        if (!i.valid) break
      }
      for (let turn = 0; turn < 40; turn++) {
        const { key } = random.pick(entries)
        const other = random.pick([key, key.slice(0, random.below(key.length + 1)), Uint8Array.of(...key, 0)])
        const padded = Uint8Array.of(...other, 0)
        for (const seek of ['seekGE', 'seekLT'] as const) {
          i[seek](padded, 0, other.length)
          j[seek](padded, 0, other.length)
          same(`seed ${seed}, ${seek} ${Buffer.from(other).toString('hex')}`)
        }
        const snapshot = random.pick([2 ** 50, 2 ** 50, random.below(100_000)])
        assert.deepEqual(getEntry(a!, other, snapshot), getEntry(b!, other, snapshot), `seed ${seed}`)
      }
      for (const each of [i, j]) each.close()
      for (const each of [a!, b!]) each.close()
    }
  }
  assert.ok(rowTables > atLeast(35), String(rowTables))
})

/** Merges one table with another layout or none. */
function merged(written: WrittenTable, options: Partial<TableBuilderOptions>, pieceBytes: number): Uint8Array {
  const scanned = new TableScan({ memory: new BuildBuffer(1024, scanBytes(pieceBytes)), pieceBytes, headAt: 0 })
  scanned.open({ file: written.file, name: TABLE_NAME }, written.facts, DATABASE_ID)
  const file = newFile()
  const identity = { fileNum: 9, databaseId: DATABASE_ID, salt: new Uint8Array(8).fill(3), generation: 1 }
  const builder = new TableBuilder(file, { ...identity, ...options })
  while (scanned.nextBlock()) {
    for (let i = 0; i < scanned.block.count;) i = builder.addFrom(scanned, i, scanned.block.count)
  }
  const facts = builder.finish()
  checkWritten({ file, facts })
  return bytesOf(file)
}

test('a merge carries the checks of rows to their new places: byte for byte what is written anew', () => {
  for (const seed of drawn('merged rows', Array.from({ length: 30 }, (_, i) => i))) {
    const { random, rows, columns } = drawBoth(seed)
    const pieceBytes = random.pick([8, 4096, 1 << 20])
    const options = { blockBytes: random.pick([1024, 4096, 8192]) }
    for (const layout of ['rows', 'columns'] as const) {
      const [a, b] = [rows, columns].map((each) => merged(each, { ...options, layout }, pieceBytes))
      assert.deepEqual(a, b, `seed ${seed}, ${layout}`)
    }
  }
})

test('blocks that are packed, above 64 KiB, or of one large value have columns; a table says if it has rows', () => {
  const entries = sampleEntries()
  for (const options of [{ codec: Codec.packed }, { blockBytes: 65_537 }, { layout: 'columns' }] as const) {
    assert.equal(says(writeTable(entries, options)) & MustKnow.rowBlocks, 0)
  }
  assert.equal(says(writeTable(entries)), MustKnow.rowBlocks)
  const large: Entry = { key: Uint8Array.of(1), seqNum: 7, kind: EntryKind.value, value: new Uint8Array(65_536) }
  assert.equal(says(writeTable([large])), 0)
  const both = writeTable([large, { ...large, key: Uint8Array.of(2), value: new Uint8Array(65_535) }])
  assert.equal(says(both), MustKnow.rowBlocks)
  checkWritten(both)
})

const good = bytesOf(rowsSample.file)
const { index, footer, pointHash } = partsOf(good)
const blockAt = index.offset(1)
const count = getU32(good, blockAt) & 0xffff
const startsAt = 16 + 4 * count
const prefixBytes = getU32(good, blockAt + 4) & 0xffff
const startOf = (i: number): number => 4 * new DataView(good.buffer).getUint16(blockAt + startsAt + 2 * i, true)

type Change = (content: Uint8Array) => void

/** What reads of every kind and the check say of a block that was changed under a right checksum. */
function refusedRows(change: Change, message: RegExp, code = 'CORRUPTION'): void {
  const written = { file: newFile(craftIn(good, blockAt, change)), facts: rowsSample.facts }
  const expected = { code, message, file: TABLE_NAME }
  assert.throws(() => checkWritten(written), expected)
  const iterator = openWritten(written, new BlockCache(0)).iterator()
  assert.throws(() => {
    for (iterator.first(); iterator.valid; iterator.next());
  }, expected)
  assert.throws(() => merged(written, {}, 4096), expected)
}

test('each rule of a block with rows', () => {
  assert.ok(count > 5 && prefixBytes === 3, `${count} entries, prefix of ${prefixBytes}`)
  const put = (at: number, value: number): Change => (content) => putU32(content, at, value)
  const set = (at: number, byte: number): Change => (content) => (content[at] = byte)
  refusedRows(set(0, 0), /0 entries|elsewhere/)
  refusedRows(set(3, 3), /block flags 3/, 'UNSUPPORTED_FORMAT')
  refusedRows(set(2, 5), /5 bytes wide/)
  refusedRows(set(6, 3), /rows in unit 3/, 'UNSUPPORTED_FORMAT')
  refusedRows(set(7, 0x10), /heads and checks of kind 16/, 'UNSUPPORTED_FORMAT')
  refusedRows(set(7, 0x24), /heads and checks of kind 36/, 'UNSUPPORTED_FORMAT')
  refusedRows((content) => content.fill(0xff, 4, 6), /longer than one of rows/)
  refusedRows((content) => content.set([0, 16], 4), /do not fit/)
  refusedRows(put(16, 1), /head of another key/)
  refusedRows(set(startsAt, (startOf(0) >>> 2) + 1), /starts elsewhere/)
  refusedRows(set(startsAt + 3, 0xff), /starts elsewhere/)
  refusedRows(set(startOf(0) + 4, 9), /entry kind 9/, 'UNSUPPORTED_FORMAT')
  refusedRows(set(startOf(0) + 4, EntryKind.valueHandle), /a value handle of/)
  refusedRows(set(startOf(0) + 5, 0x80), /bad lengths|starts elsewhere/)
  refusedRows(set(startOf(0) + 6, 0xff), /bad lengths|starts elsewhere/)
  refusedRows(set(startOf(count - 1) + 6, 0x7f), /bad lengths|padding|bad end/)
  refusedRows((content) => (content[content.length - 1] = 1), /padding|of a row|sequence|lengths|end of rows/)
  refusedRows((content) => content.fill(0xff, 8, 16), /2\^51/)
})

test('a row is as long as it says in only one way', () => {
  const entries = [{ key: Uint8Array.of(1), seqNum: 5, kind: 1, value: Uint8Array.of(0, 7) }]
  const written = writeTable(entries)
  const crafted = craftIn(bytesOf(written.file), 128, (content) => {
    const row = 16 + 4 + 2 + 2
    assert.deepEqual([...content.subarray(row + 4, row + 10)], [1, 1, 2, 1, 0, 7])
    // One byte of suffix, said in two bytes.
    content.set([0x81, 0, 1, 0, 7], row + 5)
  })
  assert.throws(() => checkWritten({ file: newFile(crafted), facts: written.facts }), { message: /bad lengths/ })
})

test('keys out of order, and equal heads of keys that differ behind them', () => {
  const key = (text: string): Uint8Array => Buffer.from(text)
  const keys = ['b', 'xaaaab', 'xaaaac', 'xaaaad']
  const written = writeTable(keys.map((text) => ({ key: key(text), seqNum: 5, kind: 1, value: key('v') })))
  checkWritten(written)
  const crafted = craftIn(bytesOf(written.file), 128, (content) => {
    const at = Buffer.from(content).indexOf('xaaaac')
    content[at + 5] = 'a'.charCodeAt(0)
  })
  assert.throws(() => checkWritten({ file: newFile(crafted), facts: written.facts }), { message: /out of order/ })
})

test('numbers far apart: no block is larger than it may be, with rows and with columns', () => {
  for (const blockBytes of [1024, 8192, 65_536]) {
    for (const [valueBytes, prefix] of [[36, 'prefix  '], [100, 'p   '], [0, '']] as const) {
      const entries = Array.from({ length: 2500 }, (_, i) => {
        const key = Buffer.from(prefix + String(i).padStart(16 - prefix.length, '0'))
        return { key, seqNum: i % 2 === 0 ? 1 : 2 ** 40, kind: EntryKind.value, value: new Uint8Array(valueBytes) }
      })
      for (const layout of ['rows', 'columns'] as const) {
        const written = writeTable(entries, { blockBytes, layout })
        checkWritten(written)
        const { index: blocks } = partsOf(bytesOf(written.file))
        for (let i = 0; i < blocks.blockCount; i++) assert.ok(blocks.bytes(i) <= blockBytes, `${blocks.bytes(i)}`)
        const table = openWritten(written, new BlockCache(0))
        for (const { key, kind, value } of entries.slice(0, 300)) {
          assert.deepEqual(getEntry(table, key, Infinity), { kind, value })
        }
        table.close()
      }
    }
  }
})

test('only the check of a row differs: the check tells it, and so does a get that reads the row alone', () => {
  const first = index.offset(0)
  const newest = new Map(sampleEntries().reverse().map((entry) => [Buffer.from(entry.key).toString('hex'), entry]))
  let refusedCount = 0
  for (let i = 0; i < index.counts[0]!; i++) {
    const row = 4 * new DataView(good.buffer).getUint16(first + 16 + 4 * index.counts[0]! + 2 * i, true)
    const written = { file: newFile(craftIn(good, first, (content) => (content[row]! ^= 1))), facts: rowsSample.facts }
    const refusal = { code: 'CORRUPTION', message: /check of a row differs/, offset: first + row }
    assert.throws(() => checkWritten(written), refusal)
    const iterator = openWritten(written, new BlockCache(1 << 20)).iterator()
    let count = 0
    for (iterator.first(); iterator.valid; iterator.next()) count++
    assert.equal(count, sampleEntries().length, 'walks read blocks')
    for (const { key, kind, value } of newest.values()) {
      const table = openWritten(written, new BlockCache(0))
      try {
        assert.deepEqual(getEntry(table, key, Infinity), { kind, value })
      } catch (error) {
        assert.throws(() => {
          throw error
        }, refusal)
        refusedCount++
      }
      table.close()
    }
  }
  assert.ok(refusedCount > 10, String(refusedCount))
})

test('rows of an older file of the same number and keys, and rows of other places, are not believed', () => {
  const entries = Array.from({ length: 200 }, (_, i) => {
    const key = Buffer.from(`key ${String(i).padStart(4, '0')}`)
    return { key, seqNum: 9, kind: 1, value: new Uint8Array(40).fill(i) }
  })
  const old = entries.map((entry) => ({ ...entry, value: new Uint8Array(40).fill(255) }))
  const written = writeTable(entries, { blockBytes: 1024 })
  const bytes = bytesOf(written.file)
  const older = bytesOf(writeTable(old, { blockBytes: 1024, salt: new Uint8Array(8) }).file)
  const { index: places } = partsOf(bytes)
  const gets = (): void => {
    const table = openWritten(written, new BlockCache(0))
    for (let turn = 0; turn < 3; turn++) {
      for (const { key, value } of entries) {
        try {
          assert.deepEqual(getEntry(table, key, Infinity)!.value, value)
        } catch (error) {
          if (!VarveError.is(error)) throw error
          assert.equal(error.code, 'CORRUPTION')
        }
      }
    }
    table.close()
  }
  for (let number = 0; number < places.blockCount; number++) {
    const [offset, length] = [places.offset(number), places.bytes(number)]
    written.file.writeSync(older, offset, length, offset)
    gets()
    const other = places.offset((number + 1) % places.blockCount)
    written.file.writeSync(bytes, other, Math.min(length, places.offset(places.blockCount) - other), offset)
    gets()
    written.file.writeSync(bytes, 0, bytes.length, 0)
  }
  gets()
})

test('a point hash that names no row, or another one', () => {
  const { offset } = footer.sections[SectionSlot.pointHash]!
  const { placeMask, entryBits, slots } = pointHash!
  assert.ok(pointHash!.isRows && entryBits > 5)
  for (const run of drawnNumbers('places of rows', 400)) {
    const random = new SeededRandom(run, 'places')
    const bytes = craftIn(good, offset, (content) => {
      const words = new Uint32Array(content.buffer, content.byteOffset + 16, slots.length)
      words.forEach((word, i) => {
        if (word !== 0 && random.chance(0.5)) words[i] = (word & ~placeMask) | random.below(placeMask + 1)
      })
    })
    const cache = new BlockCache(random.pick([0, 1 << 20]))
    const table = openWritten({ file: newFile(bytes), facts: rowsSample.facts }, cache)
    for (let turn = 0; turn < 2; turn++) {
      for (const { key } of sampleEntries()) {
        try {
          // A wrong answer cannot be told from a right one: whoever writes checksums can write values. No other error.
          getEntry(table, key, Infinity)
        } catch (error) {
          if (!VarveError.is(error)) throw error
          assert.equal(error.code, 'CORRUPTION')
        }
      }
    }
    table.close()
  }
})

test('rows without the feature, and the feature without rows, are corruption', () => {
  const footerAt = good.length - FOOTER_BYTES
  const refused = (bytes: Uint8Array, message: RegExp): void => {
    const written = { file: newFile(bytes), facts: rowsSample.facts }
    assert.throws(() => checkWritten(written), { code: 'CORRUPTION', message })
  }
  refused(craftIn(good, footerAt, (content) => putU32(content, 76, 0)), /index length|bad|rows/)
  refused(craftIn(good, footerAt, (content) => putU32(content, 76, 16 + 32)), /both blocks of rows and packed ones/)
  const pointHashAt = footer.sections[SectionSlot.pointHash]!.offset
  refused(craftIn(good, pointHashAt, (content) => (content[10] = 0)), /differ about rows/)
  const prefixes = footer.sections[SectionSlot.index]!.offset
  const at = 8 + 4 * (2 * index.blockCount + 1)
  refused(craftIn(good, prefixes, (content) => (content[at + 2]! ^= 1)), /index speaks of|shorter than the prefix/)
  refused(craftIn(good, prefixes, (content) => (content[at + 3] = 255)), /shorter than the prefix/)
})

test('a head is the first four bytes as a number', () => {
  for (let run = 0; run < 200; run++) {
    const random = new SeededRandom(run, 'heads')
    const [a, b] = [0, 1].map(() => {
      const key = new Uint8Array(random.below(7))
      for (let i = 0; i < key.length; i++) key[i] = random.pick([0, 1, 127, 128, 255])
      return key
    })
    const difference = rowHeadOf(a!, 0, a!.length) - rowHeadOf(b!, 0, b!.length)
    if (difference !== 0) assert.equal(Math.sign(difference), Buffer.compare(a!, b!))
  }
})

test('a row whose key ends elsewhere is not believed, and no key is absent for it', () => {
  const entries = Array.from({ length: 60 }, (_, i) => {
    const key = Buffer.from(`key ${String(i).padStart(3, '0')}\x01`)
    return { key, seqNum: 9, kind: EntryKind.value, value: Uint8Array.of(1, 1, i, 7) }
  })
  const written = writeTable(entries, { blockBytes: 1024 })
  const bytes = bytesOf(written.file)
  const parts = partsOf(bytes)
  let refusedCount = 0
  for (const shift of [1, -1]) {
    for (const [i, { key, value }] of entries.entries()) {
      const number = parts.index.find(key, 0, key.length, Infinity)
      const at = Buffer.from(bytes).indexOf(Buffer.concat([key.subarray(parts.index.prefixes[number]), value]), 128)
      bytes[at - 2]! += shift
      bytes[at - 1]! -= shift
      const table = openWritten({ file: newFile(bytes), facts: written.facts }, new BlockCache(0))
      for (const other of [entries[(i + 1) % 60]!, { key, value }]) {
        try {
          assert.deepEqual(getEntry(table, other.key, Infinity)?.value, other.value)
        } catch (error) {
          assert.ok(VarveError.is(error) && error.code === 'CORRUPTION', String(error))
          refusedCount++
        }
      }
      table.close()
      bytes[at - 2]! -= shift
      bytes[at - 1]! += shift
    }
  }
  assert.ok(refusedCount >= 120, String(refusedCount))
})

heavyTest('many keys with a prefix longer than a block, in every layout and block size', () => {
  for (const prefixBytes of [5000, 20_000, 60_000]) {
    const entries = Array.from({ length: 300 }, (_, i) => {
      const key = Buffer.from('p'.repeat(prefixBytes) + String(i).padStart(4, '0'))
      return { key, seqNum: i + 1, kind: EntryKind.value, value: new Uint8Array(i % 7) }
    })
    for (const blockBytes of [1024, 8192, 65_536, 65_537, 1 << 20]) {
      for (const options of [{}, { layout: 'columns' }, { codec: Codec.packed }] as const) {
        const written = writeTable(entries, { blockBytes, ...options })
        const table = openWritten(written, new BlockCache(0))
        for (const { key, kind, value } of entries.slice(-2)) {
          assert.deepEqual(getEntry(table, key, Infinity), { kind, value })
        }
        table.close()
      }
    }
  }
})
