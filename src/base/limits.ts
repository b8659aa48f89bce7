/**
 * What: every limit that bytes on disk or callers must keep. Units are bytes unless the name says otherwise.
 * A limit read from disk is checked before anything is allocated.
 */

export const KiB = 1024
export const MiB = 1024 * 1024
export const GiB = 1024 * 1024 * 1024

/** A key's length is a u16 on disk. Empty keys are legal. */
export const KEY_BYTES_MAX = 65_535
/** One value; far below the 2^31 - 1 bytes that one write call takes. */
export const VALUE_BYTES_MAX = GiB
/** One encoded batch, with its frame. */
export const BATCH_BYTES_MAX = GiB + 64 * MiB
/** Operations in one batch: the frame's count is a u32, this keeps the memtable's ids small. */
export const BATCH_COUNT_MAX = 2 ** 24
/** The caller's position in a history of his own, which goes along with a batch. */
export const POSITION_BYTES_MAX = 4096
/** Offsets are u32 on disk. */
export const FILE_BYTES_MAX = 2 ** 32 - 8
/** Whatever is counted in a u64 field is a safe integer. */
export const NUMBER_MAX = Number.MAX_SAFE_INTEGER
/**
 * File numbers, iterations of the marker and generations of the lock. A million a second would take
 * nine years: a larger one was not made by us, and must not use up what comes behind it.
 */
export const NAME_NUMBER_MAX = 2 ** 48 - 1
/** Sequence numbers: between two of them a fraction is still exact. */
export const SEQ_NUM_MAX = 2 ** 51 - 1
/** A manifest larger than this is not believed. */
export const MANIFEST_BYTES_MAX = GiB

export const WRITE_BUFFER_BYTES_MIN = 64 * KiB
export const WRITE_BUFFER_BYTES_MAX = 2 * GiB - 64 * KiB
export const WRITE_BUFFER_BYTES_DEFAULT = 32 * MiB
/** The largest `maxOpenFiles`. */
export const OPEN_FILES_MAX = 1024 * 1024
