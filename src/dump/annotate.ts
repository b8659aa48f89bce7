/**
 * What: a range of bytes with a name and a meaning beside each field, for dumps and golden files. An Annotator reads
 * fields as ByteReader does and notes each one; the notes are plain data.
 * Thread: any.
 */
import { BadBytes, getU32, getU53 } from '../base/index.js'
import { hexNumber, hexPairs, printBytes } from './hex-dump.js'

export interface Field {
  /** The offset of the field in the file. */
  offset: number
  bytes: number
  name: string
  /** The meaning of the bytes, for people; '' when the name says it all. */
  meaning: string
}

/** What is wrong in a file, and where. */
export interface Problem {
  /** The offset of the problem in the file. */
  offset: number
  message: string
}

/** A part of a file, as annotated fields and as named values. */
export interface Section {
  title: string
  offset: number
  bytes: number
  /** The content in a few words; '' when the title says it all. */
  summary: string
  /**
   * The bytes; of a part that has no meaning only the first, enough for a dump. Lent: good until the next section is
   * taken.
   */
  content: Uint8Array
  fields: Field[]
  /** The named values, as plain data for JSON. */
  data: Record<string, unknown>
  /** The problems of this part; empty when all is well. */
  problems: Problem[]
}

/** Describes a number, for people. */
export type Meaning = (value: number) => string

function numberText(value: number): string {
  return Number.isNaN(value) ? 'above 2^53 - 1' : String(value)
}

export class Annotator {
  readonly fields: Field[] = []
  readonly content: Uint8Array
  /** The end of what may be read, as an index into `content`, like `position`. */
  readonly end: number
  position = 0
  private readonly offset: number

  /** Reads content[0, end), which stands at `offset` of the file. */
  constructor(content: Uint8Array, offset: number, end = content.length) {
    this.content = content
    this.offset = offset
    this.end = end
  }

  get left(): number {
    return this.end - this.position
  }

  private take(bytes: number, name: string, meaning: (at: number) => string): number {
    const at = this.position
    if (bytes < 0 || bytes > this.left) {
      throw new BadBytes(this.offset + at, `${name} needs ${bytes} bytes, ${this.left} are left`)
    }
    this.position += bytes
    this.fields.push({ offset: this.offset + at, bytes, name, meaning: meaning(at) })
    return at
  }

  u8(name: string, meaning: Meaning = String): number {
    return this.content[this.take(1, name, (at) => meaning(this.content[at]!))]!
  }

  u16(name: string, meaning: Meaning = String): number {
    const read = (at: number) => this.content[at]! + this.content[at + 1]! * 256
    return read(this.take(2, name, (at) => meaning(read(at))))
  }

  u32(name: string, meaning: Meaning = String): number {
    return getU32(this.content, this.take(4, name, (at) => meaning(getU32(this.content, at))))
  }

  u32BigEndian(name: string): number {
    const read = (at: number) => getU32(this.content.slice(at, at + 4).reverse(), 0)
    return read(this.take(4, name, (at) => String(read(at))))
  }

  u48(name: string): number {
    const { content } = this
    const read = (at: number) => getU32(content, at) + (content[at + 4]! + content[at + 5]! * 256) * 2 ** 32
    return read(this.take(6, name, (at) => String(read(at))))
  }

  u53(name: string, meaning: Meaning = numberText): number {
    return getU53(this.content, this.take(8, name, (at) => meaning(getU53(this.content, at))))
  }

  checksum(name: string): void {
    this.take(4, name, (at) => `0x${hexNumber(getU32(this.content, at))}`)
  }

  /** A view of the bytes, shown as text where they are text. */
  raw(bytes: number, name: string): Uint8Array {
    const at = this.take(bytes, name, (start) =>
      bytes === 0 ? '' : printBytes(this.content.subarray(start, start + bytes)))
    return this.content.subarray(at, at + bytes)
  }

  /** Reads a u32 length, then the bytes. */
  bytes(name: string): Uint8Array {
    return this.raw(this.u32(`${name}, bytes`), name)
  }

  /** Throws BadBytes for the present position. */
  missing(what: string): never {
    throw new BadBytes(this.offset + this.position, what)
  }

  /** Reads bytes that mean nothing. */
  zeros(bytes: number): void {
    if (bytes <= 0) return
    const isZero = this.content.subarray(this.position, this.position + bytes).every((byte) => byte === 0)
    this.take(bytes, isZero ? 'zeros' : 'not zeros, as they should be', () => '')
  }
}

const BYTES_PER_LINE = 8
/** This many bytes of one field are shown; a longer one is cut. */
export const FIELD_BYTES_SHOWN = 64

/** Gives the section's first line. */
export function sectionTitle({ title, bytes, offset, summary }: Section): string {
  return `${title}, ${bytes} bytes at ${offset}${summary === '' ? '' : `: ${summary}`}`
}

/** Gives the section as text: a title, what is wrong, then offset, bytes and comment of each field. */
export function* sectionLines(section: Section): Generator<string> {
  yield sectionTitle(section)
  for (const { message } of section.problems) yield `  ! ${message}`
  for (const field of section.fields) yield* fieldLines(section, field)
}

/** Gives the bytes of a field that a dump shows. */
export function shownFieldBytes({ content, offset }: Section, field: Field): Uint8Array {
  const at = field.offset - offset
  return content.subarray(at, at + Math.min(field.bytes, FIELD_BYTES_SHOWN))
}

function* fieldLines(section: Section, field: Field): Generator<string> {
  const { offset, bytes, name, meaning } = field
  let comment = meaning === '' ? name : `${name}: ${meaning}`
  const shown = shownFieldBytes(section, field)
  for (let at = 0; at < shown.length; at += BYTES_PER_LINE) {
    const hex = hexPairs(shown.subarray(at, at + BYTES_PER_LINE))
    yield `  ${hexNumber(offset + at)}  ${hex.padEnd(BYTES_PER_LINE * 3 - 1)}  ${comment}`.trimEnd()
    comment = ''
  }
  if (bytes > shown.length) yield `  ${hexNumber(offset + shown.length)}  … ${bytes - shown.length} bytes more`
}
