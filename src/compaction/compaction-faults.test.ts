/** A run over bad bytes or a bad disk gives the right outputs, or an error with the place and leaves no file. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import {
  compact, DIR, inputOf, mergeModel, newDisk, readOutput, writeInput,
} from '../../test/support/scenes/compaction-scene.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { keepProcess } from '../../test/support/harness/keep-process.js'
import { compareEntries, shown } from '../../test/support/samples/table-samples.js'
import type { Entry } from '../../test/support/samples/table-samples.js'
import { EntryKind, SeededRandom, systemClock, tableFileName, VarveError } from '../base/index.js'
import { InThreadExecutor, WorkerExecutor, workerSource } from '../exec/index.js'
import type { Executor } from '../exec/index.js'
import { compactionRun } from '../run/compaction-run.js'
import type { CompactionRunInput, CompactionRunOutput } from '../run/compaction-run.js'
import { MemoryVfs, NodeVfs } from '../vfs/index.js'
import { FaultyVfs } from '../vfs/testing.js'
import type { FaultRule } from '../vfs/testing.js'
import { Draw } from '../../test/support/harness/share.js'

Error.stackTraceLimit = 3
keepProcess()

/** The input runs, newest first. */
function sampleRuns(runCount: number, count: number): Entry[][] {
  const random = new SeededRandom(1, 'compaction faults')
  return Array.from({ length: runCount }, (_, run) => {
    const entries = new Map<string, Entry>()
    for (let i = 0; i < count; i++) {
      const key = `key${random.below(count * 2)}`
      const kind = random.chance(0.2) ? EntryKind.tombstone : EntryKind.value
      const value = kind === EntryKind.value ? Buffer.from(`value ${i}`.repeat(1 + random.below(5))) : Buffer.alloc(0)
      entries.set(key, { key: Buffer.from(key), seqNum: (runCount - run) * 10_000 + i, kind, value })
    }
    return [...entries.values()].sort(compareEntries)
  })
}

const runs = sampleRuns(3, 120)

function sampleInput(vfs: MemoryVfs, more: Partial<CompactionRunInput> = {}): CompactionRunInput {
  const inputs = runs.map((run, i) => [writeInput(vfs, i + 1, run)])
  return inputOf(inputs, { tableBytes: 6000, ...more })
}

function flip(vfs: MemoryVfs, name: string, at: number, bit: number): void {
  const file = vfs.openSync(`${DIR}/${name}`, 'write')
  const byte = new Uint8Array(1)
  file.readSync(byte, 0, 1, at)
  byte[0]! ^= 1 << bit
  file.writeSync(byte, 0, 1, at)
  file.closeSync()
}

test('a flipped bit anywhere in an input: CORRUPTION with table and place, or the right outputs', () => {
  const draw = new Draw('flipped bits of an input')
  const random = new SeededRandom(2, 'compaction faults')
  const vfs = newDisk()
  const input = sampleInput(vfs)
  const expected = mergeModel(runs.flat(), input).kept.map(shown)
  const names = vfs.listSync(DIR).sort()
  const refused = new Set<string>()
  const size = vfs.statSync(`${DIR}/${names[1]}`)!.size
  for (let at = 0; at < size; at += 1 + random.below(9)) {
    const bit = random.below(8)
    if (!draw.takes()) continue
    flip(vfs, names[1]!, at, bit)
    try {
      const { outputs } = compact(vfs, input)
      assert.deepEqual(outputs.flatMap((facts) => readOutput(vfs, facts)).map(shown), expected)
      for (const name of vfs.listSync(DIR)) if (!names.includes(name)) vfs.unlinkSync(`${DIR}/${name}`)
    } catch (error) {
      if (!VarveError.is(error)) throw error
      assert.ok(error.code === 'CORRUPTION' || error.code === 'UNSUPPORTED_FORMAT', error.message)
      assert.equal(error.file, names[1])
      assert.ok(error.offset! >= 0 && error.offset! <= size)
      refused.add(error.message.replace(/^.*: /, ''))
      assert.deepEqual(vfs.listSync(DIR).sort(), names, 'COMP-5: nothing is left')
    }
    flip(vfs, names[1]!, at, bit)
  }
  assert.ok(refused.has('checksum differs'))
})

test('an input that is cut short, missing, or another file is refused', () => {
  const vfs = newDisk()
  const input = sampleInput(vfs)
  const cut = vfs.openSync(`${DIR}/${tableFileName(2)}`, 'write')
  cut.truncateSync(cut.sizeSync() - 200)
  assert.equal(expectError(() => compact(vfs, input), 'CORRUPTION').file, tableFileName(2))
  vfs.unlinkSync(`${DIR}/${tableFileName(2)}`)
  assert.equal(expectError(() => compact(vfs, input), 'MISSING_FILE').file, tableFileName(2))
  writeInput(vfs, 2, runs[0]!)
  assert.equal(expectError(() => compact(vfs, input), 'CORRUPTION').file, tableFileName(2))
  assert.equal(vfs.listSync(DIR).length, 3)
})

interface FaultyRun {
  error: unknown
  output: CompactionRunOutput | null
  vfs: MemoryVfs
  /** The call that failed. */
  hit: string
}

function faultyRun(rule: FaultRule): FaultyRun {
  const inner = newDisk()
  const input = sampleInput(inner)
  const vfs = new FaultyVfs(inner)
  const record = vfs.recordOps(DIR)
  vfs.addFault(rule)
  let error: unknown = null
  let output: CompactionRunOutput | null = null
  try {
    output = compact(vfs, input)
  } catch (thrown) {
    error = thrown
  }
  const hit = record.stop()[rule.op! - 1] ?? ''
  return { error, output, vfs: inner, hit }
}

test('COMP-5: a failure at any call is told with the file, and leaves the inputs and nothing else', () => {
  const expected = mergeModel(runs.flat(), inputOf([])).kept.map(shown)
  for (const [code, when] of [['EIO', 'before'], ['ENOSPC', 'before'], ['EIO', 'after']] as const) {
    let failures = 0
    for (let op = 1; ; op++) {
      const { error, output, vfs, hit } = faultyRun({ op, fault: { do: 'error', code, when } })
      if (hit === '') break
      if (output !== null) {
        // A failed read is tried again, and a handle whose close failed is gone all the same.
        assert.match(hit, /^(read|close) /)
        assert.deepEqual(output.outputs.flatMap((facts) => readOutput(vfs, facts)).map(shown), expected)
        continue
      }
      failures++
      assert.ok(VarveError.is(error), String(error))
      assert.equal(error.code, code === 'ENOSPC' && !hit.startsWith('read') ? 'NO_SPACE' : 'IO_ERROR', hit)
      assert.match(error.file!, /^000\d+\.table/, hit)
      // After a failed `create` the owner of the file is unknown. It is a temp file that the next open removes.
      const unsure = hit.startsWith('create') && when === 'after' ? [/create (\S+)/.exec(hit)![1]!] : []
      assert.deepEqual(vfs.listSync(DIR).sort(), [...[1, 2, 3].map(tableFileName), ...unsure], hit)
    }
    assert.ok(failures > 10, String(failures))
  }
})

test('a disk that fills up: NO_SPACE, and its space is free again', () => {
  for (const budget of [0, 100, 5000, 8000]) {
    const inner = newDisk()
    const input = sampleInput(inner)
    const vfs = new FaultyVfs(inner)
    vfs.writeBudgetBytes = budget
    expectError(() => compact(vfs, input), 'NO_SPACE')
    assert.deepEqual(inner.listSync(DIR).sort(), [1, 2, 3].map(tableFileName))
  }
})

test('one wrong bit on one read is read again', () => {
  const inner = newDisk()
  const input = sampleInput(inner)
  const vfs = new FaultyVfs(inner)
  const fault = vfs.addFault({ kind: 'read', fault: { do: 'flipBit' }, nth: 3, times: 1 })
  const { outputs } = compact(vfs, input)
  assert.equal(fault.hitCount, 1)
  const expected = mergeModel(runs.flat(), input).kept.map(shown)
  assert.deepEqual(outputs.flatMap((facts) => readOutput(inner, facts)).map(shown), expected)
})

test('a worker and slices on this thread write the same bytes', async () => {
  const large = sampleRuns(4, 5000)
  const root = mkdtempSync(path.join(tmpdir(), 'varve-compaction-'))
  const vfs = new NodeVfs()
  const texts: string[] = []
  const executors: Executor[] = [
    new InThreadExecutor({ compactionRun }, { vfs }, systemClock),
    new WorkerExecutor({ workerCount: 1, source: workerSource, contextSpec: vfs.workerSpec, clock: systemClock }),
  ]
  try {
    for (const [i, executor] of executors.entries()) {
      const dir = path.join(root, String(i))
      mkdirSync(dir)
      const inputs = large.map((run, n) => [writeInput(vfs, n + 1, run, {}, dir)])
      const input = inputOf(inputs, { dir, tableBytes: 100_000, snapshots: [15_000, 25_000] })
      const { outputs, ...counts } = await executor.submit<CompactionRunOutput>({ kind: 'compactionRun', input })
      const files = input.fileNames.slice(0, outputs.length).map((name) => readFileSync(path.join(dir, name), 'hex'))
      assert.ok(files.length > 3)
      texts.push(JSON.stringify({ counts, outputs, files }))
    }
    assert.equal(texts[0], texts[1])
  } finally {
    for (const executor of executors) await executor.close()
    rmSync(root, { recursive: true })
  }
})
