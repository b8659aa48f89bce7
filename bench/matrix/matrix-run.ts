/**
 * What: runs a plan: each data set is loaded once for each engine, then every session of it runs round by round, the
 * engines one after the other within a round and each time another one first. A session is a process of its own.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeMachine } from '../machine.js'
import type { EngineAdapter } from '../store.js'
import { scaled } from './data-set.js'
import type { DataSet } from './data-set.js'
import { addAnswer } from './figures.js'
import type { Figures, RunSettings } from './figures.js'
import type { PlannedSet } from './plan.js'
import { WRITING_SESSIONS } from './sessions.js'
import type { SessionName } from './sessions.js'
import type { SessionAnswer, SessionTask } from './session-process.js'

/** A load that takes longer hangs. */
const PROCESS_MS_MAX = 40 * 60_000
const OUTPUT_MAX = 2 ** 26

/** Lets the system write what is still in memory, so that no session meets what was written before it began. */
function writeBack(): void {
  spawnSync('sync')
}

export class MatrixRun {
  readonly figures: Figures
  private readonly plan: readonly PlannedSet[]
  private readonly engines: readonly EngineAdapter[]
  private readonly settings: RunSettings
  private readonly dir: string
  private readonly save: (figures: Figures) => void
  private readonly startMs = performance.now()

  /** What `save` gets after each data set is all that was measured until then. */
  constructor(
    plan: readonly PlannedSet[], engines: readonly EngineAdapter[], settings: RunSettings,
    { dir, save }: { dir: string; save(figures: Figures): void },
  ) {
    this.plan = plan.map(({ set, sessions }) => ({ set: scaled(set, settings.scale), sessions }))
    this.engines = engines
    this.settings = settings
    this.dir = dir
    this.save = save
    this.figures = {
      format: 1, when: new Date().toISOString(), machine: describeMachine(),
      versions: Object.fromEntries(engines.map((engine) => [engine.name, engine.version()])),
      settings, entryCounts: Object.fromEntries(this.plan.map(({ set }) => [set.name, set.entryCount])),
      rows: [], sessions: [], loads: [], failures: [],
    }
  }

  all(): Figures {
    const loaded = new Map<string, number>()
    for (const { set, sessions } of this.plan) {
      const from = set.grownFrom === undefined ? undefined : loaded.get(set.grownFrom)
      if (from === undefined) this.clear()
      this.load(set, from ?? 0)
      loaded.clear()
      loaded.set(set.name, set.entryCount)
      for (let round = 0; round < this.settings.rounds; round++) this.round(set, sessions, round)
      this.save(this.figures)
    }
    rmSync(this.dir, { recursive: true, force: true })
    return this.figures
  }

  private clear(): void {
    rmSync(this.dir, { recursive: true, force: true })
    mkdirSync(this.dir, { recursive: true })
  }

  private load(set: DataSet, from: number): void {
    for (const { name } of this.engines) this.session(set, 'load', name, from, this.dataDir(name))
    writeBack()
  }

  private round(set: DataSet, sessions: readonly SessionName[], round: number): void {
    const first = round % this.engines.length
    const turns = [...this.engines.slice(first), ...this.engines.slice(0, first)]
    for (const session of sessions) {
      for (const { name } of turns) {
        if (!existsSync(this.dataDir(name))) continue
        this.onLoaded(set, session, name)
      }
    }
  }

  private onLoaded(set: DataSet, session: SessionName, engine: string): void {
    if (!WRITING_SESSIONS.includes(session)) {
      return this.session(set, session, engine, set.entryCount, this.dataDir(engine))
    }
    const copy = path.join(this.dir, 'copy')
    cpSync(this.dataDir(engine), copy, { recursive: true })
    writeBack()
    this.session(set, session, engine, set.entryCount, copy)
    rmSync(copy, { recursive: true, force: true })
  }

  private dataDir(engine: string): string {
    return path.join(this.dir, `data-${engine}`)
  }

  private session(set: DataSet, session: SessionName, engine: string, entryCount: number, dir: string): void {
    const startMs = performance.now()
    const { seconds, warmSeconds } = this.settings
    const task: SessionTask = { engine, session, set, entryCount, dir, seconds, warmSeconds }
    const file = fileURLToPath(new URL('./session-process.js', import.meta.url))
    const { status, signal, stdout } = spawnSync(process.execPath, [file, JSON.stringify(task)], {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: OUTPUT_MAX, timeout: PROCESS_MS_MAX,
    })
    const what = `${set.name}, ${session}, ${engine}`
    if (status === 0) addAnswer(this.figures, { set: set.name, session, engine }, JSON.parse(stdout) as SessionAnswer)
    else this.figures.failures.push(`${what}: ended with ${signal ?? status}`)
    // A database that could not be loaded has nothing to read.
    if (status !== 0 && session === 'load') rmSync(dir, { recursive: true, force: true })
    const ms = performance.now()
    const [took, all] = [(ms - startMs) / 1000, (ms - this.startMs) / 60_000]
    const ending = status === 0 ? '' : ' FAILED'
    process.stderr.write(`${all.toFixed(1).padStart(6)} min  ${what}: ${took.toFixed(1)} s${ending}\n`)
  }
}
