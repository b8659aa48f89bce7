/** What: made-up figures of a small run, for tests of what is made of figures. */
import { BASE } from './data-set.js'
import type { Figures, RowFigures } from './figures.js'
import { ROW } from './rows.js'
import { MIXES } from './ycsb.js'

const ENGINES: Record<string, number> = { varve: 1, 'classic-level': 0.4, lmdb: 0.8 }
const ENTRY_COUNTS: Record<string, number> = { [BASE]: 1000, '2 M entries': 4000, 'uuid keys': 1000 }
const ROUNDS = [1, 1.1, 0.95]

function rowOf(engine: string, speed: number, name: Pick<RowFigures, 'set' | 'session' | 'state' | 'row'>): RowFigures {
  const rates = ROUNDS.map((round) => Math.round(1e5 * speed * round))
  const times = (us: number): number[] => rates.map((rate) => Number((us * (1e5 / rate)).toPrecision(4)))
  return {
    ...name, engine, perSecond: rates, cpuUs: times(10), p50Us: times(9), p99Us: times(40), p999Us: times(300),
    loopP99Ms: times(1.5), loopMaxMs: times(12),
  }
}

/** Gives new figures each time, so that a test may change them. */
export function sampleFigures(): Figures {
  const figures: Figures = {
    format: 1, when: '2026-01-02T03:04:05.000Z',
    machine: { cpu: 'a processor', cores: 2, memoryGiB: 8, system: 'linux x64 6', node: 'v20.20.2', load: 0.1 },
    versions: Object.fromEntries(Object.keys(ENGINES).map((engine) => [engine, '1.2.3'])),
    settings: { rounds: ROUNDS.length, seconds: 0.4, warmSeconds: 0.3, scale: 1 },
    entryCounts: ENTRY_COUNTS, rows: [], sessions: [], loads: [], failures: [],
  }
  for (const [set, entryCount] of Object.entries(ENTRY_COUNTS)) {
    for (const [engine, speed] of Object.entries(ENGINES)) addSet(figures, { set, entryCount, engine, speed })
  }
  return figures
}

interface Sample {
  set: string
  entryCount: number
  engine: string
  speed: number
}

function addSet(figures: Figures, { set, entryCount, engine, speed }: Sample): void {
  const add = (session: RowFigures['session'], state: string, row: string, factor = 1): void => {
    figures.rows.push(rowOf(engine, speed * factor, { set, session, state, row }))
  }
  add('load', 'empty', ROW.fill)
  add('read', 'loaded', ROW.get)
  // In short ranges Varve is the slower one.
  add('read', 'loaded', ROW.seek10, engine === 'varve' ? 0.5 : 1)
  if (set === BASE) {
    add('live', 'written', ROW.get)
    add('write', 'loaded', ROW.put)
    for (const { row } of MIXES) add('ycsb', 'loaded, zipf', row)
  }
  const liveBytes = entryCount * 116
  const putBytes = liveBytes
  figures.loads.push({
    set, engine, ackedSeconds: 1 / speed, settledSeconds: 1.5 / speed, cpuSeconds: 1.2 / speed, putBytes,
    written: { callBytes: putBytes * 2, diskBytes: putBytes * 1.9 }, liveBytes, keptBytes: liveBytes * 1.2,
  })
  const writerPart = set === BASE ? ROUNDS.map((round) => Math.min(1, round * speed)) : []
  const sessions = set === BASE ? ['read', 'live'] as const : ['read'] as const
  for (const session of sessions) {
    figures.sessions.push({
      set, session, engine, openMs: ROUNDS.map((round) => 10 * round), firstGetMs: [1, 1, 1],
      memoryBytes: [2 ** 26, 2 ** 26, 2 ** 26], keptBytes: [liveBytes, liveBytes, liveBytes], writerPart,
    })
  }
}
