/**
 * REP-6: a crash of the repair leaves the source as it was, and a target that is whole or not there. TAB-2: manifests
 * that are lost at any moment of flushes and compactions, with whatever a crash leaves of them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { takeImage } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'
import { Draw } from '../support/harness/share.js'
import { makeSample, namesOf, repairAndCheck, SOURCE, TARGET, without } from '../support/model/repair-law.js'
import type { States } from '../support/model/repair-law.js'

const POLICIES = ['none', 'all', 'random50', 'prefix', 'globalPrefix', 'namesOnly'] as const

function simOf(image: Image): SimVfs {
  const vfs = new SimVfs({ seed: 5 })
  vfs.mkdirSync(SOURCE)
  for (const [name, bytes] of image) {
    const file = vfs.openSync(`${SOURCE}/${name}`, 'create')
    if (bytes.length > 0) file.writeSync(bytes, 0, bytes.length, 0)
    file.syncSync()
    file.closeSync()
  }
  vfs.syncDirSync(SOURCE)
  vfs.syncDirSync('/')
  return vfs
}

test('a crash at any moment of a repair: the source is as it was, the target is whole or not there', async (t) => {
  const { image } = await makeSample({
    name: 'crash', steps: 250, keys: 60, valueBytes: 60, closes: false, seed: 3,
    options: { compaction: { style: 'none' } },
  })
  const damaged = without(image, ...namesOf(image, '.table').slice(1, 2))
  const draw = new Draw('crashes of a repair')
  let count = 0
  for (const source of [image, damaged]) {
    const vfs = simOf(source)
    const left: { disk: SimVfs; what: string }[] = []
    vfs.onEffect = (index, description) => {
      for (const policy of POLICIES) {
        const what = `${policy} at ${index}: ${String(description)}`
        if (draw.takes()) left.push({ disk: vfs.clone(policy, index), what })
      }
    }
    const report = await Varve.repair(SOURCE, TARGET, { vfs })
    vfs.onEffect = null
    left.push(...POLICIES.map((policy) => ({ disk: vfs.clone(policy, 1), what: `${policy} at the end` })))
    for (const { disk, what } of left) {
      count++
      assert.deepEqual(takeImage(disk, SOURCE), source, what)
      const isThere = disk.statSync(TARGET) !== null
      assert.ok(isThere || !what.endsWith('at the end'), `${what}: what was reported done is there`)
      if (!isThere) continue
      const db = await Varve.open(TARGET, {
        workers: 0, createIfMissing: false, compaction: { style: 'none' }, components: { vfs: disk, clock: disk.clock },
      })
      let entries = 0
      for (const level of db.stats().levels) entries += level.entryCount
      await db.close()
      assert.equal(entries, report.servedEntries, what)
    }
  }
  t.diagnostic(`${count} disks`)
  assert.ok(count > 0)
})

/** Lives whose disk is looked at between any two of its changes, without its manifests. */
async function liveWithoutManifests(
  seed: number, options: VarveOptions, draw: Draw, look: (image: Image, states: States, isKill: boolean) => void,
): Promise<void> {
  const random = new SeededRandom(seed, 'without manifests')
  const vfs = new SimVfs({ seed })
  const states: States = [new Map()]
  const open = (): Promise<Varve> => Varve.open(SOURCE, {
    writeBufferSize: 64 * 1024, blockSize: 1024, workers: 0, ...options,
    components: { vfs, clock: vfs.clock, random: new SeededRandom(seed, 'engine') },
  })
  const db = await open()
  vfs.onEffect = (index, _description, { kind }) => {
    if (!['link', 'unlink', 'syncDir', 'sync'].includes(kind) || !draw.takes()) return
    const isKill = random.chance(0.5)
    const disk = isKill ? vfs.cloneKilled(1) : vfs.clone(random.pick(POLICIES), index)
    if (disk.statSync(SOURCE) === null) return
    const image = takeImage(disk, SOURCE)
    look(without(image, ...namesOf(image, '.manifest')), [...states], isKill)
  }
  const walks: Iterator<unknown>[] = []
  for (let step = 0; step < 260; step++) {
    const key = `key${String(random.below(40)).padStart(3, '0')}`
    const roll = random.below(100)
    if (roll < 60) {
      const value = `${states.length} ${'v'.repeat(random.below(400))}`
      states.push(new Map(states.at(-1)).set(key, value))
      await db.put(key, value)
    } else if (roll < 80) {
      const state = new Map(states.at(-1))
      state.delete(key)
      states.push(state)
      await db.del(key)
    } else if (roll < 88) await db.flush()
    else if (roll < 90) await db.compact()
    else if (roll < 92) {
      // A walk keeps the tables that it sees, and so obsolete files stay.
      const walk = db.keysSync()[Symbol.iterator]()
      walk.next()
      walks.push(walk)
    } else if (roll < 94) for (const walk of walks.splice(0)) walk.return?.()
    else await vfs.clock.advance(random.below(3000))
  }
  vfs.onEffect = null
  for (const walk of walks) walk.return?.()
  await db.close()
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
}

test('a manifest that is lost at any moment of a flush or a compaction: nothing stale, nothing back', async (t) => {
  const seen: { image: Image; states: States; isKill: boolean; isFast: boolean; what: string }[] = []
  const draw = new Draw('moments without manifests')
  for (const [style, fast] of [['leveled', false], ['leveled', true], ['tiered', false]] as const) {
    for (let seed = 1; seed <= 2; seed++) {
      const options: VarveOptions = { compaction: { style }, manifestSync: !fast }
      await liveWithoutManifests(seed, options, draw, (image, states, isKill) => {
        const what = `${style} ${fast ? 'fast' : ''} ${seed} ${seen.length}`
        seen.push({ image, states, isKill, isFast: fast, what })
      })
    }
  }
  let obsolete = 0
  for (const { image, states, isKill, isFast, what } of seen) {
    if (![...image.keys()].some((name) => /table|wal/.test(name))) continue
    try {
      const { report, served } = await repairAndCheck(image, { states })
      // With `manifestSync: false` a power loss leaves torn tables, of which nobody knows that they never counted.
      if (isFast && !isKill) continue
      // Tombstones that compactions dropped were newer than anything that is left.
      const later = states.slice(isKill ? Math.max(report.seqNum, states.length - 2) : report.seqNum)
      const isState = later.some((state) => isSame(state, served))
      assert.ok(isState, `it is no state since ${report.seqNum} of ${states.length}`)
      obsolete += namesOf(image, '.table').length
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message} ${[...image.keys()].join(' ')}`, { cause: error })
    }
  }
  t.diagnostic(`${seen.length} moments, ${obsolete} tables`)
})
