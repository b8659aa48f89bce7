/**
 * What: pushes flushes through a picker without I/O, and counts what is written, looked at and kept. Time is
 * measured in bytes of the user: with speed 2, two bytes are merged while the user writes one.
 * Owns: a version, its simulated tables, and what is under way.
 * Does not own: what is written (simulated-writes.ts), how the numbers look (simulation-report.ts).
 * Thread: any; the same options give the same report.
 */
import { SeededRandom } from '../../src/base/index.js'
import type { SeqNum, TableFacts } from '../../src/base/index.js'
import { allTables, applyEdit, emptyVersion } from '../../src/manifest/index.js'
import type { Version, VersionEdit } from '../../src/manifest/index.js'
import { inputTables, reservationOf, totalBytes, settingsWhenQuiet, createPicker } from '../../src/pick/index.js'
import type {
  CompactionPick, LevelScore, Picker, PickReason, RunningCompaction, CompactionSettings,
} from '../../src/pick/index.js'
import { SimulatedTables, editOfRun, keyOf, madeBy, noEntries, sortedEntries, sweepOf } from './simulated-tables.js'
import type { EntrySizes } from './simulated-tables.js'
import { workloadWrites } from './simulated-writes.js'
import type { Workload } from './simulated-writes.js'

export interface SimulationOptions {
  readonly workload: Workload
  readonly settings: CompactionSettings
  /** Bytes of all keys with their values, each once. */
  readonly dataBytes: number
  readonly writeBufferBytes: number
  /** Bytes of one simulated entry; it stands for as many real neighbours as fill them. */
  readonly entryBytes: number
  /** Bytes of a tombstone for each byte of a value. */
  readonly tombstoneShare: number
  /** Bytes of an entry in a table for each byte of its value in a value log; 0: values stand in tables. */
  readonly handleShare: number
  /** Bytes of an entry for each byte that it takes in a table: what `compression` makes of it; 1: nothing. */
  readonly ratio: number
  /** Bytes that one compaction merges while the user writes one; with Infinity it takes no time. */
  readonly speed: number
  /** The number of compactions at the same time. */
  readonly workers: number
  /** A flush waits while level 0 has this many tables and a compaction is under way. */
  readonly level0TablesMax: number
  /** True also does at the end what is done when there is nothing else to do. */
  readonly isQuietAtEnd: boolean
  readonly seed: number
}

export interface ReasonCounts {
  pickCount: number
  moveCount: number
  readBytes: number
  writtenBytes: number
}

export interface LevelReport extends LevelScore {
  readonly tableCount: number
  readonly bytes: number
}

export interface SimulationReport {
  readonly userBytes: number
  readonly liveBytes: number
  readonly flush: { readonly count: number; readonly bytes: number }
  /** Bytes of values that collections moved, and what value logs hold in the end. */
  readonly values: { readonly movedBytes: number; readonly logCount: number; readonly bytes: number }
  readonly reasons: ReadonlyMap<PickReason, Readonly<ReasonCounts>>
  readonly levels: readonly LevelReport[]
  /** Bytes written into tables, and moved between value logs, for each byte of the user; the log is not counted. */
  readonly writeAmplification: number
  /** Tables looked at until a live key is found, without filters: the mean after all flushes, and at the end. */
  readonly readAmplification: { readonly mean: number; readonly end: number }
  /** Bytes of all files for each live byte, counted as at least a memtable's, with outputs that are being written. */
  readonly spaceAmplification: { readonly most: number; readonly end: number }
  readonly level0TablesMost: number
  /** The share of the time that flushes waited. */
  readonly stalledShare: number
}

export function simulate(options: SimulationOptions): SimulationReport {
  const simulation = new Simulation(options)
  for (const step of workloadWrites(options.workload, keyCountOf(options), options.seed)) {
    if ('isHeld' in step) simulation.holdSnapshot(step.isHeld)
    else simulation.write(step.key, step.isTombstone)
  }
  simulation.finish()
  return simulation.report()
}

interface UnderWay {
  readonly reservation: RunningCompaction
  readonly endTime: number
  readonly edit: VersionEdit
  readonly inputs: readonly TableFacts[]
  readonly outputBytes: number
}

const SAMPLED_KEYS = 64
/** With more compactions than this at one time, the picker goes in circles. */
const STEPS_MAX = 100_000

class Simulation {
  private readonly options: SimulationOptions
  private readonly sizes: EntrySizes
  private readonly tables: SimulatedTables
  private readonly random: SeededRandom
  private picker: Picker
  private version: Version = emptyVersion
  private underWay: UnderWay[] = []
  private readonly live = new Set<number>()
  /** The number of the last write of each key. */
  private readonly newest = new Map<number, SeqNum>()
  private buffer = noEntries()
  private bufferBytes = 0
  private seqNum = 0
  private snapshots: SeqNum[] = []
  /** Time so far: bytes of the user, and of waiting. */
  private time = 0
  private stalledTime = 0
  private userBytes = 0
  private readonly flushed = { count: 0, bytes: 0 }
  private readonly reasons = new Map<PickReason, ReasonCounts>()
  private readonly readCosts: number[] = []
  private spaceMost = 0
  private level0TablesMost = 0
  private movedBytes = 0

  constructor(options: SimulationOptions) {
    this.options = options
    const { entryBytes, tombstoneShare, handleShare, ratio, settings, seed } = options
    const handles = handleShare === 0 ? {} : { handleBytes: Math.ceil(entryBytes * handleShare) }
    this.sizes = { valueBytes: entryBytes, tombstoneBytes: Math.ceil(entryBytes * tombstoneShare), ratio, ...handles }
    this.tables = new SimulatedTables(this.sizes)
    this.random = new SeededRandom(seed, 'reads')
    this.picker = createPicker(settings)
  }

  write(key: number, isTombstone: boolean): void {
    const bytes = isTombstone ? this.sizes.tombstoneBytes : this.sizes.valueBytes
    this.buffer.keys.push(key)
    this.buffer.seqNums.push(++this.seqNum)
    this.buffer.isTombstone.push(isTombstone)
    this.buffer.valueLogs.push(0)
    this.newest.set(key, this.seqNum)
    if (isTombstone) this.live.delete(key)
    else this.live.add(key)
    this.bufferBytes += bytes
    this.userBytes += bytes
    this.time += bytes
    if (this.bufferBytes >= this.options.writeBufferBytes) this.flush()
  }

  /** Takes or releases the one snapshot that there may be. */
  holdSnapshot(isHeld: boolean): void {
    this.snapshots = isHeld ? [this.seqNum] : []
  }

  /** Ends the writes: does the last flush, and all that is due then. */
  finish(): void {
    this.flush()
    this.settle()
    if (!this.options.isQuietAtEnd) return
    this.picker = createPicker(settingsWhenQuiet(this.options.settings))
    this.settle()
  }

  report(): SimulationReport {
    const { version, userBytes, flushed, reasons, readCosts } = this
    const inTables = [...reasons.values()].reduce((sum, { writtenBytes }) => sum + writtenBytes, flushed.bytes)
    const { movedBytes } = this
    const levels = this.picker.scores(version, []).map((score) => {
      const { tables } = version.levels[score.level]!
      return { ...score, tableCount: tables.length, bytes: totalBytes(tables) }
    })
    return {
      userBytes, levels, reasons, flush: flushed,
      values: { movedBytes, logCount: version.valueLogs.size, bytes: this.valueLogBytes() },
      liveBytes: this.live.size * this.sizes.valueBytes,
      writeAmplification: (inTables + movedBytes) / userBytes,
      readAmplification: { mean: mean(readCosts), end: this.readCost() },
      spaceAmplification: { most: this.spaceMost, end: this.spaceCost() },
      level0TablesMost: this.level0TablesMost,
      stalledShare: this.stalledTime / this.time,
    }
  }

  private flush(): void {
    this.endUntil(this.time)
    const startTime = this.time
    const { level0TablesMax } = this.options
    while (this.version.levels[0]!.tables.length >= level0TablesMax && this.underWay.length > 0) this.endNext()
    this.stalledTime += this.time - startTime
    const { tables: [table], valueLogs } = this.tables.flush(sortedEntries(this.buffer), this.rule)
    this.buffer = noEntries()
    this.bufferBytes = 0
    if (table === undefined) return
    this.flushed.count++
    this.flushed.bytes += table.bytes
    this.install({
      logPointer: this.tables.nextFileNum, addTables: [{ level: 0, facts: table }], addValueLogs: valueLogs,
    })
    this.pickAll()
    this.readCosts.push(this.readCost())
  }

  private get rule(): { snapshots: number[]; visibleSeqNum: number } {
    return { snapshots: this.snapshots, visibleSeqNum: this.seqNum }
  }

  private settle(): void {
    this.pickAll()
    while (this.underWay.length > 0) this.endNext()
  }

  private pickAll(): void {
    for (let steps = 0; this.underWay.length < this.options.workers; steps++) {
      if (steps > STEPS_MAX) throw new Error('the picker finds no end')
      const running = this.underWay.map(({ reservation }) => reservation)
      const pick = this.picker.pick(this.version, running, this.snapshots[0] ?? Infinity, new Set())
      if (pick === null) return
      this.start(pick)
    }
  }

  private start(pick: CompactionPick): void {
    const inputs = inputTables(pick)
    const counts = this.reasons.get(pick.reason) ?? { pickCount: 0, moveCount: 0, readBytes: 0, writtenBytes: 0 }
    this.reasons.set(pick.reason, counts)
    counts.pickCount++
    const made = madeBy(this.tables, pick, this.rule)
    const edit = editOfRun(pick, made)
    if (pick.kind !== 'merge') {
      counts.moveCount++
      if (pick.reason === 'oldest') this.forget(inputs)
      this.install(edit)
      return
    }
    const movedBytes = made.valueLogs.reduce((sum, { bytes }) => sum + bytes, 0)
    const [readBytes, writtenBytes] = [totalBytes(inputs), totalBytes(made.tables)]
    counts.readBytes += readBytes
    counts.writtenBytes += writtenBytes
    this.movedBytes += movedBytes
    const endTime = this.time + (readBytes + movedBytes) / this.options.speed
    const outputBytes = writtenBytes + movedBytes
    this.underWay.push({ reservation: reservationOf(pick), endTime, edit, inputs, outputBytes })
    if (this.options.speed === Infinity) this.endFirst()
  }

  /** What leaves by its age is not live any more, nor is it read. */
  private forget(tables: readonly TableFacts[]): void {
    for (const { fileNum } of tables) {
      const { keys, seqNums } = this.tables.entriesOf(fileNum)
      for (const [at, key] of keys.entries()) if (this.newest.get(key) === seqNums[at]) this.live.delete(key)
    }
  }

  private endUntil(time: number): void {
    while (this.underWay.some(({ endTime }) => endTime <= time)) this.endNext()
    this.time = time
  }

  /** Lets time pass to the end of the next compaction; others begin then. */
  private endNext(): void {
    this.endFirst()
    this.pickAll()
  }

  private endFirst(): void {
    this.underWay.sort((a, b) => a.endTime - b.endTime)
    this.spaceMost = Math.max(this.spaceMost, this.spaceCost())
    const { endTime, edit, inputs } = this.underWay.shift()!
    this.time = endTime
    this.install(edit)
    this.tables.drop(inputs)
  }

  private install(edit: VersionEdit): void {
    const { nextFileNum } = this.tables
    this.version = applyEdit(this.version, { ...edit, nextFileNum, lastSeqNum: this.seqNum })
    this.version = applyEdit(this.version, sweepOf(this.version))
    this.level0TablesMost = Math.max(this.level0TablesMost, this.version.levels[0]!.tables.length)
    this.spaceMost = Math.max(this.spaceMost, this.spaceCost())
  }

  private spaceCost(): number {
    const outputs = this.underWay.reduce((sum, { outputBytes }) => sum + outputBytes, 0)
    const liveBytes = Math.max(this.live.size * this.sizes.valueBytes, this.options.writeBufferBytes)
    return (totalBytes(allTables(this.version)) + this.valueLogBytes() + outputs) / liveBytes
  }

  private valueLogBytes(): number {
    return [...this.version.valueLogs.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  private readCost(): number {
    const keyCount = keyCountOf(this.options)
    const keys = Array.from({ length: SAMPLED_KEYS }, () => this.random.below(keyCount))
    return mean(keys.filter((key) => this.live.has(key)).map((key) => this.tablesLookedAt(key)))
  }

  private tablesLookedAt(key: number): number {
    const bytes = keyOf(key)
    let count = 0
    for (const run of this.version.levels.flatMap(({ runs }) => runs)) {
      const table = run.tableFor(bytes, 0, bytes.length)
      if (table === null) continue
      count++
      if (this.tables.hasKey(table.fileNum, key)) return count
    }
    return count
  }
}

function keyCountOf({ dataBytes, entryBytes }: SimulationOptions): number {
  return Math.ceil(dataBytes / entryBytes)
}

function mean(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : numbers.reduce((a, b) => a + b) / numbers.length
}
