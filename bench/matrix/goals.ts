/** What: how fast reads shall be in every state, as a multiple of the fastest other engine, and whether they are. */
import { BASE } from './data-set.js'
import { bestPeer, isOurs, ratioOf } from './figures.js'
import type { Figures, RowName } from './figures.js'
import { withSet } from './page-rows.js'
import { ROW } from './rows.js'
import { enginesOf, markdownTable } from './tables.js'

interface Goal extends RowName {
  ratio: number
}

const LARGER = '2 M entries'

/** Gives the goals of a row: in the cache, and where the cache holds a third. */
function both(state: string, row: string, inCache: number, beyond: number): Goal[] {
  return [{ set: BASE, state, row, ratio: inCache }, { set: LARGER, state, row, ratio: beyond }]
}

const GOALS: readonly Goal[] = [
  ...both('loaded', ROW.get, 1.2, 1),
  ...both('written', ROW.get, 1.1, 1.1),
  ...both('loaded', ROW.seek10, 1.2, 1.05),
  ...both('written', ROW.seek10, 0.45, 0.3),
  ...both('rested', ROW.seek10, 0.9, 0.8),
  ...both('loaded', ROW.scan, 2.5, 2.5),
  ...both('written', ROW.scan, 1.5, 1.5),
]

/** Makes a table of the goals that were measured. */
export function goalsTable(figures: Figures): string {
  const ours = enginesOf(figures).filter(isOurs)
  const lines = GOALS.flatMap((goal) => {
    const peer = bestPeer(figures, goal)
    if (peer === undefined) return []
    return [[withSet(goal), goal.ratio.toFixed(2), ...ours.map((engine) => {
      const ratio = ratioOf(figures, goal, engine, peer)
      return ratio === undefined ? '–' : `${ratio.toFixed(2)} ${ratio >= goal.ratio ? '✔' : '✖'}`
    }), peer]]
  })
  return markdownTable(['', 'goal', ...ours, 'fastest other'], lines)
}
