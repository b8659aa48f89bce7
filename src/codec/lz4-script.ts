/**
 * What: LZ4 without WebAssembly, for where there is none; and what the other implementation is compared with.
 * Owns: its memory.
 * Thread: one. Nothing is allocated for a call.
 */
import { LZ4_MEMORY_BYTES, LZ4_TABLE_SLOTS } from './lz4-memory.js'
import type { Lz4 } from './lz4-memory.js'

/** A shorter match is not told. */
const MATCH_BYTES_MIN = 4
/** The last bytes of a block are literals, and no match begins this close to the end: the format says so. */
const LAST_LITERALS = 5
const LAST_MATCH_BYTES = 12
const HASH_FACTOR = 0x9e3779b1
const HASH_SHIFT = 20
/** Where nothing matches the search goes on in longer and longer steps: one byte longer after each so many tries. */
const TRIES_PER_STEP_LOG2 = 6
/** A length from here on goes on behind its half of the token. */
const LENGTH_MAX = 15

export class ScriptLz4 implements Lz4 {
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(LZ4_MEMORY_BYTES)
  readonly view: DataView = new DataView(this.bytes.buffer)
  private readonly table = new Uint16Array(this.bytes.buffer, 0, LZ4_TABLE_SLOTS)

  compress(from: number, length: number, to: number, max: number): number {
    const { view, table } = this
    const end = from + length
    const lastMatch = end - LAST_MATCH_BYTES
    let out = to
    let anchor = from
    let at = from + 1
    table.fill(0)
    while (at <= lastMatch) {
      let tries = 1 << TRIES_PER_STEP_LOG2
      let ref = -1
      while (at <= lastMatch) {
        const word = view.getInt32(at, true)
        const slot = Math.imul(word, HASH_FACTOR) >>> HASH_SHIFT
        const seen = from + table[slot]!
        table[slot] = at - from
        if (view.getInt32(seen, true) === word) {
          ref = seen
          break
        }
        at += tries++ >>> TRIES_PER_STEP_LOG2
      }
      if (ref < 0) break
      const start = this.startOfMatch(anchor, at, from, ref)
      const back = at - ref
      at = this.endOfMatch(at + MATCH_BYTES_MIN, back, end - LAST_LITERALS)
      out = this.putSequence(anchor, start, at, back, out, to + max)
      if (out < 0) return 0
      anchor = at
      if (at <= lastMatch) table[Math.imul(view.getInt32(at - 2, true), HASH_FACTOR) >>> HASH_SHIFT] = at - 2 - from
    }
    out = this.putLiterals(anchor, end, 0, out, to + max)
    return out < 0 ? 0 : out - to
  }

  decompress(from: number, length: number, to: number, size: number): boolean {
    const { bytes } = this
    const end = from + length
    const outEnd = to + size
    let at = from
    let out = to
    while (at < end) {
      const token = bytes[at++]!
      let count = token >>> 4
      if (count === LENGTH_MAX) {
        let more = 255
        while (more === 255) {
          if (at >= end) return false
          more = bytes[at++]!
          count += more
        }
      }
      if (count > end - at || count > outEnd - out) return false
      this.copyLiterals(at, out, count, end, outEnd)
      at += count
      out += count
      if (at === end) return out === outEnd
      if (end - at < 2) return false
      const back = bytes[at]! | (bytes[at + 1]! << 8)
      at += 2
      if (back === 0 || back > out - to) return false
      count = token & LENGTH_MAX
      if (count === LENGTH_MAX) {
        let more = 255
        while (more === 255) {
          if (at >= end) return false
          more = bytes[at++]!
          count += more
        }
      }
      count += MATCH_BYTES_MIN
      if (count > outEnd - out) return false
      this.copyMatch(back, out, count, outEnd)
      out += count
    }
    return false
  }

  /** Finds where the match of `at` with `ref` begins, which may be before them. */
  private startOfMatch(anchor: number, at: number, from: number, ref: number): number {
    const { bytes } = this
    while (at > anchor && ref > from && bytes[at - 1] === bytes[ref - 1]) {
      at--
      ref--
    }
    return at
  }

  private endOfMatch(at: number, back: number, end: number): number {
    const { bytes, view } = this
    for (; at + 4 <= end; at += 4) {
      const difference = view.getInt32(at, true) ^ view.getInt32(at - back, true)
      if (difference !== 0) return at + ((31 - Math.clz32(difference & -difference)) >>> 3)
    }
    while (at < end && bytes[at] === bytes[at - back]) at++
    return at
  }

  /** Writes literals [anchor, start) and the match [start, end). Returns where they end; −1 when they do not fit. */
  private putSequence(
    anchor: number, start: number, end: number, back: number, out: number, limit: number,
  ): number {
    const { bytes } = this
    const match = end - start - MATCH_BYTES_MIN
    // Two bytes say how far back the match is.
    out = this.putLiterals(anchor, start, match < LENGTH_MAX ? match : LENGTH_MAX, out, limit - 2 - moreBytes(match))
    if (out < 0) return -1
    bytes[out] = back
    bytes[out + 1] = back >>> 8
    return match < LENGTH_MAX ? out + 2 : this.putMore(match - LENGTH_MAX, out + 2)
  }

  /** Writes a token and its literals [start, end). Returns where they end; −1 when that would be behind `limit`. */
  private putLiterals(start: number, end: number, low: number, out: number, limit: number): number {
    const { bytes } = this
    const count = end - start
    if (1 + moreBytes(count) + count > limit - out) return -1
    bytes[out++] = ((count < LENGTH_MAX ? count : LENGTH_MAX) << 4) | low
    if (count >= LENGTH_MAX) out = this.putMore(count - LENGTH_MAX, out)
    if (count > 64) bytes.copyWithin(out, start, end)
    else for (let i = 0; i < count; i++) bytes[out + i] = bytes[start + i]!
    return out + count
  }

  private putMore(rest: number, out: number): number {
    const { bytes } = this
    for (; rest >= 255; rest -= 255) bytes[out++] = 255
    bytes[out++] = rest
    return out
  }

  private copyLiterals(at: number, out: number, count: number, end: number, outEnd: number): void {
    const { bytes, view } = this
    if (count > 64) bytes.copyWithin(out, at, at + count)
    else if (end - at >= count + 4 && outEnd - out >= count + 4) {
      // Up to three bytes too many: what is unpacked next overwrites them.
      for (let i = 0; i < count; i += 4) view.setInt32(out + i, view.getInt32(at + i, true), true)
    } else for (let i = 0; i < count; i++) bytes[out + i] = bytes[at + i]!
  }

  private copyMatch(back: number, out: number, count: number, outEnd: number): void {
    const { bytes, view } = this
    if (back >= 4 && outEnd - out >= count + 4) {
      for (let end = out + count; out < end; out += 4) view.setInt32(out, view.getInt32(out - back, true), true)
    } else for (let end = out + count; out < end; out++) bytes[out] = bytes[out - back]!
  }
}

/** The bytes that a length takes behind its half of the token. */
function moreBytes(length: number): number {
  return length < LENGTH_MAX ? 0 : 1 + Math.floor((length - LENGTH_MAX) / 255)
}
