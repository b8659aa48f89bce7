/** Rank 1: how bytes are packed. */
export { lz4OfThread } from './lz4.js'
export { LZ4_PLAIN_BYTES_MAX, LZ4_ROOM_AT } from './lz4-memory.js'
export type { Lz4 } from './lz4-memory.js'
