/** Tables to merge, the merge as a job, and the same merge on arrays. */
import assert from 'node:assert/strict'
import { compareBytes, EntryKind, NO_FEATURES, runSync, runToEnd, tableFileName } from '../../../src/base/index.js'
import type { FileHeader, FileMagic, SeededRandom, TableFacts } from '../../../src/base/index.js'
import { BlockCache } from '../../../src/cache/index.js'
import { isVersionSeen } from '../../../src/iterator/index.js'
import type { Spans } from '../../../src/iterator/index.js'
import { compactionRun } from '../../../src/run/index.js'
import type { CompactionRunInput, CompactionRunOutput } from '../../../src/run/index.js'
import { checkTable, openTable, TableBuilder } from '../../../src/sstable/index.js'
import type { TableBuilderOptions } from '../../../src/sstable/index.js'
import { MemoryVfs } from '../../../src/vfs/index.js'
import type { Vfs } from '../../../src/vfs/index.js'
import { compareEntries, entryAt, shown } from '../samples/table-samples.js'
import type { Entry } from '../samples/table-samples.js'

export const DIR = '/db'
const databaseId = new Uint8Array(16).fill(0xdb)
const FIRST_OUTPUT = 500

export function newDisk(): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  return vfs
}

export function headerOf(fileNum: number, magic: FileMagic = 'varvetab'): FileHeader {
  const salt = new Uint8Array(8).fill(fileNum)
  return { magic, features: NO_FEATURES, databaseId, fileNum, salt, generation: 2, lineage: 1 }
}

export function writeInput(
  vfs: Vfs, fileNum: number, entries: readonly Entry[], options: Partial<TableBuilderOptions> = {}, dir = DIR,
  spans: Spans | null = null,
): TableFacts {
  const file = vfs.openSync(vfs.join(dir, tableFileName(fileNum)), 'create')
  const builder = new TableBuilder(file, { ...headerOf(fileNum), blockBytes: 1024, ...options })
  for (const { key, seqNum, kind, value } of entries) {
    builder.add(key, 0, key.length, seqNum, kind, value, 0, value.length)
  }
  if (spans !== null) builder.addSpans(spans)
  const facts = builder.finish()
  file.closeSync()
  return facts
}

/** Writes the tables of one run: cut at random, never between two versions of a key. */
export function writeRun(
  vfs: Vfs, random: SeededRandom, nextNum: () => number, entries: readonly Entry[], tablesMax: number,
): TableFacts[] {
  const tables: TableFacts[] = []
  let table: Entry[] = []
  entries.forEach((entry, i) => {
    table.push(entry)
    const next = entries[i + 1]
    const isNewKey = next === undefined || compareBytes(next.key, entry.key) !== 0
    if (next !== undefined && (!isNewKey || !random.chance(tablesMax / entries.length))) return
    tables.push(writeInput(vfs, nextNum(), table))
    table = []
  })
  return tables
}

export function inputOf(
  inputs: readonly (readonly TableFacts[])[], more: Partial<CompactionRunInput> = {},
): CompactionRunInput {
  const numbers = Array.from({ length: 50 }, (_, i) => FIRST_OUTPUT + i)
  return {
    dir: DIR, databaseId, inputs, openFilesMax: 255, below: [], headers: numbers.map((fileNum) => headerOf(fileNum)),
    fileNames: numbers.map((fileNum) => `${tableFileName(fileNum)}.tmp.1.2`), isSynced: true,
    settings: { blockBytes: 1024 }, tableBytes: 1 << 30, rawBytesMax: 2 ** 40, overlapBytesMax: 1 << 30, unlisted: [],
    moves: null, snapshots: [],
    visibleSeqNum: Number.MAX_SAFE_INTEGER, control: new SharedArrayBuffer(8), ...more,
  }
}

/** Runs the job to its end, as a worker does. */
export function compact(vfs: Vfs, input: CompactionRunInput): CompactionRunOutput {
  return runToEnd(compactionRun(input, { vfs }))
}

/** Gives the entries of an output, which is checked from the first byte to the last. */
export function readOutput(vfs: Vfs, facts: TableFacts): Entry[] {
  const name = tableFileName(facts.fileNum)
  const file = vfs.openSync(`${DIR}/${name}.tmp.1.2`, 'read')
  const options = { file, name, facts, databaseId }
  const checking = checkTable(options, ({ error }) => {
    throw error
  })
  while (checking.next().done !== true);
  const table = runSync(openTable({ ...options, cache: new BlockCache(0) }))
  const iterator = table.iterator()
  const entries: Entry[] = []
  for (iterator.first(); iterator.valid; iterator.next()) entries.push(entryAt(iterator))
  iterator.close()
  table.close()
  file.closeSync()
  return entries
}

export interface Model {
  kept: Entry[]
  droppedVersionCount: number
  droppedTombstoneCount: number
}

/** Gives what must be left of all input entries. */
export function mergeModel(all: readonly Entry[], input: CompactionRunInput): Model {
  const { snapshots, visibleSeqNum } = input
  const sorted = [...all].sort(compareEntries)
  const model: Model = { kept: [], droppedVersionCount: 0, droppedTombstoneCount: 0 }
  sorted.forEach((entry, i) => {
    const { key, seqNum, kind } = entry
    const newer = sorted[i - 1]
    const isOlder = newer !== undefined && compareBytes(newer.key, key) === 0
    if (!isVersionSeen({ snapshots, visibleSeqNum }, seqNum, isOlder ? newer.seqNum : Infinity)) {
      model.droppedVersionCount++
      return
    }
    const isAboveNobody = seqNum <= visibleSeqNum && Array.from(snapshots).every((snapshot) => seqNum <= snapshot)
    const isCovered = input.below.flat().some(({ smallestKey, largestKey }) =>
      compareBytes(smallestKey, key) <= 0 && compareBytes(largestKey, key) >= 0)
    if (kind === EntryKind.tombstone && isAboveNobody && !isCovered) model.droppedTombstoneCount++
    else model.kept.push(entry)
  })
  return model
}

/** Runs a compaction and compares everything that it says and wrote with the model; gives the outputs' entries. */
export function compactAndCheck(vfs: MemoryVfs, all: readonly Entry[], input: CompactionRunInput): Entry[][] {
  const model = mergeModel(all, input)
  const before = new Set(vfs.listSync(DIR))
  const output = compact(vfs, input)
  const outputs = output.outputs.map((facts) => readOutput(vfs, facts))
  assert.deepEqual(outputs.flat().map(shown), model.kept.map(shown))
  const { keptCount, droppedVersionCount, droppedTombstoneCount } = output
  assert.deepEqual([keptCount, droppedVersionCount, droppedTombstoneCount],
    [model.kept.length, model.droppedVersionCount, model.droppedTombstoneCount])
  assert.equal(output.writtenBytes, output.outputs.reduce((sum, { bytes }) => sum + bytes, 0))
  const made = vfs.listSync(DIR).filter((name) => !before.has(name)).sort()
  assert.deepEqual(made, input.fileNames.slice(0, outputs.length))
  output.outputs.forEach((facts, i) => {
    assert.deepEqual([facts.fileNum, facts.firstLog, facts.lastLog], [input.headers[i]!.fileNum, 0, 0])
    const previous = outputs[i - 1]?.at(-1)
    if (previous !== undefined) assert.ok(compareBytes(previous.key, outputs[i]![0]!.key) < 0, 'a key is in one output')
  })
  return outputs
}

/** Runs a compaction, and calls `interrupt` at each pause. */
export function compactInterrupted(vfs: Vfs, input: CompactionRunInput, interrupt: () => void): void {
  const job = compactionRun(input, { vfs })
  while (job.next().done !== true) interrupt()
}
