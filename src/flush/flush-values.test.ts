/** What a flush does with large values: promote, copy, keep. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eio, recordCalls, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { scanValueLog } from '../../test/support/samples/value-log-scan.js'
import { sampleBuffer, sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import {
  crc32, EntryKind, fileSeed, handleChecksum, handleFileNum, handleLength, handleOffset, KiB, MiB, NO_FEATURES,
  runSync, runToEnd,
} from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import type { WriteBuffer } from '../commit/index.js'
import { openTable } from '../sstable/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { noPredecessor } from '../wal/index.js'
import { buildTable } from './flush-build.js'
import type { FlushBuildInput, FlushBuildOutput } from './flush-build.js'
import { checkReferences } from './flush-output-check.js'
import { decideValues, valueLogsMax, valueSettings } from './value-rules.js'

const TABLE = '000012.table.tmp.1.2'
const VALUE_LOG = '000013.vlog.tmp.1.2'
const LOG_NUM = 5
const FILES = { valueFileBytes: 256 * MiB }

function headerOf(magic: 'varvetab' | 'varvevlg', fileNum: number): FileHeader {
  const salt = new Uint8Array(8).fill(fileNum)
  return { magic, features: NO_FEATURES, databaseId: sampleDatabaseId, fileNum, salt, generation: 1, lineage: 1 }
}

function valueLogTarget(fileNum: number): FlushBuildInput['valueLogs'][number] {
  return { fileName: VALUE_LOG.replace('13', String(fileNum)), header: headerOf('varvevlg', fileNum) }
}
const MORE_LOGS = [14, 15, 16].map(valueLogTarget)

function newVfs(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  return vfs
}

/** A value whose bytes tell its key and length. */
function valueOf(key: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(key.charCodeAt(0))
  for (let i = 0; i < length; i += 7) bytes[i] = i ^ length
  return bytes
}

type Put = [key: string, valueBytes: number]

function filled(puts: readonly Put[], capacity = 8 * MiB): WriteBuffer {
  const { buffer } = sampleBuffer(LOG_NUM, { capacity })
  buffer.begin(noPredecessor(0))
  for (const [i, [key, length]] of puts.entries()) {
    if (length < 0) buffer.encodeOne(EntryKind.tombstone, key, new Uint8Array(0), i + 1)
    else buffer.encodeOne(EntryKind.value, key, valueOf(key, length), i + 1)
  }
  buffer.memtable.insertFrames(buffer.encodedEnd)
  return buffer
}

interface Options extends Partial<FlushBuildInput> {
  threshold?: number
}

function inputOf({ memtable }: WriteBuffer, { threshold = 4096, ...more }: Options = {}): FlushBuildInput {
  return {
    dir: '/db', fileName: TABLE, isSynced: true, header: headerOf('varvetab', 12), settings: { blockBytes: 1024 },
    slab: memtable.slab.buffer, start: memtable.start, end: memtable.publishedEnd, logNum: LOG_NUM,
    provenBytes: memtable.publishedEnd,
    values: valueSettings({ valueThreshold: threshold, garbageRatio: 0.3, writeBufferSize: 8 * MiB, ...FILES }),
    valueLogs: [valueLogTarget(13)],
    visibleSeqNum: memtable.lastSeqNum, snapshots: [], unlisted: [], ...more,
  }
}

function build(vfs: Vfs, input: FlushBuildInput): FlushBuildOutput {
  return runToEnd(buildTable(input, { vfs }))
}

interface Read {
  key: string
  seqNum: number
  kind: number
  value: Uint8Array
}

function readTable(vfs: Vfs, facts: NonNullable<FlushBuildOutput['facts']>): Read[] {
  const file = vfs.openSync(`/db/${TABLE}`, 'read')
  const cache = new BlockCache(1 << 20)
  const table = runSync(openTable({ file, name: '000012.table', facts, cache, databaseId: sampleDatabaseId }))
  const entries: Read[] = []
  const it = table.iterator()
  for (it.first(); it.valid; it.next()) {
    const key = new TextDecoder().decode(it.keyBytes.slice(it.keyStart, it.keyEnd))
    const value = it.valueBytes.slice(it.valueStart, it.valueEnd)
    entries.push({ key, seqNum: it.seqNum, kind: it.kind, value })
  }
  it.close()
  table.close()
  file.closeSync()
  return entries
}

/** Follows a handle into the file that it names; its checksum must be right there. */
function resolve(handle: Uint8Array, files: Map<number, { bytes: Uint8Array; seed: number }>): Uint8Array {
  const { bytes, seed } = files.get(handleFileNum(handle, 0))!
  const start = handleOffset(handle, 0)
  const end = start + handleLength(handle, 0)
  assert.equal(crc32(bytes, start, end, (seed ^ start) >>> 0), handleChecksum(handle, 0))
  return bytes.slice(start, end)
}

/** The log, and the value logs 13 and 14…16 where they are. */
function filesOf(vfs: MemoryVfs, { memtable, log }: WriteBuffer): Map<number, { bytes: Uint8Array; seed: number }> {
  const files = new Map([[LOG_NUM, { bytes: memtable.slab.bytes, seed: log.seed }]])
  for (const { fileName, header } of [valueLogTarget(13), ...MORE_LOGS]) {
    if (!vfs.listSync('/db').includes(fileName)) continue
    const file = vfs.openSync(`/db/${fileName}`, 'read')
    const bytes = new Uint8Array(file.sizeSync())
    file.readSync(bytes, 0, bytes.length, 0)
    files.set(header.fileNum, { bytes, seed: fileSeed(header) })
  }
  return files
}

/** Builds, and checks that every key gives its value, wherever it stands. */
function flushed(
  puts: readonly Put[], options: Options = {},
): { vfs: MemoryVfs; output: FlushBuildOutput; read: Read[] } {
  const vfs = newVfs()
  const buffer = filled(puts)
  const output = build(vfs, inputOf(buffer, options))
  const read = readTable(vfs, output.facts!)
  const files = filesOf(vfs, buffer)
  for (const { key, seqNum, kind, value } of read) {
    const [, length] = puts[seqNum - 1]!
    if (kind === EntryKind.tombstone) continue
    const found = kind === EntryKind.valueHandle ? resolve(value, files) : value
    assert.deepEqual(found, valueOf(key, length), key)
  }
  assert.equal(checkReferences(output.facts!, output.valueLogs, []), null)
  return { vfs, output, read }
}

const keysOf = (read: readonly Read[], kind: number) => read.filter((it) => it.kind === kind).map(({ key }) => key)

const large = (count: number, bytes = 64 * KiB): Put[] =>
  Array.from({ length: count }, (_, i): Put => [`k${String((i * 7) % count).padStart(3, '0')}`, bytes])

test('promote: a log of large values becomes a value log as it stands, and only small values go to the table', () => {
  const puts: Put[] = [...large(40), ['small', 10], ['gone', -1], ['edge', 4095]]
  const { vfs, output, read } = flushed(puts)
  assert.equal(output.decision, 'promote')
  assert.deepEqual(vfs.listSync('/db'), [TABLE])
  const buffer = filled(puts)
  assert.deepEqual(output.valueLogs[0], {
    fileNum: LOG_NUM, isLog: true, bytes: buffer.memtable.publishedEnd, salt: buffer.log.salt,
    putCount: 40, putBytes: 40 * 64 * KiB, namedInLog: 0,
  })
  assert.deepEqual(keysOf(read, EntryKind.value), ['edge', 'small'])
  assert.deepEqual(keysOf(read, EntryKind.tombstone), ['gone'])
  assert.equal(output.facts!.rawBytes, puts.reduce((sum, [key, length]) => sum + key.length + Math.max(0, length), 0))
})

test('copy: values stand in the order of their keys in a file of their own, synced as the table is', () => {
  const small = Array.from({ length: 600 }, (_, i): Put => [`s${i}`, 3000])
  const { vfs, output, read } = flushed([...large(20), ...small])
  assert.equal(output.decision, 'copy')
  assert.deepEqual(vfs.listSync('/db'), [TABLE, VALUE_LOG])
  const values = [...scanValueLog({ file: vfs.openSync(`/db/${VALUE_LOG}`, 'read'), name: VALUE_LOG })]
  assert.deepEqual(values.map(({ key }) => new TextDecoder().decode(key)), keysOf(read, EntryKind.valueHandle))
  const handles = read.filter(({ kind }) => kind === EntryKind.valueHandle)
  assert.deepEqual(values.map(({ seqNum }) => seqNum), handles.map(({ seqNum }) => seqNum))
  const { fileNum, isLog, putCount, putBytes, bytes } = output.valueLogs[0]!
  assert.deepEqual([fileNum, isLog, putCount, putBytes], [13, false, 20, 20 * 64 * KiB])
  assert.equal(bytes, vfs.openSync(`/db/${VALUE_LOG}`, 'read').sizeSync())
})

test('copy: a file ends at about its size when there is another; all is removed when the flush fails', () => {
  const puts: Put[] = [...large(40), ...Array.from({ length: 800 }, (_, i): Put => [`s${i}`, 3000])]
  const fileBytes = 640 * KiB
  const rules = { ...inputOf(filled(puts)).values, fileBytes }
  for (const [targets, made] of [[1, 1], [3, 3], [4, 4]] as const) {
    const valueLogs = [valueLogTarget(13), ...MORE_LOGS].slice(0, targets)
    const { vfs, output } = flushed(puts, { values: rules, valueLogs })
    assert.equal(output.valueLogs.length, made)
    assert.equal(vfs.listSync('/db').length, 1 + made)
    for (const { bytes, putCount } of output.valueLogs.slice(0, -1)) {
      assert.ok(bytes >= fileBytes && bytes < fileBytes + 66 * KiB && putCount === 10)
    }
    assert.equal(output.valueLogs.reduce((sum, { putBytes }) => sum + putBytes, 0), 40 * 64 * KiB)
  }
  // The name of the third is taken.
  const vfs = newVfs()
  vfs.openSync(`/db/${MORE_LOGS[1]!.fileName}`, 'create').closeSync()
  const input = inputOf(filled(puts), { values: rules, valueLogs: [valueLogTarget(13), ...MORE_LOGS] })
  assert.throws(() => build(vfs, input), { code: 'IO_ERROR' })
  assert.deepEqual(vfs.listSync('/db'), [MORE_LOGS[1]!.fileName])
})

test('as many value logs are planned as a flush may fill', () => {
  const values = valueSettings({ valueThreshold: 4096, garbageRatio: 0.3, writeBufferSize: MiB, valueFileBytes: MiB })
  const planned = [MiB - 1, MiB, 8 * MiB, 1024 * MiB].map((bytes) => valueLogsMax(values, bytes))
  assert.deepEqual(planned, [0, 2, 9, 1045])
  assert.equal(valueLogsMax({ ...values, fileBytes: 256 * MiB }, 64 * MiB), 1)
  assert.equal(valueLogsMax({ ...values, rules: [] }, 64 * MiB), 0)
})

test('keep: under 1 MiB of large values there is no file for them', () => {
  const small = Array.from({ length: 600 }, (_, i): Put => [`s${i}`, 3000])
  const { vfs, output } = flushed([...large(15), ...small])
  assert.deepEqual([output.decision, output.valueLogs], ['keep', []])
  assert.deepEqual(vfs.listSync('/db'), [TABLE])
  assert.deepEqual(output.facts!.valueFiles, [])
})

test('A18: a flush after one large put leaves no tiny value log', () => {
  assert.equal(flushed(large(1)).output.decision, 'keep')
})

test('S10: what a flush drops counts for nothing: overwritten values do not make a log worth promoting', () => {
  const twice = [...large(30), ...large(30)]
  const { output } = flushed(twice)
  assert.equal(output.decision, 'copy')
  assert.deepEqual([output.valueLogs[0]!.putCount, output.droppedCount], [30, 30])
  // A snapshot between the two keeps both.
  const both = flushed(twice, { snapshots: [30] }).output
  assert.deepEqual([both.decision, both.valueLogs[0]!.putCount], ['promote', 60])
})

test('a threshold of 0 keeps values in the table; a low one separates values that have no checksum in the log', () => {
  assert.equal(flushed(large(40), { threshold: 0 }).output.decision, 'keep')
  const puts = Array.from({ length: 3000 }, (_, i): Put => [`k${i}`, 512 + (i % 3000)])
  const promoted = flushed(puts, { threshold: 512 })
  assert.deepEqual([promoted.output.decision, promoted.output.valueLogs[0]!.putCount], ['promote', 3000])
  const copied = flushed(puts, { threshold: 2000 })
  assert.deepEqual([copied.output.decision, copied.output.valueLogs[0]!.putCount], ['copy', 3000 - 1488])
})

test('A3: a log is promoted only as far as it is proven synced: up to its last large value', () => {
  const puts: Put[] = [...large(40), ['small', 2000]]
  const { memtable } = filled(puts)
  const lastLarge = memtable.publishedEnd - 2000
  const { output } = flushed(puts, { provenBytes: lastLarge })
  assert.deepEqual([output.decision, output.valueLogs[0]!.bytes], ['promote', lastLarge])
  assert.equal(flushed(puts, { provenBytes: lastLarge - 64 * KiB }).output.decision, 'copy')
  assert.equal(flushed(puts, { provenBytes: lastLarge - 64 * KiB, valueLogs: [] }).output.decision, 'keep')
})

test('VLG-4: no handle points behind the recorded size of a promoted log', () => {
  const puts = large(40)
  const { output, read } = flushed(puts)
  const ends = read.map(({ value }) => handleOffset(value, 0) + handleLength(value, 0))
  assert.ok(Math.max(...ends) <= output.valueLogs[0]!.bytes)
})

test('a value of more than the slab is promoted, too', () => {
  const { output } = flushed([['xl', 3 * MiB]])
  assert.deepEqual([output.decision, output.valueLogs[0]!.putBytes], ['promote', 3 * MiB])
})

test('a large value log is synced in steps; fast mode leaves that to later', () => {
  const small = Array.from({ length: 600 }, (_, i): Put => [`s${i}`, 3000])
  const buffer = filled([...large(300), ...small], 24 * MiB)
  const calls: string[] = []
  const settings = { provenBytes: 0 }
  build(recordCalls(newVfs(), calls), inputOf(buffer, settings))
  const syncs = calls.filter((call) => call.includes('ync') && call.includes('vlog'))
  assert.deepEqual(syncs, [`dataSync ${VALUE_LOG}`, `dataSync ${VALUE_LOG}`, `sync ${VALUE_LOG}`])
  const fast: string[] = []
  build(recordCalls(newVfs(), fast), inputOf(buffer, { ...settings, isSynced: false }))
  assert.ok(!fast.some((call) => call.includes('ync')))
})

test('a build that fails at any call leaves no file behind', () => {
  const buffer = filled([...large(20), ...Array.from({ length: 600 }, (_, i): Put => [`s${i}`, 3000])])
  for (let failing = 0; ; failing++) {
    const inner = newVfs()
    let count = 0
    let isHit = false
    const vfs = watchedVfs(inner, {
      before: (call) => {
        if (isHit || count++ !== failing) return
        isHit = true
        throw eio(call)
      },
    })
    try {
      build(vfs, inputOf(buffer))
    } catch {
      assert.deepEqual(inner.listSync('/db'), [], String(failing))
    }
    if (!isHit) break
    assert.ok(failing < 100)
  }
})

test('of several rules, the first for the prefix of a key decides about its value', () => {
  const rules = [['log/', 512], ['hot/', Infinity], ['', 4096]].map(([prefix, threshold]) =>
    ({ prefix: new TextEncoder().encode(prefix as string), threshold: threshold as number }))
  const settings = valueSettings({ valueThreshold: 4096, garbageRatio: 0.5, writeBufferSize: 8 * MiB, ...FILES })
  const values = { ...settings, rules }
  const puts: Put[] = [
    ...Array.from({ length: 5 }, (_, i): Put => [`big ${i}`, 400_000]),
    ['big', 4095], ['bigger', 4096], ['hot/', 300_000], ['hot/1', 4096], ['ho', 4096], ['log/', 512], ['log/1', 511],
    ['lo', 600],
  ]
  const apart = ['big 0', 'big 1', 'big 2', 'big 3', 'big 4', 'bigger', 'ho', 'log/']
  const seen = (['promote', 'copy'] as const).map((decision) => {
    const logBytes = decision === 'copy' ? { provenBytes: 0 } : {}
    const { output, read } = flushed(puts, { values, ...logBytes })
    assert.deepEqual(read.filter(({ kind }) => kind === EntryKind.valueHandle).map(({ key }) => key), apart)
    return output.decision
  })
  assert.deepEqual(seen, ['promote', 'copy'])
})

test('the rules, at their edges', () => {
  const settings = valueSettings({ valueThreshold: 4096, garbageRatio: 0.3, writeBufferSize: 32 * MiB, ...FILES })
  const source = { logBytes: 4 * MiB, provenBytes: 4 * MiB, mayCopy: true }
  const at = (bytes: number, more: Partial<typeof source> = {}, end = 4 * MiB) =>
    decideValues({ bytes, end }, { ...source, ...more }, settings)
  assert.equal(at(3 * MiB), 'promote')
  assert.equal(at(3 * MiB - 1), 'copy')
  assert.equal(at(MiB), 'copy')
  assert.equal(at(MiB - 1), 'keep')
  assert.equal(at(MiB, { logBytes: MiB }), 'promote')
  assert.equal(at(MiB - 1, { logBytes: MiB }), 'keep')
  assert.equal(at(3 * MiB, { provenBytes: 4 * MiB - 1 }), 'copy')
  assert.equal(at(3 * MiB, { provenBytes: 4 * MiB - 1, mayCopy: false }), 'keep')
  // With little garbage allowed a promoted log must be worth keeping as it is.
  const strict = valueSettings({ valueThreshold: 4096, garbageRatio: 0.12, writeBufferSize: 64 * KiB, ...FILES })
  assert.deepEqual([strict.promoteShareMin, strict.promoteBytesMin], [0.9, 32 * KiB])
})
