/**
 * TAB-2: the property `replaces` of the tables tells, without the manifest, which of them count: at every moment of
 * random lives with unlinks that fail, readers that hold old tables, kills and power losses that bring removed tables
 * back.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { Varve, VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import type { ActiveFault } from '../../src/testing.js'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { checkTablesAlone, TablesAlone } from '../support/model/replaces-rule.js'
import { drawn, isWholeRun } from '../support/harness/share.js'
import { openSim, SIM_DIR } from '../support/databases/simulated.js'

const SEEDS = 24
const STEPS = 160
const POLICIES = ['none', 'all', 'random50', 'prefix', 'globalPrefix', 'namesOnly'] as const

/** How often a change of the disk is looked at. */
const RATES: Readonly<Record<string, number>> = { link: 0.3, unlink: 0.3, syncDir: 0.3, sync: 0.05, write: 0.01 }

/** What the lives together must have met. */
const met = { tablesBack: 0, lostEdits: 0, manyOutputs: 0, unlisted: 0 }

class Life {
  private readonly random: SeededRandom
  private vfs: SimVfs
  private db!: Varve
  private readonly held: Iterator<unknown>[] = []
  private fault: ActiveFault | null = null
  /** What was found wrong in the middle of something. */
  private readonly problems: unknown[] = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'replaces')
    this.vfs = this.watched(new SimVfs({ seed }))
  }

  /** The disk is looked at between any two of its changes, now and then. */
  private watched(vfs: SimVfs): SimVfs {
    vfs.onEffect = (_index, _description, { kind }) => {
      if (!this.random.chance(RATES[kind] ?? 0)) return
      try {
        this.check(vfs)
      } catch (error) {
        this.problems.push(error)
      }
    }
    return vfs
  }

  async run(): Promise<void> {
    await this.open()
    for (let step = 0; step < STEPS; step++) {
      await this.act()
      if (this.problems.length > 0) throw this.problems[0]
    }
    this.letGo()
    await this.db.close()
    this.check(this.vfs)
  }

  private async open(): Promise<void> {
    const options: VarveOptions = { writeBufferSize: 256 * 1024, compaction: { style: 'leveled' } }
    this.db = await openSim(this.vfs, options)
  }

  private async act(): Promise<void> {
    const { random, vfs, db } = this
    const roll = random.below(100)
    if (roll < 60) await this.write()
    else if (roll < 70) await db.flush()
    else if (roll < 74) await db.compact()
    else if (roll < 82) await vfs.clock.advance(random.below(12_000))
    else if (roll < 87) this.hold()
    else if (roll < 91) this.letGo()
    else if (roll < 95) this.failUnlinks()
    else await this.restart(random.chance(0.5))
  }

  private async write(): Promise<void> {
    const { random, db } = this
    for (let i = 1 + random.below(12); i > 0; i--) {
      const key = `key${String(random.below(600)).padStart(4, '0')}`
      if (random.chance(0.1)) await db.del(key)
      else {
        const value = new Uint8Array(2000 + random.below(20_000))
        random.fill(value)
        await db.put(key, value)
      }
    }
  }

  /** A walk that stays open keeps the tables that it sees. */
  private hold(): void {
    const walk = this.db.keysSync()[Symbol.iterator]()
    walk.next()
    this.held.push(walk)
  }

  private letGo(): void {
    for (const walk of this.held.splice(0)) walk.return?.()
  }

  private failUnlinks(): void {
    if (this.fault === null) {
      const fault = { do: 'error', code: 'EBUSY' } as const
      this.fault = this.vfs.addFault({ kind: 'unlink', fault, rate: 0.5, times: Infinity })
    } else {
      this.fault.remove()
      this.fault = null
    }
  }

  private async restart(isPower: boolean): Promise<void> {
    const { random } = this
    this.held.length = 0
    this.fault = null
    const { vfs } = this
    vfs.onEffect = null
    this.vfs = this.watched(isPower ? vfs.crash(random.pick(POLICIES), random.u32()) : vfs.kill(random.u32()))
    this.check(this.vfs)
    await this.open()
  }

  /** Judges the disk as it is now, and as it would be after a power loss. */
  private check(vfs: SimVfs): void {
    this.judge(vfs.cloneKilled(1))
    this.judge(vfs.clone(this.random.pick(POLICIES), this.random.u32()))
  }

  private judge(vfs: SimVfs): void {
    const checked = checkTablesAlone(vfs, SIM_DIR)
    if (checked === null) return
    const { alone, lostEditCount } = checked
    met.lostEdits += lostEditCount
    met.tablesBack += alone.tables.size - alone.counting.size
    met.manyOutputs += alone.groups.filter(({ members }) => members.length > 1).length
    met.unlisted += [...alone.tables.values()].filter(({ unlisted }) => unlisted.length > 0).length
  }
}

test('tables alone tell which of them count, whatever was left behind', async (t) => {
  const first = numberFromEnv('VARVE_SEED', 1)
  for (const seed of drawn('replaces', Array.from({ length: SEEDS }, (_, i) => first + i))) {
    try {
      await new Life(seed).run()
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
  t.diagnostic(JSON.stringify(met))
  if (isWholeRun) for (const [what, count] of Object.entries(met)) assert.ok(count > 0, what)
})

test('the rule itself: what a crash left of a job does not count, what was removed does not come back', () => {
  const table = (fileNum: number, more: Partial<TablesAloneInput>): TablesAloneInput => ({
    fileNum, firstLog: 0, group: fileNum, index: 0, isLast: true, lower: new Uint8Array(0), upper: null,
    inputs: [], unlisted: [], ...more,
  })
  const counting = (...tables: TablesAloneInput[]): number[] => [...new TablesAlone(tables).counting]
  const two = [table(3, { inputs: [1, 2], isLast: false }), table(4, { group: 3, index: 1, inputs: [1, 2] })] as const
  assert.deepEqual(counting(table(1, {}), table(2, {}), ...two), [3, 4], 'a whole group replaces its inputs')
  assert.deepEqual(counting(table(1, {}), table(2, {}), two[0]), [2, 1], 'a part of a group counts for nothing')
  assert.deepEqual(counting(table(2, {}), two[1]), [4], 'unless an input is gone: then only its other outputs are')
  assert.deepEqual(counting(table(1, {}), ...two, table(5, { inputs: [3, 4] })), [5], 'nothing old comes back')
  assert.deepEqual(
    counting(table(1, {}), table(2, {}), ...two, table(5, { unlisted: [3, 4] })), [5, 2, 1],
    'outputs of a dropped job replace nothing',
  )
})

type TablesAloneInput = ConstructorParameters<typeof TablesAlone>[0][number]
