/**
 * What: the two jobs that put memtable entries in order: sort a chunk, merge runs.
 * Thread: any. Input and output are shared memory, so nothing is copied between threads.
 */
import { entryKeyEnd, entryKeyStart, keyHead, runToEnd, sharedPrefixLength } from '../base/index.js'
import { compareEntryKeys, keyWord, sortEntries } from './entry-sort.js'

/** The ids and offsets of entries in key order, newest first among equal keys. */
export interface Run {
  ids: Uint32Array
  offsets: Uint32Array
}

/** The heads of every so many entries of a run are kept: a search by them ends among so many. */
export const HEAD_STRIDE = 8

/** A run with heads of some keys, so that few keys are looked at to find one. */
export interface HeadedRun extends Run {
  /** The head of every eighth key, behind the first `sharedBytes`; empty when none are kept. */
  heads: Float64Array
  /** Count of the leading bytes that all keys share. */
  sharedBytes: number
}

export interface SortRunInput {
  slab: SharedArrayBuffer
  /** Offsets of the entries, in arrival order. */
  offsets: Uint32Array
  /** The id of the first entry. The others follow it. */
  firstId: number
}

export function* sortRun(input: SortRunInput): Generator<undefined, HeadedRun, unknown> {
  return sortNow(new Uint8Array(input.slab), input.offsets, input.firstId)
}

/** Sorts entries at once on this thread. */
export function sortNow(bytes: Uint8Array, offsets: Uint32Array, firstId: number): HeadedRun {
  const order = sortEntries(bytes, offsets)
  const run = newHeadedRun(order.length)
  for (let i = 0; i < order.length; i++) {
    run.ids[i] = order[i]! + firstId
    run.offsets[i] = offsets[order[i]!]!
  }
  run.sharedBytes = order.length === 0 ? 0 : sharedKeyBytes(bytes, [run])
  for (let i = 0; i < order.length; i += HEAD_STRIDE) noteHead(run, bytes, i)
  return run
}

export function newRun(count: number): Run {
  return {
    ids: new Uint32Array(new SharedArrayBuffer(count * 4)),
    offsets: new Uint32Array(new SharedArrayBuffer(count * 4)),
  }
}

function newHeadedRun(count: number): HeadedRun {
  const bytes = Math.ceil(count / HEAD_STRIDE) * 8
  return { ...newRun(count), heads: new Float64Array(new SharedArrayBuffer(bytes)), sharedBytes: 0 }
}

/** Keeps the head of entry i. Requires: i is a multiple of the stride. */
function noteHead(run: HeadedRun, bytes: Uint8Array, i: number): void {
  const offset = run.offsets[i]!
  const start = entryKeyStart(bytes, offset) + run.sharedBytes
  run.heads[i / HEAD_STRIDE] = keyHead(bytes, start, entryKeyEnd(bytes, offset))
}

export interface MergeRunsInput {
  slab: SharedArrayBuffer
  /** The runs, oldest first, so that every id of a later run is higher. */
  runs: Run[]
}

const ENTRIES_PER_PAUSE = 2048

interface Head {
  run: Run
  at: number
  /** Four key bytes of the entry at `at`, behind the bytes that all keys share. */
  word: number
}

/** Merges all runs into one, with a pause now and then. Requires: there is an entry. */
export function* mergeRuns(input: MergeRunsInput): Generator<undefined, HeadedRun, unknown> {
  const bytes = new Uint8Array(input.slab)
  const total = input.runs.reduce((sum, run) => sum + run.ids.length, 0)
  const merged = newHeadedRun(total)
  const depth = sharedKeyBytes(bytes, input.runs)
  merged.sharedBytes = depth
  // The newest run comes first, since it wins among equal keys.
  let heads: Head[] = input.runs.map((run) => ({ run, at: 0, word: keyWord(bytes, run.offsets[0]!, depth) })).reverse()
  for (let i = 0; i < total; i++) {
    let best = heads[0]!
    for (let h = 1; h < heads.length; h++) if (isBefore(bytes, heads[h]!, best)) best = heads[h]!
    const { ids, offsets } = best.run
    merged.ids[i] = ids[best.at]!
    merged.offsets[i] = offsets[best.at]!
    if (i % HEAD_STRIDE === 0) noteHead(merged, bytes, i)
    if (++best.at === ids.length) heads = heads.filter((head) => head !== best)
    else best.word = keyWord(bytes, offsets[best.at]!, depth)
    if (i % ENTRIES_PER_PAUSE === 0) yield
  }
  return merged
}

/** Merges runs at once on this thread. */
export function mergeNow(slab: SharedArrayBuffer, runs: Run[]): HeadedRun {
  return runToEnd(mergeRuns({ slab, runs }))
}

/** The count of leading bytes that all keys share. The first and last key of each run tell it. */
function sharedKeyBytes(bytes: Uint8Array, runs: readonly Run[]): number {
  const first = runs[0]!.offsets[0]!
  const firstStart = entryKeyStart(bytes, first)
  let shared = entryKeyEnd(bytes, first) - firstStart
  for (const { offsets } of runs) {
    for (const offset of [offsets[0]!, offsets[offsets.length - 1]!]) {
      shared = sharedPrefixLength(
        bytes, firstStart, firstStart + shared, bytes, entryKeyStart(bytes, offset), entryKeyEnd(bytes, offset),
      )
    }
  }
  return shared
}

function isBefore(bytes: Uint8Array, a: Head, b: Head): boolean {
  if (a.word !== b.word) return a.word < b.word
  return compareEntryKeys(bytes, a.run.offsets[a.at]!, b.run.offsets[b.at]!) < 0
}
