/**
 * What: open-addressing hash index from key hash to the newest entry of the key, in 64 segments by the
 * hash's top bits. Each segment doubles alone, so no single insert moves more than a 64th of the index.
 *
 * A slot is two words, signed as the hash is: id + 1 (0 when it is empty) and the hash. Probing is linear; a segment
 * is at most 3/4 full.
 * Owns: the segments. Does not own: the keys; the caller compares them. Thread: main.
 */

const SEGMENT_BITS = 6
const SEGMENT_COUNT = 1 << SEGMENT_BITS
const SEGMENT_SLOTS_MIN = 64

export class HashIndex {
  private readonly segments: Int32Array[] = []
  private readonly counts = new Uint32Array(SEGMENT_COUNT)
  private wordCount: number
  /** Index of the first word of the slot where the last `find` or `next` stopped. */
  private at = 0
  private segment: Int32Array
  private number = 0

  /** Makes an index with room for about `expectedKeys` keys. */
  constructor(expectedKeys = 0) {
    let slots = SEGMENT_SLOTS_MIN
    while (slots * 3 < (expectedKeys / SEGMENT_COUNT) * 4) slots *= 2
    for (let i = 0; i < SEGMENT_COUNT; i++) this.segments.push(new Int32Array(slots * 2))
    this.segment = this.segments[0]!
    this.wordCount = SEGMENT_COUNT * slots * 2
  }

  /** Gives the first id + 1 whose hash is equal, or 0. Continue with `next` while the key differs. */
  find(hash: number): number {
    this.number = hash >>> (32 - SEGMENT_BITS)
    const segment = this.segments[this.number]!
    this.segment = segment
    const mask = segment.length - 1
    let at = (hash << 1) & mask
    for (;;) {
      const id = segment[at]!
      if (id === 0 || segment[at + 1] === hash) {
        this.at = at
        return id
      }
      at = (at + 2) & mask
    }
  }

  next(hash: number): number {
    const segment = this.segment
    const mask = segment.length - 1
    let at = (this.at + 2) & mask
    for (;;) {
      const id = segment[at]!
      if (id === 0 || segment[at + 1] === hash) {
        this.at = at
        return id
      }
      at = (at + 2) & mask
    }
  }

  /**
   * Puts `id` where the last `find` or `next` stopped: it replaces the older version's id, or takes the
   * empty slot. Requires: nothing else was called in between.
   */
  put(hash: number, id: number): void {
    const segment = this.segment
    const isNew = segment[this.at] === 0
    segment[this.at] = id + 1
    segment[this.at + 1] = hash
    if (!isNew) return
    const count = ++this.counts[this.number]!
    if (count * 8 > segment.length * 3) this.grow(this.number)
  }

  private grow(number: number): void {
    const old = this.segments[number]!
    const grown = new Int32Array(old.length * 2)
    const mask = grown.length - 1
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] === 0) continue
      let at = (old[i + 1]! << 1) & mask
      while (grown[at] !== 0) at = (at + 2) & mask
      grown[at] = old[i]!
      grown[at + 1] = old[i + 1]!
    }
    this.segments[number] = grown
    this.wordCount += grown.length - old.length
  }

  /** The count of different keys in the index. */
  get keyCount(): number {
    return this.counts.reduce((sum, count) => sum + count, 0)
  }

  get memoryBytes(): number {
    return this.wordCount * 4
  }
}
