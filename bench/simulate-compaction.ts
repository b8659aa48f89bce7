/**
 * What: the simulator of compaction at the command line: `npm run simulate -- leveled [options]` plays
 * each kind of writes and prints what it costs. No disk is touched; see bench/simulation/simulator.ts.
 */
import { parseArgs } from 'node:util'
import { KiB, MiB } from '../src/base/index.js'
import { COMPACTION_STYLES, defaultCompactionSettings } from '../src/pick/index.js'
import type { CompactionSettings } from '../src/pick/index.js'
import { WORKLOAD_TEXTS, WORKLOADS } from './simulation/simulated-writes.js'
import { simulationText } from './simulation/simulation-report.js'
import { simulate } from './simulation/simulator.js'
import type { SimulationOptions } from './simulation/simulator.js'

const HELP = `npm run simulate -- [${COMPACTION_STYLES.join(' | ')} | cache] [options]

  cache --help        the simulator of the blob cache

  --writes A,B        kinds of writes (all)
${WORKLOADS.map((name) => `      ${name.padEnd(14)}  ${WORKLOAD_TEXTS[name]}`).join('\n')}
  --data MIB          all keys, each once (589: 5 million entries of 16 + 100 bytes)
  --write-buffer MIB  (32)
  --speed N           bytes merged while the user writes one (Infinity)
  --workers N         compactions at the same time (1)
  --stop N            tables in level 0 that a flush waits for (24)
  --quiet             at the end also what is done when nothing else is to do
  --entry KIB         bytes of one simulated entry (16)
  --handles N         values stand in value logs: bytes of an entry in a table for each of its value (0.01: 4 KiB)
  --ratio N           tables are packed: bytes of an entry for each byte in a table (1; half-random values: 1.7)
  --seed N            (1)

Settings of the picker, else as by default:
  --level0-tables N  --level0-share N  --base MIB  --multiplier N  --table MIB  --tombstones N  --reclaim N
  --garbage N  --runs N  --newer N  --max MIB (fifo; half of --data)
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    writes: { type: 'string', default: WORKLOADS.join(',') },
    data: { type: 'string', default: '589' },
    'write-buffer': { type: 'string', default: '32' },
    speed: { type: 'string', default: 'Infinity' },
    workers: { type: 'string', default: '1' },
    stop: { type: 'string', default: '24' },
    quiet: { type: 'boolean', default: false },
    entry: { type: 'string', default: '16' },
    seed: { type: 'string', default: '1' },
    'level0-tables': { type: 'string' },
    'level0-share': { type: 'string' },
    base: { type: 'string' },
    multiplier: { type: 'string' },
    table: { type: 'string' },
    tombstones: { type: 'string' },
    reclaim: { type: 'string' },
    handles: { type: 'string' },
    ratio: { type: 'string' },
    garbage: { type: 'string' },
    runs: { type: 'string' },
    newer: { type: 'string' },
    max: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

type NumberOption = Exclude<keyof typeof values, 'quiet' | 'help' | 'writes'>

function number(option: NumberOption, unit: number, fallback: number): number {
  const text = values[option]
  if (text === undefined) return fallback
  const given = Number(text)
  if (!(given > 0)) throw new Error(`--${option} must be a number above 0, not ${text}`)
  return given * unit
}

function readSettings(writeBufferBytes: number): CompactionSettings {
  const style = COMPACTION_STYLES.find((name) => name === (positionals[0] ?? 'leveled'))
  if (style === undefined) throw new Error(`unknown style ${positionals[0]}: see --help`)
  const defaults = defaultCompactionSettings(writeBufferBytes, style)
  const tableBytes = number('table', MiB, defaults.tableBytes)
  const tablesPerPick = defaults.inputBytesMax / defaults.tableBytes
  return {
    ...defaults,
    level0TablesMin: number('level0-tables', 1, defaults.level0TablesMin),
    level0ShareMin: number('level0-share', 1, defaults.level0ShareMin),
    baseLevelBytes: number('base', MiB, defaults.baseLevelBytes),
    levelMultiplier: number('multiplier', 1, defaults.levelMultiplier),
    tableBytes,
    overlapBytesMax: tablesPerPick * tableBytes,
    inputBytesMax: tablesPerPick * tableBytes,
    tombstoneRatio: number('tombstones', 1, defaults.tombstoneRatio),
    reclaimShareMin: number('reclaim', 1, defaults.reclaimShareMin),
    garbageRatio: number('garbage', 1, defaults.garbageRatio),
    deepRunsMax: number('runs', 1, defaults.deepRunsMax),
    newerShareMax: number('newer', 1, defaults.newerShareMax),
    maxBytes: style === 'fifo' ? number('max', MiB, number('data', MiB, 0) / 2) : Infinity,
  }
}

function readOptions(): Omit<SimulationOptions, 'workload'> {
  const writeBufferBytes = number('write-buffer', MiB, 0)
  return {
    settings: readSettings(writeBufferBytes),
    dataBytes: number('data', MiB, 0),
    writeBufferBytes,
    entryBytes: number('entry', KiB, 0),
    tombstoneShare: number('handles', 1, 0.2),
    handleShare: number('handles', 1, 0),
    ratio: number('ratio', 1, 1),
    speed: number('speed', 1, 0),
    workers: number('workers', 1, 0),
    level0TablesMax: number('stop', 1, 0),
    isQuietAtEnd: values.quiet,
    seed: number('seed', 1, 0),
  }
}

function main(): void {
  if (values.help) return console.log(HELP)
  const wanted = values.writes.split(',')
  const unknown = wanted.find((name) => !WORKLOADS.some((workload) => workload === name))
  if (unknown !== undefined) throw new Error(`unknown writes ${unknown}: see --help`)
  for (const workload of WORKLOADS.filter((name) => wanted.includes(name))) {
    const options = { ...readOptions(), workload }
    console.log(simulationText(options, simulate(options)))
  }
}

main()
