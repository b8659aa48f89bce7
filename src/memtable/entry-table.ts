/**
 * What: a table with 16 bytes about each entry of a memtable, in chunks that never move. So growth is one
 * small allocation, never a copy.
 *
 *   word 0  offset of the entry in the slab
 *   word 1  sequence number − base
 *   word 2  id + 1 of the next older version of the same key, 0 when there is none
 *   word 3  first 4 key bytes, big-endian, zero-padded: most comparisons end here
 *
 * Owns: the chunks. Thread: main.
 */

const CHUNK_SHIFT = 13
const ENTRY_WORDS = 4
const CHUNK_ENTRIES = 1 << CHUNK_SHIFT
const CHUNK_MASK = CHUNK_ENTRIES - 1

export class EntryTable {
  private readonly chunks: Uint32Array[] = []
  count = 0

  /** Appends what is known of an entry and returns its id. */
  add(offset: number, seqDelta: number, older: number, prefix: number): number {
    const id = this.count++
    let chunk = this.chunks[id >>> CHUNK_SHIFT]
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_ENTRIES * ENTRY_WORDS)
      this.chunks.push(chunk)
    }
    const at = (id & CHUNK_MASK) * ENTRY_WORDS
    chunk[at] = offset
    chunk[at + 1] = seqDelta
    chunk[at + 2] = older
    chunk[at + 3] = prefix
    return id
  }

  offset(id: number): number {
    return this.chunks[id >>> CHUNK_SHIFT]![(id & CHUNK_MASK) * ENTRY_WORDS]!
  }

  seqDelta(id: number): number {
    return this.chunks[id >>> CHUNK_SHIFT]![(id & CHUNK_MASK) * ENTRY_WORDS + 1]!
  }

  /** The id + 1 of the next older version of the same key, or 0. */
  older(id: number): number {
    return this.chunks[id >>> CHUNK_SHIFT]![(id & CHUNK_MASK) * ENTRY_WORDS + 2]!
  }

  prefix(id: number): number {
    return this.chunks[id >>> CHUNK_SHIFT]![(id & CHUNK_MASK) * ENTRY_WORDS + 3]!
  }

  get memoryBytes(): number {
    return this.chunks.length * CHUNK_ENTRIES * ENTRY_WORDS * 4
  }
}
