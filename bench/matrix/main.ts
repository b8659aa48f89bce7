/**
 * What: `npm run bench:matrix -- [options]` measures the whole matrix, or a part of it, and keeps the figures. The page
 * and the charts of the repository are made of them by `npm run bench:page`.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { chooseEngines, installPeers } from '../peers.js'
import { rootDir } from '../store.js'
import { DATA_SETS } from './data-set.js'
import { KEPT_FILE, readFigures, replaceSets, writeFigures } from './figures.js'
import type { Figures, RunSettings } from './figures.js'
import { fullPlan, MATRIX_ENGINES } from './plan.js'
import type { PlannedSet } from './plan.js'
import { MatrixRun } from './matrix-run.js'
import { SESSIONS } from './sessions.js'

/** Not in the repository. */
const PART_FILE = 'bench/results/matrix.json'

const HELP = `npm run bench:matrix -- [options]

  --sets TEXT,TEXT      data sets whose name begins with one of these (all)
${DATA_SETS.map(({ name, entryCount }) => `      ${name} (${entryCount} entries)`).join('\n')}
  --sessions A,B        of ${SESSIONS.filter((name) => name !== 'load').join(', ')} (all that a set has)
  --engines A,B         (${MATRIX_ENGINES.join(',')})
  --rounds N            (5)
  --seconds N           the time of a row (0.4)
  --warm N              the time before it, untimed (0.3)
  --scale N             all sets have so many times the entries (1)
  --dir DIR             where the databases go (.bench in the checkout)
  --keep                puts the sets that were measured into ${KEPT_FILE}; the others stay as they are there
  --json FILE           the figures (of the whole matrix ${KEPT_FILE}, which is in the repository; else ${PART_FILE})
`

function list(text: string): string[] {
  return text.split(',').filter((item) => item !== '')
}

function number(text: string, option: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${option} must be a number above 0, not ${text}`)
  return value
}

function chosenPlan(sets: readonly string[], sessions: readonly string[]): PlannedSet[] {
  return fullPlan()
    .filter(({ set }) => sets.length === 0 || sets.some((text) => set.name.startsWith(text)))
    .map((one) => ({
      set: one.set, sessions: one.sessions.filter((name) => sessions.length === 0 || sessions.includes(name)),
    }))
}

/** What is measured in another way does not stand beside what is kept. */
function checkSettings(settings: RunSettings): void {
  const kept = readFigures(path.join(rootDir, KEPT_FILE)).settings
  for (const name of ['rounds', 'seconds', 'warmSeconds'] as const) {
    if (settings[name] !== kept[name]) throw new Error(`--keep needs ${name} ${kept[name]}, as the kept figures have`)
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      sets: { type: 'string', default: '' },
      sessions: { type: 'string', default: '' },
      engines: { type: 'string', default: MATRIX_ENGINES.join(',') },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '0.4' },
      warm: { type: 'string', default: '0.3' },
      scale: { type: 'string', default: '1' },
      dir: { type: 'string', default: path.join(rootDir, '.bench') },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const engines = chooseEngines(list(values.engines))
  installPeers(engines)
  const settings = {
    rounds: number(values.rounds, '--rounds'), seconds: number(values.seconds, '--seconds'),
    warmSeconds: number(values.warm, '--warm'), scale: number(values.scale, '--scale'),
  }
  const dir = path.join(path.resolve(values.dir), `varve-matrix-${process.pid}`)
  const [sets, sessions] = [list(values.sets), list(values.sessions)]
  const isWhole = sets.length + sessions.length === 0 && settings.scale === 1
  const file = path.resolve(values.json ?? path.join(rootDir, isWhole ? KEPT_FILE : PART_FILE))
  mkdirSync(path.dirname(file), { recursive: true })
  if (values.keep && (sessions.length > 0 || settings.scale !== 1)) throw new Error('--keep takes whole sets')
  if (values.keep) checkSettings(settings)
  const save = (figures: Figures): void => writeFigures(file, figures)
  const figures = new MatrixRun(chosenPlan(sets, sessions), engines, settings, { dir, save }).all()
  console.log(`${figures.rows.length} rows: ${file}`)
  if (values.keep) {
    const kept = path.join(rootDir, KEPT_FILE)
    writeFigures(kept, replaceSets(readFigures(kept), figures))
  }
  for (const failure of figures.failures) console.log(`FAILED ${failure}`)
  process.exitCode = figures.failures.length > 0 ? 1 : 0
}

main()
