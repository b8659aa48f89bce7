/**
 * Merge and flush build, I/O and checksums included: nanoseconds for each input entry of 16 + 100 bytes.
 * Run: `node dist/bench/micro/compaction.bench.js [thousand entries] [part of a case's name]`
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  drawHashSeed, EntryKind, NO_FEATURES, SeededRandom, systemRandom, tableFileName,
} from '../../src/base/index.js'
import type { FileHeader, SeqNum, TableFacts } from '../../src/base/index.js'
import { encodeBatch, OperationList, WriteBuffer } from '../../src/commit/index.js'
import type { BatchOperation } from '../../src/commit/index.js'
import { buildTable, valueSettings } from '../../src/flush/index.js'
import { Memtable } from '../../src/memtable/index.js'
import { compactionRun } from '../../src/run/index.js'
import { SlabPool } from '../../src/slab/index.js'
import { TableBuilder } from '../../src/sstable/index.js'
import { NodeVfs } from '../../src/vfs/index.js'
import { LogFile, noPredecessor } from '../../src/wal/index.js'
import { micro } from './harness.js'
import type { MicroCase } from './harness.js'

const NO_SEPARATION = valueSettings({
  valueThreshold: 0, garbageRatio: 0.3, writeBufferSize: 32 * 2 ** 20, valueFileBytes: 2 ** 28,
})

const entries = Number(process.argv[2] ?? 1000) * 1000
const wanted = process.argv[3] ?? ''
const KEY_BYTES = 16
const VALUE_BYTES = 100
const TABLE_BYTES = 32 * 2 ** 20
const vfs = new NodeVfs()
const dir = mkdtempSync(path.join(tmpdir(), 'varve-compaction-bench-'))
const outDir = path.join(dir, 'out')
const databaseId = new Uint8Array(16)
const random = new SeededRandom(11, 'compaction bench')
const values = new Uint8Array(2 ** 20)
random.fill(values)

function headerOf(fileNum: number): FileHeader {
  const salt = new Uint8Array(8)
  random.fill(salt)
  return { magic: 'varvetab', features: NO_FEATURES, databaseId, fileNum, salt, generation: 1, lineage: 1 }
}

let nextNum = 1
let nextSeqNum = 1

/** Writes a table with these keys, as decimal numbers; `keyAt` is a function of the index. */
function writeTable(count: number, keyAt: (i: number) => number): TableFacts {
  const fileNum = nextNum++
  const file = vfs.openSync(path.join(dir, tableFileName(fileNum)), 'create')
  const builder = new TableBuilder(file, headerOf(fileNum))
  const key = new Uint8Array(KEY_BYTES).fill(0x30)
  for (let i = 0; i < count; i++) {
    for (let n = keyAt(i), k = KEY_BYTES - 1; n > 0; n = Math.floor(n / 10)) key[k--] = 0x30 + (n % 10)
    const at = (i * 101) % (values.length - VALUE_BYTES)
    builder.add(key, 0, KEY_BYTES, nextSeqNum++, EntryKind.value, values, at, at + VALUE_BYTES)
  }
  const facts = builder.finish()
  file.closeSync()
  return facts
}

/** `count` ascending keys below 10 × count × density, at random distances. */
function randomKeys(count: number, stepMax: number): (i: number) => number {
  const keys = new Float64Array(count)
  let key = 0
  for (let i = 0; i < count; i++) keys[i] = key += 1 + random.below(2 * stepMax - 1)
  return (i) => keys[i]!
}

function drain<T>(job: Generator<undefined, T, unknown>): T {
  let turn = job.next()
  while (turn.done !== true) turn = job.next()
  return turn.value
}

function merge(name: string, inputs: TableFacts[][], isSynced = false, snapshots: SeqNum[] = []): MicroCase {
  const count = inputs.flat().reduce((sum, { entryCount }) => sum + entryCount, 0)
  const run = () => {
    const numbers = Array.from({ length: 100 }, () => nextNum++)
    const { keptCount } = drain(compactionRun({
      dir: '', databaseId, below: [], isSynced, settings: {}, tableBytes: TABLE_BYTES, overlapBytesMax: Infinity,
      rawBytesMax: Infinity, moves: null, inputs, openFilesMax: 255, unlisted: [],
      headers: numbers.map(headerOf), fileNames: numbers.map((n) => path.join(outDir, tableFileName(n))),
      snapshots, visibleSeqNum: nextSeqNum, control: new SharedArrayBuffer(8),
    }, { vfs: inDir }))
    if (keptCount === 0) throw new Error('nothing was kept')
  }
  return { name, count, run, prepare: emptyOutDir }
}

/** Inputs stand in `dir`, outputs in a directory of their own, so that these can be removed at once. */
const inDir = Object.assign(Object.create(vfs) as NodeVfs, {
  join: (_: string, name: string) => (path.isAbsolute(name) ? name : path.join(dir, name)),
})

function emptyOutDir(): void {
  rmSync(outDir, { recursive: true, force: true })
  mkdirSync(outDir)
}

function flush(name: string, keyOf: (i: number) => number): MicroCase {
  const capacity = 32 * 2 ** 20
  const slab = new SlabPool(capacity, 1).take(capacity)
  const hashSeed = drawHashSeed(systemRandom)
  const memtable = new Memtable({ logNum: 1, start: 128, baseSeqNum: 0, hashSeed, executor: null })
  const header: FileHeader = { ...headerOf(1), magic: 'varvelog' }
  const log = new LogFile(vfs.openSync(path.join(dir, `log${nextNum++}`), 'create'), header, new Uint8Array(128))
  const buffer = new WriteBuffer(log, memtable, 1)
  buffer.begin(noPredecessor(0))
  buffer.fill(slab)
  let count = 0
  while (buffer.encodedEnd < capacity - 2 ** 18) {
    const batch: BatchOperation[] = []
    for (let i = 0; i < 100; i++, count++) {
      const key = String(keyOf(count)).padStart(KEY_BYTES, '0')
      batch.push({ type: 'put', key, value: values.subarray(count % 1000, count % 1000 + VALUE_BYTES) })
    }
    encodeBatch(buffer, OperationList.read(batch), { sync: false, position: null }, count - 99)
  }
  memtable.insertFrames(buffer.encodedEnd)
  const run = () => {
    const fileNum = nextNum++
    drain(buildTable({
      dir: outDir, fileName: tableFileName(fileNum), isSynced: false, header: headerOf(fileNum), settings: {},
      slab: slab.buffer, start: memtable.start, end: memtable.publishedEnd, logNum: 1,
      provenBytes: memtable.publishedEnd, values: NO_SEPARATION, valueLogs: [],
      visibleSeqNum: memtable.lastSeqNum, snapshots: [], unlisted: [],
    }, { vfs }))
  }
  return { name, count, run, prepare: emptyOutDir }
}

try {
  const quarter = entries / 4
  const cases: [string, () => MicroCase][] = [
    ['4 runs, interleaved', () =>
      merge('4 runs, interleaved', Array.from({ length: 4 }, () => [writeTable(quarter, randomKeys(quarter, 40))]))],
    ['4 runs, synced', () =>
      merge('4 runs, synced', Array.from({ length: 4 }, () => [writeTable(quarter, randomKeys(quarter, 40))]), true)],
    ['level: 1 in 10', () => {
      const older = [writeTable(entries * 0.9, randomKeys(entries * 0.9, 11))]
      return merge('level: 1 in 10', [[writeTable(entries / 10, randomKeys(entries / 10, 99))], older])
    }],
    ['overwritten: half goes', () => {
      const keys = randomKeys(entries / 2, 9)
      const older = [writeTable(entries / 2, keys)]
      return merge('overwritten: half goes', [[writeTable(entries / 2, keys)], older])
    }],
    ['ranges apart', () => {
      const runs = [0, 1, 2, 3].map((n) => [writeTable(quarter, (i) => (n * quarter + i) * 3)])
      return merge('ranges apart', runs)
    }],
    ['flush build, random keys', () => {
      const keys = new SeededRandom(3, 'keys')
      return flush('flush build, random keys', () => keys.below(10_000_000))
    }],
    ['flush build, rising keys', () => flush('flush build, rising keys', (i) => i)],
  ]
  for (const [name, make] of cases) {
    if (!name.includes(wanted)) continue
    await micro(name, [make()], 5)
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
