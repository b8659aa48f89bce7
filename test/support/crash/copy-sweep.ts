/**
 * What: crashes a machine after every change of its disk while copies of a database are made on it, and opens what is
 * left: the source, and every directory that has the name of a copy. Each holds the first so many of the keys that were
 * written in order: the source all that were durable, a copy exactly what it was promised to hold.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { survivalPolicies, SimVfs } from '../../../src/testing.js'
import type { SurvivalPolicy } from '../../../src/testing.js'
import { steppingClock } from '../fakes/stepping-clock.js'
import { Draw } from '../harness/share.js'
import { hashDisk } from './crash-image.js'

export const SOURCE = '/db'
const TEMPORARY = /\.tmp\.\d+\.\d+$/

/** Copies that must be there, and how many keys each holds; null: it may be there or not, and says itself. */
export type Promised = Map<string, number>

export class CopyScene {
  readonly vfs: SimVfs
  db!: Varve
  /** Keys that were written, and those of them that survive a power loss. */
  written = 0
  durable = 0
  readonly promised: Promised = new Map()
  private readonly options: VarveOptions

  constructor(seed: number, options: VarveOptions) {
    this.vfs = new SimVfs({ seed })
    this.options = options
  }

  async open(): Promise<void> {
    this.db = await openCopy(this.vfs, SOURCE, this.options)
  }

  async put(bytes = 100, sync = false): Promise<void> {
    const number = this.written
    const done = this.db.put(keyOf(number), valueOf(number, bytes), { sync })
    this.written++
    await done
    if (sync) this.durable = number + 1
  }

  async putMany(count: number, bytes = 100): Promise<void> {
    for (let i = 0; i < count; i++) await this.put(bytes)
  }

  /** A call that made a copy has ended: from now on the copy is there, and what it holds survives in it. */
  promise(target: string, seqNum: number): void {
    this.promised.set(target, seqNum)
  }

  /** An old copy may go. */
  forget(target: string): void {
    this.promised.delete(target)
  }
}

function keyOf(number: number): string {
  return `key ${String(number).padStart(5, '0')}`
}

function valueOf(number: number, bytes: number): string {
  return `${number} `.padEnd(bytes, 'v')
}

function openCopy(vfs: SimVfs, dir: string, options: VarveOptions = {}): Promise<Varve> {
  const components = { vfs, clock: steppingClock(vfs.clock), random: new SeededRandom(7, 'engine') }
  const sizes = { workers: 0, writeBufferSize: 64 * 1024, blockCacheSize: 64 * 1024, blockSize: 1024 }
  return Varve.open(dir, { ...sizes, compaction: { style: 'none' }, ...options, components })
}

export interface CopySweepCounts {
  points: number
  images: number
}

/** Runs the scenario once; crashes it at every change of the disk from the moment on that it says. */
export async function sweepCopies(
  name: string, options: VarveOptions, scenario: (scene: CopyScene, begin: () => void) => Promise<void>,
): Promise<CopySweepCounts> {
  const draw = new Draw(name)
  const random = new SeededRandom(3, name)
  const counts = { points: 0, images: 0 }
  const images = new Map<string, { vfs: SimVfs; what: string; durable: number; promised: Promised }>()
  const scene = new CopyScene(11, options)
  await scene.open()
  await scenario(scene, () => {
    scene.vfs.onEffect = (index, description) => {
      for (const way of waysOf(random)) {
        const seed = random.u32()
        if (!draw.takes()) continue
        counts.points++
        const vfs = way === 'kill' ? scene.vfs.cloneKilled(seed) : scene.vfs.clone(way, seed)
        const durable = way === 'kill' ? 0 : scene.durable
        const promised = new Map(scene.promised)
        const key = `${hashDisk(vfs)} ${durable} ${[...promised].join()}`
        images.set(key, { vfs, what: `effect ${index}, ${description}, then ${way}`, durable, promised })
      }
    }
  })
  scene.vfs.onEffect = null
  await scene.db.close()
  for (const { vfs, what, durable, promised } of images.values()) {
    counts.images++
    try {
      await checkDisk(vfs, durable, promised)
    } catch (error) {
      throw new Error(`${name}: ${what}: ${(error as Error).message}`, { cause: error })
    }
  }
  return counts
}

function waysOf(random: SeededRandom): (SurvivalPolicy | 'kill')[] {
  return ['kill', 'none', 'all', 'namesOnly', 'dataOnly', random.pick(survivalPolicies), random.pick(survivalPolicies)]
}

async function checkDisk(vfs: SimVfs, durable: number, promised: Promised): Promise<void> {
  const copies = [...copiesIn(vfs, '/'), ...(vfs.statSync('/set') === null ? [] : copiesIn(vfs, '/set'))]
  for (const target of promised.keys()) assert.ok(copies.includes(target), `CP-5: ${target} is there`)
  for (const dir of copies) {
    const held = await checkPrefix(vfs, dir)
    const expected = promised.get(dir)
    if (expected !== undefined) assert.equal(held, expected, `CP-5: ${dir}`)
  }
  const held = await checkPrefix(vfs, SOURCE)
  assert.ok(held >= durable, `the source holds ${held} of ${durable} durable keys`)
}

function copiesIn(vfs: SimVfs, dir: string): string[] {
  return vfs.listSync(dir)
    .filter((name) => !TEMPORARY.test(name) && !name.startsWith('varve.lock'))
    .map((name) => vfs.join(dir, name))
    .filter((path) => path !== SOURCE && path !== '/set')
}

/** Opens a database for writing, and gives how many keys it holds: the first so many. */
async function checkPrefix(vfs: SimVfs, dir: string): Promise<number> {
  const db = await openCopy(vfs, dir)
  let count = 0
  for (const [key, value] of db.entriesSync()) {
    assert.equal(Buffer.from(key).toString(), keyOf(count), `${dir} has no hole`)
    assert.equal(Buffer.from(value).toString(), valueOf(count, value.length), dir)
    count++
  }
  await db.put('last', 'word')
  await db.close()
  return count
}
