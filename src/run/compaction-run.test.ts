import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  EntryKind, handleFileNum, handleLength, runSync, SeededRandom, tableFileName,
} from '../base/index.js'
import type { FileNum, TableFacts, ValueFileReference } from '../base/index.js'
import {
  compact, compactAndCheck, compactInterrupted, DIR, inputOf, mergeModel, newDisk, readOutput, writeInput, writeRun,
} from '../../test/support/scenes/compaction-scene.js'
import { Spans } from '../iterator/index.js'
import { readParts } from '../sstable/read/table-open.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { recordCalls } from '../../test/support/fakes/watched-vfs.js'
import { compareEntries, shown } from '../../test/support/samples/table-samples.js'
import type { Entry } from '../../test/support/samples/table-samples.js'
import { handleEntry } from '../../test/support/samples/value-handles.js'
import { drawnNumbers } from '../../test/support/harness/share.js'
import { compactionRun } from './compaction-run.js'

function put(key: string, seqNum: number, value: string | Uint8Array = `v${seqNum}`): Entry {
  return { key: Buffer.from(key), seqNum, kind: EntryKind.value, value: Buffer.from(value) }
}

function del(key: string, seqNum: number): Entry {
  return { ...put(key, seqNum, ''), kind: EntryKind.tombstone }
}

/** Keys that are prefixes of each other, empty, long, with zeros at the end, or with more than eight equal bytes. */
function keyOf(random: SeededRandom, n: number): string {
  if (n === 0) return ''
  const head = random.pick(['', 'a', 'prefix/', 'a much longer prefix/'])
  const tail = random.pick(['', '', '\0', '\0\0\0\0\0\0\0\0\0', 'x'.repeat(100)])
  return head + String(n).padStart(n % 7 === 0 ? 16 : 1, '0') + tail
}

function randomEntry(random: SeededRandom, seqNum: number, keyCount: number, prefix: string): Entry {
  const n = random.below(keyCount)
  const key = prefix + keyOf(random, n)
  if (random.chance(0.25)) return del(key, seqNum)
  const value = new Uint8Array(random.chance(0.01) ? 3000 : random.below(60))
  random.fill(value)
  return put(key, seqNum, value)
}

/** Makes `runCount` runs of about `count` entries each, newest first. */
function randomRuns(random: SeededRandom, runCount: number, count: number, keyCount: number): Entry[][] {
  let seqNum = random.chance(0.2) ? 2 ** 33 : 0
  const prefix = random.pick(['', 'p', 'all keys have this'])
  const runs = Array.from({ length: runCount }, () => {
    const entries = Array.from({ length: 1 + random.below(count) }, () => {
      seqNum += 1 + random.below(3)
      return randomEntry(random, seqNum, keyCount, prefix)
    })
    return entries.sort(compareEntries)
  })
  return runs.reverse()
}

function counter(): () => number {
  let n = 0
  return () => ++n
}

test('COMP-3, C07: what is left, sequence numbers too, is what the retention rule says, whatever the inputs', () => {
  for (const seed of drawnNumbers('compaction runs', 120)) {
    const random = new SeededRandom(seed, 'compaction run')
    const vfs = newDisk()
    const nextNum = counter()
    const runs = randomRuns(random, 1 + random.below(seed % 10 === 0 ? 20 : 6), 200, random.pick([3, 40, 1000]))
    const all = runs.flat()
    const inputs = runs.map((run) => writeRun(vfs, random, nextNum, run, random.below(5)))
    const seqNums = all.map((entry) => entry.seqNum).sort((a, b) => a - b)
    const snapshots = Array.from({ length: random.below(4) }, () => random.pick(seqNums)).sort((a, b) => a - b)
    const visibleSeqNum = random.chance(0.5) ? seqNums.at(-1)! : random.pick(seqNums)
    const below = Array.from({ length: random.below(3) }, () => {
      const keys = randomRuns(random, 1, 20, 1000)[0]!
      return writeRun(vfs, random, nextNum, keys, 5)
    })
    const input = inputOf(inputs, {
      snapshots: snapshots.filter((one) => one <= visibleSeqNum), visibleSeqNum, below,
      tableBytes: random.pick([3000, 20_000, 1 << 30]), overlapBytesMax: random.pick([1500, 1 << 30]),
    })
    try {
      compactAndCheck(vfs, all, input)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})

test('an output ends at its size, between two keys', () => {
  const value = 'v'.repeat(20)
  const entries = Array.from({ length: 4000 }, (_, i) => put(String(i >> 2).padStart(8, '0'), 90_000 - i, value))
  const vfs = newDisk()
  const snapshots = entries.map(({ seqNum }) => seqNum).reverse()
  const input = inputOf([[writeInput(vfs, 1, entries)]], { tableBytes: 32 * 1024, snapshots })
  const outputs = compactAndCheck(vfs, entries, input)
  assert.ok(outputs.length >= 4 && outputs.length <= 8, String(outputs.length))
  const sizes = outputs.slice(0, -1).map((_, i) => vfs.statSync(`${DIR}/${input.fileNames[i]}`)!.size)
  for (const size of sizes) assert.ok(size > 31 * 1024 && size < 36 * 1024, String(size))
})

test('when the numbers are used up, the last output grows', () => {
  const entries = Array.from({ length: 3000 }, (_, i) => put(String(i).padStart(8, '0'), i + 1))
  const vfs = newDisk()
  const all = inputOf([[writeInput(vfs, 1, entries)]], { tableBytes: 8000 })
  const outputs = compactAndCheck(vfs, entries, {
    ...all, headers: all.headers.slice(0, 3), fileNames: all.fileNames.slice(0, 3),
  })
  assert.equal(outputs.length, 3)
  assert.ok(outputs[2]!.length > 2 * outputs[0]!.length)
})

test('an output ends before it overlaps too much of the level below its own', () => {
  const keys = (from: string, to: string, step = 1) => {
    const all: Entry[] = []
    for (let c = from.charCodeAt(0); c <= to.charCodeAt(0); c += step) all.push(put(String.fromCharCode(c), c))
    return all
  }
  const vfs = newDisk()
  const level = [keys('b', 'd'), keys('f', 'h'), keys('j', 'l'), keys('p', 'r')]
    .map((run, i) => writeInput(vfs, i + 1, run))
  const [bytes] = level.map((facts) => facts.bytes)
  const input = [[writeInput(vfs, 10, keys('a', 'z'))]]
  const cuts = (overlapBytesMax: number, below: TableFacts[][] = [level]) => {
    const outputs = compactAndCheck(newCopy(vfs), keys('a', 'z'), inputOf(input, { below, overlapBytesMax }))
    return outputs.map((entries) => Buffer.from(entries[0]!.key).toString()).join('')
  }
  assert.equal(cuts(1e9), 'a')
  assert.equal(cuts(bytes! * 2), 'aj')
  assert.equal(cuts(bytes!), 'afjp')
  assert.equal(cuts(1), 'abfjp', 'one table is always overlapped, without a cut at each of its keys')
  assert.equal(cuts(1, [[], level]), 'a', 'only the level below the output’s own counts')
})

test('D8: outputs end where a range tombstone would reach over too much below, also without an entry', () => {
  const keys = (from: string, to: string) => {
    const all: Entry[] = []
    for (let c = from.charCodeAt(0); c <= to.charCodeAt(0); c++) all.push(put(String.fromCharCode(c), c - 90))
    return all
  }
  const vfs = newDisk()
  const level = [keys('b', 'd'), keys('f', 'h'), keys('j', 'l'), keys('p', 'r')]
    .map((run, i) => writeInput(vfs, i + 1, run))
  const [{ bytes }] = level as [TableFacts]
  const text = (key: Uint8Array | null) => (key === null ? 'end' : Buffer.from(key).toString())
  const parts = (upper: string | null, entries: Entry[], overlapBytesMax: number, snapshots: number[] = []) => {
    const copy = newCopy(vfs)
    const span = { lower: Buffer.from('a'), upper: upper === null ? null : Buffer.from(upper), seqNum: 300 }
    const facts = writeInput(copy, 10, entries, {}, DIR, Spans.of(span))
    const input = inputOf([[facts]], { below: [level], overlapBytesMax, snapshots, visibleSeqNum: 400 })
    const { outputs } = compact(copy, input)
    for (const each of outputs) readOutput(copy, each)
    return outputs.filter(({ spans }) => spans !== null)
      .map(({ spans, smallestKey }) => `${text(spans!.lower)}-${text(spans!.upper)}/${text(smallestKey)}`).join(' ')
  }
  assert.equal(parts('z', [], 1e9), 'b-z/b', 'what lies below no table hides nothing')
  assert.equal(parts('z', [], 1e9, [299]), 'a-z/a', 'but for a reader before it')
  assert.equal(parts('z', [], 2 * bytes), 'b-j/b j-z/j')
  assert.equal(parts('z', [put('g', 310), put('k', 320)], bytes), 'b-f/b f-j/g j-p/k p-z/p')
  assert.equal(parts(null, [], bytes), 'b-f/b f-j/f j-p/j p-end/p')
  assert.equal(parts('i', [put('y', 330)], 1), 'b-f/b f-i/f', 'the key far behind has a table of its own')
})

function newCopy(vfs: ReturnType<typeof newDisk>): ReturnType<typeof newDisk> {
  const copy = newDisk()
  for (const name of vfs.listSync(DIR)) {
    const [from, to] = [vfs.openSync(`${DIR}/${name}`, 'read'), copy.openSync(`${DIR}/${name}`, 'create')]
    const bytes = new Uint8Array(from.sizeSync())
    from.readSync(bytes, 0, bytes.length, 0)
    to.writeSync(bytes, 0, bytes.length, 0)
    from.closeSync()
    to.closeSync()
  }
  return copy
}

test('C13: large values keep blocks of their own; many versions of one key stay together', () => {
  const big = (fill: number, length: number) => new Uint8Array(length).fill(fill)
  const vfs = newDisk()
  const newer = [put('a', 50, big(1, 300_000)), put('b', 51, 'small'), put('c', 52, big(2, 65_536))]
  const hot = Array.from({ length: 3000 }, (_, i) => put('hot', 4000 - i, `version ${i}`))
  const older = [put('a', 3, big(3, 100_000)), put('c', 4, big(4, 65_535)), put('d', 5, big(5, 2_000_000))]
  const inputs = [[writeInput(vfs, 3, newer)], [writeInput(vfs, 2, hot)], [writeInput(vfs, 1, older)]]
  const all = [...newer, ...hot, ...older]
  compactAndCheck(vfs, all, inputOf(inputs))
  const kept = newDisk()
  const again = [[writeInput(kept, 3, newer)], [writeInput(kept, 2, hot)], [writeInput(kept, 1, older)]]
  const snapshots = Array.from({ length: 5000 }, (_, i) => i)
  compactAndCheck(kept, all, inputOf(again, { snapshots, tableBytes: 1000 }))
})

test('long keys: more than a block, more than the room for them', () => {
  const random = new SeededRandom(4, 'long keys')
  const runs = [0, 1, 2].map((run) => {
    const lengths = Array.from({ length: 30 }, () => random.pick([1, 60, 70, 3000, 30_000, 65_535]))
    const entries = lengths.map((length, i) => put(`${random.below(20)}`.padEnd(length, 'k'), 3000 - run * 1000 + i))
    return entries.sort(compareEntries)
  })
  const vfs = newDisk()
  const inputs = runs.map((run, i) => [writeInput(vfs, i + 1, run)])
  compactAndCheck(vfs, runs.flat(), inputOf(inputs, { snapshots: [1500, 2500] }))
})

test('nothing left: no output, no file', () => {
  const vfs = newDisk()
  const newer = [del('a', 10), del('b', 11)]
  const older = [put('a', 1), put('b', 2)]
  const input = inputOf([[writeInput(vfs, 2, newer)], [writeInput(vfs, 1, older)]])
  assert.deepEqual(compactAndCheck(vfs, [...newer, ...older], input), [])
})

test('COMP-3, C04: a tombstone stays while a table below may hold its key', () => {
  const vfs = newDisk()
  const entries = ['a', 'b', 'm', 'y', 'z'].map((key, i) => del(key, 10 + i))
  const below = [[writeInput(vfs, 2, [put('b', 1), put('c', 2)]), writeInput(vfs, 3, [put('y', 3)])], []]
  const outputs = compactAndCheck(vfs, entries, inputOf([[writeInput(vfs, 1, entries)]], { below }))
  assert.deepEqual(outputs.flat().map(({ key }) => Buffer.from(key).toString()), ['b', 'y'])
})

test('each output is synced before the result is told; fast mode leaves that to later', () => {
  const entries = Array.from({ length: 3000 }, (_, i) => put(String(i).padStart(8, '0'), i + 1))
  for (const isSynced of [true, false]) {
    const vfs = newDisk()
    const calls: string[] = []
    const input = inputOf([[writeInput(vfs, 1, entries)]], { tableBytes: 30_000, isSynced })
    const { outputs } = compact(recordCalls(vfs, calls), input)
    assert.ok(outputs.length > 1)
    for (const name of input.fileNames.slice(0, outputs.length)) {
      const own = calls.filter((call) => call.endsWith(` ${name}`))
      assert.deepEqual([own[0], own.at(-1)], [`open create ${name}`, `close ${name}`])
      assert.equal(own.at(-2), isSynced ? `sync ${name}` : `write ${name}`)
    }
    assert.ok(calls.includes(`close ${tableFileName(1)}`))
  }
})

test('it pauses every few thousand entries, also while an output is finished and for large values', () => {
  const vfs = newDisk()
  const entries = Array.from({ length: 40_000 }, (_, i) => put(String(i).padStart(8, '0'), i + 1, ''))
  let pauses = 0
  const count = () => void pauses++
  const below = [[writeInput(vfs, 9, [put('99999999', 1)])]]
  compactInterrupted(vfs, inputOf([[writeInput(vfs, 1, entries)]], { tableBytes: 700_000, below }), count)
  // These are the filter and point hash of an output of about 29,000 keys, and of one of 11,000.
  assert.ok(pauses >= 40_000 / 2048 + 2 * 2 + 2, String(pauses))
  const large = Array.from({ length: 20 }, (_, i) => put(`large${i + 10}`, i + 1, new Uint8Array(1_000_000)))
  pauses = 0
  const { headers, fileNames } = inputOf([])
  const fresh = { headers: headers.slice(5), fileNames: fileNames.slice(5) }
  compactInterrupted(vfs, inputOf([[writeInput(vfs, 2, large)]], fresh), count)
  assert.ok(pauses >= 10, String(pauses))
})

test('a table has no filter beside its point hash where nothing is below it', () => {
  const entries = Array.from({ length: 100 }, (_, i) => put(String(i + 100), i + 1))
  for (const [below, hasFilter] of [[[], false], [[[]], false], [[[], [put('150', 1)]], true]] as const) {
    const vfs = newDisk()
    const levels = below.map((run, i) => (run.length === 0 ? [] : [writeInput(vfs, 20 + i, [...run])]))
    const input = inputOf([[writeInput(vfs, 1, entries)]], { below: levels })
    compact(vfs, input)
    const file = vfs.openSync(`${DIR}/${input.fileNames[0]!}`, 'read')
    const { filter, pointHash } = runSync(readParts({ file, name: '' }, { pointHash: true, filter: 'always' }))
    assert.deepEqual([filter !== null, pointHash !== null], [hasFilter, true])
    file.closeSync()
  }
})

test('COMP-5: given up, it says ABORTED and removes its outputs; progress is told', () => {
  const entries = Array.from({ length: 20_000 }, (_, i) => put(String(i).padStart(8, '0'), i + 1, 'v'.repeat(50)))
  const vfs = newDisk()
  const input = inputOf([[writeInput(vfs, 1, entries, { blockBytes: 8192 })]], { tableBytes: 100_000 })
  const { readBytes } = compact(vfs, input)
  const control = new Int32Array(input.control)
  assert.equal(control[1], Math.floor(readBytes / 65_536))
  const before = vfs.listSync(DIR).length
  for (const name of input.fileNames) if (vfs.statSync(`${DIR}/${name}`) !== null) vfs.unlinkSync(`${DIR}/${name}`)
  assert.ok(before > 5)
  const calls: string[] = []
  let pauses = 0
  const giveUp = () => void (pauses++ === 10 && Atomics.store(control, 0, 1))
  expectError(() => compactInterrupted(recordCalls(vfs, calls), input, giveUp), 'ABORTED')
  assert.deepEqual(vfs.listSync(DIR), [tableFileName(1)])
  const opened = calls.filter((call) => call.startsWith('open')).map((call) => call.replace(/^open \w+/, 'close'))
  for (const close of opened) assert.ok(calls.includes(close), close)
})

test('dropped between two steps, it has no file open and removes its outputs', () => {
  const entries = Array.from({ length: 20_000 }, (_, i) => put(String(i).padStart(8, '0'), i + 1, 'v'.repeat(50)))
  for (const steps of [1, 2, 5, 10]) {
    const vfs = newDisk()
    const input = inputOf([[writeInput(vfs, 1, entries, { blockBytes: 8192 })]], { tableBytes: 100_000 })
    const calls: string[] = []
    const job = compactionRun(input, { vfs: recordCalls(vfs, calls) })
    for (let i = 0; i < steps; i++) assert.equal(job.next().done, false)
    job.return(undefined as never)
    assert.deepEqual(vfs.listSync(DIR), [tableFileName(1)])
    const opened = calls.filter((call) => call.startsWith('open')).map((call) => call.replace(/^open \w+/, 'close'))
    for (const close of opened) assert.ok(calls.includes(close), close)
  }
})

test('a full output is closed only when the next one has its first entry, or the merge is done', () => {
  const vfs = newDisk()
  const below = [[writeInput(vfs, 2, [put('k', 1)]), writeInput(vfs, 3, [put('p', 1)])]]
  const closes = (entries: Entry[], fileNum: number): string[] => {
    const calls: string[] = []
    const input = inputOf([[writeInput(vfs, fileNum, entries)]], { below, overlapBytesMax: 1 })
    const fresh = { headers: input.headers.slice(2 * fileNum), fileNames: input.fileNames.slice(2 * fileNum) }
    const { outputs } = compact(recordCalls(vfs, calls), { ...input, ...fresh })
    const names = new Map([[tableFileName(fileNum), 'input']])
    outputs.forEach((_, i) => names.set(fresh.fileNames[i]!, `output ${i}`))
    return calls.flatMap((call) => {
      const [what, name] = [call.split(' ')[0]!, names.get(call.split(' ').at(-1)!)]
      return name !== undefined && (what === 'close' || call.startsWith('open create')) ? [`${what} ${name}`] : []
    })
  }
  // Key m is behind table k below, so it does not belong to the output of a. But no entry of m is left.
  const gone = Array.from({ length: 9 }, (_, i) => del(`m${i}`, 20 + i))
  assert.deepEqual(closes([put('a', 10), ...gone], 4), ['open output 0', 'close input', 'close output 0'])
  assert.deepEqual(
    closes([put('a', 10), ...gone, put('n', 40)], 5),
    ['open output 0', 'close output 0', 'open output 1', 'close input', 'close output 1'],
  )
})

test('each output says which it is of how many, and what all of them replace', () => {
  const vfs = newDisk()
  const inputs = [3, 5].map((fileNum) => (
    [writeInput(vfs, fileNum, Array.from({ length: 3000 }, (_, i) => put(`${10_000 + i}`, fileNum * 10_000 - i)))]
  ))
  const input = inputOf(inputs, { tableBytes: 20_000, unlisted: [4, 1], visibleSeqNum: 1_000_000 })
  const { outputs } = compact(vfs, input)
  assert.ok(outputs.length > 2)
  const said = outputs.map((_, i) => {
    const file = vfs.openSync(`${DIR}/${input.fileNames[i]}`, 'read')
    const parts = runSync(readParts({ file, name: 'output' }, { pointHash: false, filter: 'never' }))
    const { lower, upper, ...rest } = parts.properties.replaces!
    return { ...rest, lower: String(Buffer.from(lower)), upper: String(Buffer.from(upper!)) }
  })
  assert.deepEqual(said, outputs.map((_, index) => ({
    group: outputs[0]!.fileNum, index, isLast: index === outputs.length - 1, lower: '10000', upper: '12999\0',
    inputs: [3, 5], unlisted: [1, 4],
  })))
})

/** `runCount` runs of values and handles into four value logs, newest first. */
function mixedRuns(random: SeededRandom, runCount: number, count: number, keyCount: number): Entry[][] {
  return randomRuns(random, runCount, count, keyCount).map((run) => run.map((entry) => {
    if (entry.kind !== EntryKind.value || random.chance(0.3)) return entry
    const place = { fileNum: 901 + random.below(4), offset: 128 + random.below(9999), length: 512 + random.below(9999) }
    return { ...handleEntry('', 0, place), key: entry.key, seqNum: entry.seqNum }
  }))
}

/** Counts what entries point to, file by file. */
function referencesOf(entries: readonly Entry[]): ValueFileReference[] {
  const files = new Map<FileNum, ValueFileReference>()
  for (const { kind, value } of entries) {
    if (kind !== EntryKind.valueHandle) continue
    const fileNum = handleFileNum(value, 0)
    const { valueCount, valueBytes } = files.get(fileNum) ?? { valueCount: 0, valueBytes: 0 }
    files.set(fileNum, { fileNum, valueCount: valueCount + 1, valueBytes: valueBytes + handleLength(value, 0) })
  }
  return [...files.values()].sort((a, b) => a.fileNum - b.fileNum)
}

test('VLG-5, VLG-12, S21: handles are carried as they stand beside values, and each output counts its own', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed, 'handles')
    const vfs = newDisk()
    const nextNum = counter()
    const runs = mixedRuns(random, 1 + random.below(5), 200, random.pick([3, 40, 1000]))
    const inputs = runs.map((run) => writeRun(vfs, random, nextNum, run, random.below(4)))
    const seqNums = runs.flat().map(({ seqNum }) => seqNum)
    const visibleSeqNum = random.chance(0.5) ? Math.max(...seqNums) : random.pick(seqNums)
    // As a job gets them.
    const told = inputs.map((tables) => tables.map((facts) => ({ ...facts, valueFiles: [] })))
    const input = inputOf(seed % 2 === 0 ? inputs : told, {
      visibleSeqNum, tableBytes: random.pick([3000, 1 << 30]), rawBytesMax: random.pick([50_000, 2 ** 40]),
    })
    const calls: string[] = []
    const { outputs } = compact(recordCalls(vfs, calls), input)
    const kept = outputs.map((facts) => readOutput(vfs, facts))
    assert.deepEqual(kept.flat().map(shown), mergeModel(runs.flat(), input).kept.map(shown), `seed ${seed}`)
    assert.deepEqual(outputs.map(({ valueFiles }) => valueFiles), kept.map(referencesOf), `seed ${seed}`)
    assert.ok(calls.every((call) => !call.includes('vlog') && !call.includes('wal')), 'no value log is looked at')
  }
})

test('A6: an output ends also when what it points to is large', () => {
  const vfs = newDisk()
  const entries = Array.from({ length: 2000 }, (_, i) =>
    handleEntry(String(i).padStart(8, '0'), i + 1, { fileNum: 901, offset: 128 + i, length: 1_000_000 }))
  const input = inputOf([[writeInput(vfs, 1, entries)]], { rawBytesMax: 400e6 })
  const { outputs } = compact(vfs, input)
  assert.ok(outputs.length >= 4 && outputs.length <= 5, `${outputs.length} outputs`)
  for (const { rawBytes } of outputs.slice(0, -1)) assert.ok(rawBytes >= 400e6 && rawBytes < 450e6, `${rawBytes}`)
})
