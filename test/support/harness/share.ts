/**
 * What: how much of a large count this run does. The short run draws a share of the cases, the long run and a run of
 * named files do all of them. The draw is fixed by the commit (scripts/test.mjs sets it), so a failure comes again, and
 * the next commit draws other cases.
 */
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { SeededRandom } from '../../../src/base/index.js'

/** The share of the cases of a large count, 0 < share ≤ 1. */
export const shareOfRun = readShare(process.env['VARVE_SHARE'])
export const isWholeRun = shareOfRun === 1

/** The number that the draws of this run begin with. */
const drawSeed = Number.parseInt(process.env['VARVE_DRAW'] ?? '1', 16)

function readShare(text: string | undefined): number {
  const share = Number(text ?? 1)
  if (!(share > 0 && share <= 1)) throw new Error(`VARVE_SHARE is ${text}: a number above 0, up to 1`)
  return share
}

/** One draw for each case of a large count. `name` tells the counts of one run apart. */
export class Draw {
  private readonly random: SeededRandom

  constructor(name: string) {
    this.random = new SeededRandom(drawSeed, name)
  }

  /** Tells whether this run does the next case. */
  takes(): boolean {
    return this.random.chance(shareOfRun)
  }
}

/** Gives the cases that this run does, in their order: at least one. */
export function drawn<T>(name: string, cases: Iterable<T>): T[] {
  const all = [...cases]
  const draw = new Draw(name)
  const taken = all.filter(() => draw.takes())
  return taken.length > 0 || all.length === 0 ? taken : [new SeededRandom(drawSeed, `${name} one`).pick(all)]
}

/** Gives those of the numbers below `count` that this run does: seeds, offsets, moments. */
export function drawnNumbers(name: string, count: number): number[] {
  return drawn(name, Array(count).keys())
}

/** The number of cases, of this many, that is enough to be sure that a share of this run was done: a draw varies. */
export function atLeast(count: number): number {
  const mean = count * shareOfRun
  return isWholeRun ? count : Math.max(0, Math.floor(Math.min(mean * 0.6, mean - 4 * Math.sqrt(mean))))
}

/** The share of the heavy tests that a short run does. */
const HEAVY_SHARE = 1 / 8

/** Tells whether this run does a test that takes seconds of a processor: a short run draws an eighth of them. */
export function takesHeavy(name: string): boolean {
  return isWholeRun || new SeededRandom(drawSeed, `heavy ${name}`).chance(HEAVY_SHARE)
}

/** Makes a test that takes seconds of a processor: a short run does it when its draw says so. */
export function heavyTest(name: string, run: (t: TestContext) => Promise<void> | void, skip = false): void {
  void test(name, { skip: skip || (takesHeavy(name) ? false : 'heavy, and not drawn by this commit') }, run)
}
