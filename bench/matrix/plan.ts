/** What: which sessions run on which data set: everything on the base, and what must be known of each other set. */
import { BASE, DATA_SETS } from './data-set.js'
import type { DataSet } from './data-set.js'
import type { SessionName } from './sessions.js'

export interface PlannedSet {
  set: DataSet
  sessions: readonly SessionName[]
}

/** Engines of a run that names none. */
export const MATRIX_ENGINES: readonly string[] = [
  'varve', 'varve-lz4', 'classic-level', 'lmdb', 'better-sqlite3', 'rocksdb',
]

/** Sessions of sets that have more than reads. */
const SESSIONS_OF: Record<string, readonly SessionName[]> = {
  [BASE]: ['read', 'read zipf', 'live', 'cold', 'write', 'ycsb'],
  'JSON rows': ['read', 'write'],
  '2 M entries': ['read', 'read zipf', 'live', 'cold', 'write', 'ycsb'],
  '10 M entries': ['read', 'live', 'cold'],
}

export function fullPlan(): PlannedSet[] {
  return DATA_SETS.map((set) => ({ set, sessions: SESSIONS_OF[set.name] ?? ['read'] }))
}

/** What is measured before a release: every kind of row, in the cache, and reads beyond it. */
export function checkPlan(): PlannedSet[] {
  const named = (name: string): DataSet => DATA_SETS.find((set) => set.name === name)!
  return [
    { set: named(BASE), sessions: ['read', 'live', 'write', 'ycsb'] },
    { set: named('2 M entries'), sessions: ['read'] },
  ]
}
