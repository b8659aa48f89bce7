/**
 * What: the fields of edits, and those at the end of table records: tag, flags, length, value (manifest-format.ts).
 * A reader skips a field that it does not know when the field says that it may be skipped, and refuses it otherwise.
 * Thread: any.
 */
import { BadBytes, ByteReader } from '../base/index.js'
import { FIELD_IGNORABLE, FieldTag, RecordTag, ReservedFieldTag, ReservedRecordTag } from './manifest-format.js'

/** A field of a later version of Varve that may not be skipped. */
export class UnknownField extends BadBytes {}

/** The fields that may stand in one place of a file. */
export interface FieldSet {
  readonly known: Readonly<Record<string, number>>
  readonly reserved: Readonly<Record<string, number>>
  /** True when the tags must rise, so that each stands once. */
  readonly isAscending: boolean
}

export const EDIT_FIELDS: FieldSet = { known: FieldTag, reserved: ReservedFieldTag, isAscending: false }
export const RECORD_FIELDS: FieldSet = { known: RecordTag, reserved: ReservedRecordTag, isAscending: true }

export interface FieldHeader {
  tag: number
  at: number
  value: ByteReader
}

/** Gives the fields from the reader's position to its end, without unknown ones that may be skipped. */
export function* readFields(bytes: Uint8Array, reader: ByteReader, set: FieldSet): Generator<FieldHeader> {
  const known = new Set(Object.values(set.known))
  let last = 0
  while (reader.left > 0) {
    const at = reader.position
    const head = reader.u32()
    const [tag, flags] = [head % 2 ** 16, Math.floor(head / 2 ** 16)]
    const valueBytes = reader.u32()
    if (valueBytes > reader.left) {
      throw new BadBytes(at, `field of ${valueBytes} bytes, ${reader.left} are left`)
    }
    if (set.isAscending && tag <= last) throw new BadBytes(at, `field ${tag} behind field ${last}`)
    last = tag
    if (flags > FIELD_IGNORABLE) throw new UnknownField(at, `field ${tag} with flags ${flags}`)
    const start = reader.position
    reader.position += valueBytes
    if (known.has(tag)) yield { tag, at, value: new ByteReader(bytes, start, start + valueBytes) }
    else if (flags !== FIELD_IGNORABLE) throw new UnknownField(at, unknownName(set, tag))
  }
}

function unknownName({ reserved }: FieldSet, tag: number): string {
  const name = Object.keys(reserved).find((each) => reserved[each] === tag)
  if (name === undefined) return `unknown field ${tag}`
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return `field ${tag}, ${words}, which this Varve does not know`
}
