/**
 * REC-3, REC-4, REC-5: each file of a database at rest is removed, emptied, cut, put back to an earlier moment, or
 * taken from another database. Every way to look at the database gives right data or an error that names a file;
 * nothing is changed where it refuses, and nothing is deleted that history does not have.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { compareBytes, decodeFileHeader, FILE_HEADER_BYTES, parseFileName, runAsync } from '../../src/base/index.js'
import { DUMP_KINDS, dumpFile } from '../../src/cli/dump-file.js'
import { resolveOptions } from '../../src/engine/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { Stats } from '../../src/index.js'
import { listOrphans } from '../../src/open/index.js'
import { BLOCK_BYTES_DEFAULT, readTableFacts } from '../../src/sstable/index.js'
import { statsText } from '../../src/stats/index.js'
import type { MemoryVfs } from '../../src/testing.js'
import { DIR, liveAs, PIN, SHAPES } from '../support/databases/absent-shapes.js'
import type { Life } from '../support/databases/absent-shapes.js'
import { SMALL, text } from '../support/databases/databases.js'
import { readBatches } from '../support/databases/follower.js'
import { atLeast, drawn } from '../support/harness/share.js'
import { TestTerminal } from '../support/fakes/test-terminal.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

/** This many lengths of each file are tried, spread over what was written. */
const CUTS = 24
const LEGAL = ['CORRUPTION', 'MISSING_FILE', 'MISSING_MARKER', 'NOT_FOUND']

const MAGICS = new Map([['log', 'varvelog'], ['table', 'varvetab'], ['manifest', 'varveman']] as const)

const root = mkdtempSync(path.join(tmpdir(), 'varve-absent-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface Case {
  what: string
  file: string
  image: Image
}

function casesOf(life: Life, other: Life): Case[] {
  const cases: Case[] = []
  for (const [file, bytes] of life.image) {
    const without = new Map(life.image)
    without.delete(file)
    cases.push({ what: 'removed', file, image: without })
    const seen = [bytes]
    const add = (what: string, changed: Uint8Array | undefined) => {
      if (changed === undefined || seen.some((each) => compareBytes(each, changed) === 0)) return
      seen.push(changed)
      cases.push({ what, file, image: withFile(life.image, file, changed) })
    }
    const usedEnd = usedEndOf(bytes)
    const cuts = Array.from({ length: CUTS }, (_, i) => Math.floor((usedEnd * i) / CUTS))
    for (const end of [...cuts, 1, FILE_HEADER_BYTES - 1, FILE_HEADER_BYTES, usedEnd - 1, bytes.length - 1]) {
      add(`cut at ${end}`, bytes.slice(0, end))
    }
    life.moments.forEach((moment, i) => add(`as at moment ${i}`, moment.get(file)))
    for (const [i, moment] of [...other.moments, other.image].entries()) add(`of another, ${i}`, moment.get(file))
  }
  return cases
}

/** What came back from a backup, beside everything else. */
function returned(life: Life): Case[] {
  const cases = new Map<string, Case>()
  for (const [i, moment] of life.moments.entries()) {
    for (const [file, bytes] of moment) {
      if (life.image.has(file)) continue
      cases.set(file, { what: `back from moment ${i}`, file, image: withFile(life.image, file, bytes) })
    }
  }
  return [...cases.values()]
}

/** The code of the error; throws what is no error that a user may meet. */
function codeOf(error: unknown): string {
  if (!VarveError.is(error)) throw error
  assert.ok(LEGAL.includes(error.code), `${error.code}: ${error.message}`)
  const isNamed = error.file !== undefined || error.code === 'MISSING_MARKER' || error.code === 'NOT_FOUND'
  assert.ok(isNamed, `no file: ${error.message}`)
  return error.code
}

const usedEndOf = (bytes: Uint8Array) => bytes.findLastIndex((byte) => byte !== 0) + 1
const kindOf = (name: string) => parseFileName(name)?.kind
const isOpened = (outcome: string) => ['whole', 'prefix', 'told prefix'].includes(outcome)

/** Gives how many writes are there: exactly those, by every way to read. */
function countWrites(db: Varve, { states }: Life): number {
  const found = new Map([...db.entriesSync()].map(([key, value]) => [text(key)!, text(value)!]))
  const at = states.findLastIndex((state) => sameMap(state, found))
  assert.ok(at >= 0, 'a state that never was')
  for (const key of states.at(-1)!.keys()) assert.equal(text(db.getSync(key)), found.get(key), key)
  return at
}

function sameMap(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
}

/** Checks that all acknowledged writes are there; but a log may lose more than anybody can know. */
function checkCount(count: number, life: Life, file: string): void {
  const least = kindOf(file) === 'log' ? life.listedCount : life.states.length - 1
  assert.ok(count >= least, `${count} writes are there, ${least} must be`)
}

/**
 * Opened for reading: 'whole', 'prefix', 'told prefix' with a cut in the report, or a code. The list of orphans
 * fails with the same code.
 */
async function look({ image, file }: Case, life: Life): Promise<string> {
  const vfs = vfsOf(image, DIR)
  let outcome: string
  try {
    const db = await Varve.open(DIR, { ...SMALL, readOnly: true, components: { vfs } })
    const count = countWrites(db, life)
    checkCount(count, life, file)
    const stats = db.stats()
    assert.ok(statsText(stats).length > 0)
    await db.close()
    outcome = outcomeOf(count, stats, life)
  } catch (error) {
    outcome = codeOf(error)
  }
  const options = resolveOptions({ readOnly: true }, BLOCK_BYTES_DEFAULT)
  const listed = await listOrphans(DIR, vfs, options).then(() => null, codeOf)
  assert.equal(listed, isOpened(outcome) ? null : outcome, 'orphans')
  assert.deepEqual(takeImage(vfs, DIR), image, 'reading changes nothing')
  return outcome
}

/** Opened for writing, closed, and read again. */
async function use({ image, file }: Case, life: Life): Promise<string> {
  const vfs = vfsOf(image, DIR)
  let db: Varve
  try {
    db = await Varve.open(DIR, { ...SMALL, workers: 0, createIfMissing: false, components: { vfs } })
  } catch (error) {
    assert.deepEqual(takeImage(vfs, DIR), image, 'an open that fails changes nothing')
    return codeOf(error)
  }
  const count = countWrites(db, life)
  checkCount(count, life, file)
  const stats = db.stats()
  await checkPin(db, life, count)
  await db.close()
  await checkDeleted(image, vfs, { life, count, isCut: stats.recovery!.cut !== null })
  const again = await Varve.open(DIR, { ...SMALL, readOnly: true, components: { vfs } })
  assert.equal(countWrites(again, life), count, 'opened again')
  await again.close()
  return outcomeOf(count, stats, life)
}

function outcomeOf(count: number, { recovery }: Stats, { states }: Life): string {
  if (count === states.length - 1) return 'whole'
  return recovery!.cut === null ? 'prefix' : 'told prefix'
}

/** What a pin keeps is read as it was written, from the first write to the last, or there is an error. */
async function checkPin(db: Varve, { states }: Life, count: number): Promise<void> {
  if (!db.pins.list().some(({ name }) => name === PIN)) return
  try {
    let next = 1
    for (const { seqNum, operations } of await readBatches(db, PIN)) {
      assert.equal(seqNum, next, 'a hole before a batch')
      next = seqNum + operations.length
      for (const operation of operations) {
        assert.ok(operation.type !== 'delRange')
        const value = operation.type === 'put' ? text(operation.value) : undefined
        assert.equal(value, states[seqNum]!.get(text(operation.key)!), `batch ${seqNum}`)
      }
    }
    assert.equal(next, count + 1, 'the last batch')
  } catch (error) {
    codeOf(error)
  }
}

/** A table that is gone held nothing that the database has not; no file of another database with data is gone. */
async function checkDeleted(
  before: Image, vfs: MemoryVfs, { life, count, isCut }: { life: Life; count: number; isCut: boolean },
): Promise<void> {
  const names = new Set(vfs.listSync(DIR))
  const own = databaseIdOf(life.image)
  for (const [name, bytes] of before) {
    const kind = kindOf(name)
    if (names.has(name) || kind === 'marker') continue
    const id = databaseIdOf(new Map([[name, bytes]]))
    const holdsData = usedEndOf(bytes) > FILE_HEADER_BYTES
    if (holdsData && id !== null) assert.deepEqual(id, own, `${name} of another database was deleted`)
    if (kind !== 'table' || isCut) continue
    const last = await lastSeqNumOf(bytes, name)
    assert.ok(last <= count, `${name} was deleted: it had write ${last}, the database has ${count}`)
  }
}

/** Gives the id in the first file whose header is whole. */
function databaseIdOf(image: Image): Uint8Array | null {
  for (const [name, bytes] of image) {
    const magic = MAGICS.get(kindOf(name) as 'log')
    if (magic === undefined || bytes.length < FILE_HEADER_BYTES) continue
    try {
      return decodeFileHeader(bytes.subarray(0, FILE_HEADER_BYTES), magic, name).databaseId
    } catch {
      // It is nobody's.
    }
  }
  return null
}

/** 0 for what is not a whole table. */
async function lastSeqNumOf(bytes: Uint8Array, name: string): Promise<number> {
  const vfs = vfsOf(new Map([[name, bytes]]), DIR)
  try {
    return (await runAsync(readTableFacts({ file: vfs.openSync(`${DIR}/${name}`, 'read'), name }))).largestSeqNum
  } catch (error) {
    codeOf(error)
    return 0
  }
}

/** The file itself, byte by byte: what is wrong with it is told. Gives how much that is. */
async function dump({ image, file }: Case): Promise<number> {
  const kind = DUMP_KINDS.find((each) => each === kindOf(file))
  if (kind === undefined) return 0
  const name = path.join(root, file)
  const bytes = image.get(file)
  if (bytes === undefined) rmSync(name, { force: true })
  else writeFileSync(name, bytes)
  const terminal = new TestTerminal()
  const options = { isJson: false, isBrief: true }
  if (bytes === undefined) {
    await assert.rejects(dumpFile(kind, name, options, terminal), { name: 'VarveError', file: name })
    return 0
  }
  const problems = await dumpFile(kind, name, options, terminal)
  if (bytes.length < FILE_HEADER_BYTES) assert.ok(problems.length > 0, 'a header that is not whole is told')
  for (const { offset, message } of problems) assert.ok(message !== '' && offset <= bytes.length)
  assert.equal(compareBytes(readFileSync(name), bytes), 0)
  return problems.length
}

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`every file, absent or another one: ${name}`, async () => {
    const [mine, other] = [await liveAs('mine', shape), await liveAs('other', shape)]
    const whole = { what: 'as it was', file: '', image: mine.image }
    assert.deepEqual([await look(whole, mine), await use(whole, mine)], ['whole', 'whole'])
    const counts: Record<string, number> = {}
    for (const each of drawn(name, [...casesOf(mine, other), ...returned(mine)])) {
      try {
        const [seen, used] = [await look(each, mine), await use(each, mine)]
        // Where two things are wrong, each may meet another one first.
        if (isOpened(seen) || isOpened(used)) assert.equal(used, seen, 'a writer and a reader disagree')
        counts[used] = (counts[used] ?? 0) + 1
        const problemCount = await dump(each)
        // An emptied log is as one that vanished: the newest one, before the manifest listed it.
        const isGone = (each.image.get(each.file)?.length ?? 0) < FILE_HEADER_BYTES
        if (used === 'prefix' && !isGone) assert.equal(problemCount, 0, 'a cut in the middle of a write is told')
      } catch (error) {
        throw new Error(`${each.file} ${each.what}: ${String(error)}`, { cause: error })
      }
    }
    assert.ok((counts['CORRUPTION'] ?? 0) >= atLeast(20), JSON.stringify(counts))
  })
}
