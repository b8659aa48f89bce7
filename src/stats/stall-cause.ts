/**
 * What: everything that can make writes slow or stop, by the name that statistics, events and metrics have for it.
 * Names are API: add, do not rename.
 */

/** Why writes are slow, or wait. */
export type StallCause =
  | 'sealed memtables' | 'large writes' | 'ingest' | 'sorted runs' | 'level 0 tables' | 'compaction debt'
  | 'value log garbage'

const EACH: Readonly<Record<StallCause, true>> = {
  'sealed memtables': true, 'large writes': true, ingest: true, 'sorted runs': true, 'level 0 tables': true,
  'compaction debt': true, 'value log garbage': true,
}

/** Every cause of a stall. */
export const STALL_CAUSES = Object.keys(EACH) as readonly StallCause[]
