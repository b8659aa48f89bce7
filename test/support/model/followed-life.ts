/**
 * What: the random life of a writer on simulated machines, and read-only views that follow it: after each refresh a
 * view is compared in full with one that is opened then. Machines are killed, lose power, are set back, or hold another
 * database all of a sudden; the views look at whichever is there.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import { Varve, VarveError } from '../../../src/index.js'
import type { BatchOp, RefreshResult, Snapshot } from '../../../src/index.js'
import { SimVfs, survivalPolicies } from '../../../src/testing.js'
import type { Vfs } from '../../../src/vfs/index.js'
import { readState } from '../crash/crash-read.js'
import { keyBytes, keyText, makeValue } from '../crash/crash-values.js'
import { SetClock } from '../fakes/set-clock.js'
import { piecesOf } from './gated-source.js'
import type { SeenState } from './oracle.js'
import { randomKey } from './range-model.js'
import { atRest, DIR, openOn } from './workload.js'
import type { Settings } from './workload.js'

const STYLES = [
  { style: 'none' }, { style: 'leveled' }, { style: 'leveled' }, { style: 'tiered' }, { style: 'lazy' },
  { style: 'simple' }, { style: 'fifo', maxBytes: 100_000 },
] as const
const LENGTHS = [0, 1, 30, 30, 120, 511, 513, 900, 4097, 13_000]
const TTLS = [1, 300, 2000, 1e9]

/** A file system that is another machine's from one moment on; handles stay with theirs. */
export class SwitchedVfs {
  machine: SimVfs
  readonly vfs: Vfs

  constructor(machine: SimVfs) {
    this.machine = machine
    this.vfs = new Proxy({} as Vfs, {
      get: (_, name) => {
        const value: unknown = Reflect.get(this.machine, name, this.machine)
        return typeof value === 'function' ? value.bind(this.machine) as unknown : value
      },
    })
  }
}

/** A view, what it must still show, and readers that began earlier. */
interface Followed {
  view: Varve
  shown: SeenState
  held: { snapshot: Snapshot; state: SeenState; walk: Iterator<[Uint8Array, Uint8Array]>; rest: string[] }[]
  /** True when the machine's history may be another one than was shown. */
  mayBeGone: boolean
}

export interface FollowedReport {
  refreshCount: number
  changedCount: number
  goneCount: number
}

export class FollowedLife {
  private readonly random: SeededRandom
  private readonly disk: SwitchedVfs
  private readonly clock = new SetClock()
  private writer: Varve | null = null
  private settings: Settings = {}
  private readonly views: Followed[] = []
  private readonly keys = new Set<string>()
  private earlier: SimVfs | null = null
  private valueId = 0
  readonly report: FollowedReport = { refreshCount: 0, changedCount: 0, goneCount: 0 }

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'followed life')
    this.disk = new SwitchedVfs(new SimVfs({ seed }))
  }

  async run(steps: number): Promise<FollowedReport> {
    await this.openWriter()
    for (let i = 0; i < 2; i++) this.views.push(await this.newView())
    for (let step = 0; step < steps; step++) {
      await this.act()
      if (this.random.chance(0.35)) await this.refresh(this.random.pick(this.views))
      if (this.random.chance(0.1)) this.checkHeld(this.random.pick(this.views))
    }
    for (const each of this.views) {
      await this.refresh(each)
      await this.end(each)
    }
    await this.writer?.close()
    return this.report
  }

  private get machine(): SimVfs {
    return this.disk.machine
  }

  // ── The writer ──────────────────────────────────────────────────────────────────────────────────

  private randomSettings(): Settings {
    const { random } = this
    return {
      manifestSync: random.chance(0.6), writeBufferSize: random.pick([64, 100, 256]) * 1024,
      blockSize: random.pick([1024, 4096]), compression: random.pick(['none', 'lz4'] as const),
      syncBytes: random.pick([65_536, 1 << 20]), syncIntervalMs: random.pick([5, 1000]),
      flushOnClose: random.chance(0.6), valueThreshold: random.pick([0, 512, 4096]), garbageRatio: 0.2,
      compaction: random.pick(STYLES), ttlGraceMs: random.pick([0, 60_000]),
      ...random.pick([{}, { prefixFilter: { bytes: 1 + random.below(4) } }]),
      ...random.pick([{}, { ttl: 2000 }]),
    }
  }

  private async openWriter(): Promise<void> {
    this.settings = this.randomSettings()
    const seed = this.random.u32()
    this.writer = await openOn(this.machine, { settings: this.settings, seed, hasThreads: this.random.chance(0.5) })
    if (this.random.chance(0.3)) await this.writer.pins.acquire('pin')
  }

  private async act(): Promise<void> {
    const { random } = this
    const roll = random.below(100)
    if (this.writer === null) return this.openWriter()
    if (roll < 70) await this.write(this.writer)
    else if (roll < 76) await this.writer.flush()
    else if (roll < 79) await this.writer.compact()
    else if (roll < 81) await this.writer.collectGarbage({ ratio: 0.05 })
    else if (roll < 84) await this.writer.sync()
    else if (roll < 88) await this.pass(random.pick([1, 10, 400, 3000]))
    else if (roll < 91) await atRest(this.machine, this.settings)
    else if (roll < 94) await this.close()
    else if (roll < 97) this.moveTo(this.machine.cloneKilled(random.u32()), false)
    else await this.loseHistory()
  }

  private async write(writer: Varve): Promise<void> {
    const { random } = this
    const count = random.pick([1, 1, 1, 3, 25])
    if (count === 1 && random.chance(0.08)) return this.stream(writer)
    const operations = Array.from({ length: count }, () => this.operation())
    const sync = random.chance(0.15)
    const position = random.chance(0.1) ? { position: keyBytes(`p${random.u32()}`) } : {}
    const done = writer.batch(operations, { sync, ...position })
    await done
  }

  private operation(): BatchOp {
    const { random } = this
    const key = this.key()
    if (random.chance(0.2)) return { type: 'del', key }
    if (random.chance(0.05)) return { type: 'delRange', gte: key, lt: keyBytes(`${keyText(key)}\xff`) }
    const ttl = random.chance(0.2) ? { ttl: random.pick(TTLS) } : {}
    return { type: 'put', key, value: this.value(key, random.pick(LENGTHS)), ...ttl }
  }

  private value(key: Uint8Array, length: number): Uint8Array {
    return makeValue({ key: keyText(key), batch: ++this.valueId, operation: 0 }, length)
  }

  private key(): Uint8Array {
    const key = randomKey(this.random)
    this.keys.add(keyText(key))
    return key
  }

  private async stream(writer: Varve): Promise<void> {
    const key = this.key()
    const value = this.value(key, this.random.pick([5000, 90_000]))
    await writer.putStream(key, piecesOf(value, 7000))
  }

  private async pass(ms: number): Promise<void> {
    await this.machine.clock.advance(ms)
  }

  private async close(): Promise<void> {
    await this.writer!.close()
    this.writer = null
  }

  /** From now on another machine is looked at; who wrote on the one before is forgotten. */
  private moveTo(machine: SimVfs, isOther: boolean): void {
    this.disk.machine = machine
    this.writer = null
    if (isOther) for (const each of this.views) each.mayBeGone = true
  }

  private async loseHistory(): Promise<void> {
    const { random, machine } = this
    const roll = random.below(5)
    if (roll < 2) {
      this.moveTo(machine.clone(random.pick(survivalPolicies), random.u32()), true)
      await this.openWriter()
    } else if (roll === 2 && this.earlier !== null) {
      this.moveTo(this.earlier.cloneKilled(random.u32()), true)
      await this.openWriter()
    } else if (roll === 3) {
      await this.close()
      await Varve.destroy(DIR, { vfs: machine })
      await this.openWriter()
      for (const each of this.views) each.mayBeGone = true
    } else this.earlier = machine.cloneKilled(random.u32())
  }

  // ── The views ───────────────────────────────────────────────────────────────────────────────────

  private openView(): Promise<Varve> {
    const { random, clock } = this
    const components = { vfs: this.disk.vfs, clock }
    clock.wall = this.machine.clock.wallMs()
    return Varve.open(DIR, { readOnly: true, blockCacheSize: 64 * 1024, components: { ...components, random } })
  }

  private async newView(): Promise<Followed> {
    const view = await this.openView()
    return { view, shown: this.stateOf(view), held: [], mayBeGone: false }
  }

  private stateOf(view: Varve, snapshot?: Snapshot): SeenState {
    return readState(view, this.keys, 0, snapshot)
  }

  private async refresh(followed: Followed): Promise<void> {
    const { view } = followed
    const before = view.stats().database.visibleSeq
    let results: RefreshResult[]
    this.clock.wall = this.machine.clock.wallMs()
    try {
      if (this.random.chance(0.5)) {
        // In the middle of what the writer does in the background.
        await view.refresh({ durableOnly: this.random.chance(0.3) })
        followed.shown = this.stateOf(view)
      }
      await this.machine.settled()
      results = await Promise.all(Array.from({ length: this.random.pick([1, 1, 2]) }, () => view.refresh()))
    } catch (error) {
      return this.gone(followed, error)
    }
    const fresh = await this.openView()
    const seqNum = fresh.stats().database.visibleSeq
    assert.ok(seqNum >= before, `went on from ${before} to ${seqNum}`)
    assert.equal(view.stats().database.visibleSeq, seqNum)
    for (const result of results) assert.equal(result.seqNum, seqNum)
    const now = this.stateOf(view)
    assert.deepEqual(now, this.stateOf(fresh))
    this.compareMany(view, fresh)
    if (results.every(({ changed }) => !changed)) this.checkUnchanged(followed, now)
    await fresh.close()
    this.report.refreshCount++
    if (results.some(({ changed }) => changed)) this.report.changedCount++
    followed.shown = now
    followed.mayBeGone = false
    if (this.random.chance(0.3)) this.hold(followed)
  }

  private compareMany(view: Varve, fresh: Varve): void {
    const keys = [...this.keys].map(keyBytes)
    const [a, b] = [view, fresh].map((each) => each.getManySync(keys).map((value) => value && keyText(value)))
    assert.deepEqual(a, b)
  }

  /** Only time has passed. */
  private checkUnchanged({ shown }: Followed, now: SeenState): void {
    for (const [key, value] of now.entries) assert.equal(shown.entries.get(key), value, 'unchanged, but another value')
    assert.equal(now.position, shown.position)
  }

  private async gone(followed: Followed, error: unknown): Promise<void> {
    if (!VarveError.is(error) || error.code !== 'SNAPSHOT_GONE') throw error
    assert.ok(followed.mayBeGone, `refused without a reason: ${error.message}`)
    await assert.rejects(followed.view.refresh(), { code: 'SNAPSHOT_GONE' })
    this.report.goneCount++
    this.checkHeld(followed)
    await this.end(followed)
    this.views[this.views.indexOf(followed)] = await this.newView()
  }

  private hold({ view, held }: Followed): void {
    const snapshot = view.snapshot()
    const state = this.stateOf(view, snapshot)
    held.push({ snapshot, state, walk: view.entriesSync({ snapshot }), rest: [...state.entries.keys()] })
    if (held.length > 3) this.letGo(held.shift()!)
  }

  /** Readers that began before refreshes see what they saw. */
  private checkHeld({ held }: Followed): void {
    for (const each of held) {
      const { value, done } = each.walk.next()
      assert.equal(done === true ? undefined : keyText((value as [Uint8Array, Uint8Array])[0]), each.rest.shift())
      const view = this.views.find((followed) => followed.held === held)!.view
      assert.deepEqual(this.stateOf(view, each.snapshot).entries, each.state.entries)
    }
  }

  private letGo({ snapshot, walk }: Followed['held'][number]): void {
    walk.return?.()
    snapshot.release()
  }

  private async end({ view, held }: Followed): Promise<void> {
    for (const each of held.splice(0)) this.letGo(each)
    await view.close()
  }
}
