/**
 * Random lives of value logs: files are listed, pointed to, let go of, read and pinned; edits are held back and made
 * durable in any order. After every step each file that somebody needs is there, found without the code that deletes;
 * at the end nothing else is.
 */
import assert from 'node:assert/strict'
import { logFileName, runSync, valueLogFileName } from '../../../src/base/index.js'
import type { FileNum, SeededRandom, TableFacts, ValueFileReference } from '../../../src/base/index.js'
import { jobs } from '../../../src/engine/jobs.js'
import { drive } from '../../../src/exec/index.js'
import { allTables, createManifest, findProblem, isPinned } from '../../../src/manifest/index.js'
import type { NewValueLog, Version, VersionEdit } from '../../../src/manifest/index.js'
import { EventBus } from '../../../src/stats/index.js'
import { FileDeleter, LogPins, ValueLogSweep, VersionSet } from '../../../src/versions/index.js'
import { OpenValueLogs } from '../../../src/tables/value-logs.js'
import type { ValueLogView } from '../../../src/tables/value-logs.js'
import { FilePool, MemoryVfs } from '../../../src/vfs/index.js'
import { HandClock, settled } from '../fakes/hand-clock.js'
import { HandExecutor } from '../fakes/hand-executor.js'
import { sampleBase, sampleOptions, sampleTable, sampleValueLog } from '../samples/manifest-samples.js'

const DIR = '/db'

/** Read states, by number: as in the engine, each sees the value logs of its version. */
class Readers {
  readonly valueLogs: OpenValueLogs
  private serial = 0
  private readonly states = new Map<number, { version: Version; view: ValueLogView }>()

  constructor(vfs: MemoryVfs) {
    const files = new FilePool({ max: 10 })
    this.valueLogs = new OpenValueLogs({ vfs, dir: DIR, databaseId: new Uint8Array(16), files })
  }

  add(version: Version): number {
    this.states.set(this.serial, { version, view: this.valueLogs.enter(version.valueLogs) })
    return this.serial++
  }

  release(serial: number): void {
    const { view } = this.states.get(serial)!
    this.states.delete(serial)
    this.valueLogs.leave(view)
  }

  get versions(): Version[] {
    return [...this.states.values()].map(({ version }) => version)
  }
}

interface Held { edit: VersionEdit; onDurable: () => void }
interface Merge { inputs: TableFacts[]; outputs: TableFacts[] }

export class ValueLogLife {
  readonly executor: HandExecutor
  readonly versions: VersionSet
  readonly pins: LogPins
  readonly sweep: ValueLogSweep
  readonly failures: unknown[] = []
  private readonly readers: Readers
  private readonly vfs = new MemoryVfs()
  private readonly random: SeededRandom
  private readonly isStrict: boolean
  private readonly openLogs = new Set<FileNum>()
  private readonly made = new Map<FileNum, NewValueLog>()
  private held: Held[] = []
  private isSettling = false
  private merges: Merge[] = []
  private current = 0
  private log: FileNum
  private streamed: NewValueLog[] = []
  private pinCount = 0

  constructor(random: SeededRandom, { isStrict, bytesMax }: { isStrict: boolean; bytesMax: number }) {
    this.random = random
    this.isStrict = isStrict
    this.vfs.mkdirSync(DIR)
    this.readers = new Readers(this.vfs)
    this.executor = new HandExecutor(jobs as never, { vfs: this.vfs })
    const clock = new HandClock()
    const log = runSync(createManifest(this.vfs, DIR, sampleOptions(), sampleBase))
    const start = { executor: this.executor, dir: DIR, version: sampleBase, log, nextFileNum: 20 }
    this.versions = new VersionSet(start, (error) => this.failures.push(error))
    const deleter = new FileDeleter({ executor: this.executor, dir: DIR, clock }, () => true)
    this.pins = new LogPins({
      dir: DIR, executor: this.executor, versions: this.versions, deleter, events: new EventBus(undefined), clock,
      bytesMax, kept: [], onLessKept: () => this.sweep.look(),
    })
    this.sweep = new ValueLogSweep({
      clock, versions: this.versions, logPins: this.pins, deleter,
      retire: (fileNum, onUnused) => this.readers.valueLogs.retire(fileNum, onUnused),
      onSwept: () => this.swap(),
    })
    this.current = this.readers.add(this.versions.current)
    this.log = this.newLog()
  }

  private newLog(): FileNum {
    const fileNum = this.versions.allocateFileNum()
    this.openLogs.add(fileNum)
    this.create(logFileName(fileNum))
    return fileNum
  }

  private create(name: string): void {
    this.vfs.openSync(`${DIR}/${name}`, 'create').closeSync()
  }

  private swap(): void {
    const old = this.current
    this.current = this.readers.add(this.versions.current)
    if (!this.kept.has(old)) this.readers.release(old)
  }

  /** Serials of read states that somebody holds. */
  private readonly kept = new Set<number>()

  step(): void {
    const { random } = this
    const steps: (() => void)[] = [
      () => this.flush(), () => this.flush(), () => this.stream(), () => this.drop(), () => this.settle(),
      () => this.begin(), () => this.begin(), () => this.end(), () => this.end(),
      () => this.run(), () => this.run(), () => this.run(),
      () => void this.kept.add(this.current), () => this.letGo(), () => this.pin(), () => this.unpin(),
    ]
    random.pick(steps)()
  }

  // ── Steps ───────────────────────────────────────────────────────────────────────────────────────

  /** A flush promotes its log, or copies into a file of its own, or not; it lists all streamed files of its log. */
  private flush(): void {
    const { log, random } = this
    const kind = random.pick(['promote', 'promote', 'copy', 'stream', 'inline'] as const)
    const added = kind === 'inline' ? [] : [this.newValueLog(kind)]
    const all = this.streamed
    const streamed = all.filter(() => random.chance(0.7)) // others were overwritten
    const pointedTo = [...added, ...streamed]
    const table = this.newTable(pointedTo.map(({ fileNum }) => ({ fileNum, valueCount: 3, valueBytes: 9000 })))
    this.log = this.newLog()
    this.streamed = []
    const addValueLogs = [...added, ...all]
    const edit = { logPointer: this.log, addTables: [{ level: 0, facts: table }], addValueLogs }
    this.install(edit, () => {
      this.openLogs.delete(log)
      this.pins.onLogReleased({ fileNum: log, bytes: 10_000 })
    })
  }

  private newValueLog(kind: 'promote' | 'copy' | 'stream'): NewValueLog {
    const fileNum = kind === 'promote' ? this.log : this.versions.allocateFileNum()
    const facts = sampleValueLog(fileNum, 10_000, {
      isLog: kind === 'promote', namedInLog: kind === 'stream' ? this.log : 0,
    })
    this.made.set(fileNum, facts)
    if (kind !== 'promote') this.create(valueLogFileName(facts))
    return facts
  }

  /** A streamed file is listed by the flush of the log that names it. */
  private stream(): void {
    this.streamed.push(this.newValueLog('stream'))
  }

  private newTable(valueFiles: ValueFileReference[]): TableFacts {
    const fileNum = this.versions.allocateFileNum()
    const key = `k${String(fileNum).padStart(6, '0')}`
    return sampleTable(fileNum, `${key}-${key}z`, { valueFiles })
  }

  private get free(): TableFacts[] {
    const taken = new Set(this.merges.flatMap(({ inputs }) => inputs))
    return allTables(this.versions.current).filter((table) => !taken.has(table))
  }

  /** A compaction begins: one of its outputs carries on what the retention rule keeps of the inputs' values. */
  private begin(): void {
    const { random } = this
    const inputs = this.free.filter(() => random.chance(0.4)).slice(0, 3)
    if (inputs.length === 0) return
    const kept = new Map<FileNum, ValueFileReference>()
    for (const { fileNum, valueCount } of inputs.flatMap(({ valueFiles }) => valueFiles)) {
      const count = random.below(valueCount + 1) + (kept.get(fileNum)?.valueCount ?? 0)
      if (count > 0) kept.set(fileNum, { fileNum, valueCount: count, valueBytes: count * 3000 })
    }
    const { smallestKey, largestKey } = inputs[0]!
    const output = { ...this.newTable([...kept.values()]), smallestKey, largestKey }
    this.merges.push({ inputs, outputs: random.chance(0.2) ? [] : [output] })
  }

  private end(): void {
    const [merge] = this.merges.splice(0, 1)
    if (merge === undefined) return
    const { inputs, outputs } = merge
    this.install(replacing(inputs, outputs), () => undefined)
  }

  /** Tables go as a whole. */
  private drop(): void {
    const inputs = this.free.filter(() => this.random.chance(0.3))
    if (inputs.length > 0) this.install(replacing(inputs, []), () => undefined)
  }

  private install(edit: VersionEdit, onDurable: () => void): void {
    const done = (): void => {
      onDurable()
      this.sweep.look()
    }
    if (this.isStrict) {
      this.versions.append(edit, (error) => {
        assert.equal(error, null)
        this.swap()
        done()
      })
      this.runUntil(() => this.versions.isIdle) // its tables are taken until then
      return
    }
    this.versions.holdBack(edit)
    this.swap()
    this.held.push({ edit, onDurable: done })
  }

  private settle(): void {
    if (this.isSettling || this.held.length === 0) return
    this.isSettling = true
    const group = [...this.held]
    const life = this
    drive(function* () {
      yield* life.versions.appendingHeld(group.map(({ edit }) => edit))
      life.isSettling = false
      life.held = life.held.slice(group.length)
      for (const { onDurable } of group) onDurable()
    }())
  }

  private run(): void {
    if (this.executor.jobs.length > 0) this.executor.run(this.random.below(this.executor.jobs.length))
  }

  private runUntil(isDone: () => boolean): void {
    while (!isDone()) this.executor.run()
  }

  private letGo(): void {
    const held = [...this.kept]
    if (held.length === 0) return
    const serial = this.random.pick(held)
    this.kept.delete(serial)
    if (serial !== this.current) this.readers.release(serial)
  }

  private pin(): void {
    void this.pins.acquire(`pin ${this.pinCount++}`).catch((error: unknown) => this.failures.push(error))
  }

  private unpin(): void {
    const [pin] = this.pins.list()
    if (pin === undefined) return
    const isMoved = this.random.chance(0.5) && pin.firstLog < this.log
    const moving = isMoved ? this.pins.advance(pin.name, pin.firstLog + 1) : this.pins.release(pin.name)
    void moving.catch(() => undefined) // dropped meanwhile
  }

  // ── What must be true ───────────────────────────────────────────────────────────────────────────

  check(): void {
    assert.deepEqual(this.failures, [])
    const { durable, current } = this.versions
    for (const version of [durable, current]) assert.equal(findProblem(version), null)
    const names = new Set(this.vfs.listSync(DIR))
    for (const [name, why] of this.neededNames()) assert.ok(names.has(name), `${name} is there: ${why}`)
  }

  /** Names of value logs and logs, and who needs each; the same is needed twice. */
  private neededNames(): Map<string, string> {
    const { durable, current } = this.versions
    const needed = new Map<string, string>()
    const isReplayed = (log: FileNum): boolean => log >= durable.logPointer || isPinned(log, durable.pins)
    const promoted = [...this.made.values()].filter(({ isLog }) => isLog).map(({ fileNum }) => fileNum)
    for (const log of [...this.openLogs, ...promoted]) {
      if (isReplayed(log) || this.openLogs.has(log)) needed.set(logFileName(log), 'log')
    }
    const pointing = [durable, current, ...this.readers.versions].flatMap(allTables)
      .concat(this.held.flatMap(({ edit }) => (edit.addTables ?? []).map(({ facts }) => facts)))
      .concat(this.merges.flatMap(({ inputs }) => inputs))
    const pointed = new Set(pointing.flatMap(({ valueFiles }) => valueFiles.map(({ fileNum }) => fileNum)))
    for (const facts of this.made.values()) {
      const { fileNum, namedInLog } = facts
      if (pointed.has(fileNum)) needed.set(valueLogFileName(facts), 'pointed to')
      if (namedInLog !== 0 && isReplayed(namedInLog)) needed.set(valueLogFileName(facts), 'named in a log')
      const isListed = durable.valueLogs.has(fileNum) || current.valueLogs.has(fileNum)
      if (isListed) needed.set(valueLogFileName(facts), 'listed')
    }
    return needed
  }

  /** Lets everything end; then only what somebody needs is there. Gives how many value logs are left. */
  async finish(): Promise<number> {
    while (this.merges.length > 0) this.end()
    this.flush()
    for (const serial of [...this.kept]) {
      this.kept.delete(serial)
      if (serial !== this.current) this.readers.release(serial)
    }
    for (let i = 0; i < 20; i++) {
      for (const { name } of this.pins.list()) void this.pins.release(name)
      this.settle()
      while (this.executor.jobs.length > 0) this.executor.run()
      await settled()
    }
    this.check()
    const needed = this.neededNames()
    const files = this.vfs.listSync(DIR).filter((name) => /\.(wal|vlog)$/.test(name))
    assert.deepEqual(files.filter((name) => !needed.has(name)), [], 'nothing is left that nobody needs')
    const { durable } = this.versions
    for (const { fileNum, liveCount } of durable.valueLogs.values()) assert.ok(liveCount > 0, `${fileNum} is live`)
    return durable.valueLogs.size
  }
}

/** The edit of a compaction, with what it lets go of. */
function replacing(inputs: readonly TableFacts[], outputs: readonly TableFacts[]): VersionEdit {
  const sums = new Map<FileNum, ValueFileReference>()
  const count = (tables: readonly TableFacts[], sign: number): void => {
    for (const { fileNum, valueCount, valueBytes } of tables.flatMap(({ valueFiles }) => valueFiles)) {
      const sum = sums.get(fileNum) ?? { fileNum, valueCount: 0, valueBytes: 0 }
      sums.set(fileNum, {
        fileNum, valueCount: sum.valueCount + sign * valueCount, valueBytes: sum.valueBytes + sign * valueBytes,
      })
    }
  }
  count(inputs, 1)
  count(outputs, -1)
  return {
    deleteTables: inputs.map(({ fileNum }) => ({ level: 0, fileNum })),
    addTables: outputs.map((facts) => ({ level: 0, facts })),
    discards: [...sums.values()].filter(({ valueCount }) => valueCount > 0),
  }
}
