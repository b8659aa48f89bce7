/** What edits do to a version, and which edits are refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from '../base/index.js'
import { expectError } from '../../test/support/expect-error.js'
import {
  bytesOf, sampleBase, sampleLogFacts, sampleTable, sampleValueLog, sampleVersions,
} from '../../test/support/manifest-samples.js'
import { emptyVersion } from './version.js'
import type { Version } from './version.js'
import { applyEdit, applyEdits } from './version-builder.js'
import type { VersionEdit } from './version-edit.js'

function tableNums(version: Version, level: number): number[] {
  return version.levels[level]!.map((table) => table.fileNum)
}

test('level 0 is newest first, deeper levels are by keyspace and key', () => {
  const version = applyEdits(emptyVersion, [
    { addTables: [{ level: 0, facts: sampleTable(4) }, { level: 0, facts: sampleTable(6) }] },
    { addTables: [{ level: 0, facts: sampleTable(5) }] },
    {
      addTables: [
        { level: 2, facts: sampleTable(9, 'm-p') }, { level: 2, facts: sampleTable(8, 'q-z') },
        { level: 2, facts: sampleTable(7, 'a-z', { keyspaceId: 1 }) },
        { level: 2, facts: sampleTable(10, 'a-c') },
      ],
    },
  ])
  assert.deepEqual(tableNums(version, 0), [6, 5, 4])
  assert.deepEqual(tableNums(version, 2), [10, 9, 8, 7])
})

test('numbers rise with what an edit brings', () => {
  const version = applyEdit(emptyVersion, { addTables: [{ level: 0, facts: sampleTable(30) }] })
  assert.equal(version.nextFileNum, 31)
  assert.equal(version.lastSeqNum, 309)
  assert.equal(applyEdit(version, { logPointer: 40 }).nextFileNum, 40)
  assert.equal(applyEdit(version, { logs: [sampleLogFacts(50, 128)] }).nextFileNum, 51)
  const addValueLogs = [sampleValueLog(60, 1)]
  assert.equal(applyEdit(version, { addValueLogs }).nextFileNum, 61)
})

test('an edit replaces what it names and leaves the rest', () => {
  const first = applyEdit(emptyVersion, {
    position: bytesOf('one'), settings: '{"a":1}', flushStats: '{"b":1}', logPointer: 5,
  })
  assert.deepEqual(applyEdit(first, { nextFileNum: 9 }), { ...first, nextFileNum: 9 })
  assert.deepEqual([first.position, first.settings], [bytesOf('one'), '{"a":1}'])
  assert.deepEqual([first.flushStats, first.logPointer], ['{"b":1}', 5])
  const second = applyEdit(first, { position: bytesOf('two'), settings: '', flushStats: 'x' })
  const { position, settings, flushStats } = second
  assert.deepEqual([position, settings, flushStats], [bytesOf('two'), '', 'x'])
})

test('MAN-9: a pin moves forward only, and its release may come twice', () => {
  const version = applyEdits(sampleBase, [
    { addPins: [{ name: 'a', firstLog: 8 }, { name: 'b', firstLog: 9 }] },
    { addPins: [{ name: 'a', firstLog: 10 }] }, { addPins: [{ name: 'a', firstLog: 9 }] },
    { removePins: ['b'] }, { removePins: ['b'] },
  ])
  assert.deepEqual([...version.pins], [['a', 10]])
  const again = applyEdit(version, { removePins: ['a'], addPins: [{ name: 'a', firstLog: 8 }] })
  assert.deepEqual([...again.pins], [['a', 8]])
})

test('a table may change its level in one edit', () => {
  const facts = sampleTable(5)
  const base = applyEdit(emptyVersion, { addTables: [{ level: 0, facts }] })
  const moved = applyEdit(base, {
    deleteTables: [{ level: 0, fileNum: 5 }], addTables: [{ level: 6, facts }],
  })
  assert.deepEqual([tableNums(moved, 0), tableNums(moved, 6)], [[], [5]])
  assert.equal(moved.levels[0]!.length, 0)
})

test('there are seven levels, and more while a deeper one has tables', () => {
  assert.equal(emptyVersion.levels.length, 7)
  const facts = sampleTable(5)
  const deep = applyEdit(emptyVersion, { addTables: [{ level: 9, facts }] })
  assert.equal(deep.levels.length, 10)
  assert.equal(applyEdit(deep, { deleteTables: [{ level: 9, fileNum: 5 }] }).levels.length, 7)
})

test('the version that an edit was applied to stays as it was', () => {
  const [base, next] = sampleVersions()
  const copy = structuredClone(base!)
  applyEdit(base!, { logPointer: 9, addPins: [{ name: 'p', firstLog: 9 }], settings: 'x' })
  assert.deepEqual(base, copy)
  assert.equal(next!.levels[1], base!.levels[1], 'untouched levels are shared')
})

test('live bytes of a value log follow the tables', () => {
  const live = sampleVersions().map((version) => {
    const log = version.valueLogs.get(12)
    return log === undefined ? null : [log.liveCount, log.liveBytes]
  })
  assert.deepEqual(live, [null, null, [3, 70_000], [1, 20_000], [1, 20_000], [1, 20_000]])
})

test('what is known of a log is forgotten when neither replay nor a pin may read it', () => {
  const cut = applyEdits(sampleBase, [{
    logs: [sampleLogFacts(8, 200), sampleLogFacts(9, 300)],
    addPins: [{ name: 'follower', firstLog: 9 }],
  }])
  assert.deepEqual([...cut.logs.keys()], [8, 9])
  const flushed = applyEdit(cut, { logPointer: 12 })
  assert.deepEqual([...flushed.logs.keys()], [9])
  const released = applyEdit(flushed, { removePins: ['follower'] })
  assert.deepEqual([...released.logs.keys()], [])
})

const refused: [string, VersionEdit, RegExp][] = [
  ['delete of a missing table', { deleteTables: [{ level: 0, fileNum: 99 }] }, /not in level 0/],
  ['delete in another level', { deleteTables: [{ level: 2, fileNum: 11 }] }, /not in level 2/],
  ['a number of the level', { addTables: [{ level: 1, facts: sampleTable(11) }] }, /already there/],
  ['a number elsewhere', { addTables: [{ level: 3, facts: sampleTable(11) }] }, /MAN-4.*twice/],
  ['pointer back', { logPointer: 14 }, /MAN-9: logPointer/],
  ['sequence number back', { lastSeqNum: 148 }, /MAN-9: lastSeqNum/],
  ['file number back', { nextFileNum: 20 }, /MAN-9: nextFileNum/],
  ['end of a log up', { logs: [sampleLogFacts(15, 4_225, { isExact: true })] }, /MAN-9: the end/],
  ['end of a log open again', { logs: [sampleLogFacts(15, 4_224)] }, /MAN-9: the end/],
  ['fewer bytes of a log', { logs: [sampleLogFacts(17, 127)] }, /MAN-9: log 17 shrinks/],
  ['another log', { logs: [sampleLogFacts(17, 128, { salt: new Uint8Array(8) })] }, /MAN-9: log 17 becomes another/],
  ['value log twice', { addValueLogs: [sampleValueLog(12, 1)] }, /already listed/],
  ['value log not there', { removeValueLogs: [16] }, /not listed/],
  ['value log with live values', { removeValueLogs: [12] }, /MAN-7/],
  ['discard that no table shows', {
    discards: [{ fileNum: 12, valueCount: 1, valueBytes: 20_000 }],
  }, /the tables say 0/],
  ['discard in no value log', {
    discards: [{ fileNum: 16, valueCount: 1, valueBytes: 1 }],
  }, /not listed/],
  ['table that points to no value log', {
    addTables: [{
      level: 0,
      facts: sampleTable(21, 'a-b', {
        valueFiles: [{ fileNum: 16, valueCount: 1, valueBytes: 1 }],
      }),
    }],
  }, /MAN-7/],
  ['overlap', { addTables: [{ level: 1, facts: sampleTable(21, 'c-d') }] }, /MAN-1/],
]

for (const [name, edit, message] of refused) {
  test(`refused: ${name}`, () => {
    const version = sampleVersions().at(-1)!
    const copy = structuredClone(version)
    assert.match(expectError(() => applyEdit(version, edit), 'INTERNAL').message, message)
    assert.deepEqual(version, copy)
    const blame = (what: string) => new VarveError('CORRUPTION', what)
    expectError(() => applyEdits(version, [edit], blame), 'CORRUPTION')
  })
}

test('a discard that agrees with the tables passes', () => {
  const version = sampleVersions().at(-1)!
  const next = applyEdit(version, {
    deleteTables: [{ level: 1, fileNum: 18 }], removeValueLogs: [12],
    discards: [{ fileNum: 12, valueCount: 1, valueBytes: 20_000 }],
    position: bytesOf('later'),
  })
  assert.equal(next.valueLogs.size, 0)
})
