/**
 * What: a range of bytes with a name and a meaning beside each field, for dumps and golden files.
 * An Annotator reads fields as ByteReader does and notes each one; the notes are plain data.
 * Thread: any.
 */
import { BadBytes, getU32, getU53 } from '../base/index.js'
import { hexNumber, hexPairs, printBytes } from './hex-dump.js'

export interface Field {
  /** In the file. */
  offset: number
  bytes: number
  name: string
  /** What the bytes say, for people; '' when the name says it all. */
  meaning: string
}

/** A part of a file: its fields, and the same as named values. */
export interface Section {
  title: string
  offset: number
  bytes: number
  fields: Field[]
  /** Plain data for JSON. */
  data: Record<string, unknown>
}

/** What a number says, for people. */
export type Meaning = (value: number) => string

export class Annotator {
  readonly fields: Field[] = []
  readonly buffer: Uint8Array
  readonly end: number
  position: number

  constructor(buffer: Uint8Array, start: number, end = buffer.length) {
    this.buffer = buffer
    this.position = start
    this.end = end
  }

  get left(): number {
    return this.end - this.position
  }

  private take(bytes: number, name: string, meaning: (at: number) => string): number {
    const at = this.position
    if (bytes < 0 || bytes > this.left) {
      throw new BadBytes(at, `${name} needs ${bytes} bytes, ${this.left} are left`)
    }
    this.position += bytes
    this.fields.push({ offset: at, bytes, name, meaning: meaning(at) })
    return at
  }

  u8(name: string, meaning: Meaning = String): number {
    return this.buffer[this.take(1, name, (at) => meaning(this.buffer[at]!))]!
  }

  u16(name: string, meaning: Meaning = String): number {
    const read = (at: number) => this.buffer[at]! + this.buffer[at + 1]! * 256
    return read(this.take(2, name, (at) => meaning(read(at))))
  }

  u32(name: string, meaning: Meaning = String): number {
    return getU32(this.buffer, this.take(4, name, (at) => meaning(getU32(this.buffer, at))))
  }

  u53(name: string, meaning: Meaning = String): number {
    return getU53(this.buffer, this.take(8, name, (at) => meaning(getU53(this.buffer, at))))
  }

  checksum(name: string): void {
    this.take(4, name, (at) => `0x${hexNumber(getU32(this.buffer, at))}`)
  }

  /** A view of the bytes, shown as text where they are text. */
  raw(bytes: number, name: string): Uint8Array {
    const at = this.take(bytes, name, (start) =>
      bytes === 0 ? '' : printBytes(this.buffer.subarray(start, start + bytes)))
    return this.buffer.subarray(at, at + bytes)
  }

  /** u32 length, then the bytes. */
  bytes(name: string): Uint8Array {
    return this.raw(this.u32(`${name}, bytes`), name)
  }

  /** Bytes that mean nothing. */
  zeros(bytes: number): void {
    if (bytes > 0) this.take(bytes, 'zeros', () => '')
  }
}

const BYTES_PER_LINE = 8
const LINES_PER_FIELD_MAX = 8

/** The section as text: a title, then offset, bytes and comment of each field. */
function* sectionLines(buffer: Uint8Array, section: Section): Generator<string> {
  yield `${section.title}, ${section.bytes} bytes at ${section.offset}`
  for (const field of section.fields) yield* fieldLines(buffer, field)
}

function* fieldLines(buffer: Uint8Array, field: Field): Generator<string> {
  const { offset, bytes, name, meaning } = field
  let comment = meaning === '' ? name : `${name}: ${meaning}`
  const shown = Math.min(bytes, BYTES_PER_LINE * LINES_PER_FIELD_MAX)
  for (let at = 0; at < shown; at += BYTES_PER_LINE) {
    const end = Math.min(shown, at + BYTES_PER_LINE)
    const hex = hexPairs(buffer.subarray(offset + at, offset + end))
    yield `  ${hexNumber(offset + at)}  ${hex.padEnd(BYTES_PER_LINE * 3 - 1)}  ${comment}`.trimEnd()
    comment = ''
  }
  if (bytes > shown) yield `  ${hexNumber(offset + shown)}  … ${bytes - shown} bytes more`
}

/** All sections as one text. */
export function sectionsText(buffer: Uint8Array, sections: Iterable<Section>): string {
  let text = ''
  for (const section of sections) {
    for (const line of sectionLines(buffer, section)) text += `${line}\n`
    text += '\n'
  }
  return text
}
