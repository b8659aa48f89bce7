/**
 * What: the bytes of a manifest. On disk: do not change these numbers.
 *
 *   file   = file header (base/file-header.ts, magic 'varveman'), then frames (base/frame.ts)
 *   frame  = type editGroup: one or more edits that become true together; or type mark: no body
 *   number = the frame's first sequence number: 1 for the first frame, then rising by 1
 *   mark   = the bytes of this manifest that were synced when the frame was written (distance 0)
 *   body   = exactly `count` edits
 *
 *   edit     offset size                       field    offset size
 *                 0    4  bytes of the fields                0    2  tag
 *                 4       fields                             2    2  flags: 1 ignorable
 *                                                            4    4  bytes of the value
 *                                                            8       value
 *
 * The first group holds the whole version as one edit, applied to the empty version. A writer never has more
 * than one group that is not synced, so a bad place with a frame behind it is corruption.
 * A reader skips unknown fields that are ignorable, and refuses the file for any other.
 */

export const FieldTag = {
  /** Text: the name of the key order. The first group always has it. */
  keyOrder: 1,
  /** u64. */
  nextFileNum: 2,
  /** u64. */
  lastSeqNum: 3,
  /** u64. */
  logPointer: 4,
  /** Table record (table-record.ts). */
  addTable: 5,
  /** u32 level, u64 file number. */
  deleteTable: 6,
  /** u64 first log kept, then the name. */
  addPin: 7,
  /** Name. */
  removePin: 8,
  /** Opaque bytes. */
  position: 9,
  /** Record of a log (log-record.ts). */
  log: 10,
  /** Record of a value log (value-log-record.ts). */
  addValueLog: 11,
  /** u64 file number. */
  removeValueLog: 12,
  /** u64 file number, u64 values, u64 bytes. */
  discard: 13,
  /** Text. */
  settings: 14,
  /** Text; ignorable. It stands only in the first group, and in the last one before a clean close. */
  flushStats: 15,
  /** u64 up to when what expired may have been destroyed, in milliseconds since 1970; u64 last sequence number then. */
  dropTime: 16,
  /** Lineage (lineage.ts). It always stands in the first group, and nowhere else. */
  lineage: 20,
  /** u32 keyspace, u64 table that a scrub checked last, u64 ms since 1970 when it began; ignorable. */
  scrubPosition: 22,
  /** Two u32: the seed of the hashes of new tables. It is drawn once, and each new manifest repeats it. */
  hashSeed: 23,
  /** u32 code of the job, u64 wall clock then, in milliseconds since 1970 (edit-cause.ts); ignorable. */
  cause: 24,
  /** u64 wall clock at a clean close after which the clocks had agreed, in milliseconds since 1970. */
  closedAtMs: 26,
} as const

/** Numbers of fields that later versions may write; nothing else may use them. */
export const ReservedFieldTag = {
  addKeyspace: 17,
  dropKeyspace: 18,
  nextKeyspaceId: 19,
  remapOfValueFiles: 21,
  newLevelNumbers: 25,
} as const

/** Tags of the fields at the end of a table's record. They ascend, so each field stands once. */
export const RecordTag = {
  /** u64; ignorable. */
  hiddenCount: 1,
  /** u64; ignorable. */
  expiringCount: 2,
  /** u32 fragments of range tombstones; the first key that they delete, and the bound behind the last: empty, none. */
  spans: 3,
  /** Stretches of deleted keys: u32 count, then { u64 sequence number, lower, upper } each; ignorable. */
  widestSpans: 4,
  /** The database id, 16 bytes, and the file number, u64, which is 0, in the header of a table from outside. */
  origin: 5,
  /** u64: the sequence number that counts in place of each one in the file, which are 0. It stands with `origin`. */
  sequenceOverride: 6,
  /** u64; ignorable. */
  handleCount: 8,
  /** Eight u64; ignorable. */
  expiryOctiles: 10,
} as const

/** Numbers of record fields that later versions may write; nothing else may use them. */
export const ReservedRecordTag = {
  operandCount: 7,
  valueFilesAsDeltas: 9,
} as const

/** Flag of a field: a reader that does not know the field may skip it. */
export const FIELD_IGNORABLE = 1

/** Fields that are written with the flag `FIELD_IGNORABLE`. */
export const IGNORABLE_FIELDS: ReadonlySet<number> = new Set([
  FieldTag.flushStats, FieldTag.cause, FieldTag.scrubPosition,
])

/** Flag of a log record: exactly the bytes that it names count. */
export const LOG_EXACT = 1
/** Flag of a log record: without the log, or with fewer bytes of it, history has a hole. */
export const LOG_MUST_EXIST = 2

/** The most levels of a version. Counts above this limit and those below are never written, and not believed. */
export const LEVELS_MAX = 64
export const TABLES_MAX = 2 ** 20
export const VALUE_LOGS_MAX = 2 ** 20
export const VALUE_FILES_PER_TABLE_MAX = 2 ** 16
/** Stretches of deleted keys that a table's record tells of. */
export const WIDEST_SPANS_MAX = 16
export const LOGS_MAX = 2 ** 16
export const PINS_MAX = 1024
export const PIN_NAME_BYTES_MAX = 255
/** The most bytes that the settings, and the flush statistics, may have. */
export const TEXT_BYTES_MAX = 1024 * 1024
export const GROUPS_MAX = 2 ** 22

/** A manifest longer than this, and several times longer than when it began, is written anew. */
export const MANIFEST_ROLL_BYTES = 4 * 1024 * 1024
