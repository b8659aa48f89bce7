/** What: the goals of the blob cache, and what a cache costs each engine. */
import { CACHE_SHAPES, cacheRows } from './cache-rows.js'
import type { CacheCost } from './cache-rows.js'
import { median, textTable } from './report.js'
import type { Sample } from './report.js'

const OURS = 'varve-blob-cache'

export interface CacheSample extends CacheCost {
  engine: string
}

interface Goal {
  readonly row: string
  readonly rival: string
  readonly least: number
}

const [LARGE, SMALL] = CACHE_SHAPES.map(cacheRows)

const GOALS: readonly Goal[] = [
  { row: LARGE!.put, rival: 'cacache', least: 3 },
  { row: LARGE!.put, rival: 'undici-sqlite', least: 3 },
  { row: LARGE!.put, rival: 'better-sqlite3', least: 8 },
  { row: LARGE!.put, rival: 'lmdb', least: 2 },
  { row: LARGE!.put, rival: 'plain-files', least: 0.8 },
  { row: SMALL!.put, rival: 'plain-files', least: 2 },
  ...[LARGE!, SMALL!].flatMap(({ get }) => [
    { row: get, rival: 'plain-files', least: 0.9 }, { row: get, rival: 'cacache', least: 3 },
  ]),
]

/** Our rates as multiples of others' in the same round; medians over the rounds. Rows not measured are left out. */
export function cacheGoalsTable(samples: readonly Sample[]): string {
  const lines = GOALS.flatMap(({ row, rival, least }) => {
    const ratios = samples.filter((s) => s.row === row && s.engine === OURS).flatMap((ours) => {
      const other = samples.find((s) => s.row === row && s.engine === rival && s.round === ours.round)
      return other === undefined ? [] : [[ours.opsPerSecond / other.opsPerSecond, other.cpuMs / ours.cpuMs]]
    })
    if (ratios.length === 0) return []
    const [rate, cpu] = [median(ratios.map(([r]) => r!)), median(ratios.map(([, c]) => c!))]
    return [[`${row} ÷ ${rival}`, rate.toFixed(2), `≥ ${least}`, rate >= least ? '✔' : '✖', cpu.toFixed(2)]]
  })
  return textTable([['goals of the blob cache', 'rate', 'goal', '', 'by processor time'], ...lines])
}

/** Makes the table of what each shape costs each engine. */
export function cacheTable(samples: readonly CacheSample[], engines: readonly string[]): string {
  const shown = engines.filter((engine) => samples.some((sample) => sample.engine === engine))
  const line = (title: string, shape: string, of: (sample: CacheSample) => number | null): string[] => [
    `cache ${shape}: ${title}`,
    ...shown.map((engine) => {
      const found = samples.filter((sample) => sample.shape === shape && sample.engine === engine)
      const value = median(found.map((sample) => of(sample) ?? NaN))
      return Number.isNaN(value) ? '–' : value.toFixed(value >= 1000 ? 0 : 3)
    }),
  ]
  const lines = CACHE_SHAPES.filter(({ name }) => samples.some(({ shape }) => shape === name)).flatMap(({ name }) => [
    line('written / put, until it is full', name, (s) => s.fillWritten),
    line('written / put, full', name, (s) => s.fullWritten),
    line('part of the requests that miss', name, (s) => s.missRatio),
    line('processor seconds a GB put', name, (s) => s.putSeconds),
    line('processor seconds a GB got', name, (s) => s.getSeconds),
    line('bytes of memory an item', name, (s) => s.itemBytes),
    line('longest turn beyond an idle one, ms', name, (s) => s.longestTurnMs - s.idleTurnMs),
  ])
  return textTable([['blob cache', ...shown], ...lines])
}
