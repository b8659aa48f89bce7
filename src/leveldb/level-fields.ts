/**
 * What: the fields of LevelDB's records and blocks: little-endian numbers, varints, and bytes behind their length.
 * Thread: any (pure).
 */
import { BadBytes, getU32, NUMBER_MAX } from '../base/index.js'

/** Reads fields one after the other. Throws BadBytes, with an offset in the bytes. */
export class FieldReader {
  bytes: Uint8Array
  position: number
  end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  /** Begins anew with other bytes. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  get left(): number {
    return this.end - this.position
  }

  u8(): number {
    return this.bytes[this.take(1)]!
  }

  u32(): number {
    return getU32(this.bytes, this.take(4))
  }

  /** A number of up to ten bytes, seven bits each. It must be a safe integer. */
  varint(): number {
    const { bytes, position: start, end } = this
    let value = 0
    let scale = 1
    for (let at = start; at < end && at < start + 10; at++) {
      const byte = bytes[at]!
      value += (byte & 0x7f) * scale
      scale *= 128
      if (byte >= 0x80) continue
      if (value > NUMBER_MAX) break
      this.position = at + 1
      return value
    }
    throw new BadBytes(start, 'a number without an end, or above 2^53 - 1')
  }

  /** Passes over `count` bytes, and gives where they began. */
  take(count: number): number {
    const at = this.position
    if (count > this.end - at) throw new BadBytes(at, `needs ${count} bytes, ${this.end - at} are left`)
    this.position = at + count
    return at
  }

  /** Bytes behind their length, as a copy. */
  sized(): Uint8Array {
    const length = this.varint()
    const at = this.take(length)
    return this.bytes.slice(at, at + length)
  }
}
