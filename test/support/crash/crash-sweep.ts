/**
 * What: crashes a machine after every change of its disk, in every way that matters, and checks what the database makes
 * of it. The scenario runs once; each crash is a copy of the machine. Crashes that leave the same disk are opened once,
 * and judged by what was promised at each of them.
 */
import { SeededRandom } from '../../../src/base/index.js'
import type { SimVfs, SurvivalPolicy } from '../../../src/testing.js'
import { survivalPolicies } from '../../../src/testing.js'
import { guardFiles, sealFinished } from './crash-files.js'
import { checkImage, describeExpectation, hashDisk } from './crash-image.js'
import { matchState } from '../model/oracle.js'
import type { Expectation, Oracle, SeenState } from '../model/oracle.js'
import type { Draw } from '../harness/share.js'
import { DIR, openOn, Workload } from '../model/workload.js'
import type { OpenOptions, WorkloadOptions } from '../model/workload.js'

type Way = SurvivalPolicy | 'kill'

/** Ways that find errors of order fastest, so each crash is tried with all of them. */
const FIXED_WAYS: readonly Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']
const RANDOM_WAYS = survivalPolicies.filter((policy) => !FIXED_WAYS.includes(policy))

export interface SweepOptions {
  seed: number
  /** The number of random ways to crash at each point, besides the fixed ones. */
  randomCount?: number
  /** The number of images that are also crashed again, inside their recovery. */
  recoveryCount?: number
  /** With 2, a crash inside the recovery from a crash is tried. */
  depth?: number
  /** Decides which of the crashes are tried; without it, all of them. */
  draw?: Draw
  /** Findings by disk; several sweeps over programs that begin alike may share them. */
  findings?: Map<string, SeenState>
}

export interface SweepCounts {
  /** The number of changes of a disk after which crashes were tried. */
  effects: number
  /** The number of crashes tried. */
  points: number
  /** The number of different disks among them, each opened and checked on its own. */
  images: number
  /** The number of those disks that come from a recovery. */
  recoveryImages: number
}

interface CrashPoint {
  way: Way
  seed: number
  /** The machine and the change of its disk. */
  what: string
  expected: Expectation
  /** What has to be there after a power loss at that moment. */
  power: Expectation
}

/** All crashes that left the same disk. */
interface CrashImage {
  vfs: SimVfs
  points: CrashPoint[]
}

type Expect = (loss: 'power' | 'process') => Expectation

/** An error that tells where and how the machine was crashed. */
class CrashFailure extends Error {}

export class CrashSweep {
  readonly counts: SweepCounts = { effects: 0, points: 0, images: 0, recoveryImages: 0 }
  /** True while no crashes are tried, since another sweep has tried them. */
  isPaused = false
  private readonly options: Required<Omit<SweepOptions, 'findings' | 'draw'>>
  private readonly random: SeededRandom
  private readonly findings: Map<string, SeenState>
  private readonly draw: Draw | undefined
  private readonly problems: string[] = []
  private oracle!: Oracle
  private opening!: OpenOptions

  constructor({ findings = new Map(), draw, ...options }: SweepOptions) {
    this.findings = findings
    this.draw = draw
    this.options = { randomCount: 2, recoveryCount: 0, depth: 2, ...options }
    this.random = new SeededRandom(options.seed, 'sweep')
  }

  /** Runs the scenario once and checks every crash. The first failure says how to see it again. */
  async run(
    scenario: (workload: Workload) => Promise<void>, options: Omit<WorkloadOptions, 'seed'> = {},
  ): Promise<SweepCounts> {
    const images = new Map<string, CrashImage>()
    let machines = 0
    const workload = new Workload({
      ...options,
      seed: this.options.seed,
      onMachine: (vfs, owner) => {
        options.onMachine?.(vfs, owner)
        this.watch(vfs, images, (loss) => owner.expect(loss), `machine ${++machines}`)
      },
    })
    this.oracle = workload.oracle
    this.opening = options
    await scenario(workload)
    workload.vfs.onEffect = null
    this.checkProblems('the scenario')
    await this.checkAll(images, 1, this.options.recoveryCount)
    return this.counts
  }

  /** Watches a machine: from now on every change of its disk adds crashes. */
  private watch(vfs: SimVfs, images: Map<string, CrashImage>, expect: Expect, where: string): void {
    guardFiles(vfs, DIR, this.problems)
    vfs.onEffect = (index, description, op) => {
      sealFinished(vfs, op)
      if (this.isPaused) return
      this.counts.effects++
      const what = `${where}, effect ${index}: ${description}`
      const [power, process] = [expect('power'), expect('process')]
      for (const way of this.ways()) {
        const seed = this.random.u32()
        if (this.draw !== undefined && !this.draw.takes()) continue
        const expected = way === 'kill' ? process : power
        const image = way === 'kill' ? vfs.cloneKilled(seed) : vfs.clone(way, seed)
        this.add(images, image, { way, seed, what, expected, power })
      }
    }
  }

  private ways(): Way[] {
    const ways = [...FIXED_WAYS]
    for (let i = 0; i < this.options.randomCount; i++) ways.push(this.random.pick(RANDOM_WAYS))
    return ways
  }

  private add(images: Map<string, CrashImage>, vfs: SimVfs, point: CrashPoint): void {
    this.counts.points++
    // Unsynced bytes are a part of the disk that a kill leaves.
    const key = `${hashDisk(vfs)} ${point.way === 'kill' ? hashDisk(vfs.clone('none', 1)) : ''}`
    const image = images.get(key)
    if (image === undefined) images.set(key, { vfs, points: [point] })
    else if (!image.points.some((other) => isSameExpectation(other.expected, point.expected))) image.points.push(point)
  }

  private async checkAll(images: Map<string, CrashImage>, depth: number, recoveryCount: number): Promise<void> {
    const every = Math.ceil(images.size / recoveryCount)
    let number = 0
    for (const [key, image] of images) {
      images.delete(key)
      const isSample = recoveryCount > 0 && depth < this.options.depth && ++number % every === Math.ceil(every / 2)
      await this.check(key, image, depth, isSample)
    }
  }

  private async check(
    key: string, { vfs, points }: CrashImage, depth: number, isSample: boolean,
  ): Promise<void> {
    const copy = isSample ? vfs.cloneKilled(1) : null
    let point = points[0]!
    try {
      let seen = this.findings.get(key)
      if (seen === undefined) {
        this.counts.images++
        if (depth > 1) this.counts.recoveryImages++
        seen = await checkImage(vfs, this.oracle, point.expected, { ...this.opening, seed: point.seed })
        this.findings.set(key, seen)
      }
      for (point of points) matchState(seen, point.expected)
      if (copy !== null) await this.sweepRecovery(copy, points[0]!, seen, depth)
    } catch (error) {
      if (error instanceof CrashFailure) throw error
      const { what, way, seed, expected } = point
      throw new CrashFailure(`${what}\n  then ${way}, seed ${seed}; sweep seed ${this.options.seed}` +
        `\n  expected: ${describeExpectation(expected)}\n  ${(error as Error).message}`, { cause: error })
    }
  }

  /** Crashes after every change that the recovery of this image makes: the outcome must be the same. */
  private async sweepRecovery(image: SimVfs, point: CrashPoint, seen: SeenState, depth: number): Promise<void> {
    const { way, seed, what, expected } = point
    const matched = matchState(seen, expected)
    const settled = { batches: expected.batches.slice(0, matched), atLeast: matched }
    // What a kill left unsynced may still be lost, but nothing else may come instead.
    const atLeast = way === 'kill' ? Math.min(point.power.atLeast, matched) : matched
    let isOpen = false
    const expect: Expect = (loss) => (loss === 'power' && !isOpen ? { ...settled, atLeast } : settled)
    const images = new Map<string, CrashImage>()
    this.watch(image, images, expect, `${what}\n  then ${way}, seed ${seed}; recovery`)
    await openOn(image, this.opening)
    isOpen = true
    await image.settled()
    image.onEffect = null
    image.crash('none', 1)
    this.checkProblems(`the recovery of ${what}`)
    await this.checkAll(images, depth + 1, 1)
  }

  private checkProblems(where: string): void {
    if (this.problems.length > 0) throw new Error(`in ${where}: ${this.problems.join('; ')}`)
  }
}

function isSameExpectation(a: Expectation, b: Expectation): boolean {
  return a.atLeast === b.atLeast && a.batches.length === b.batches.length &&
    a.batches.every((batch, i) => batch === b.batches[i])
}
