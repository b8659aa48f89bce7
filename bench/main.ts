/**
 * What: compares Varve with other embedded databases. Each engine runs each group of rows in a fresh
 * process on a fresh directory; the engines take turns within a round (A B C, A B C, …), so that what
 * changes on the machine meanwhile meets them all. `npm run bench -- --help` lists the options.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cacheGoalsTable, cacheTable } from './cache-goals.js'
import type { CacheSample } from './cache-goals.js'
import type { ChildAnswer, ChildTask } from './child.js'
import { directoryBytes } from './disk-usage.js'
import { engines } from './engines/index.js'
import { groups } from './groups.js'
import type { Group } from './groups.js'
import { KEY_SHAPES, VALUE_KINDS } from './key-space.js'
import type { KeyShape, ValueKind } from './key-space.js'
import { describeMachine } from './machine.js'
import type { Machine } from './machine.js'
import { largeGoalsTable } from './large-goals.js'
import { largeTable, rateTable, usageTable } from './report.js'
import type { LargeSample, Sample, Usage } from './report.js'
import { chooseEngines, installPeers } from './peers.js'
import { rootDir } from './store.js'
import type { Area, EngineAdapter } from './store.js'
import { sustainedTable } from './sustained-report.js'
import type { SustainedSample } from './sustained-report.js'
import type { RunOptions } from './workload.js'

const HELP = `npm run bench -- [options]

  --num N            entries (500000)
  --large MIB        the live bytes of large values, and the size of caches (256; goals of space mean 1024);
                     rows run with --only values, --only cache
  --sustained [N]    also the long random fill, with N entries (5000000); alone: --only sustained [N]
  --keys SHAPE       ${KEY_SHAPES.join(' | ')} (number: 16 digits)
  --strings          keys as strings instead of bytes
  --value-bytes N    (100)
  --values KIND      ${VALUE_KINDS.join(' | ')} (half: of each value half is random, half repeats)
  --rounds N         (3)
  --seconds N        most time for a row, except fills (3)
  --fill-seconds N   most time for the sustained fill (60)
  --engines A,B      of ${engines.map(({ name }) => name).join(', ')}
  --only TEXT,TEXT   rows whose name has one of these
  --dir DIR          where the databases go (.bench in the checkout)
  --json FILE        all samples (bench/results/<time>.json)
`

interface Settings {
  options: Omit<RunOptions, 'dir'>
  sustainedNum: number
  rounds: number
  engines: EngineAdapter[]
  groups: Group[]
  dir: string
  json: string
}

function readSettings(): Settings | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      num: { type: 'string', default: '500000' },
      sustained: { type: 'boolean', default: false },
      large: { type: 'string', default: '256' },
      keys: { type: 'string', default: 'number' },
      strings: { type: 'boolean', default: false },
      'value-bytes': { type: 'string', default: '100' },
      rounds: { type: 'string', default: '3' },
      values: { type: 'string', default: 'half' },
      seconds: { type: 'string', default: '3' },
      'fill-seconds': { type: 'string', default: '60' },
      engines: { type: 'string' },
      only: { type: 'string', default: '' },
      dir: { type: 'string', default: path.join(rootDir, '.bench') },
      json: { type: 'string', default: path.join(rootDir, 'bench/results', `${now()}.json`) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const only = list(values.only)
  return {
    options: {
      num: count(values.num, '--num'),
      shape: choice<KeyShape>(values.keys, '--keys', KEY_SHAPES),
      stringKeys: values.strings,
      valueBytes: count(values['value-bytes'], '--value-bytes'),
      valueKind: choice<ValueKind>(values.values, '--values', VALUE_KINDS),
      seconds: count(values.seconds, '--seconds'),
      fillSeconds: count(values['fill-seconds'], '--fill-seconds'),
      largeBytes: count(values.large, '--large') * 2 ** 20,
      only,
    },
    sustainedNum: count(positionals[0] ?? '5000000', '--sustained'),
    rounds: count(values.rounds, '--rounds'),
    engines: values.engines === undefined ? [...engines] : chooseEngines(list(values.engines)),
    groups: groups.filter((group) => isChosen(group, only, values.sustained)),
    dir: path.join(path.resolve(values.dir), `varve-bench-${process.pid}`),
    json: values.json,
  }
}

function now(): string {
  return new Date().toISOString().replaceAll(':', '-')
}

function list(text: string): string[] {
  return text.split(',').filter((item) => item !== '')
}

function choice<T extends string>(text: string, option: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === text)
  if (found === undefined) throw new Error(`${option} must be one of ${choices.join(', ')}, not ${text}`)
  return found
}

function count(text: string, option: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${option} must be a number above 0, not ${text}`)
  return value
}

/** Long groups run on request: the sustained fill by its option, or by their rows. */
function isChosen(group: Group, only: readonly string[], isSustained: boolean): boolean {
  if (!group.isLong || only.length > 0) return isWanted(group, only)
  return isSustained && group.area === 'ordinary'
}

function takesPart({ areas }: EngineAdapter, area: Area): boolean {
  return areas?.includes(area) ?? area !== 'cache'
}

function isWanted(group: Group, only: readonly string[]): boolean {
  return only.length === 0 || group.rows.some((row) => only.some((text) => row.includes(text)))
}

class Run {
  readonly samples: Sample[] = []
  readonly usages: Usage[] = []
  readonly sustained: SustainedSample[] = []
  readonly large: LargeSample[] = []
  readonly caches: CacheSample[] = []
  readonly failures: string[] = []
  private readonly settings: Settings

  constructor(settings: Settings) {
    this.settings = settings
  }

  all(): void {
    for (let round = 1; round <= this.settings.rounds; round++) {
      for (const group of this.settings.groups) {
        for (const engine of this.settings.engines) if (takesPart(engine, group.area)) this.one(round, group, engine)
      }
    }
  }

  private one(round: number, group: Group, { name: engine, nodePath }: EngineAdapter): void {
    const { options, sustainedNum, dir } = this.settings
    process.stderr.write(`round ${round}: ${group.name}, ${engine} …\n`)
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(path.dirname(dir), { recursive: true })
    const task: ChildTask = {
      engine, group: group.name,
      options: { ...options, dir, num: group.area === 'ordinary' && group.isLong ? sustainedNum : options.num },
    }
    const child = fileURLToPath(new URL('./child.js', import.meta.url))
    const { status, signal, stdout } = spawnSync(nodePath?.() ?? process.execPath, [child, JSON.stringify(task)], {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26,
    })
    if (status === 0) this.add(round, group.name, engine, JSON.parse(stdout) as ChildAnswer)
    else this.failures.push(`round ${round}: ${group.name}, ${engine}: ended with ${signal ?? status}`)
    rmSync(dir, { recursive: true, force: true })
  }

  private add(round: number, group: string, engine: string, answer: ChildAnswer): void {
    const { rows, sustained, large, cache, memoryBytes } = answer
    for (const { row, count, ms, cpuMs, longestMs } of rows) {
      this.samples.push({ round, engine, group, row, opsPerSecond: (1000 * count) / ms, cpuMs, longestMs })
    }
    if (sustained !== undefined) this.sustained.push({ round, engine, ...sustained })
    if (large !== undefined) this.large.push({ engine, ...large })
    if (cache !== undefined) this.caches.push({ engine, ...cache })
    this.usages.push({ round, engine, group, memoryBytes, diskBytes: directoryBytes(this.settings.dir) })
  }
}

function main(): void {
  const settings = readSettings()
  if (settings === undefined) return console.log(HELP)
  installPeers(settings.engines)
  const machine = describeMachine()
  const versions = Object.fromEntries(settings.engines.map((engine) => [engine.name, engine.version()]))
  const run = new Run(settings)
  run.all()
  printConditions(machine, versions, settings)
  printResults(run, settings)
  const { samples, usages, sustained, large, caches, failures } = run
  mkdirSync(path.dirname(path.resolve(settings.json)), { recursive: true })
  const all = { machine, versions, settings: settings.options, samples, usages, sustained, large, caches, failures }
  writeFileSync(settings.json, `${JSON.stringify(all, null, 2)}\n`)
  console.log(`\nall samples: ${settings.json}`)
  for (const failure of failures) console.log(`FAILED ${failure}`)
  process.exitCode = failures.length > 0 ? 1 : 0
}

function printConditions(machine: Machine, versions: Record<string, string>, settings: Settings): void {
  const { cpu, cores, memoryGiB, system, node, load } = machine
  console.log(`\n${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, load ${load}`)
  console.log(Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', '))
  const { num, shape, stringKeys, valueBytes, valueKind } = settings.options
  const kind = stringKeys ? 'strings' : 'bytes'
  console.log(`${num} entries, ${shape} keys as ${kind}, values of ${valueBytes} bytes (${valueKind})`)
  console.log(`${settings.rounds} rounds: median ± half the range\n`)
}

function printResults({ samples, usages, sustained, large, caches }: Run, settings: Settings): void {
  const measured = new Set(usages.map(({ engine }) => engine))
  const names = settings.engines.map(({ name }) => name).filter((name) => measured.has(name))
  console.log(rateTable(samples, names))
  console.log(`\n${usageTable(usages, names)}`)
  if (sustained.length > 0) console.log(`\n${sustainedTable(sustained, names)}`)
  if (large.length > 0) {
    console.log(`\n${largeTable(large, names)}`)
    console.log(`\n${largeGoalsTable(samples, large)}`)
  }
  if (caches.length > 0) {
    console.log(`\n${cacheTable(caches, names)}`)
    console.log(`\n${cacheGoalsTable(samples)}`)
  }
}

main()
