/** What: which rows of the matrix stand in which part of the page. */
import { BASE } from './data-set.js'
import { rowNames } from './figures.js'
import type { Figures, RowName } from './figures.js'
import { ROW } from './rows.js'
import { MIXES } from './ycsb.js'

/** The sets that are read in every state. */
export const STATE_SETS: readonly string[] = [BASE, '2 M entries', '10 M entries']

export interface PageRows {
  /** Reads in every state, of the sets that have more than one. */
  states: RowName[]
  /** Reads of the sets that differ in keys, values or size, and with skew. */
  shapes: RowName[]
  ycsb: RowName[]
  writes: RowName[]
}

const WRITES: readonly string[] = [ROW.fill, ROW.bulkFill, ROW.overwrite, ROW.put, ROW.putMany]

function isMix({ row }: RowName): boolean {
  return MIXES.some((mix) => mix.row === row)
}

function isWrite({ row }: RowName): boolean {
  return WRITES.includes(row)
}

export function pageRows(figures: Figures): PageRows {
  const names = rowNames(figures)
  const reads = names.filter((name) => !isMix(name) && !isWrite(name))
  const isState = ({ set, state }: RowName): boolean => STATE_SETS.includes(set) && !state.includes('zipf')
  return {
    states: reads.filter(isState), shapes: reads.filter((name) => !isState(name)),
    ycsb: names.filter(isMix), writes: names.filter(isWrite),
  }
}

export function withSet({ set, state, row }: RowName): string {
  return `${set}, ${state}: ${row}`
}

/** The mixes of YCSB have one state each, so their name is enough. */
export function withState(name: RowName): string {
  return isMix(name) ? name.row : `${name.state}: ${name.row}`
}

export function setAndRow({ set, row }: RowName): string {
  return `${set}: ${row}`
}
