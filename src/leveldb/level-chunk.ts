/**
 * What: entries that leave together. Keys and small values stand in one piece of memory, which is made anew for each
 * chunk; a large value stays where it is, and whoever has put it there lets that memory go.
 * Thread: one.
 */
import { KiB } from '../base/index.js'
import type { LevelCursor } from './level-cursor.js'
import type { LevelEntry } from './level-options.js'
import { copyRange } from './stored-entries.js'

const CHUNK_BYTES = 256 * KiB
const CHUNK_ENTRIES = 4096
/** Values from here on are not copied. */
const LARGE_VALUE_BYTES = 64 * KiB

export class LevelChunk {
  entries: LevelEntry[] = []
  /** Bytes of their keys and values. */
  entryBytes = 0
  private room = new Uint8Array()
  private used = 0

  /** Takes the entry; false when the chunk is full. */
  add(cursor: LevelCursor): boolean {
    const { key, keyStart, keyEnd, bytes, valueStart, valueEnd } = cursor
    const [keyBytes, valueBytes] = [keyEnd - keyStart, valueEnd - valueStart]
    if (this.entries.length > 0 && this.isFullFor(keyBytes + valueBytes)) return false
    const isLarge = valueBytes >= LARGE_VALUE_BYTES
    const copied = isLarge ? keyBytes : keyBytes + valueBytes
    if (this.used + copied > this.room.length) this.makeRoom(copied)
    const { room, used } = this
    copyRange(key, keyStart, keyEnd, room, used)
    const ownKey = new Uint8Array(room.buffer, used, keyBytes)
    let value: Uint8Array
    if (isLarge) {
      cursor.giveBytes()
      value = new Uint8Array(bytes.buffer, bytes.byteOffset + valueStart, valueBytes)
    } else {
      copyRange(bytes, valueStart, valueEnd, room, used + keyBytes)
      value = new Uint8Array(room.buffer, used + keyBytes, valueBytes)
    }
    this.used += copied
    this.entryBytes += keyBytes + valueBytes
    this.entries.push({ key: ownKey, value })
    return true
  }

  private isFullFor(bytes: number): boolean {
    return this.entries.length >= CHUNK_ENTRIES || this.entryBytes + bytes > CHUNK_BYTES
  }

  private makeRoom(bytes: number): void {
    this.room = new Uint8Array(Math.max(bytes, CHUNK_BYTES))
    this.used = 0
  }

  /** Gives the entries, and begins anew. */
  take(): LevelEntry[] {
    const { entries } = this
    this.entries = []
    this.entryBytes = 0
    this.room = new Uint8Array()
    this.used = 0
    return entries
  }
}
