/**
 * What: docs/benchmarks.md and its charts, made of the kept figures alone: the same figures make the same page. Losses
 * stand where wins stand, and once more in a list of their own.
 */
import { median } from '../report.js'
import { BASE, BLOCK_CACHE_BYTES, WRITE_BUFFER_BYTES } from './data-set.js'
import { rowNames } from './figures.js'
import type { Figures, RowName } from './figures.js'
import { goalsTable } from './goals.js'
import { bars, chartsOf } from './page-charts.js'
import { pageRows, setAndRow, STATE_SETS, withSet, withState } from './page-rows.js'
import type { PageRows } from './page-rows.js'
import { ROW } from './rows.js'
import { figureTable, loadTable, markdownTable, rateTable, sessionTable } from './tables.js'

export const PAGE_FILE = 'docs/benchmarks.md'
export const CHART_DIR = 'docs/benchmarks'

export interface Page {
  text: string
  /** The charts by their file names. */
  charts: Record<string, string>
}

const MIB = 2 ** 20

const RULES = `Every engine keeps its defaults, but for two sizes that all get alike where they have them: a write
buffer of ${WRITE_BUFFER_BYTES / MIB} MiB and a block cache of ${BLOCK_CACHE_BYTES / MIB} MiB. lmdb has neither: its
cache is all the memory that the system gives to files, here enough for every set. The RocksDB binding has no size for
its cache to set, and no call that blocks. Where an engine has a call that blocks and one that does not, both are rows.

A *round* runs each engine once, one after the other, each in a process of its own, and every round begins with another
engine. Ratios are made within a round, and their median is shown; ± is half the distance between the extremes. One
operation in eight is timed alone for the percentiles. Every process reads back a sample of what must be there, outside
the timing.

States: *loaded*: written in random order (ordered keys in order), at rest, closed and opened again, warmed up. At rest
means for Varve that nothing is due any more; LevelDB and RocksDB have been asked to compact everything. *written*:
right after up to 300,000 entries were written anew. *rested*: two seconds later. *writing*: beside a writer of 20,000
entries a second, as far as the engine lets it. *cold*: nothing of the files is in the system's page cache. *zipf*: few
entries are asked for often (Zipf's law, 0.99), as in YCSB; elsewhere each alike.`

function conditions(figures: Figures): string {
  const { machine, settings, versions, when, entryCounts } = figures
  const { cpu, cores, memoryGiB, system, node, load } = machine
  return [
    `Measured on ${when.slice(0, 10)}: ${cpu}, ${cores} processors, ${memoryGiB} GiB, ${system}, Node ${node},`,
    `load ${load} at the start. ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`,
    `${settings.rounds} rounds, ${settings.seconds} s a row after ${settings.warmSeconds} s to warm up. The base has`,
    `${entryCounts[BASE] ?? 0} entries of 16 + 100 bytes; each other set differs in what its name says.`,
    ...olderText(figures),
  ].join('\n')
}

function olderText({ olderSets = {}, entryCounts }: Figures): string[] {
  const names = Object.keys(olderSets)
  if (names.length === 0) return []
  const measured = Object.keys(entryCounts).filter((set) => !(set in olderSets))
  const days = [...new Set(Object.values(olderSets))].sort().join(', ')
  return ['', `Measured anew: ${measured.join(', ')}. All other sets are from an earlier build, measured on ${days}.`]
}

function lossesText(figures: Figures): string {
  const all = bars(figures, rowNames(figures), withSet)
  const lost = all.filter(({ ratio }) => ratio < 1).sort((a, b) => a.ratio - b.ratio)
  const won = `Of ${all.length} rows Varve is fastest in ${all.length - lost.length}, and slower than another engine in`
  if (lost.length === 0) return `${won} none.`
  const lines = lost.map(({ label, ratio, other }) => [label, `${ratio.toFixed(2)} ×`, other])
  const why = 'What that time is, and what it would take: [design/0043](design/0043-where-others-are-faster.md).'
  const table = markdownTable(['', 'Varve', 'fastest'], lines)
  return `${won} ${lost.length}. These, the worst first. ${why}\n\n${table}`
}

function chart(name: string, alt: string): string {
  return `![${alt}](benchmarks/${name})`
}

function statesSection(figures: Figures, { states }: PageRows): string[] {
  const of = (set: string): RowName[] => states.filter((name) => name.set === set)
  const sets = STATE_SETS.filter((set) => of(set).length > 0)
  return [
    '## States and sizes',
    'Operations a second; entries a second for scans, getMany and batches. A loss is in bold.',
    chart('states.svg', 'Varve beside the fastest other engine, in each state and size'),
    ...sets.flatMap((set) => [`### ${set}`, rateTable(figures, of(set), withState)]),
    'The part of its pace that the writer of *writing* kept:',
    sessionTable(figures, 'live', ({ writerPart }) => median(writerPart), 2),
  ]
}

function costSection(figures: Figures): string[] {
  return [
    '## Cost by the number of entries',
    chart('get-cost.svg', 'Processor time of a get'), chart('seek-cost.svg', 'Processor time of a seek'),
    chart('open-time.svg', 'Time to open'),
    'Milliseconds to open a loaded set:', sessionTable(figures, 'read', ({ openMs }) => median(openMs), 1),
  ]
}

function shapesSection(figures: Figures, { shapes, ycsb, writes }: PageRows): string[] {
  return [
    '## Keys, values, skew',
    chart('shapes.svg', 'Varve beside the fastest other engine, by keys, values and skew'),
    rateTable(figures, shapes, withSet),
    '## YCSB',
    'Sixteen clients in one event loop, each with one operation under way; values are those of the set.',
    chart('ycsb.svg', 'Varve beside the fastest other engine in YCSB'),
    rateTable(figures, ycsb, setAndRow),
    '## Writes', 'Fills are loads of a whole set, once for each engine.', rateTable(figures, writes, setAndRow),
  ]
}

function bytesSection(figures: Figures): string[] {
  return [
    '## Bytes',
    'Bytes handed to write calls for each byte put, while a set is loaded, until it is at rest. Sets of more than ' +
    '2.5 million entries come in larger batches, as the rows of their fills say:',
    loadTable(figures, ({ written, putBytes }) => (written?.callBytes ?? NaN) / putBytes, 2),
    'Bytes of the directory for each byte of keys and values, at rest and closed:',
    loadTable(figures, ({ keptBytes, liveBytes }) => keptBytes / liveBytes, 2),
  ]
}

function timeSection(figures: Figures, { states, ycsb }: PageRows): string[] {
  // A full scan is one operation, which the tables of rates tell.
  const names = [...states, ...ycsb].filter(({ set, row }) => set === BASE && row !== ROW.scan)
  return [
    '## Times of the base',
    'Microseconds of an operation: p50 / p99 / p99.9.',
    figureTable(figures, names, ['p50Us', 'p99Us', 'p999Us'], withState),
    'How late the event loop was, in milliseconds: p99 / longest. The program itself holds it for about one.',
    figureTable(figures, names, ['loopP99Ms', 'loopMaxMs'], withState),
    'Processor time of all threads for one operation, in microseconds:',
    figureTable(figures, names, ['cpuUs'], withState),
  ]
}

function memorySection(figures: Figures): string[] {
  return [
    '## Memory and loading',
    'MiB of resident memory while a loaded set is read, at most, above that of the empty process; what was read of a ' +
    'mapped file counts:',
    sessionTable(figures, 'read', ({ memoryBytes }) => median(memoryBytes) / MIB, 0),
    'Seconds until a set that is loaded is at rest:', loadTable(figures, ({ settledSeconds }) => settledSeconds, 1),
    'Processor seconds until then:', loadTable(figures, ({ cpuSeconds }) => cpuSeconds, 1),
  ]
}

export function pageOf(figures: Figures): Page {
  const rows = pageRows(figures)
  const text = [
    '# Benchmarks',
    'Made by `npm run bench:page` from `bench/kept/matrix.json`, which `npm run bench:matrix` measures. Do not edit.',
    conditions(figures), RULES,
    '## Goals', 'Multiples of the fastest other engine:', goalsTable(figures),
    '## Where Varve is slower', lossesText(figures),
    ...statesSection(figures, rows), ...costSection(figures), ...shapesSection(figures, rows),
    ...bytesSection(figures), ...timeSection(figures, rows), ...memorySection(figures),
  ].join('\n\n')
  return { text: `${text}\n`, charts: chartsOf(figures, rows) }
}
