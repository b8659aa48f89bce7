/**
 * What: everything that can make writes slow or stop, by the name that statistics, events and metrics have for it.
 * Names are API: add, do not rename.
 */

/** Every cause of a stall. */
export const STALL_CAUSES = [
  'sealed memtables', 'large writes', 'ingest', 'sorted runs', 'level 0 tables', 'compaction debt', 'value log garbage',
] as const

/** Why writes are slow, or wait. */
export type StallCause = (typeof STALL_CAUSES)[number]
