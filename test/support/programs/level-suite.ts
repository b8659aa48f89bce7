/**
 * abstract-level's own suite, from its npm package, over VarveLevel: every optional feature is on, so none of it is
 * left out. It runs on any runtime, since it needs no test runner but tape.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { VarveLevel } from '../../../src/level.js'
import type { DatabaseOptions } from '../../../src/level.js'
import { MemoryVfs } from '../../../src/testing.js'
import { NodeVfs } from '../../../src/vfs/index.js'

/** The number of cases that classic-level 3 runs of abstract-level 3.1.1. */
export const SUITE_CASES = 1505
export const SUITE_ASSERTIONS = 5168

export interface SuiteMode {
  platform: 'memory' | 'disk'
  /** The slowest and the fastest way to install a table. */
  manifestSync: boolean
  /** True: the smallest slabs; every write is flushed before it is answered, and every third one compacts. */
  isFlushed: boolean
  workers?: number
  /** False opens without the lock of the kernel, which starts a process each time: the suite opens a thousand. */
  hasKernelLock?: boolean
}

export interface SuiteResult {
  caseCount: number
  assertionCount: number
  skipCount: number
  /** Names of the cases that failed, with what was expected and what came. */
  failures: string[]
}

interface TapeRow {
  type: 'test' | 'assert' | 'end'
  name: string
  ok?: boolean
  skip?: unknown
  todo?: unknown
  expected?: unknown
  actual?: unknown
}

interface TapeStream {
  on(event: 'data', listener: (row: TapeRow) => void): TapeStream
  on(event: 'end', listener: () => void): TapeStream
}

type Tape = { createHarness(): object & { createStream(options: { objectMode: boolean }): TapeStream } }
type Suite = (options: { test: object; factory: (options?: DatabaseOptions<string, string>) => object }) => void

const require = createRequire(import.meta.url)

/** A directory where files that need not outlive the machine are quickest: most of the time goes into syncs. */
function scratchDirectory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
}

export async function runSuite(mode: SuiteMode): Promise<SuiteResult> {
  const parent = mode.platform === 'memory' ? '/' : mkdtempSync(path.join(scratchDirectory(), 'varve-suite-'))
  let count = 0
  try {
    return await runTape((test) => {
      const suite = require('abstract-level/test') as Suite
      suite({ test, factory: (options) => new SuiteLevel(path.join(parent, `db-${++count}`), options, mode) })
    })
  } finally {
    if (mode.platform === 'disk') rmSync(parent, { recursive: true, force: true })
  }
}

/** Adds the mode below abstract-level, since its suite looks at the options that go through it. */
class SuiteLevel extends VarveLevel {
  private readonly mode: SuiteMode
  private readonly engineOptions: Record<string, unknown>
  private writeCount = 0

  constructor(location: string, options: DatabaseOptions<string, string> | undefined, mode: SuiteMode) {
    super(location, options)
    const { manifestSync, workers = 0, isFlushed, platform, hasKernelLock = true } = mode
    this.mode = mode
    this.engineOptions = {
      manifestSync, workers,
      ...(isFlushed ? { writeBufferSize: 64 * 1024, blockSize: 1024 } : {}),
      ...(platform === 'memory' ? { components: { vfs: new MemoryVfs() } } : {}),
      ...(platform === 'disk' && !hasKernelLock ? { components: { vfs: new NodeVfs({ useKernelLock: false }) } } : {}),
    }
  }

  protected override _open(options: Record<string, unknown>): Promise<void> {
    return super._open({ ...options, ...this.engineOptions })
  }

  protected override async _put(...args: Parameters<VarveLevel['_put']>): Promise<void> {
    await super._put(...args)
    await this.afterWrite()
  }

  protected override async _del(...args: Parameters<VarveLevel['_del']>): Promise<void> {
    await super._del(...args)
    await this.afterWrite()
  }

  protected override async _batch(...args: Parameters<VarveLevel['_batch']>): Promise<void> {
    await super._batch(...args)
    await this.afterWrite()
  }

  private async afterWrite(): Promise<void> {
    if (!this.mode.isFlushed) return
    if (++this.writeCount % 3 === 0) await this.engine.compact()
    else await this.engine.flush()
  }
}

function runTape(declare: (test: object) => void): Promise<SuiteResult> {
  const harness = (require('tape') as Tape).createHarness()
  const result: SuiteResult = { caseCount: 0, assertionCount: 0, skipCount: 0, failures: [] }
  let title = ''
  const stream = harness.createStream({ objectMode: true })
  declare(harness)
  return new Promise((resolve) => {
    stream.on('data', (row) => {
      if (row.type === 'test') {
        title = row.name
        result.caseCount++
      } else if (row.type === 'assert') {
        result.assertionCount++
        if (Boolean(row.skip) || Boolean(row.todo)) result.skipCount++
        if (row.ok !== true) {
          result.failures.push(`${title}: ${row.name}: expected ${String(row.expected)}, got ${String(row.actual)}`)
        }
      }
    })
    stream.on('end', () => resolve(result))
  })
}
