/**
 * What: `npm run bench:check` measures a part of the matrix in less than ten minutes and compares Varve's ratios to the
 * fastest peer with the kept ones. What lost more than 15 % is measured again, longer; what did so twice fails.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { chooseEngines, installPeers } from '../peers.js'
import { textTable } from '../report.js'
import { rootDir } from '../store.js'
import { KEPT_FILE, readFigures } from './figures.js'
import type { Figures } from './figures.js'
import { compareBytes, compareRows, LOSS_MAX } from './losses.js'
import type { Comparison } from './losses.js'
import { MatrixRun } from './matrix-run.js'
import { checkPlan } from './plan.js'
import type { PlannedSet } from './plan.js'

const ENGINES = ['varve', 'lmdb', 'classic-level']
const ROUNDS = 3
const ROUNDS_AGAIN = 5

function measured(plan: readonly PlannedSet[], kept: Figures, rounds: number): Figures {
  const dir = path.join(rootDir, '.bench', `varve-check-${process.pid}`)
  const settings = { ...kept.settings, rounds }
  return new MatrixRun(plan, chooseEngines(ENGINES), settings, { dir, save: () => undefined }).all()
}

/** Gives the sessions that have one of the rows. */
function planOf(lost: readonly Comparison[]): PlannedSet[] {
  return checkPlan()
    .map(({ set, sessions }) => ({
      set, sessions: sessions.filter((name) => lost.some((row) => row.set === set.name && row.session === name)),
    }))
    .filter(({ sessions }) => sessions.length > 0)
}

function isLost({ loss }: { loss: number }): boolean {
  return loss > LOSS_MAX
}

function isSame(a: Comparison, b: Comparison): boolean {
  return a.set === b.set && a.state === b.state && a.row === b.row
}

function percent(loss: number): string {
  return `${loss > 0 ? '−' : '+'}${Math.abs(100 * loss).toFixed(0)} %`
}

function main(): void {
  const file = path.join(rootDir, KEPT_FILE)
  if (!existsSync(file)) {
    console.error(`There are no figures to compare with: \`npm run bench:matrix\` makes ${KEPT_FILE}.`)
    process.exitCode = 1
    return
  }
  const kept = readFigures(file)
  installPeers(chooseEngines(ENGINES))
  const now = measured(checkPlan(), kept, ROUNDS)
  const first = compareRows(kept, now)
  console.log(textTable([
    ['data set, state, row', 'peer', 'kept ratio', 'now', 'change'],
    ...first.map(({ set, state, row, peer, kept: before, now: after, loss }) =>
      [`${set}, ${state}: ${row}`, peer, before.toFixed(2), after.toFixed(2), percent(loss)]),
  ]))
  const lostBytes = compareBytes(kept, now).filter(isLost)
  const again = first.filter(isLost)
  const second = again.length === 0 ? [] : compareRows(kept, measured(planOf(again), kept, ROUNDS_AGAIN))
  // A row that is missing the second time counts as lost.
  const lost = again.filter((row) => isLost(second.find((other) => isSame(row, other)) ?? row))
  for (const { set, state, row, peer } of lost) {
    const last = second.find((other) => isSame(other, { set, state, row } as Comparison))
    const change = last === undefined ? 'not measured' : percent(last.loss)
    console.log(`LOST ${set}, ${state}: ${row}: ${change} beside ${peer}`)
  }
  for (const { set, what, loss } of lostBytes) {
    console.log(`LOST ${set}: ${(100 * loss).toFixed(0)} % more bytes ${what}`)
  }
  for (const failure of now.failures) console.log(`FAILED ${failure}`)
  console.log(`load of the machine at the start: ${now.machine.load}; when the figures were kept: ${kept.machine.load}`)
  console.log(`${first.length} rows, ${again.length} measured again, ${lost.length + lostBytes.length} lost`)
  process.exitCode = lost.length + lostBytes.length + now.failures.length > 0 ? 1 : 0
}

main()
