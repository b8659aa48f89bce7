/** What: makes a table of many results of each row: medians, spreads, and the ratio of our rate to the best peer's. */
import { ROW, ROWS } from './groups.js'
import type { LargeCost } from './large-values.js'

/** One measured rate of one engine in one round. */
export interface Sample {
  round: number
  engine: string
  group: string
  row: string
  opsPerSecond: number
  cpuMs: number
  longestMs: number
}

export interface Usage {
  round: number
  engine: string
  group: string
  memoryBytes: number
  diskBytes: number
}

/** A goal, as a multiple of the best peer's rate. */
interface Goal {
  varve: number
  level: number
  /** The peer that the facade is compared with instead. */
  levelPeer?: string
}

const OURS = 'varve'
const OUR_LEVEL = 'varve-level'
/** Engines that are compared with nobody: ours, and the ceiling. */
const NO_PEERS = [OURS, OUR_LEVEL, 'varve-lz4', 'nothing-level', 'plain-files', 'log-floor', 'varve-blob-cache']

/** How much faster than the best peer we want to be; see docs/design. */
const GOALS: Record<string, Goal> = {
  [ROW.fill]: { varve: 2, level: 1.2 },
  [ROW.overwrite]: { varve: 4, level: 2 },
  [ROW.put]: { varve: 10, level: 6 },
  [ROW.putMany]: { varve: 5, level: 3 },
  [ROW.putDurable]: { varve: 0.75, level: 1.5, levelPeer: 'classic-level' },
  [ROW.putDurableSync]: { varve: 0.95, level: 0 },
  [ROW.get]: { varve: 2, level: 1.2 },
  [ROW.getSync]: { varve: 2.5, level: 1.5 },
  [ROW.getAbsent]: { varve: 1, level: 1 },
  [ROW.scan]: { varve: 3, level: 1.5 },
  [ROW.seek]: { varve: 2, level: 1.2 },
  [ROW.sustained]: { varve: 2, level: 1.5 },
}

/** Rows in which an engine may choose how it is called: the best peer of both counts. */
const TOGETHER: readonly (readonly string[])[] = [[ROW.putDurable, ROW.putDurableSync]]

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

interface Cell {
  median: number
  /** Half the distance between the extremes, as a part of the median. */
  spread: number
}

function cellOf(samples: readonly Sample[], row: string, engine: string): Cell | undefined {
  const rates = samples.filter((s) => s.row === row && s.engine === engine).map((s) => s.opsPerSecond)
  if (rates.length === 0) return undefined
  const middle = median(rates)
  return { median: middle, spread: (Math.max(...rates) - Math.min(...rates)) / 2 / middle }
}

function bestPeer(samples: readonly Sample[], row: string): number {
  const rows = TOGETHER.find((group) => group.includes(row)) ?? [row]
  const peers = new Set(samples.map((s) => s.engine).filter((name) => !NO_PEERS.includes(name)))
  const rates = rows.flatMap((name) => [...peers].map((peer) => cellOf(samples, name, peer)?.median ?? 0))
  return Math.max(0, ...rates)
}

/** Gives the rate that an engine's is compared with: the best peer's, or the one that the goal names. */
function rivalOf(samples: readonly Sample[], row: string, name: string): number {
  const peer = name === OUR_LEVEL ? GOALS[row]?.levelPeer : undefined
  return peer === undefined ? bestPeer(samples, row) : (cellOf(samples, row, peer)?.median ?? 0)
}

export function rateText(rate: number): string {
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(2)} M`
  if (rate >= 100e3) return `${(rate / 1e3).toFixed(0)} k`
  if (rate >= 1e3) return `${(rate / 1e3).toFixed(1)} k`
  return rate.toFixed(0)
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '–'
  const spread = `${(100 * cell.spread).toFixed(0)} %`
  return `${rateText(cell.median)} ±${spread.padStart(4)}`
}

function ratioText(cell: Cell | undefined, best: number, goal: number | undefined): string {
  if (cell === undefined || best === 0) return '–'
  const ratio = cell.median / best
  if (goal === undefined || goal === 0) return ratio.toFixed(2)
  return `${ratio.toFixed(2)} of ${goal} ${ratio >= goal ? '✔' : '✖'}`
}

/**
 * Makes the table of operations a second: a line for each row, a column for each engine, and our ratios with the goals.
 */
export function rateTable(samples: readonly Sample[], engines: readonly string[]): string {
  const ours = [OURS, OUR_LEVEL].filter((name) => engines.includes(name))
  const head = ['operations a second', ...engines, ...ours.map((name) => `${name} ÷ best peer`)]
  const rows = ROWS.filter((row) => samples.some((s) => s.row === row))
  const lines = rows.map((row) => {
    const ratios = ours.map((name) => {
      const goal = GOALS[row]
      const rival = rivalOf(samples, row, name)
      const ratio = ratioText(cellOf(samples, row, name), rival, name === OURS ? goal?.varve : goal?.level)
      return name === OUR_LEVEL && goal?.levelPeer !== undefined ? `${ratio} (${goal.levelPeer})` : ratio
    })
    return [row, ...engines.map((name) => cellText(cellOf(samples, row, name))), ...ratios]
  })
  return textTable([head, ...lines])
}

/** Makes the table of memory and disk of each group. */
export function usageTable(usages: readonly Usage[], engines: readonly string[]): string {
  const groups = [...new Set(usages.map((usage) => usage.group))]
  const line = (title: string, group: string, of: (usage: Usage) => number): string[] => [
    `${group}: ${title}`,
    ...engines.map((engine) => {
      const found = usages.filter((usage) => usage.group === group && usage.engine === engine)
      return found.length === 0 ? '–' : `${(median(found.map(of)) / 2 ** 20).toFixed(0)} MiB`
    }),
  ]
  const lines = groups.flatMap((group) => [
    line('memory', group, (usage) => usage.memoryBytes), line('disk', group, (usage) => usage.diskBytes),
  ])
  return textTable([['space', ...engines], ...lines])
}

/** The cost of large values to one engine in one round. */
export interface LargeSample extends LargeCost {
  engine: string
}

/** Makes the table of what large values cost: bytes written for each byte put, and bytes kept for each live one. */
export function largeTable(samples: readonly LargeSample[], engines: readonly string[]): string {
  const sizes = [...new Set(samples.map(({ size }) => size))]
  const line = (title: string, size: string, of: (sample: LargeSample) => number): string[] => [
    `${size}: ${title}`,
    ...engines.map((engine) => {
      const found = samples.filter((sample) => sample.size === size && sample.engine === engine)
      return found.length === 0 ? '–' : median(found.map(of)).toFixed(2)
    }),
  ]
  const lines = sizes.flatMap((size) => [
    line('written / put, fill', size, ({ fillCallBytes, liveBytes }) => (fillCallBytes ?? NaN) / liveBytes),
    line('written / put, all', size, ({ callBytes, putBytes }) => (callBytes ?? NaN) / putBytes),
    line('most kept / live', size, ({ peakBytes, liveBytes }) => peakBytes / liveBytes),
    line('kept at rest / live', size, ({ restBytes, liveBytes }) => restBytes / liveBytes),
    line('longest turn beyond an idle one, ms', size, ({ longestTurnMs, idleTurnMs }) => longestTurnMs - idleTurnMs),
  ])
  return textTable([['large values', ...engines], ...lines])
}

/** Makes columns as wide as their widest cell, the first to the left, the others to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => [...row[column]!].length)))
  const text = rows.map((row) => row
    .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
    .join('  '))
  return [text[0]!, '─'.repeat([...text[0]!].length), ...text.slice(1)].join('\n')
}
