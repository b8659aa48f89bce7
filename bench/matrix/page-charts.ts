/** What: the charts of the page: Varve beside the fastest other engine, and costs over the number of entries. */
import { median } from '../report.js'
import { lineChart, ratioChart } from './charts.js'
import type { Bar, Line } from './charts.js'
import { DATA_SETS } from './data-set.js'
import { bestPeer, findRow, ratioOf } from './figures.js'
import type { Figures, RowName } from './figures.js'
import { setAndRow, withSet } from './page-rows.js'
import type { PageRows } from './page-rows.js'
import { ROW } from './rows.js'
import { enginesOf, findSession } from './tables.js'

const OURS = 'varve'

/** Compares Varve with the fastest other engine, where both have the row. */
export function bars(figures: Figures, names: readonly RowName[], label: (name: RowName) => string): Bar[] {
  return names.flatMap((name) => {
    const other = bestPeer(figures, name)
    const ratio = other === undefined ? undefined : ratioOf(figures, name, OURS, other)
    return other === undefined || ratio === undefined ? [] : [{ label: label(name), ratio, other }]
  })
}

/** Makes a line for each engine over the sets that differ in their number of entries alone. */
function overEntries(figures: Figures, of: (set: string, engine: string) => number | undefined): Line[] {
  const count = (set: string): number => figures.entryCounts[set]!
  const sets = DATA_SETS
    .filter(({ keys, valueBytes, values }) => keys === 'random' && valueBytes === 100 && values === 'half')
    .map(({ name }) => name)
    .filter((name) => figures.entryCounts[name] !== undefined)
    .sort((a, b) => count(a) - count(b))
  return enginesOf(figures).map((engine) => ({
    name: engine,
    points: sets.flatMap((set) => {
      const y = of(set, engine)
      return y === undefined || !(y > 0) ? [] : [{ x: count(set), y }]
    }),
  }))
}

function processorTime(figures: Figures, row: string): Line[] {
  return overEntries(figures, (set, engine) => {
    const found = findRow(figures, { set, state: 'loaded', row }, engine)
    return found === undefined ? undefined : median(found.cpuUs)
  })
}

function openTime(figures: Figures): Line[] {
  return overEntries(figures, (set, engine) => {
    const found = findSession(figures, 'read', set, engine)
    return found === undefined ? undefined : median(found.openMs)
  })
}

/** Gives the charts by their file names. */
export function chartsOf(figures: Figures, { states, shapes, ycsb }: PageRows): Record<string, string> {
  const title = 'Varve beside the fastest other engine'
  const microseconds = 'microseconds'
  return {
    'states.svg': ratioChart(`${title}: states and sizes`, bars(figures, states, withSet)),
    'shapes.svg': ratioChart(`${title}: keys, values, skew`, bars(figures, shapes, withSet)),
    'ycsb.svg': ratioChart(`${title}: YCSB`, bars(figures, ycsb, setAndRow)),
    'get-cost.svg': lineChart('Processor time of a get', microseconds, processorTime(figures, ROW.get)),
    'seek-cost.svg': lineChart('Processor time of a seek + 10', microseconds, processorTime(figures, ROW.seek10)),
    'open-time.svg': lineChart('Time to open', 'milliseconds', openTime(figures)),
  }
}
