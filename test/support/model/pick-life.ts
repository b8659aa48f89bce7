/**
 * Random lives of a version under the pickers, with real contents: tables are flushed, merged and installed in whatever
 * order, and at every install all readers see what they saw.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  SimulatedTables, editOfRun, keyOf, madeBy, noEntries, sortedEntries, sweepOf,
} from '../../../bench/simulation/simulated-tables.js'
import type { EntrySizes } from '../../../bench/simulation/simulated-tables.js'
import type { FileNum, SeqNum } from '../../../src/base/index.js'
import { allTables, applyEdit, emptyVersion, extentOfRange, findProblem } from '../../../src/manifest/index.js'
import type { Version, VersionEdit } from '../../../src/manifest/index.js'
import {
  createPicker, inputTables, manualPicker, reservationOf, settingsWhenQuiet, totalBytes, valueBytesOf,
} from '../../../src/pick/index.js'
import type {
  CompactionPick, CompactionSettings, CompactionStyle, Picker, RunningCompaction,
} from '../../../src/pick/index.js'
import { assertAvailable, assertBelow, assertClosed, shownPick } from '../scenes/pick-scene.js'

export const KEYS = 64
/** The length of a value, where a test does not say otherwise. */
export const VALUE_BYTES = 100
/** One life never needs more compactions than this to come to rest. */
const STEPS_MAX = 400

export type Step =
  | { do: 'flush'; from: number; span: number; count: number; tombstones: number; seed: number }
  | { do: 'start' } | { do: 'end'; which: number } | { do: 'tidy'; bytesMax: number }
  | { do: 'hold' } | { do: 'let go' }
  | { do: 'block'; which: number }
  | { do: 'manual'; from: number; span: number }

const flushed = (spanMax: number, countMax: number): fc.Arbitrary<Step> => fc.record({
  do: fc.constant('flush' as const), from: fc.nat(KEYS - 1), span: fc.integer({ min: 1, max: spanMax }),
  count: fc.integer({ min: 1, max: countMax }), tombstones: fc.constantFrom(0, 0.1, 0.9, 1), seed: fc.nat(1000),
})

const others: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: 'start' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'hold' as const }, { do: 'let go' as const }) },
  { weight: 1, arbitrary: fc.record({
    do: fc.constant('manual' as const), from: fc.nat(KEYS - 1), span: fc.integer({ min: 1, max: KEYS }),
  }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tidy' as const), bytesMax: fc.constantFrom(200, 2000) }) },
)

/** Draws flushes of any keys. */
export const drawnSteps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: flushed(KEYS, 20) }, { weight: 13, arbitrary: others },
)
/** Draws flushes of few keys, so that many tables share none. */
export const drawnNarrowSteps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: flushed(KEYS, 20) }, { weight: 12, arbitrary: flushed(3, 2) },
  { weight: 6, arbitrary: others },
)
export const drawnBlock: fc.Arbitrary<Step> = fc.record({ do: fc.constant('block' as const), which: fc.nat(50) })

/** Draws settings of a style for values of this many bytes. */
export function drawnSettings(
  valueBytes = VALUE_BYTES, style: CompactionStyle = 'leveled',
): fc.Arbitrary<CompactionSettings> {
  const values = (...counts: number[]): fc.Arbitrary<number> =>
    fc.constantFrom(...counts.map((count) => count * valueBytes))
  return fc.record({
    style: fc.constant(style),
    level0TablesMin: fc.integer({ min: 1, max: 5 }),
    level0ShareMin: fc.constantFrom(0.2, 1, 100),
    level0CrowdMin: fc.integer({ min: 2, max: 8 }),
    level0HeightMax: fc.constantFrom(1, 2, 4, Infinity),
    baseLevelBytes: values(2, 5, 20),
    levelMultiplier: fc.constantFrom(2, 4, 8),
    tableBytes: values(2, 5, 20),
    overlapBytesMax: values(5, 40),
    inputBytesMax: values(5, 20),
    tombstoneRatio: fc.constantFrom(0.05, 0.5),
    reclaimShareMin: fc.constantFrom(0, 0.25),
    smallTablesMax: fc.integer({ min: 0, max: 6 }),
    garbageRatio: fc.constantFrom(0.06, 0.3, 1),
    garbageFileRatio: fc.constantFrom(0.1, 0.75),
    garbageGate: fc.constantFrom(0, 0.5),
    uncoverShareMin: fc.constantFrom(1, 8, Infinity),
    uncoverLiveShareMin: fc.constantFrom(0, 1 / 16),
    valueFileBytes: values(2, 40, 1000),
    movedBytesMax: values(2, 20, 1000),
    deepRunsMax: fc.integer({ min: 1, max: 4 }),
    newerShareMax: fc.constantFrom(1 / 8, 1 / 2, 2),
    maxBytes: style === 'fifo' ? values(3, 40, 200) : fc.constant(Infinity),
  })
}

interface UnderWay {
  pick: CompactionPick
  reservation: RunningCompaction
  edit: VersionEdit
}

export class Life {
  version: Version = emptyVersion
  readonly held: SeqNum[] = []
  readonly blocked = new Set<FileNum>()
  /** Bytes that runs have moved between value logs, and written into tables. */
  movedBytes = 0
  writtenBytes = 0
  /** Bytes of values that flushes took, and of value logs that went. */
  putBytes = 0
  freedBytes = 0
  private underWay: UnderWay[] = []
  private readonly tables: SimulatedTables
  /** The last write of each key, for each reader: a sequence number, or undefined. */
  private readonly now = new Map<number, SeqNum>()
  private readonly seen = new Map<SeqNum, Map<number, SeqNum>>()
  private seqNum = 0
  private settings: CompactionSettings
  private readonly isRead: boolean
  private readonly onPick: (pick: CompactionPick) => void
  private readonly keyCount: number
  private readonly valueBytes: number

  /** Begins a life. With `isRead`, all readers look at every key after each install. `onPick` hears of each pick. */
  constructor(chosen: CompactionSettings, {
    valueBytes = VALUE_BYTES, isRead = true, keyCount = KEYS, onPick = () => undefined, ...handles
  }: Partial<EntrySizes & { isRead: boolean; keyCount: number; onPick: (pick: CompactionPick) => void }> = {}) {
    this.onPick = onPick
    this.settings = chosen
    this.isRead = isRead
    this.keyCount = keyCount
    this.valueBytes = valueBytes
    this.tables = new SimulatedTables({ valueBytes, tombstoneBytes: Math.ceil(valueBytes / 5), ...handles })
  }

  /** Goes on with other settings, as after an open: nothing is under way then. */
  reopen(chosen: CompactionSettings): void {
    while (this.underWay.length > 0) this.end(0)
    this.settings = chosen
  }

  step(step: Step): void {
    switch (step.do) {
      case 'flush': return this.flush(step)
      case 'start': return void this.start(createPicker(this.settings))
      case 'end': return this.end(step.which)
      case 'tidy': return void this.start(this.tidying(step.bytesMax))
      case 'hold': return this.hold()
      case 'let go': return void this.held.shift()
      case 'block': return void this.blocked.add(this.fileAt(step.which))
      case 'manual': return void this.start(this.manual(step.from, step.from + step.span))
    }
  }

  /** A table or a value log. */
  private fileAt(which: number): FileNum {
    return [...allTables(this.version), ...this.version.valueLogs.values()][which]?.fileNum ?? 0
  }

  manual(from: number, to: number): Pick<Picker, 'pick'> {
    const range = { lower: keyOf(from), upper: keyOf(to) }
    const { nextFileNum: below } = this.version
    return manualPicker(this.settings, { extent: extentOfRange(range), upTo: this.seqNum, below, expiry: null })
  }

  private tidying(bytesMax: number): Pick<Picker, 'pick'> {
    return createPicker(settingsWhenQuiet(this.settings)).tidy(bytesMax)
  }

  private flush({ from, span, count, tombstones, seed }: Step & { do: 'flush' }): void {
    const entries = noEntries()
    for (let i = 0; i < count; i++) {
      const key = (from + ((i * 37 + seed) * 61) % span) % this.keyCount
      const isTombstone = ((i + seed) * 7919) % 100 < tombstones * 100
      entries.keys.push(key)
      entries.seqNums.push(++this.seqNum)
      entries.isTombstone.push(isTombstone)
      entries.valueLogs.push(0)
      if (!isTombstone) this.putBytes += this.valueBytes
      if (isTombstone) this.now.delete(key)
      else this.now.set(key, this.seqNum)
    }
    const rule = { snapshots: this.held, visibleSeqNum: this.seqNum }
    const { tables: [facts], valueLogs } = this.tables.flush(sortedEntries(entries), rule)
    this.install({
      logPointer: this.tables.nextFileNum, addTables: [{ level: 0, facts: facts! }], addValueLogs: valueLogs,
    })
  }

  private hold(): void {
    if (this.seqNum === 0 || this.held.includes(this.seqNum)) return
    this.held.push(this.seqNum)
    this.seen.set(this.seqNum, new Map(this.now))
  }

  get reservations(): RunningCompaction[] {
    return this.underWay.map(({ reservation }) => reservation)
  }

  /** Starts a compaction that is picked; false when nothing was picked. */
  start(picker: Pick<Picker, 'pick'>): boolean {
    const running = this.reservations
    const ask = () => picker.pick(this.version, running, this.held[0] ?? Infinity, this.blocked)
    const pick = ask()
    assert.deepEqual(ask(), pick, 'the same question has the same answer')
    if (pick === null) return false
    assertClosed(this.version, pick)
    assertAvailable(pick, running, pick.reason === 'oldest' ? new Set() : this.blocked)
    assertBelow(this.version, pick)
    this.checkCondemned(pick)
    this.onPick(pick)
    const made = madeBy(this.tables, pick, { snapshots: [...this.held], visibleSeqNum: this.seqNum })
    this.movedBytes += made.valueLogs.reduce((sum, { bytes }) => sum + bytes, 0)
    if (pick.kind === 'merge') this.writtenBytes += totalBytes(made.tables)
    this.underWay.push({ pick, reservation: reservationOf(pick), edit: editOfRun(pick, made) })
    if (pick.kind !== 'merge') this.end(this.underWay.length - 1)
    return true
  }

  /** What is condemned is listed, stands in an input, and is not left alone; one run at a time moves values. */
  private checkCondemned({ condemned, inputs, reason }: CompactionPick): void {
    assert.equal(condemned.length > 0, reason === 'values')
    if (reason !== 'values') return
    assert.ok(this.reservations.every(({ movesValues }) => !movesValues))
    for (const fileNum of condemned) {
      assert.ok(this.version.valueLogs.get(fileNum)!.liveCount > 0)
      assert.ok(!this.blocked.has(fileNum))
      assert.ok(inputs.some(({ tables }) => valueBytesOf(tables, new Set([fileNum])) > 0), `${fileNum} is in no input`)
    }
  }

  end(which: number): void {
    const [ended] = this.underWay.splice(which % Math.max(this.underWay.length, 1), 1)
    if (ended === undefined) return
    if (ended.pick.reason === 'oldest') this.forget(ended.pick)
    this.install(ended.edit)
  }

  /** What a table that leaves by its age had, nobody sees any more, nor anything older. */
  private forget(pick: CompactionPick): void {
    for (const { fileNum } of inputTables(pick)) {
      const gone = new Set(this.tables.entriesOf(fileNum).seqNums)
      for (const seen of [this.now, ...this.seen.values()]) {
        for (const [key, seqNum] of seen) if (gone.has(seqNum)) seen.delete(key)
      }
    }
  }

  private install(edit: VersionEdit): void {
    const { nextFileNum } = this.tables
    this.version = applyEdit(this.version, { ...edit, nextFileNum, lastSeqNum: this.seqNum })
    const swept = sweepOf(this.version)
    for (const fileNum of swept.removeValueLogs ?? []) this.freedBytes += this.version.valueLogs.get(fileNum)!.bytes
    this.version = applyEdit(this.version, swept)
    assert.equal(findProblem(this.version), null)
    if (this.isRead) this.checkReaders()
  }

  private checkReaders(): void {
    this.checkReader(Infinity, this.now)
    for (const at of this.held) this.checkReader(at, this.seen.get(at)!)
  }

  private checkReader(at: SeqNum, expected: ReadonlyMap<number, SeqNum>): void {
    for (let key = 0; key < this.keyCount; key++) {
      assert.equal(this.read(key, at), expected.get(key), `key ${key} at ${at}`)
    }
  }

  /** Reads as a lookup does: newest tables first, then level by level, to the first version that is visible. */
  private read(key: number, at: SeqNum): SeqNum | undefined {
    for (const { fileNum } of allTables(this.version)) {
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

