/**
 * What: unpacks Snappy blocks (the raw format, without frames). It can pause, so that a large block takes no long turn
 * of the event loop.
 * Owns: where it stands in the packed bytes and in the plain ones.
 * Thread: any.
 * Invariants: it writes only target[at, at + plainBytes), and all of that when `run` gives true. What is announced is
 * compared with what the packed bytes can give at most before anything is allocated.
 */
import { BadBytes } from '../base/index.js'
import { FieldReader } from './level-fields.js'

/** A copy of 64 bytes takes three: no element gives more for its length. */
const PLAIN_BYTES_OF_THREE = 64
/** From so many bytes on a call of the platform copies faster than a loop. */
const SET_BYTES_MIN = 96

export class SnappyDecoder {
  private source: Uint8Array = new Uint8Array()
  private sourceAt = 0
  private sourceEnd = 0
  private target: Uint8Array = new Uint8Array()
  private targetStart = 0
  private targetAt = 0
  private plainBytes = 0

  /** Takes a block, and gives the number of its plain bytes. Throws BadBytes. */
  begin(source: Uint8Array, start: number, end: number): number {
    const fields = new FieldReader(source, start, end)
    this.plainBytes = fields.varint()
    this.source = source
    this.sourceAt = fields.position
    this.sourceEnd = end
    if (this.plainBytes > Math.ceil((fields.left * PLAIN_BYTES_OF_THREE) / 3)) {
      throw new BadBytes(start, `${fields.left} packed bytes announce ${this.plainBytes} plain ones`)
    }
    return this.plainBytes
  }

  /** Says where the plain bytes go. Requires: room for all of them. */
  into(target: Uint8Array, at: number): void {
    this.target = target
    this.targetStart = this.targetAt = at
  }

  /**
   * Unpacks some more: it pauses when `pauseBytes` were written, or a little more. Gives true when all is done. Throws
   * BadBytes.
   */
  run(pauseBytes = Infinity): boolean {
    const { source, sourceEnd: end, target, targetStart } = this
    const targetEnd = targetStart + this.plainBytes
    let from = this.sourceAt
    let to = this.targetAt
    const pauseAt = to + pauseBytes
    while (from < end && to < pauseAt) {
      const tag = source[from]!
      const low = tag & 3
      if (low === 0) {
        let length = (tag >>> 2) + 1
        from++
        if (length > 60) {
          const lengthBytes = length - 60
          if (lengthBytes > end - from) throw new BadBytes(from, 'a literal without its length')
          length = literalLength(source, from, lengthBytes)
          from += lengthBytes
        }
        if (length > end - from || length > targetEnd - to) throw new BadBytes(from, `a literal of ${length} bytes`)
        if (length >= SET_BYTES_MIN) {
          target.set(new Uint8Array(source.buffer, source.byteOffset + from, length), to)
          to += length
          from += length
        } else {
          for (const stop = to + length; to < stop; ) target[to++] = source[from++]!
        }
        continue
      }
      const tagBytes = low === 1 ? 2 : low === 2 ? 3 : 5
      if (tagBytes > end - from) throw new BadBytes(from, 'a copy without its distance')
      let length = (tag >>> 2) + 1
      let distance: number
      if (low === 1) {
        length = ((tag >>> 2) & 7) + 4
        distance = ((tag >>> 5) << 8) | source[from + 1]!
      } else {
        distance = source[from + 1]! | (source[from + 2]! << 8)
        if (low === 3) distance = (distance | (source[from + 3]! << 16) | (source[from + 4]! << 24)) >>> 0
      }
      if (distance === 0 || distance > to - targetStart || length > targetEnd - to) {
        throw new BadBytes(from, `a copy of ${length} bytes from ${distance} bytes before`)
      }
      from += tagBytes
      // The ranges may overlap: then what was copied is copied again.
      for (let back = to - distance, stop = to + length; to < stop; ) target[to++] = target[back++]!
    }
    this.sourceAt = from
    this.targetAt = to
    if (from < end) return false
    if (to !== targetEnd) throw new BadBytes(from, `${targetEnd - to} plain bytes are missing`)
    return true
  }
}

function literalLength(source: Uint8Array, at: number, lengthBytes: number): number {
  let length = 0
  for (let i = lengthBytes - 1; i >= 0; i--) length = length * 256 + source[at + i]!
  return length + 1
}
