/**
 * What: little-endian fields of files, with bounds. Used where files are parsed, not in hot loops.
 * A reader throws BadBytes with the offset in the range it was given; its owner turns that into `corruption`.
 */
import { NUMBER_MAX } from './limits.js'

const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: true })

/** Says that something in a parsed range was not as the format says. */
export class BadBytes extends Error {
  readonly offset: number
  constructor(offset: number, what: string) {
    super(what)
    this.offset = offset
  }
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** Writes a safe integer as u64. */
export function putU53(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value >>> 0)
  putU32(bytes, at + 4, Math.floor(value / 2 ** 32))
}

/** Reads a u64 that must be a safe integer; gives NaN when it is not. */
export function getU53(bytes: Uint8Array, at: number): number {
  const value = getU32(bytes, at + 4) * 2 ** 32 + getU32(bytes, at)
  return value <= NUMBER_MAX ? value : NaN
}

/** Growable output of little-endian fields. */
export class ByteWriter {
  private buffer: Uint8Array
  length = 0

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity)
  }

  private reserve(count: number): number {
    const at = this.length
    if (at + count > this.buffer.length) {
      const grown = new Uint8Array(Math.max(this.buffer.length * 2, at + count))
      grown.set(this.buffer.subarray(0, at))
      this.buffer = grown
    }
    this.length = at + count
    return at
  }

  u8(value: number): this {
    const at = this.reserve(1)
    this.buffer[at] = value
    return this
  }

  u16(value: number): this {
    return this.u8(value & 0xff).u8(value >>> 8)
  }

  u32(value: number): this {
    const at = this.reserve(4)
    putU32(this.buffer, at, value)
    return this
  }

  u53(value: number): this {
    const at = this.reserve(8)
    putU53(this.buffer, at, value)
    return this
  }

  f64(value: number): this {
    const at = this.reserve(8)
    new DataView(this.buffer.buffer).setFloat64(at, value, true)
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.reserve(bytes.length)
    this.buffer.set(bytes, at)
    return this
  }

  /** Writes the length as u32, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }

  /** Writes a string as UTF-8, length first. */
  text(text: string): this {
    return this.bytes(textEncoder.encode(text))
  }

  /** Writes zeros up to the next multiple of `alignment`. */
  align(alignment: number): this {
    while (this.length % alignment !== 0) this.u8(0)
    return this
  }

  /** Gives a copy of the bytes written so far. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.length)
  }
}

/** Bounds-checked input of little-endian fields: every length is compared with what is left first. */
export class ByteReader {
  private readonly buffer: Uint8Array
  position: number
  readonly end: number

  constructor(buffer: Uint8Array, start = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = start
    this.end = end
  }

  get left(): number {
    return this.end - this.position
  }

  private take(count: number): number {
    const at = this.position
    if (count > this.end - at) throw new BadBytes(at, `needs ${count} bytes, ${this.end - at} are left`)
    this.position = at + count
    return at
  }

  u8(): number {
    return this.buffer[this.take(1)]!
  }

  u32(): number {
    return getU32(this.buffer, this.take(4))
  }

  u53(): number {
    const at = this.take(8)
    const value = getU53(this.buffer, at)
    if (Number.isNaN(value)) throw new BadBytes(at, 'number above 2^53 - 1')
    return value
  }

  f64(): number {
    const at = this.take(8)
    return new DataView(this.buffer.buffer, this.buffer.byteOffset).getFloat64(at, true)
  }

  /** Reads the next `count` bytes, as a copy. */
  raw(count: number): Uint8Array {
    const at = this.take(count)
    return this.buffer.slice(at, at + count)
  }

  /** Reads a field that `ByteWriter.bytes` wrote, at most `max` bytes long, as a copy. */
  bytes(max: number): Uint8Array {
    const at = this.position
    const length = this.u32()
    if (length > max) throw new BadBytes(at, `length ${length} is above the limit ${max}`)
    return this.raw(length)
  }

  text(max: number): string {
    const at = this.position
    try {
      return textDecoder.decode(this.bytes(max))
    } catch (error) {
      if (error instanceof BadBytes) throw error
      throw new BadBytes(at, 'not UTF-8')
    }
  }

  /** Reads the count of a list whose elements take at least `elementBytesMin` each, and must fit into what is left. */
  count(elementBytesMin: number): number {
    const at = this.position
    const count = this.u32()
    if (count * elementBytesMin > this.left) throw new BadBytes(at, `count ${count} cannot fit in ${this.left} bytes`)
    return count
  }
}
