/**
 * What: entries that leave together. Keys stand in memory of the chunk's own, since tables hold them in pieces; values
 * stay where they were read or unpacked, and nothing else is put there.
 * Thread: one.
 */
import { KiB } from '../base/index.js'
import type { LevelCursor } from './level-cursor.js'
import type { LevelEntry } from './level-options.js'
import { copyRange } from './stored-entries.js'

const CHUNK_BYTES = 256 * KiB
const CHUNK_ENTRIES = 2048
const KEYS_BYTES = 32 * KiB

export class LevelChunk {
  entries: LevelEntry[] = []
  /** Bytes of their keys and values. */
  entryBytes = 0
  /** Memory for keys, and where the next one goes. */
  private keys = new Uint8Array()
  private used = 0

  /** Takes the entry; false when the chunk is full. */
  add(cursor: LevelCursor): boolean {
    const { keyStart, keyEnd, bytes, valueStart } = cursor
    const keyBytes = keyEnd - keyStart
    const valueBytes = cursor.valueEnd - valueStart
    const count = this.entries.length
    if (count > 0 && (count >= CHUNK_ENTRIES || this.entryBytes + keyBytes + valueBytes > CHUNK_BYTES)) return false
    if (this.used + keyBytes > this.keys.length) {
      this.keys = new Uint8Array(Math.max(keyBytes, KEYS_BYTES))
      this.used = 0
    }
    copyRange(cursor.key, keyStart, keyEnd, this.keys, this.used)
    this.entries.push({
      key: new Uint8Array(this.keys.buffer, this.used, keyBytes),
      value: new Uint8Array(bytes.buffer, bytes.byteOffset + valueStart, valueBytes),
    })
    this.used += keyBytes
    this.entryBytes += keyBytes + valueBytes
    return true
  }

  /** Gives the entries, and begins anew. */
  take(): LevelEntry[] {
    const { entries } = this
    this.entries = []
    this.entryBytes = 0
    return entries
  }
}
