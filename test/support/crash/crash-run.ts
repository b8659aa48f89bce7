/**
 * What: sweeps over scenarios as tests of one file, with their counts.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { SimOptions } from '../../../src/testing.js'
import type { Scenario } from './crash-scenarios.js'
import { CrashSweep } from './crash-sweep.js'
import type { SweepCounts, SweepOptions } from './crash-sweep.js'
import { leaveOutRunnerHooks } from '../harness/runner-hooks.js'
import { atLeast, Draw } from '../harness/share.js'
import type { Settings } from '../model/workload.js'

export interface SweepRun {
  /** The beginning of the tests' names. */
  title: string
  scenarios: Record<string, Scenario>
  settings?: Settings
  /** Options of the simulated disk. */
  sim?: SimOptions
  /** True interleaves background work as threads do. */
  hasThreads?: boolean
  sweep: SweepOptions
  /** The least number of different disks that a run which does all cases must have checked. */
  imagesMin: number
}

/** Declares one test for each scenario, and one for the counts. A file that calls it declares no test before it. */
export function declareSweeps(run: SweepRun): void {
  leaveOutRunnerHooks()
  const { title, scenarios, settings, sim = {}, hasThreads = false, sweep, imagesMin } = run
  const total: SweepCounts = { effects: 0, points: 0, images: 0, recoveryImages: 0 }
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(`${title}: ${name}`, async (t) => {
      const crashes = new CrashSweep({ draw: new Draw(`${title}: ${name}`), ...sweep })
      const all = { ...scenario.settings, ...settings }
      const counts = await crashes.run(scenario.run, { sim, hasThreads, settings: all })
      t.diagnostic(describeCounts(counts))
      for (const key of Object.keys(total) as (keyof SweepCounts)[]) total[key] += counts[key]
    })
  }
  test(`${title}: enough different disks were checked`, (t) => {
    t.diagnostic(describeCounts(total))
    assert.ok(total.images >= atLeast(imagesMin), describeCounts(total))
  })
  after(() => console.log(`${title}, seed ${sweep.seed}: ${describeCounts(total)}`))
}

function describeCounts({ effects, points, images, recoveryImages }: SweepCounts): string {
  return `${effects} changes of a disk, ${points} crashes after them, ` +
    `${images} different disks checked, ${recoveryImages} of them left by crashes inside a recovery`
}

/** Reads a whole number from the environment. */
export function numberFromEnv(name: string, fallback: number): number {
  const value = Number(process.env[name] ?? fallback)
  return Number.isSafeInteger(value) && value > 0 ? value : fallback
}
