/**
 * What: every place of a read state that has something of one key, newest first, for people who ask why a key has the
 * value that it has. What wins is the first place at or below the moment; a range tombstone is a place, too.
 * Thread: main; reads block.
 */
import {
  EntryKind, expiryOf, frontBytes, handleFileNum, handleLength, handleOffset, handleProblem, kindOf, logFileName,
  tableFileName,
} from '../base/index.js'
import type { PointResult, SeqNum } from '../base/index.js'
import type { Spans } from '../iterator/index.js'
import type { ReadState } from './read-state.js'

/** Where a version stands. */
export type KeySource =
  | { readonly kind: 'log'; readonly file: string; readonly offset: number }
  | {
    readonly kind: 'table'; readonly file: string; readonly level: number; readonly block: number
    readonly offset: number
  }
  /** A range tombstone, of which only the file is told. */
  | { readonly kind: 'spans'; readonly file: string; readonly level: number | null }

/** A place that has something of the key. */
export interface KeyPlace {
  readonly seqNum: SeqNum
  readonly what: 'put' | 'del' | 'delRange'
  readonly source: KeySource
  /** Bytes of the value; null of a deletion. */
  readonly valueBytes: number | null
  /** When it expires, in milliseconds since 1970; 0: never, or no value. */
  readonly expiresMs: number
  /** Where a large value stands; null when it stands in the place itself, or the handle is bad. */
  readonly handle: { readonly fileNum: number; readonly offset: number; readonly bytes: number } | null
  /** The bounds of the part of a range tombstone that has the key; null for the others. */
  readonly range: { readonly from: Uint8Array; readonly to: Uint8Array | null } | null
}

/** Finds them all. Throws what a read throws. */
export function findKey(state: ReadState, key: Uint8Array): KeyPlace[] {
  const places: KeyPlace[] = []
  for (const memtable of state.memtables) {
    const file = logFileName(memtable.logNum)
    if (memtable.isEmpty) continue
    for (const version of memtable.versionsOf(key)) {
      places.push(placeOf(version, { kind: 'log', file, offset: version.offset }))
    }
    for (const spans of memtable.spansNow) places.push(...coversOf(spans, key, { kind: 'spans', file, level: null }))
  }
  const levels = state.version.levels.flatMap(({ runs }, level) => runs.map(() => level))
  for (const [i, run] of state.runs.entries()) {
    const level = levels[i]!
    const table = run.tableFor(key, 0, key.length)
    if (table === null) continue
    const file = tableFileName(table.facts.fileNum)
    for (const version of table.versionsOf(key)) {
      const { block, offset } = version
      places.push(placeOf(version, { kind: 'table', file, level, block, offset }))
    }
    if (table.spans !== null) places.push(...coversOf(table.spans, key, { kind: 'spans', file, level }))
  }
  return places.sort((a, b) => b.seqNum - a.seqNum)
}

function placeOf(version: PointResult & { seqNum: SeqNum }, source: KeySource): KeyPlace {
  const { seqNum, kind, valueBytes, valueStart, valueEnd } = version
  const base = { seqNum, source, range: null, handle: null, valueBytes: null, expiresMs: 0 }
  if (kindOf(kind) === EntryKind.tombstone) return { ...base, what: 'del' }
  const expiresMs = expiryOf(kind, valueBytes, valueStart)
  const start = valueStart + frontBytes(kind)
  if (kindOf(kind) !== EntryKind.valueHandle) {
    return { ...base, what: 'put', expiresMs, valueBytes: valueEnd - start }
  }
  if (handleProblem(valueBytes, start, valueEnd) !== null) return { ...base, what: 'put', expiresMs }
  const bytes = handleLength(valueBytes, start)
  const handle = { fileNum: handleFileNum(valueBytes, start), offset: handleOffset(valueBytes, start), bytes }
  return { ...base, what: 'put', expiresMs, valueBytes: bytes, handle }
}

/** Every range tombstone of a source over the key. */
function coversOf(spans: Spans, key: Uint8Array, source: KeySource): KeyPlace[] {
  const i = spans.firstEndingBehind(key, 0, key.length)
  if (i === spans.count || spans.beginsBehind(i, key, 0, key.length)) return []
  const range = { from: spans.lower(i), to: spans.upper(i) }
  return Array.from(spans.numbers.subarray(spans.firsts[i], spans.firsts[i + 1]), (seqNum) => {
    return { seqNum, what: 'delRange', source, range, handle: null, valueBytes: null, expiresMs: 0 }
  })
}
