/**
 * What: the data sets that the matrix measures on: how many entries, what their keys and values look like. The base is
 * half a million entries of 16 + 100 bytes, which fit the block cache; each other set differs from it in one thing, or
 * in its size and one more.
 */

/** Bytes of block cache and of write buffer that every engine gets which has them to set. */
export const BLOCK_CACHE_BYTES = 80 * 2 ** 20
export const WRITE_BUFFER_BYTES = 32 * 2 ** 20

/** Random and ordered keys are 16 digits; ordered ones are loaded in order, all others in random order. */
export type KeyForm = 'random' | 'ordered' | 'uuid' | 'path'

/** Half of each value is random and the rest repeats; or it is a row of JSON. */
export type ValueForm = 'half' | 'json'

/** How much data there is, beside the block cache. */
export type Size = 'small' | 'cached' | '3 x cache' | '10 x cache' | '10 M entries'

export interface DataSet {
  name: string
  size: Size
  entryCount: number
  keys: KeyForm
  valueBytes: number
  values: ValueForm
  /** The set that this one continues: the same entries and more, so it is loaded on top of it. */
  grownFrom?: string
}

/** Entries of 16 + 100 bytes of each size. */
const ENTRY_COUNTS: Record<Size, number> = {
  small: 100_000, cached: 500_000, '3 x cache': 2_000_000, '10 x cache': 7_000_000, '10 M entries': 10_000_000,
}
const KEY_BYTES = 16
const VALUE_BYTES = 100
/** Large values are measured with as many bytes, however few entries that makes. */
const ENTRY_COUNT_MAX = 10_000_000

export const BASE = 'base'

function dataSet(name: string, size: Size, more: Partial<DataSet> = {}): DataSet {
  const { valueBytes = VALUE_BYTES } = more
  const bytes = ENTRY_COUNTS[size] * (KEY_BYTES + VALUE_BYTES)
  const entryCount = Math.min(ENTRY_COUNT_MAX, Math.round(bytes / (KEY_BYTES + valueBytes)))
  return { name, size, entryCount, keys: 'random', valueBytes, values: 'half', ...more }
}

/** The data sets, in the order in which they are measured: one that another grows from comes before it. */
export const DATA_SETS: readonly DataSet[] = [
  dataSet(BASE, 'cached'),
  dataSet('100 k entries', 'small'),
  dataSet('ordered keys', 'cached', { keys: 'ordered' }),
  dataSet('uuid keys', 'cached', { keys: 'uuid' }),
  dataSet('path keys', 'cached', { keys: 'path' }),
  dataSet('JSON rows', 'cached', { valueBytes: 215, values: 'json' }),
  dataSet('20 B values', 'cached', { valueBytes: 20 }),
  dataSet('1 KiB values', 'cached', { valueBytes: 1024 }),
  dataSet('4 KiB values', 'cached', { valueBytes: 4096 }),
  dataSet('16 KiB values', 'cached', { valueBytes: 16_384 }),
  dataSet('64 KiB values', 'cached', { valueBytes: 65_536 }),
  dataSet('20 B values, 3 x cache', '3 x cache', { valueBytes: 20 }),
  dataSet('1 KiB values, 3 x cache', '3 x cache', { valueBytes: 1024 }),
  dataSet('16 KiB values, 3 x cache', '3 x cache', { valueBytes: 16_384 }),
  dataSet('64 KiB values, 3 x cache', '3 x cache', { valueBytes: 65_536 }),
  dataSet('2 M entries', '3 x cache'),
  dataSet('7 M entries', '10 x cache', { grownFrom: '2 M entries' }),
  dataSet('10 M entries', '10 M entries', { grownFrom: '7 M entries' }),
]

/** Gives the set with fewer entries, for a try of the machinery. */
export function scaled(set: DataSet, scale: number): DataSet {
  return { ...set, entryCount: Math.max(100, Math.round(set.entryCount * scale)) }
}
