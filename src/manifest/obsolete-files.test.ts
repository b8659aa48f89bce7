/** Obsolete files go and others stay; an orphan may prove a lost edit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable, sampleVersions } from '../../test/support/samples/manifest-samples.js'
import { findLostEdit, findObsoleteFiles, highestFileNum, logNumbers } from './obsolete-files.js'
import type { FilesInDirectory } from './obsolete-files.js'
import { applyEdit } from './version-builder.js'

/** A version with tables 11 and 18, value log 12 and pointer 15; marker 3 names manifest 20. */
const version = applyEdit(sampleVersions().at(-1)!, { removePins: ['backup'] })

function find(names: string[], more: Partial<FilesInDirectory> = {}) {
  return findObsoleteFiles({
    names, versions: [version], marker: { iteration: 3, manifest: 20 }, inUse: new Set(), ...more,
  })
}

const nothing = {
  temps: [], tables: [], logs: [], valueLogs: [], manifests: [], markers: [], foreign: [],
}

test('what the version lists stays', () => {
  const names = [
    '000011.table', '000018.table', '000012.wal', '000015.wal', '000022.wal', '000020.manifest',
    'marker.000003.000020', 'varve.lock', 'varve.lock.000000000003',
  ]
  assert.deepEqual(find(names), nothing)
})

test('what nothing lists goes, by ascending number', () => {
  const names = [
    '000100.wal', '000013.table', '000009.wal', '000010.wal', '000014.wal',
    '000013.table.tmp.77.1234', '1000000.table', '000099.table', '000016.vlog',
    '000007.manifest', '000021.manifest',
    'marker.000002.000007', 'marker.000001.000004', 'probe.tmp.1.2',
  ]
  assert.deepEqual(find(names), {
    ...nothing,
    temps: ['probe.tmp.1.2', '000013.table.tmp.77.1234'],
    tables: ['000013.table', '000099.table', '1000000.table'],
    logs: ['000009.wal', '000010.wal', '000014.wal'],
    valueLogs: ['000016.vlog'],
    manifests: ['000007.manifest', '000021.manifest'],
    markers: ['marker.000001.000004', 'marker.000002.000007'],
  })
})

test('M15: what is not spelled as we do is foreign and never touched', () => {
  const names = [
    '.DS_Store', '._000001.table', '00009.wal', '0000009.wal', '000009.LOG', '000009.wal~',
    'CURRENT', '000009.table.tmp.x', 'lost+found', 'marker.000001',
    '99999999999999999.wal', '../000009.wal', '000009.log', '281474976710656.table',
  ]
  assert.deepEqual(find(names), { ...nothing, foreign: [...names].sort() })
})

test('a newer marker than the one that counts is not removed', () => {
  assert.deepEqual(find(['marker.000004.000021', 'marker.000003.000021']), nothing)
})

test('what is in use stays', () => {
  const names = [
    '000009.wal', '000013.table', '000013.table.tmp.77.1234', '000016.vlog', '000021.manifest',
  ]
  assert.deepEqual(find(names, { inUse: new Set([9, 13, 16, 21]) }), nothing)
  assert.notDeepEqual(find(names), nothing)
})

test('MAN-13: what the durable version or any later one lists stays', () => {
  const later = applyEdit(version, {
    logPointer: 40, deleteTables: [{ level: 1, fileNum: 11 }],
    addTables: [{ level: 0, facts: sampleTable(30, 'a-z', { firstLog: 15, lastLog: 22 }) }],
  })
  const names = ['000011.table', '000030.table', '000015.wal', '000022.wal', '000039.wal']
  assert.deepEqual(find(names, { versions: [version, later] }), nothing)
  const { tables, logs } = find(names, { versions: [later] })
  assert.deepEqual(tables, ['000011.table'])
  assert.deepEqual(logs, ['000015.wal', '000022.wal', '000039.wal'])
  assert.deepEqual(find(names, { versions: [version] }).tables, ['000030.table'])
})

test('a pin of any version keeps its logs, and the promoted log stays', () => {
  const pinned = applyEdit(version, { addPins: [{ name: 'follower', firstLog: 10 }] })
  const names = ['000009.wal', '000010.wal', '000012.wal', '000014.wal']
  assert.deepEqual(find(names, { versions: [pinned] }).logs, ['000009.wal'])
  assert.deepEqual(find(names, { versions: [version, pinned] }).logs, ['000009.wal'])
  assert.deepEqual(find(names).logs, ['000009.wal', '000010.wal', '000014.wal'])
})

test('a kept table stays, its temporary name goes', () => {
  const found = find(['000030.table', '000030.table.tmp.1.2', '000031.table'], { kept: new Set([30]) })
  assert.deepEqual(found, { ...nothing, temps: ['000030.table.tmp.1.2'], tables: ['000031.table'] })
})

test('no version, no deletion of logs', () => {
  assert.deepEqual(find(['000009.wal'], { versions: [] }), nothing)
})

test('numbers begin above everything found', () => {
  assert.equal(highestFileNum([]), 0)
  assert.equal(highestFileNum(['000009.wal', '000012.table.tmp.1.2', '000010.manifest']), 12)
  assert.equal(highestFileNum(['marker.000050.000013', 'varve.lock.000000000099', '000010.wal']), 13)
  assert.equal(highestFileNum(['000099.logs', '000099.log', '281474976710656.wal', '9007199254740991.table']), 0)
})

test('W21: logs are in numeric order', () => {
  const names = ['000010.wal', '1000000.wal', '000009.wal', '000003.table']
  assert.deepEqual(logNumbers(names), [9, 10, 1_000_000])
})

test('an orphan whose logs are there is the rest of a legal crash', () => {
  const orphan = { fileNum: 23, firstLog: 15, lastLog: 17 }
  assert.equal(findLostEdit([orphan], [15, 17, 22], version), null)
})

test('an orphan whose log is gone, though replay needs it, proves a lost edit', () => {
  const orphan = { fileNum: 23, firstLog: 15, lastLog: 17 }
  assert.deepEqual(findLostEdit([orphan], [17, 22], version), { table: 23, log: 15 })
  assert.deepEqual(findLostEdit([orphan], [15, 22], version), { table: 23, log: 17 })
})

test('an orphan from logs below the pointer, or from a compaction, proves nothing', () => {
  const orphans = [
    { fileNum: 13, firstLog: 9, lastLog: 14 }, { fileNum: 24, firstLog: 0, lastLog: 0 },
  ]
  assert.equal(findLostEdit(orphans, [], version), null)
})
