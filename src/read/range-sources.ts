/**
 * What: the sources that a walk over a range merges: memtables, and of each sorted run the tables that can have keys of
 * the range, by their extents and prefix filters.
 * Does not own: the read state, which the walk holds. Thread: main.
 * Invariants: READ-4 tables outside the range are never opened. PRE-1 the walk gives the same as without prefix
 * filters: what range tombstones hide is told by the read state, not by the tables that are opened.
 */
import type { InternalIterator, SeqNum } from '../base/index.js'
import { ConcatIterator, mergeAged, mergeIterators, SpanCover } from '../iterator/index.js'
import type { KeyRange } from '../iterator/index.js'
import { extentOfRange } from '../manifest/index.js'
import { PrefixQuery } from '../sstable/index.js'
import type { Table } from '../sstable/index.js'
import type { ReadState } from './read-state.js'
import type { Iterators } from './read-view.js'

/** Serves one walk after the other. */
const query = new PrefixQuery()

/** What range tombstones hide from a walk that begins now; null when there are none. */
export function coverOf({ memtables, spanSources }: ReadState, seqNum: SeqNum): SpanCover | null {
  let sources = spanSources
  for (const memtable of memtables) {
    // A set of a memtable is a source of its own, as they overlap.
    if (memtable.spanCount > 0) sources = [...sources, ...memtable.spansNow.map((spans) => [spans])]
  }
  return sources.length === 0 ? null : new SpanCover(sources, seqNum)
}

/**
 * Opens what has keys of the range. With a cover, the tables at the ends of the range that it hides wholly are left
 * out, and the sources tell how old they are, so those with old entries alone may be passed.
 */
export function openSources(
  iterators: Iterators, { memtables, runs }: ReadState, range: KeyRange, cover: SpanCover | null,
): InternalIterator {
  const isCovered = cover !== null
  const children: InternalIterator[] = []
  const largestSeqNums: SeqNum[] = []
  for (const memtable of memtables) {
    if (memtable.entryCount === 0) continue
    children.push(memtable.iterator())
    if (isCovered) largestSeqNums.push(memtable.lastSeqNum)
  }
  const extent = extentOfRange(range)
  query.begin(range.lower, range.upper)
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i]!
    let start = run.firstIn(extent)
    let end = run.endIn(extent, start)
    while (start < end && !mayHave(run.tables[start]!, cover)) start++
    while (start < end && !mayHave(run.tables[end - 1]!, cover)) end--
    if (start === end) continue
    iterators.tableCount += end - start
    // One table, the usual case for a short range, needs no iterator that goes from table to table.
    const isOne = end - start === 1
    children.push(isOne ? run.tables[start]!.iterator() : new ConcatIterator(run, openIterator, start, end))
    if (isCovered) largestSeqNums.push(isOne ? largestOf(run.tables[start]!) : Infinity)
  }
  return isCovered ? mergeAged(children, largestSeqNums) : mergeIterators(children)
}

/** False when the table has nothing that a walk over the range may give. */
function mayHave({ prefixFilter, facts }: Table, cover: SpanCover | null): boolean {
  if (prefixFilter !== null && !query.allows(prefixFilter)) return false
  return cover === null || !cover.hidesAll(facts.smallestKey, facts.largestKey, facts.largestSeqNum)
}

const openIterator = (table: Table): InternalIterator => table.iterator()
const largestOf = ({ facts }: Table): SeqNum => facts.largestSeqNum
