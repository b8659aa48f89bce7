/**
 * What: the numbers that name things. All are safe integers (limits.ts), never bit-operated on.
 */

/** Names a log, table, manifest or value log of one database. New numbers rise; none is used twice. */
export type FileNum = number
/** Position of one entry in the history of the database. 0 is before everything. */
export type SeqNum = number
/** Number of a level: flushes arrive in 0, and data sinks to higher ones. */
export type LevelNum = number

/** Kinds of entries, in the lower half of a byte. They are on disk: do not change these numbers. */
export const EntryKind = {
  value: 1,
  tombstone: 2,
  /** The value is a handle of a value that stands in a value log. In logs it is that of a streamed value. */
  valueHandle: 3,
  /** The keys from the entry's key on, below its value, are deleted; an empty value is no bound. In logs alone. */
  rangeTombstone: 4,
  /** A change that is merged into the value before it. Reserved. */
  operand: 5,
  /** Reserved. */
  prepare: 6,
  /** Reserved. */
  commit: 7,
} as const
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind]
