/**
 * What: collects the fields of one section of a table, one behind the other, for dumps.
 */
import type { Field } from '../../dump/index.js'
import { contentBytes } from '../table-format.js'

/** The most elements of a long column that are shown; the others are told as one field. */
const ELEMENTS_SHOWN = 4096

export class SectionFields {
  readonly fields: Field[] = []
  private offset: number

  /** `offset` is where the section starts in the file. */
  constructor(offset: number) {
    this.offset = offset
  }

  add(bytes: number, name: string, meaning = ''): this {
    if (bytes > 0) this.fields.push({ offset: this.offset, bytes, name, meaning })
    this.offset += bytes
    return this
  }

  /** Adds a column of `count` elements of the same size. */
  addEach(count: number, bytes: number, name: (i: number) => string): this {
    const shown = Math.min(count, ELEMENTS_SHOWN)
    for (let i = 0; i < shown; i++) this.add(bytes, name(i))
    return this.add((count - shown) * bytes, `${count - shown} more`)
  }

  /** Adds zeros and the trailer, which ends at `end`, and gives the fields. */
  end(end: number): Field[] {
    this.add(contentBytes(end - this.offset), 'zeros').add(1, 'codec').add(3, 'zero').add(4, 'CRC-32')
    return this.fields
  }
}

/** Gives the first elements of a column, as data. */
export function firstOf<T>(count: number, element: (i: number) => T): T[] {
  return Array.from({ length: Math.min(count, ELEMENTS_SHOWN) }, (_, i) => element(i))
}
