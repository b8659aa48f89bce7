/** What: the goals of large values, each with what we have, and with what could be had at best: the floor. */
import { largeRows, sizeText } from './large-values.js'
import { median, textTable } from './report.js'
import type { LargeSample, Sample } from './report.js'

const OURS = 'varve'
const PEERS = ['classic-level', 'lmdb', 'better-sqlite3']
const FLOOR = 'log-floor'

/** A rate, as a multiple of that of another engine, or of the best of several. */
interface RateGoal {
  readonly row: string
  readonly rivals: readonly string[]
  readonly least: number
  /** The row and engine that show the floor. */
  readonly floor: readonly [row: string, engine: string]
}

/** A cost, which must stay below a number, or below a part of a peer's. */
interface CostGoal {
  readonly size: string
  readonly title: string
  readonly of: (sample: LargeSample) => number
  readonly most: number
  /** What it is at least, whoever does it. */
  readonly floor: number
  readonly rival?: string
}

const [R4, R16, R64] = [4096, 16_384, 65_536].map(largeRows)

function faster(row: string, rivals: readonly string[], least: number, floorRow = row, floorEngine = FLOOR): RateGoal {
  return { row, rivals, least, floor: [floorRow, floorEngine] }
}

const RATES: readonly RateGoal[] = [
  faster(R64!.fill, ['lmdb'], 1.3),
  faster(R64!.fill, ['plain-files'], 0.8),
  faster(R64!.overwrite, ['lmdb'], 1),
  faster(R16!.overwrite, PEERS, 1.5),
  faster(R4!.overwrite, PEERS, 1.5),
  faster(R64!.get, ['lmdb'], 1 / 1.5, R64!.floor, OURS),
  faster(R64!.getAtRest, ['lmdb'], 1 / 1.5, R64!.floor, OURS),
]

const writtenEach = ({ callBytes, putBytes }: LargeSample): number => (callBytes ?? NaN) / putBytes
const writtenByFill = ({ fillCallBytes, liveBytes }: LargeSample): number => (fillCallBytes ?? NaN) / liveBytes
const mostKept = ({ peakBytes, liveBytes }: LargeSample): number => peakBytes / liveBytes
const keptAtRest = ({ restBytes, liveBytes }: LargeSample): number => restBytes / liveBytes
const longerTurn = ({ longestTurnMs, idleTurnMs }: LargeSample): number => longestTurnMs - idleTurnMs

const COSTS: readonly CostGoal[] = [
  { size: sizeText(65_536), title: 'written / put, fill', of: writtenByFill, most: 1.05, floor: 1 },
  ...[4096, 16_384, 65_536].map(sizeText).flatMap((size) => [
    { size, title: 'written / put, all', of: writtenEach, most: 1.6, floor: 1 },
    { size, title: 'most kept / live', of: mostKept, most: 1.8, floor: 1 },
    { size, title: 'kept at rest / live', of: keptAtRest, most: 1.2, floor: 1 },
  ]),
  { size: sizeText(4096), title: 'written / put, all', of: writtenEach, most: 0.55, floor: 1, rival: 'classic-level' },
  ...[2 ** 20, 2 ** 26].map(sizeText).map((size) => (
    { size, title: 'longest turn beyond an idle one, ms', of: longerTurn, most: 10, floor: 0 })),
]

/** Goals of rows or sizes that were not measured are left out. */
export function largeGoalsTable(samples: readonly Sample[], large: readonly LargeSample[]): string {
  const rates = RATES.map((goal) => rateLine(samples, goal))
  const costs = COSTS.map((goal) => costLine(large, goal))
  const lines = [...rates, ...costs].filter((line) => line !== null)
  return textTable([['goals of large values', OURS, 'goal', 'floor', ''], ...lines])
}

function rateLine(samples: readonly Sample[], goal: RateGoal): string[] | null {
  const rateOf = (row: string, engine: string): number => {
    const rates = samples.filter((sample) => sample.row === row && sample.engine === engine)
    return rates.length === 0 ? NaN : median(rates.map(({ opsPerSecond }) => opsPerSecond))
  }
  const { row, rivals, least, floor } = goal
  const rival = Math.max(...rivals.map((engine) => rateOf(row, engine)).filter((rate) => !Number.isNaN(rate)))
  const ratio = rateOf(row, OURS) / rival
  if (Number.isNaN(ratio) || rival === -Infinity) return null
  const against = rivals.length === 1 ? rivals[0]! : 'best peer'
  const best = rateOf(...floor) / rival
  return [`${row} ÷ ${against}`, ratio.toFixed(2), `≥ ${least.toFixed(2)}`, numberText(best), markOf(ratio >= least)]
}

function costLine(large: readonly LargeSample[], goal: CostGoal): string[] | null {
  const { size, title, of, most, floor, rival } = goal
  const costOf = (name: string): number => {
    const found = large.filter((sample) => sample.engine === name && sample.size === size)
    return found.length === 0 ? NaN : median(found.map(of))
  }
  const unit = rival === undefined ? 1 : costOf(rival)
  const cost = costOf(OURS) / unit
  if (Number.isNaN(cost)) return null
  const against = rival === undefined ? '' : ` ÷ ${rival}`
  const best = numberText(floor / unit)
  return [`${size} values: ${title}${against}`, cost.toFixed(2), `≤ ${most}`, best, markOf(cost <= most)]
}

function numberText(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(2)
}

function markOf(isMet: boolean): string {
  return isMet ? '✔' : '✖'
}
