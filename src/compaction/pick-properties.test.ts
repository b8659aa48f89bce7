/**
 * What: random lives of a version under the pickers, with real contents: whatever is picked, run and
 * installed in whatever order, every reader goes on seeing what he saw.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FileNum, SeqNum, TableFacts } from '../base/index.js'
import { applyEdit, emptyVersion, findProblem } from '../manifest/index.js'
import type { Version, VersionEdit } from '../manifest/index.js'
import { assertAvailable, assertBelow, assertClosed, shownPick } from '../../test/support/pick-scene.js'
import { editOf, inputTables, reservationOf, totalBytes } from './compaction-pick.js'
import type { CompactionPick, Picker, RunningCompaction } from './compaction-pick.js'
import { settingsWhenQuiet } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'
import { createPicker } from './create-picker.js'
import { manualPicker } from './pick-manual.js'
import { SimulatedTables, keyOf, noEntries, sortedEntries } from './simulated-tables.js'

const KEYS = 64
const VALUE_BYTES = 100
/** One life never needs more steps than this to come to rest. */
const STEPS_MAX = 400

type Step =
  | { do: 'flush'; from: number; span: number; count: number; tombstones: number; seed: number }
  | { do: 'start' } | { do: 'end'; which: number }
  | { do: 'hold' } | { do: 'let go' }
  | { do: 'block'; which: number }
  | { do: 'manual'; from: number; span: number }

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({
    do: fc.constant('flush' as const), from: fc.nat(KEYS - 1), span: fc.integer({ min: 1, max: KEYS }),
    count: fc.integer({ min: 1, max: 20 }), tombstones: fc.constantFrom(0, 0.1, 0.9, 1), seed: fc.nat(1000),
  }) },
  { weight: 6, arbitrary: fc.constant({ do: 'start' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'hold' as const }, { do: 'let go' as const }) },
  { weight: 1, arbitrary: fc.record({
    do: fc.constant('manual' as const), from: fc.nat(KEYS - 1), span: fc.integer({ min: 1, max: KEYS }),
  }) },
)
const blocking: fc.Arbitrary<Step> = fc.record({ do: fc.constant('block' as const), which: fc.nat(50) })

const settings: fc.Arbitrary<CompactionSettings> = fc.record({
  style: fc.constant('leveled' as const),
  level0TablesMin: fc.integer({ min: 1, max: 5 }),
  level0ShareMin: fc.constantFrom(0.2, 1, 100),
  baseLevelBytes: fc.constantFrom(200, 500, 2000),
  levelMultiplier: fc.constantFrom(2, 4, 8),
  tableBytes: fc.constantFrom(200, 500),
  overlapBytesMax: fc.constantFrom(500, 4000),
  inputBytesMax: fc.constantFrom(500, 2000),
  tombstoneRatio: fc.constantFrom(0.05, 0.5),
  reclaimShareMin: fc.constantFrom(0, 0.25),
})

interface UnderWay {
  pick: CompactionPick
  reservation: RunningCompaction
  outputs: TableFacts[]
}

class Life {
  version: Version = emptyVersion
  readonly held: SeqNum[] = []
  readonly blocked = new Set<FileNum>()
  underWay: UnderWay[] = []
  private readonly tables = new SimulatedTables({ valueBytes: VALUE_BYTES, tombstoneBytes: 20 })
  /** Per reader, what each key was written last: a sequence number, or undefined. */
  private readonly now = new Map<number, SeqNum>()
  private readonly seen = new Map<SeqNum, Map<number, SeqNum>>()
  private seqNum = 0
  private readonly settings: CompactionSettings

  constructor(chosen: CompactionSettings) {
    this.settings = chosen
  }

  step(step: Step): void {
    switch (step.do) {
      case 'flush': return this.flush(step)
      case 'start': return void this.start(createPicker(this.settings))
      case 'end': return this.end(step.which)
      case 'hold': return this.hold()
      case 'let go': return void this.held.shift()
      case 'block': return void this.blocked.add(this.version.levels.flat()[step.which]?.fileNum ?? 0)
      case 'manual': return void this.start(this.manual(step.from, step.from + step.span))
    }
  }

  manual(from: number, to: number): Pick<Picker, 'pick'> {
    const range = { lower: keyOf(from), upper: keyOf(to) }
    return manualPicker(this.settings, { keyspaceId: 0, range, upTo: this.seqNum })
  }

  private flush({ from, span, count, tombstones, seed }: Step & { do: 'flush' }): void {
    const entries = noEntries()
    for (let i = 0; i < count; i++) {
      const key = (from + ((i * 37 + seed) * 61) % span) % KEYS
      const isTombstone = ((i + seed) * 7919) % 100 < tombstones * 100
      entries.keys.push(key)
      entries.seqNums.push(++this.seqNum)
      entries.isTombstone.push(isTombstone)
      if (isTombstone) this.now.delete(key)
      else this.now.set(key, this.seqNum)
    }
    const facts = this.tables.flush(sortedEntries(entries), { snapshots: this.held, visibleSeqNum: this.seqNum })
    this.install({ addTables: [{ level: 0, facts: facts! }] })
  }

  private hold(): void {
    if (this.seqNum === 0 || this.held.includes(this.seqNum)) return
    this.held.push(this.seqNum)
    this.seen.set(this.seqNum, new Map(this.now))
  }

  /** False when nothing was picked. */
  start(picker: Pick<Picker, 'pick'>): boolean {
    const running = this.underWay.map(({ reservation }) => reservation)
    const ask = () => picker.pick(this.version, running, this.held[0] ?? Infinity, this.blocked)
    const pick = ask()
    assert.deepEqual(ask(), pick, 'the same question has the same answer')
    if (pick === null) return false
    assertClosed(this.version, pick)
    assertAvailable(pick, running, this.blocked)
    assertBelow(this.version, pick)
    const inputs = inputTables(pick)
    const rule = { snapshots: [...this.held], visibleSeqNum: this.seqNum }
    const outputs = pick.isTrivialMove ? inputs : this.tables.run(pick, rule)
    this.underWay.push({ pick, reservation: reservationOf(pick), outputs })
    if (pick.isTrivialMove) this.end(this.underWay.length - 1)
    return true
  }

  end(which: number): void {
    const [ended] = this.underWay.splice(which % Math.max(this.underWay.length, 1), 1)
    if (ended !== undefined) this.install(editOf(ended.pick, ended.outputs))
  }

  private install(edit: VersionEdit): void {
    const { nextFileNum } = this.tables
    this.version = applyEdit(this.version, { ...edit, nextFileNum, lastSeqNum: this.seqNum })
    assert.equal(findProblem(this.version), null)
    this.checkReaders()
  }

  private checkReaders(): void {
    this.checkReader(Infinity, this.now)
    for (const at of this.held) this.checkReader(at, this.seen.get(at)!)
  }

  private checkReader(at: SeqNum, expected: ReadonlyMap<number, SeqNum>): void {
    for (let key = 0; key < KEYS; key++) {
      assert.equal(this.read(key, at), expected.get(key), `key ${key} at ${at}`)
    }
  }

  /** As a lookup goes: newest tables first, then level by level, to the first version that is visible. */
  private read(key: number, at: SeqNum): SeqNum | undefined {
    for (const { fileNum } of this.version.levels.flat()) {
      const { keys, seqNums, isTombstone } = this.tables.entriesOf(fileNum)
      const found = keys.findIndex((it, i) => it === key && seqNums[i]! <= at)
      if (found >= 0) return isTombstone[found]! ? undefined : seqNums[found]
    }
    return undefined
  }

  /** Runs everything that is picked. */
  settle(picker: Pick<Picker, 'pick'> = createPicker(this.settings)): void {
    while (this.underWay.length > 0) this.end(0)
    const done: string[] = []
    while (this.start(picker)) {
      done.push(shownPick(this.underWay[0]?.pick ?? null))
      this.end(0)
      assert.ok(done.length < STEPS_MAX, `no end:\n${done.slice(-10).join('\n')}`)
    }
  }

  scores(): number[] {
    return createPicker(this.settings).scores(this.version, []).map(({ score }) => score)
  }
}

const lives = fc.tuple(settings, fc.array(steps, { minLength: 1, maxLength: 60 }))

test('COMP-1, COMP-2: picks are closed and disjoint, readers see what they saw, and it comes to rest', () => {
  fc.assert(fc.property(lives, ([chosen, todo]) => {
    const life = new Life(chosen)
    for (const step of todo) life.step(step)
    life.settle()
    assert.ok(life.scores().every((score) => score < 1), `at rest nothing is due: ${life.scores().join()}`)
    assert.equal(createPicker(chosen).pendingBytes(life.version), 0)
    life.settle(createPicker(settingsWhenQuiet(chosen)))
  }), { numRuns: 200, includeErrorInReport: true })
})

test('when no snapshot is left, every hidden version and every tombstone at the bottom goes by itself', () => {
  fc.assert(fc.property(lives, ([chosen, todo]) => {
    const life = new Life({ ...chosen, reclaimShareMin: 0 })
    for (const step of todo) life.step(step)
    life.settle()
    life.held.length = 0
    life.settle()
    for (const table of life.version.levels.slice(1).flat()) assert.equal(table.hiddenCount, 0)
    for (const table of life.version.levels.at(-1)!) assert.equal(table.tombstoneCount, 0)
  }), { numRuns: 150, includeErrorInReport: true })
})

test('blocked tables are left alone, and it comes to rest', () => {
  const someBlocked = fc.oneof({ weight: 9, arbitrary: steps }, { weight: 1, arbitrary: blocking })
  fc.assert(fc.property(settings, fc.array(someBlocked, { minLength: 10, maxLength: 60 }), (chosen, todo) => {
    const life = new Life(chosen)
    for (const step of todo) life.step(step)
    life.settle()
  }), { numRuns: 150, includeErrorInReport: true })
})

test('a range by hand ends in the last level, without tombstones that nobody needs', () => {
  fc.assert(fc.property(lives, fc.nat(KEYS - 1), fc.nat(KEYS), ([chosen, todo], from, span) => {
    const life = new Life(chosen)
    for (const step of todo) life.step(step)
    life.held.length = 0
    life.settle(life.manual(from, from + span))
    for (const [level, tables] of life.version.levels.entries()) {
      for (const { smallestKey, largestKey, tombstoneCount, hiddenCount } of tables) {
        const [smallest, largest] = [smallestKey, largestKey].map((key) => new DataView(key.buffer).getUint32(0))
        if (largest! < from || smallest! >= from + span) continue
        assert.equal(level, life.version.levels.length - 1)
        assert.deepEqual([tombstoneCount, hiddenCount], [0, 0])
      }
    }
  }), { numRuns: 150, includeErrorInReport: true })
})

test('a database whose keys are all deleted vanishes when the last snapshot goes', () => {
  const life = new Life({
    style: 'leveled', level0TablesMin: 8, level0ShareMin: 1, baseLevelBytes: 500, levelMultiplier: 8, tableBytes: 500,
    overlapBytesMax: 10_000, inputBytesMax: 10_000, tombstoneRatio: 0.25, reclaimShareMin: 0.25,
  })
  for (let round = 0; round < 20; round++) {
    life.step({ do: 'flush', from: 0, span: KEYS, count: 20, tombstones: 0, seed: round })
    life.settle()
  }
  life.step({ do: 'hold' })
  for (let from = 0; from < KEYS; from++) {
    life.step({ do: 'flush', from, span: 1, count: 1, tombstones: 1, seed: 0 })
  }
  life.settle()
  assert.ok(totalBytes(life.version.levels.flat()) > 0, 'a snapshot holds it')
  life.step({ do: 'let go' })
  life.settle()
  assert.equal(totalBytes(life.version.levels.flat()), 0)
})
