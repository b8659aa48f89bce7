/**
 * What: every limit for callers and for bytes on disk. Units are bytes unless the name says otherwise.
 * A limit read from disk is checked before anything is allocated.
 */

export const KiB = 1024
export const MiB = 1024 * 1024
export const GiB = 1024 * 1024 * 1024

/** The longest key, since its length is a u16 on disk. Empty keys are legal. */
export const KEY_BYTES_MAX = 65_535
/** The longest value. It is far below the 2^31 - 1 bytes that one write call takes. */
export const VALUE_BYTES_MAX = GiB
/** The largest encoded batch, with its frame. */
export const BATCH_BYTES_MAX = GiB + 64 * MiB
/** The most operations in one batch. The frame's count is a u32; the lower limit keeps the memtable's ids small. */
export const BATCH_COUNT_MAX = 2 ** 24
/** The longest position, the caller's bytes that go along with a batch. */
export const POSITION_BYTES_MAX = 4096
/** The largest file, since offsets are u32 on disk. */
export const FILE_BYTES_MAX = 2 ** 32 - 8
/** The largest number in a u64 field: all of them are safe integers. */
export const NUMBER_MAX = Number.MAX_SAFE_INTEGER
/**
 * The largest file number, iteration of the marker and generation of the lock. A million a second would take
 * nine years to get there. So Varve did not make a larger one, which must not use up the numbers behind it.
 */
export const NAME_NUMBER_MAX = 2 ** 48 - 1
/** The largest sequence number. Halfway between two of them a fraction is still exact. */
export const SEQ_NUM_MAX = 2 ** 51 - 1
/** A manifest larger than this is not believed. */
export const MANIFEST_BYTES_MAX = GiB

/** A value of this length or more has a checksum of its own in its log. On disk: do not change. */
export const VALUE_CHECKSUM_BYTES_MIN = 4 * KiB

/** The smallest `valueThreshold` but 0. */
export const VALUE_THRESHOLD_MIN = 512

export const WRITE_BUFFER_BYTES_MIN = 64 * KiB
export const WRITE_BUFFER_BYTES_MAX = 2 * GiB - 64 * KiB
export const WRITE_BUFFER_BYTES_DEFAULT = 32 * MiB
/** The largest `maxOpenFiles`. */
export const OPEN_FILES_MAX = 1024 * 1024
