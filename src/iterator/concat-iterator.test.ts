/** A run of tables walks like one array, opens few tables, and leaves none open. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator } from '../../test/support/fakes/array-iterator.js'
import type { TestEntry } from '../../test/support/fakes/array-iterator.js'
import { CheckingIterator } from '../../test/support/fakes/checking-iterator.js'
import { checkAgainstModel, collect, randomEntries } from '../../test/support/model/iterator-model.js'
import { EntryKind, SeededRandom } from '../base/index.js'
import { SortedRun } from '../manifest/index.js'
import { ConcatIterator } from './concat-iterator.js'

interface TestTable {
  smallestKey: Uint8Array
  largestKey: Uint8Array
  spans: null
  facts: { largestSeqNum: number }
  entries: TestEntry[]
}

function tableOf(entries: TestEntry[]): TestTable {
  const facts = { largestSeqNum: Math.max(...entries.map(({ seqNum }) => seqNum)) }
  return { smallestKey: entries[0]!.key, largestKey: entries.at(-1)!.key, spans: null, facts, entries }
}

/** Cuts entries into tables anywhere, also between two versions of one key. */
function cut(entries: readonly TestEntry[], random: SeededRandom): TestTable[] {
  const tables: TestTable[] = []
  for (let at = 0; at < entries.length;) {
    const count = 1 + random.below(6)
    tables.push(tableOf(entries.slice(at, at + count)))
    at += count
  }
  return tables
}

/** A run that counts the tables that were opened and that are open. */
function countedRun(tables: TestTable[]): {
  run: ConcatIterator<TestTable>; opened: TestTable[]; openCount: () => number
} {
  const opened: TestTable[] = []
  const iterators: ArrayIterator[] = []
  const run = new ConcatIterator(SortedRun.of(tables), (table) => {
    opened.push(table)
    const iterator = new ArrayIterator(table.entries)
    iterators.push(iterator)
    return new CheckingIterator(iterator)
  })
  return { run, opened, openCount: () => iterators.filter((iterator) => !iterator.isClosed).length }
}

function tablesAt(...keys: number[][]): TestTable[] {
  return keys.map((table) => tableOf(table.map((n, i) =>
    ({ key: new Uint8Array([n]), seqNum: i + 1, kind: EntryKind.value, value: new Uint8Array(1) }))))
}

describe('ConcatIterator', () => {
  it('walks like one sorted array, with one table open at most', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'concat')
      const entries = randomEntries(random, random.below(40))
      const { run, openCount } = countedRun(cut(entries, random))
      checkAgainstModel(run, entries, random, 100)
      assert.ok(openCount() <= 1)
      run.close()
      assert.equal(openCount(), 0)
    }
  })

  it('walks over a stretch of a run like one sorted array, wherever a seek would go', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'stretch')
      const tables = cut(randomEntries(random, random.below(40)), random)
      const start = random.below(tables.length + 1)
      const end = start + random.below(tables.length - start + 1)
      const open = (table: TestTable): CheckingIterator => new CheckingIterator(new ArrayIterator(table.entries))
      const run = new ConcatIterator(SortedRun.of(tables), open, start, end)
      checkAgainstModel(run, tables.slice(start, end).flatMap((table) => table.entries), random, 100)
      run.close()
    }
  })

  it('opens only the tables that a seek and the steps behind it need', () => {
    const tables = tablesAt([10, 20], [30, 40], [50, 60])
    const { run, opened } = countedRun(tables)
    run.seekGE(new Uint8Array([40]), 0, 1)
    assert.deepEqual(opened, [tables[1]])
    run.next()
    assert.deepEqual(opened, [tables[1], tables[2]])
    run.seekLT(new Uint8Array([55]), 0, 1)
    assert.equal(opened.length, 2)
    run.seekGE(new Uint8Array([61]), 0, 1)
    assert.equal(run.valid, false)
    run.seekLT(new Uint8Array([10]), 0, 1)
    assert.equal(run.valid, false)
    assert.equal(opened.length, 2)
  })

  it('throws what opening or reading a table throws, never goes on to the next table', () => {
    const tables = tablesAt([1, 2], [3, 4], [5, 6])
    for (const place of ['open', 'read']) {
      let broken = true
      const run = new ConcatIterator(SortedRun.of(tables), (table) => {
        const iterator = new ArrayIterator(table.entries)
        if (broken && table === tables[1] && place === 'open') throw iterator.failure
        if (broken && table === tables[1]) iterator.failAt = 1
        return iterator
      })
      assert.throws(() => collect(run), /read failed/)
      assert.equal(run.valid, false)
      assert.throws(() => collect(run, true), /read failed/)
      assert.throws(() => run.seekGE(new Uint8Array([3]), 0, 1), /read failed/)
      broken = false
      if (place === 'open') assert.equal(collect(run).length, 6)
      run.close()
    }
  })

  it('is empty over no tables', () => {
    const { run } = countedRun([])
    for (const call of ['first', 'last'] as const) {
      run[call]()
      assert.equal(run.valid, false)
    }
    run.seekGE(new Uint8Array(0), 0, 0)
    run.seekLT(new Uint8Array(0), 0, 0)
    assert.equal(run.valid, false)
    run.close()
  })
})
