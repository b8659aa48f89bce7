/**
 * What: the life of a database as one seed has it: random calls, settings, faults, kills and power losses on a
 * simulated machine, also in the middle of an open. After every call that can be judged the oracle judges it.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import { VarveError } from '../../../src/index.js'
import type { Snapshot } from '../../../src/index.js'
import { survivalPolicies } from '../../../src/testing.js'
import type { FaultRule, SimOptions, SyncFailureMode } from '../../../src/testing.js'
import { checkFiles, guardFiles } from '../crash/crash-files.js'
import { keyText } from '../crash/crash-values.js'
import { patiently, turns } from '../crash/crash-steps.js'
import { LifeStreams } from './life-streams.js'
import type { Operation } from './oracle.js'
import { MapModel, latin1, randomKey, randomRange } from './range-model.js'
import { atRest, DIR, Workload } from './workload.js'
import type { Settings } from './workload.js'

/** Drawn for each open. With `fifo` nothing leaves, since the oracle knows nothing of that. */
const STYLES = [
  { style: 'leveled' }, { style: 'leveled' }, { style: 'tiered' }, { style: 'lazy' }, { style: 'simple' },
  { style: 'fifo', maxBytes: 2 ** 40 },
] as const

const LENGTHS = [0, 1, 30, 120, 120, 900, 900, 4000, 13_000]
/** Lengths of values in lives with value logs, so that some logs are promoted. */
const LARGE_LENGTHS = [0, 120, 511, 512, 513, 4095, 4096, 4097, 13_000, 13_000, 30_000]
const XL_LENGTH = 80_000
/** Lifetimes about as long as time passes at once, and such as nobody sees the end of. */
const TTLS = [1, 30, 300, 1000, 3000, 1e9, null]
const FAULT_KINDS = ['write', 'sync', 'syncDir', 'create', 'link', 'unlink', 'read', 'truncate', 'open'] as const

export interface LifeOptions {
  seed: number
  steps: number
  /** True when calls fail now and then. */
  hasFaults: boolean
  /** True runs leveled compaction by itself, and by hand now and then. */
  isLeveled?: boolean
  /** True interleaves background work as threads do. */
  hasThreads: boolean
  /** True draws a threshold for large values with each open, and collects garbage now and then. */
  hasValueLogs?: boolean
}

export interface LifeReport {
  traceHash: string
  batchCount: number
  restartCount: number
  errorCount: number
  /** Streamed values that were stored. */
  streamedCount: number
}

export class RandomLife {
  private readonly random: SeededRandom
  private readonly options: LifeOptions
  private readonly w: Workload
  private readonly problems: string[] = []
  private readonly streams: LifeStreams
  private pending: Promise<void>[] = []
  private held: { snapshot: Snapshot; check: () => void }[] = []
  private restartCount = 0
  /** True when a sync of this machine lost what it should have kept: a kill may show it. */
  private hasLost = false

  constructor(options: LifeOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed, 'life')
    this.w = new Workload({
      seed: options.seed,
      sim: this.randomDisk(),
      settings: this.randomSettings(),
      toleratesErrors: options.hasFaults,
      hasThreads: options.hasThreads,
      onMachine: (vfs) => guardFiles(vfs, DIR, this.problems),
    })
    this.streams = new LifeStreams(this.w, this.random, options.hasFaults)
  }

  async run(): Promise<LifeReport> {
    const { w, options } = this
    await w.open()
    for (let step = 0; step < options.steps; step++) {
      try {
        await this.act()
      } catch (error) {
        throw new Error(`seed ${options.seed}, step ${step}: ${(error as Error).message}`, { cause: error })
      }
      assert.deepEqual(this.problems, [], `seed ${options.seed}, step ${step}`)
    }
    await this.end()
    const { batchCount } = w.oracle
    return {
      traceHash: w.vfs.traceHash, batchCount, restartCount: this.restartCount, errorCount: w.errors.length,
      streamedCount: this.streams.storedCount,
    }
  }

  private randomDisk(): SimOptions {
    const { random } = this
    return {
      sectorBytes: random.pick([512, 4096]),
      tornSector: random.chance(0.5),
      staleChance: random.pick([0, 0, 0.3]),
      foreignNames: random.chance(0.3) ? ['.DS_Store', '000003.wal~'] : [],
    }
  }

  private randomSettings(): Settings {
    const { random } = this
    return {
      manifestSync: random.chance(0.6),
      immutablesMax: random.pick([1, 2, 3, 8]),
      writeBufferSize: random.pick([64, 64, 64, 100, 256]) * 1024,
      blockSize: random.pick([1024, 4096, 16_384]),
      compression: random.pick(['none', 'none', 'lz4', { compaction: 'lz4' }] as const),
      blockCacheSize: random.pick([0, 16_384, 1 << 18]),
      ...random.pick([{}, { prefixFilter: { bytes: 1 + random.below(4) } }]),
      syncBytes: random.pick([65_536, 1 << 20]),
      syncIntervalMs: random.pick([5, 1000]),
      flushOnClose: random.chance(0.6),
      valueThreshold: random.pick([0, 512, 4096]),
      ttl: random.pick([null, null, null, 2000]),
      ttlGraceMs: random.pick([0, 0, 1000, 60_000]),
      ...(this.options.isLeveled === true ? { compaction: random.pick(STYLES) } : {}),
      ...(this.options.hasValueLogs === true ? this.randomValueSettings() : {}),
    }
  }

  private randomValueSettings(): Settings {
    const { random } = this
    return {
      valueThreshold: random.pick([0, 512, 512, 4096]),
      garbageRatio: random.pick([0.05, 0.2, 0.5, 0.95]),
      valueFileBytes: random.pick([1, 256]) << 20,
    }
  }

  // ── One step ────────────────────────────────────────────────────────────────────────────────────

  private async act(): Promise<void> {
    const { w, random } = this
    const roll = random.below(200)
    if (roll < 96) this.write()
    else if (roll < 110) await this.stream()
    else if (roll < 125) await this.settle()
    else if (roll < 135) await turns(w, random.below(30))
    else if (roll < 140) await w.vfs.clock.advance(random.below(1500))
    else if (roll < 145) this.pending.push(this.flushOrCompact())
    else if (roll < 150) this.pending.push(w.sync())
    else if (roll < 160) this.snapshot()
    else if (roll < 170) w.checkReads()
    else if (roll < 180) this.checkRange()
    else if (roll < 184) await this.close()
    else if (roll < 191) await this.restart('kill')
    else if (roll < 198) await this.restart('power')
    else if (this.options.hasFaults) await this.fail()
  }

  private write(): void {
    const { w, random } = this
    const operations = Array.from({ length: random.pick([1, 1, 1, 2, 5]) }, () => this.operation())
    const [{ key, length, until, ttl }] = operations as [Operation]
    const spec = { sync: random.chance(0.1), ...(ttl === undefined ? {} : { ttl }) }
    const isBlocking = random.chance(0.3)
    if (operations.length > 1) {
      const position = random.chance(0.3) ? `p${random.u32()}` : null
      const all = { sync: spec.sync, ...(position === null ? {} : { position }) }
      if (isBlocking) w.batchSync(operations, all)
      else this.pending.push(w.batch(operations, all))
    } else if (until !== undefined) {
      if (isBlocking) w.delRangeSync(key, until, spec)
      else this.pending.push(w.delRange(key, until, spec))
    } else if (random.chance(0.1)) {
      const touch = { ttl: random.pick(TTLS), ...spec }
      if (isBlocking) w.touchSync(key, touch)
      else this.pending.push(w.touch(key, touch))
    } else if (length === null) {
      if (isBlocking) w.delSync(key, spec)
      else this.pending.push(w.del(key, spec))
    } else if (isBlocking) w.putSync(key, length, spec)
    else this.pending.push(w.put(key, length, spec))
  }

  /** Begins some, and ends one: in a process that may die meanwhile. */
  private async stream(): Promise<void> {
    const { w, random, streams } = this
    if (random.chance(0.6)) streams.begin()
    if (random.chance(0.3)) return
    await this.settle()
    const ending = streams.end()
    if (random.chance(0.85)) return patiently(w, () => ending)
    await turns(w, random.below(30))
    await this.restart(random.pick(['kill', 'power']))
  }

  private operation(): Operation {
    const { random } = this
    const key = keyText(randomKey(random))
    if (random.chance(0.2)) return { key, length: null }
    if (random.chance(0.04)) return { key, length: null, until: this.endOfRange(key) }
    const lengths = this.options.hasValueLogs === true ? LARGE_LENGTHS : LENGTHS
    const ttl = random.chance(0.2) ? { ttl: random.pick(TTLS) } : {}
    return { key, length: random.chance(0.01) ? XL_LENGTH : random.pick(lengths), ...ttl }
  }

  /** Mostly a narrow range, sometimes one to the last key; never an empty one. */
  private endOfRange(from: string): string | null {
    const { random } = this
    if (random.chance(0.2)) return null
    const until = keyText(randomKey(random))
    return until > from ? until : `${from}\0`
  }

  private flushOrCompact(): Promise<void> {
    const { w, random, options } = this
    if (options.hasValueLogs === true && random.chance(0.4)) return w.collectGarbage(random.pick([0.05, 0.5]))
    return options.isLeveled === true && random.chance(0.5) ? w.compact() : w.flush()
  }

  /** Resolves when everything that was under way is answered. */
  private async settle(): Promise<void> {
    const pending = this.pending.splice(0)
    await patiently(this.w, async () => void (await Promise.all(pending)))
  }

  private snapshot(): void {
    const { w, random } = this
    if (this.held.length > 0 && random.chance(0.6)) {
      const [held] = this.held.splice(random.below(this.held.length), 1)
      held!.check()
      held!.snapshot.release()
    } else this.held.push(w.snapshot())
  }

  private checkRange(): void {
    const { db } = this.w
    const model = new MapModel()
    for (const [key, value] of db.entriesSync()) model.put(key, value)
    const range = randomRange(this.random)
    const found = [...db.entriesSync(range)].map(([key, value]) => `${latin1(key)}=${latin1(value)}`)
    assert.deepEqual(found, model.range(range), JSON.stringify(range))
  }

  // ── Ends and beginnings ─────────────────────────────────────────────────────────────────────────

  private async close(): Promise<void> {
    const { w } = this
    await this.settle()
    for (const { check } of this.held.splice(0)) check()
    const { state } = w.db.stats().database
    await patiently(w, () => w.close())
    await this.streams.closed()
    assert.equal(w.vfs.openFileCount, 0, 'open handles after close')
    w.vfs.clearFaults()
    // What a failed database could not sync is as good as what a killed one left.
    if (state === 'FAILED' || state === 'READ_ONLY') return this.restart('kill')
    w.settings = this.randomSettings()
    await w.reopen()
    await this.afterOpen()
  }

  private async restart(how: 'kill' | 'power'): Promise<void> {
    const { w, random } = this
    this.held = []
    this.pending = []
    this.streams.died()
    w.settings = this.randomSettings()
    this.crashInOpen(random.chance(0.3) ? 1 + random.below(30) : 0)
    const loss = how === 'power' || this.hasLost ? 'power' : 'process'
    if (how === 'power') await w.lostPower(random.pick(survivalPolicies))
    else await w.killed(loss)
    await this.afterOpen()
  }

  /** Lets the next machine die once more, after this many changes of its disk. */
  private crashInOpen(effect: number): void {
    const policies = ['kill', 'random50', 'none'] as const
    this.w.crashInOpen = effect === 0 ? null : { effect, policy: this.random.pick(policies) }
  }

  private async afterOpen(): Promise<void> {
    const { w } = this
    this.restartCount++
    this.hasLost = false
    assert.deepEqual([...w.vfs.violations], [])
    await atRest(w.vfs, w.settings)
    checkFiles(w.vfs, DIR)
  }

  private async end(): Promise<void> {
    const { w } = this
    await this.settle()
    w.vfs.clearFaults()
    w.checkReads()
    await this.restart('kill')
    await this.close()
    w.checkReads()
  }

  // ── Failures ────────────────────────────────────────────────────────────────────────────────────

  private async fail(): Promise<void> {
    const { w } = this
    const fault = w.vfs.addFault(this.randomFault())
    for (let i = 0; i < 12; i++) await this.act2()
    fault.remove()
    await this.settle()
    w.checkReads()
    const { state } = w.db.stats().database
    if (state === 'READ_ONLY' && this.random.chance(0.7)) await this.resume()
    else if (state === 'READ_ONLY' || state === 'FAILED') await this.close()
  }

  private async act2(): Promise<void> {
    const { w, random } = this
    const roll = random.below(20)
    if (roll < 14) this.write()
    else if (roll < 16) await turns(w, random.below(30))
    else if (roll < 18) this.pending.push(this.flushOrCompact())
    else await w.vfs.clock.advance(random.below(400))
  }

  private randomFault(): FaultRule {
    const { random } = this
    const kind = random.pick(FAULT_KINDS)
    const where = { kind, nth: 1 + random.below(6), times: random.pick([1, 1, 2, 10]) }
    if ((kind === 'sync' || kind === 'syncDir') && random.chance(0.6)) {
      const mode = random.pick<SyncFailureMode>(['lostClean', 'revert', 'benign'])
      if (mode !== 'benign') this.hasLost = true
      return { ...where, fault: { do: 'failSync', mode } }
    }
    if (kind === 'write' && random.chance(0.3)) return { ...where, fault: { do: 'short' } }
    const code = kind === 'read' || random.chance(0.5) ? 'EIO' : 'ENOSPC'
    const times = kind === 'read' ? 1 : where.times
    return { ...where, times, fault: { do: 'error', code, when: random.pick(['before', 'after'] as const) } }
  }

  private async resume(): Promise<void> {
    const { w } = this
    try {
      await patiently(w, () => w.db.resume())
    } catch (error) {
      if (!VarveError.is(error)) throw error
      await this.close()
    }
  }
}

