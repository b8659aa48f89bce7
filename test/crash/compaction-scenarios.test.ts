/**
 * What: C01–C14: what crashes, bad blocks, failed calls and readers do to compactions, through the whole engine.
 * Not here:
 *   C04, C07, C13   what a merge keeps: src/run/compaction-run.test.ts
 *   C08             two picks of one table: src/compaction/compactor.test.ts
 *   C09, C14        a full disk, a run that fails each time: test/fault/compaction-failures.test.ts
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableFileName } from '../../src/base/index.js'
import { keyBytes } from '../support/crash/crash-values.js'
import { deleted, table } from '../support/crash/compaction-scenarios.js'
import {
  crashAfter, crashNow, numbersOf, patiently, readFile, reopen, rewriteFile, turns,
} from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { CrashSweep } from '../support/crash/crash-sweep.js'
import { RunGate, smallOutputs } from '../support/fakes/run-hooks.js'
import { atLeast, Draw } from '../support/harness/share.js'
import { DIR, Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const EVERY_WAY: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']
const MODES = [['strict', true], ['fast', false]] as const
/** Several outputs a run, of several blocks each. */
const SMALL = { blockSize: 1024 }

async function opened(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 17, ...options, settings: { ...SMALL, ...options.settings } })
  await w.open()
  return w
}

const tablesOf = (w: Workload) => numbersOf(w.vfs.listSync(DIR), 'table').sort((a, b) => a - b)
const tableCounts = (w: Workload) => w.db.stats().levels.map(({ tableCount }) => tableCount)

async function reopenAll(w: Workload): Promise<void> {
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
}

for (const [mode, manifestSync] of MODES) {
  test(`C01: power is lost at each step of compactions with several outputs, ${mode}`, async () => {
    const outputCounts: number[] = []
    const sweep = new CrashSweep({ seed: 17, randomCount: 4, draw: new Draw(`C01 ${mode}`) })
    const { images } = await sweep.run(async (w) => {
      await w.open()
      await table(w, 'abcdefgh', 900)
      await table(w, 'bdfh', 800)
      await deleted(w, 'ceg')
      for (const key of ['d', 'a']) {
        await w.compact()
        w.checkReads()
        outputCounts.push(w.db.stats().levels.at(-1)!.tableCount)
        await w.put(key, 70, { sync: true })
      }
      await w.close()
      await w.reopen()
      w.checkReads()
    }, { settings: { ...SMALL, manifestSync }, executor: smallOutputs })
    assert.ok(outputCounts.every((count) => count > 2), `several outputs: ${outputCounts}`)
    assert.ok(images >= atLeast(150), String(images))
  })
}

test('C05, C06: a snapshot keeps what it sees, up to its own sequence number, until it is released', async () => {
  const w = await opened({ executor: smallOutputs })
  await table(w, 'abcd', 500)
  await w.put('a', 410) // the last one that the snapshot sees has its sequence number
  const early = w.snapshot()
  await w.put('a', 420)
  await deleted(w, 'b')
  await w.del('c')
  const late = w.snapshot()
  await w.put('c', 430)
  await w.compact()
  for (const { check } of [early, late]) check()
  const lengths = ({ snapshot }: typeof early) =>
    ['a', 'b', 'c'].map((key) => w.db.getSync(keyBytes(key), { snapshot })?.length)
  assert.deepEqual(lengths(early), [410, 598, 599])
  assert.deepEqual(lengths(late), [420, undefined, undefined])
  w.checkReads()
  await reopenAll(w)
  for (const { snapshot } of [early, late]) snapshot.release()
  await w.compact()
  w.checkReads()
  const { entryCount, tombstoneCount } = w.db.stats().levels.at(-1)!
  assert.deepEqual([entryCount, tombstoneCount], [3, 0])
  await reopenAll(w)
})

/** In the block of key e, which nothing newer hides. */
const BAD_OFFSET = 4000

test('C02: a bad block stops what needs it and nothing else; inputs stay, no key is dropped', async () => {
  const w = await opened()
  await table(w, 'abcdefgh', 900)
  await table(w, 'ch', 300)
  await w.compact()
  await table(w, 'bd', 500)
  await table(w, 'stuv', 400)
  await table(w, 'su', 300)
  await w.close()
  const [bad] = tablesOf(w)
  const bytes = readFile(w.vfs, tableFileName(bad!))
  bytes[BAD_OFFSET]! ^= 1
  rewriteFile(w.vfs, tableFileName(bad!), bytes)
  await w.open()
  const before = tablesOf(w)
  const corruption = { code: 'CORRUPTION', file: tableFileName(bad!) }
  await assert.rejects(w.db.compact(), corruption)
  await w.vfs.settled()
  const { backgroundError, compaction, database } = w.db.stats()
  assert.deepEqual([backgroundError?.code, backgroundError?.file], ['CORRUPTION', tableFileName(bad!)])
  assert.deepEqual([compaction.blockedTables, database.state], [[bad], 'DEGRADED'])
  const after = tablesOf(w)
  assert.deepEqual(after.slice(0, 2), before.slice(0, 2), 'the bad table and what lies over it stay')
  assert.deepEqual([after.length, tableCounts(w)[0], tableCounts(w).at(-1)], [3, 1, 2], 'the others are merged')
  let refused = 0
  for (const key of w.oracle.keys) {
    try {
      assert.ok(w.db.getSync(keyBytes(key)) !== undefined, `${key} is there`)
    } catch (error) {
      assert.equal((error as { code: string }).code, 'CORRUPTION')
      refused++
    }
  }
  assert.ok(refused > 0 && refused < 4, `${refused} keys are not readable`)
  await table(w, 'tv', 200)
  await w.db.compact({ gte: 's' })
  assert.deepEqual([tableCounts(w)[0], tableCounts(w).at(-1), w.db.stats().compaction.failed], [1, 2, 1])
  await assert.rejects(w.db.compact({ gte: 'e', lt: 'f' }), corruption, 'a range in it')
  await table(w, 'dz', 100)
  await assert.rejects(w.db.compact({ gte: 'x' }), corruption, 'a table that lies over it and ends in the range')
  assert.equal(w.db.stats().compaction.failed, 1, 'it is not read again')
  const disk = crashNow(w, 'none')
  rewriteFile(disk.vfs, tableFileName(bad!), flipped(bytes))
  await reopen(disk)
})

/** With the one bit right again that was not. */
function flipped(bytes: Uint8Array): Uint8Array {
  const right = bytes.slice()
  right[BAD_OFFSET]! ^= 1
  return right
}

test('C03: a table in the middle of a run cannot be read: an error, its keys are not skipped', async () => {
  for (const [mode, manifestSync] of MODES) {
    const w = await opened({ settings: { manifestSync }, executor: smallOutputs })
    await table(w, 'abcdefgh', 900)
    await table(w, 'bdf', 800)
    await w.compact()
    await w.vfs.settled()
    const run = tablesOf(w)
    assert.ok(run.length > 2, mode)
    await table(w, 'adh', 100)
    const path = w.vfs.join(DIR, tableFileName(run[1]!))
    const fault = w.vfs.addFault({ kind: 'read', path, fault: { do: 'error', code: 'EIO' }, times: Infinity })
    const bad = { code: 'IO_ERROR', file: tableFileName(run[1]!) }
    await patiently(w, () => assert.rejects(w.db.compact(), bad))
    const { compaction, backgroundError } = w.db.stats()
    assert.deepEqual([compaction.failed, compaction.completed], [3, 1], mode)
    assert.deepEqual([backgroundError?.code, backgroundError?.file], [bad.code, bad.file])
    assert.deepEqual(tablesOf(w).slice(0, run.length), run, 'inputs stay')
    fault.remove()
    await w.compact()
    w.checkReads()
    assert.deepEqual([tableCounts(w)[0], w.db.stats().database.state], [0, 'OPEN'])
    await reopenAll(w)
  }
})

test('C10: a flush installs while a compaction runs: its newer versions win, whenever it comes', async () => {
  for (const [mode, manifestSync] of MODES) {
    let between = 0
    for (let moment = 0; moment < 60; moment += 3) {
      const gate = new RunGate(moment)
      const w = await opened({ settings: { manifestSync }, executor: gate.executor })
      await table(w, 'abcd', 300)
      await table(w, 'bc', 200)
      gate.isClosed = true
      const compacted = w.db.compact()
      while (w.db.stats().compaction.active === 0) await turns(w, 1)
      const flushed = table(w, 'ab', 100)
      await turns(w, moment)
      gate.isClosed = false
      await flushed
      if (w.db.stats().compaction.completed === 0) between++
      await deleted(w, 'd')
      await compacted
      w.checkReads()
      for (const way of ['kill', 'none'] as const) await reopen(crashNow(w, way))
      await w.compact()
      w.checkReads()
      assert.deepEqual([tableCounts(w)[0], w.db.stats().levels.at(-1)!.entryCount], [0, 3], `${mode}, ${moment}`)
    }
    assert.ok(between > 3 && between < 18, `${mode}: ${between} flushes came before the compaction's end`)
  }
})

for (const [mode, manifestSync] of MODES) {
  test(`C11: files that an iterator reads stay until it ends, then they go, ${mode}`, async () => {
    const w = await opened({ settings: { manifestSync } })
    await table(w, 'abcdefgh', 900)
    await table(w, 'bd', 100)
    await deleted(w, 'abc')
    await w.flush()
    const inputs = tablesOf(w)
    const reading = w.db.entriesSync()
    const expected = [...w.db.entriesSync()].map(([, value]) => value.length)
    const seen = [reading.next().value![1].length]
    await w.compact()
    await w.vfs.clock.advance(60_000)
    assert.deepEqual(tablesOf(w).slice(0, inputs.length), inputs, 'they are still there')
    assert.equal(w.db.stats().files.heldCount, inputs.length)
    for (const [, value] of reading) seen.push(value.length)
    assert.deepEqual(seen, expected)
    await w.vfs.settled()
    assert.deepEqual([tablesOf(w).length, w.db.stats().files.heldCount], [1, 0])
    w.checkReads()
  })
}

test('C12: what only an iterator kept is gone after the next open', async () => {
  for (const [mode, manifestSync] of MODES) {
    const w = await opened({ settings: { manifestSync } })
    await table(w, 'abcd', 300)
    await table(w, 'bd', 100)
    const inputs = tablesOf(w)
    const reading = w.db.entriesSync()
    reading.next()
    await w.compact()
    await w.vfs.clock.advance(5000)
    for (const way of EVERY_WAY) {
      const { before, after } = await reopen(crashNow(w, way))
      assert.ok(inputs.every((num) => before.includes(tableFileName(num))), `${mode}, ${way}: kept until then`)
      assert.ok(inputs.every((num) => !after.includes(tableFileName(num))), `${mode}, ${way}`)
    }
    assert.equal([...reading].length, 3)
    // Deleted, but not durably: a power loss brings them back, and the next open deletes them again.
    const disks = await crashAfter(w, /unlink .*table/, ['none'], () => w.vfs.settled(), inputs.length)
    for (const disk of disks) {
      const { before } = await reopen(disk)
      assert.ok(inputs.every((num) => before.includes(tableFileName(num))))
    }
  }
})
