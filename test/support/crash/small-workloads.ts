/**
 * What: every short program over a small set of operations, each crashed after every change of the disk that its last
 * operation makes: shorter programs have shown the changes of the ones before it. It follows B3 and ACE, which found
 * most crash bugs of file systems with three operations.
 */
import { CrashSweep } from './crash-sweep.js'
import type { SweepCounts } from './crash-sweep.js'
import type { SeenState } from '../model/oracle.js'
import type { Settings, Workload } from '../model/workload.js'

/** The length of a value, of which two do not fit into one write buffer. */
const BIG = 40_000

interface Run {
  w: Workload
  /** The number of operations so far, so that no two writes give the same value. */
  i: number
  /** Checks of the snapshots that are held. */
  checks: (() => void)[]
}

const operations: Record<string, (run: Run) => Promise<void>> = {
  put: ({ w, i }) => w.put('a', 40 + i),
  big: ({ w, i }) => w.put('b', BIG + i),
  del: ({ w }) => w.del('a'),
  delRange: ({ w }) => w.delRange('a', 'c'),
  batch: ({ w, i }) => w.batch(
    [{ key: 'a', length: 50 + i }, { key: 'c', length: 60 + i }, { key: 'b', length: null }], { position: `p${i}` },
  ),
  expires: ({ w, i }) => w.batch([{ key: 'a', length: 70 + i, ttl: 500 }, { key: 'c', length: 80 + i, ttl: 500 }]),
  touch: ({ w }) => w.touch('a', { ttl: 500 }),
  later: ({ w }) => w.vfs.clock.advance(500),
  sync: ({ w }) => w.sync(),
  flush: ({ w }) => w.flush(),
  compact: ({ w }) => w.compact(),
  snapshot: async ({ w, checks }) => void checks.push(w.snapshot().check),
  async close({ w, checks }) {
    checks.length = 0
    await w.close()
    await w.reopen()
  },
}

export type Program = readonly string[]

/** Gives all programs of exactly this many operations. */
export function* programsOf(length: number): Generator<Program> {
  if (length === 0) {
    yield []
    return
  }
  for (const program of programsOf(length - 1)) {
    for (const name of Object.keys(operations)) yield [...program, name]
  }
}

export class SmallWorkloads {
  readonly counts: SweepCounts = { effects: 0, points: 0, images: 0, recoveryImages: 0 }
  programCount = 0
  private readonly findings = new Map<string, SeenState>()
  private readonly settings: Settings
  private readonly hasThreads: boolean

  constructor(settings: Settings, hasThreads = false) {
    this.settings = settings
    this.hasThreads = hasThreads
  }

  async run(program: Program): Promise<void> {
    const sweep = new CrashSweep({ seed: 31, randomCount: 0, findings: this.findings })
    const { settings, hasThreads } = this
    try {
      const counts = await sweep.run((w) => runProgram(program, w, sweep), { settings, hasThreads })
      for (const key of Object.keys(this.counts) as (keyof SweepCounts)[]) this.counts[key] += counts[key]
    } catch (error) {
      throw new Error(`program ${program.join(', ')}: ${(error as Error).message}`, { cause: error })
    }
    this.programCount++
  }
}

async function runProgram(program: Program, w: Workload, sweep: CrashSweep): Promise<void> {
  const checks: (() => void)[] = []
  sweep.isPaused = program.length > 0
  await w.open()
  await w.vfs.settled()
  for (const [i, name] of program.entries()) {
    sweep.isPaused = i < program.length - 1
    await operations[name]!({ w, i, checks })
    await w.vfs.settled()
  }
  w.checkReads()
  for (const check of checks) check()
}
