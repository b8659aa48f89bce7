/**
 * What: whole runs under writes that go on for thousands of flushes over all keys, with compactions that take time:
 * the order of runs is never wrong, writers stop only for what is under way, level numbers do not run out, and no merge
 * takes more than a part. No tables are made: a merge gives tables of the bytes that it read, evenly over its keys.
 */
import assert from 'node:assert/strict'
import type { TableFacts } from '../../src/base/index.js'
import { applyEdit, emptyVersion, extentOfTables } from '../../src/manifest/index.js'
import type { Version } from '../../src/manifest/index.js'
import { createPicker, editOf, inputTables, reservationOf, totalBytes } from '../../src/pick/index.js'
import type { CompactionPick, CompactionSettings, CompactionStyle } from '../../src/pick/index.js'
import { keyOf } from '../../bench/simulation/simulated-tables.js'
import { sampleTable } from '../support/samples/manifest-samples.js'
import { heavyTest } from '../support/harness/share.js'
import { smallSettings } from '../support/scenes/pick-scene.js'

const TICKS = 2000
const KEYS = 2 ** 20
const FLUSH_BYTES = 100
/** A merge of deep levels leaves this share of the bytes. */
const KEPT = 0.9
/** A merge takes four times what one of sized levels takes, or one table with all that lies under it. */
const PART_MAX = 12

interface Run {
  readonly pick: CompactionPick
  endTick: number
}

interface Report {
  stoppedTicks: number
  level0Most: number
  runsMost: number
  shallowest: number
  inputBytesMost: number
  /** How often a part of a merge began beside another part of it. */
  sharedCount: number
}

const settingsOf = (style: CompactionStyle): CompactionSettings => ({
  ...smallSettings, style, level0TablesMin: 8, level0CrowdMin: 12, tableBytes: 250, deepRunsMax: 6,
  newerShareMax: style === 'lazy' ? 0.5 : 2,
})

const numberOf = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset).getUint32(0)

class Store {
  version: Version = emptyVersion
  readonly report: Report = {
    stoppedTicks: 0, level0Most: 0, runsMost: 0, shallowest: 63, inputBytesMost: 0, sharedCount: 0,
  }
  private readonly settings: CompactionSettings
  private readonly speed: number
  private readonly slots: number
  private running: Run[] = []
  private nextFileNum = 1

  constructor(style: CompactionStyle, speed: number, slots: number) {
    this.settings = settingsOf(style)
    this.speed = speed
    this.slots = slots
  }

  tick(at: number): void {
    const picker = createPicker(this.settings)
    const isStopped = (): boolean =>
      picker.pressures(this.version, new Set()).some(({ value, full, stops }) => stops && value >= full)
    if (isStopped()) this.report.stoppedTicks++
    else this.flush(at)
    while (this.running.length < this.slots && this.start(at));
    if (isStopped()) assert.ok(this.running.length > 0, `tick ${at}: stopped, and nothing is under way`)
    for (const run of this.running.filter(({ endTick }) => endTick <= at)) this.end(run)
    const { levels } = this.version
    const used = levels.flatMap(({ tables }, level) => (level > 0 && tables.length > 0 ? [level] : []))
    this.report.level0Most = Math.max(this.report.level0Most, levels[0]!.tables.length)
    this.report.runsMost = Math.max(this.report.runsMost, used.length)
    this.report.shallowest = Math.min(this.report.shallowest, ...used)
  }

  private facts(from: number, to: number, bytes: number, seqNums: { least: number; most: number }): TableFacts {
    return sampleTable(this.nextFileNum++, 'a-z', {
      smallestKey: keyOf(from), largestKey: keyOf(to), bytes: Math.max(1, Math.round(bytes)), entryCount: 10,
      smallestSeqNum: seqNums.least, largestSeqNum: seqNums.most, firstLog: 0, lastLog: 0,
    })
  }

  private flush(at: number): void {
    const facts = this.facts(0, KEYS - 1, FLUSH_BYTES, { least: 10 * at + 1, most: 10 * at + 10 })
    this.version = applyEdit(this.version, { addTables: [{ level: 0, facts }] })
  }

  private start(at: number): boolean {
    const reservations = this.running.map(({ pick }) => reservationOf(pick))
    const pick = createPicker(this.settings).pick(this.version, reservations, Infinity, new Set())
    if (pick === null) return false
    const bytes = totalBytes(inputTables(pick))
    const isDeep = pick.inputs[0]!.level > 0
    if (isDeep && reservations.some(({ outputLevel }) => outputLevel === pick.outputLevel)) this.report.sharedCount++
    if (isDeep) this.report.inputBytesMost = Math.max(this.report.inputBytesMost, bytes)
    const ticks = pick.kind === 'merge' ? bytes / FLUSH_BYTES / this.speed : 0
    this.running.push({ pick, endTick: at + ticks })
    if (ticks === 0) this.end(this.running.at(-1)!)
    return true
  }

  /** applyEdit throws when a run would stand above a newer one. */
  private end(run: Run): void {
    this.running = this.running.filter((other) => other !== run)
    const { pick } = run
    const outputs = pick.kind === 'merge' ? this.outputsOf(pick) : pick.kind === 'move' ? inputTables(pick) : []
    this.version = applyEdit(this.version, editOf(pick, outputs))
  }

  private outputsOf(pick: CompactionPick): TableFacts[] {
    const tables = inputTables(pick)
    const { lower } = extentOfTables(tables)
    const from = numberOf(lower)
    const to = Math.max(...tables.map(({ largestKey }) => numberOf(largestKey)))
    const least = Math.min(...tables.map(({ smallestSeqNum }) => smallestSeqNum))
    const most = Math.max(...tables.map(({ largestSeqNum }) => largestSeqNum))
    const isDeep = pick.inputs[0]!.level > 0
    const bytes = totalBytes(tables) * (isDeep ? KEPT : 1)
    const parts = Math.max(bytes / pick.tableBytes, totalBytes(pick.below[0] ?? []) / pick.overlapBytesMax)
    const count = pick.outputLevel === 0 ? 1 : Math.min(Math.ceil(parts), to - from + 1)
    const bound = (i: number): number => from + Math.floor((i * (to - from + 1)) / count)
    return Array.from({ length: count }, (_, i) =>
      this.facts(bound(i), bound(i + 1) - 1, bytes / count, { least, most }))
  }
}

for (const style of ['tiered', 'lazy'] as const) {
  for (const slots of [1, 3]) {
    for (const speed of [6, 12, 40]) {
      heavyTest(`C5, C6, C8: ${style}, compactions ${speed} times as fast as writes, ${slots} at a time`, (t) => {
        const store = new Store(style, speed, slots)
        for (let at = 1; at <= TICKS; at++) store.tick(at)
        const { report } = store
        t.diagnostic(JSON.stringify(report))
        assert.ok(report.shallowest > 1, `level ${report.shallowest} is in use`)
        assert.ok(report.stoppedTicks <= (speed >= 12 ? 0 : TICKS / 20), `${report.stoppedTicks} ticks stopped`)
        assert.equal(report.sharedCount > 0, slots > 1, 'idle workers share the parts of a merge')
        assert.ok(report.inputBytesMost <= PART_MAX * smallSettings.inputBytesMax, `${report.inputBytesMost} bytes`)
      })
    }
  }
}
