/**
 * What: the feature bits of files: their names, and what a reader does about a bit that it does not know.
 * There are three words of them. They stand in every file header (file-header.ts), and again in the footer of a table,
 * which is written when it is known what the table has. A table has the features of both.
 *
 *   must know   an unknown bit refuses the file, and with it the database
 *   read-only   an unknown bit in a file that the database needs refuses all but an open with `readOnly`
 *   ignorable   an unknown bit refuses nothing
 *
 * A bit of the first word means the same wherever it stands. No bit of the other two has a meaning yet.
 */
import { getU32, putU32 } from './coding.js'
import { VarveError } from './errors.js'

/** Names of the bits that a reader must know, by their numbers. The numbers are on disk: do not change the order. */
const MUST_KNOW_NAMES = [
  'entries with expiry', 'merge operands', 'range tombstones', 'value handles', 'row blocks', 'packed blocks',
  'a dictionary', 'values packed one by one',
] as const

/** Bits of the first word that this version knows somewhere. On disk: do not change these numbers. */
export const MustKnow = {
  /** In the footer of a table: some of its entries expire. */
  expiry: 1,
  /** In the footer of a table: it has range tombstones (sstable/spans-section.ts). */
  spans: 4,
  /** In the footer of a table: it has handles of values (value-handle.ts). */
  valueHandles: 8,
  /** In the footer of a table: some of its blocks have rows (sstable/block/row-format.ts). */
  rowBlocks: 16,
  /** In the footer of a table: some of its blocks are packed (sstable/block/packed-format.ts). */
  packedBlocks: 32,
} as const

export interface Features {
  readonly mustKnow: number
  readonly readOnly: number
  readonly ignorable: number
}

export const NO_FEATURES: Features = Object.freeze({ mustKnow: 0, readOnly: 0, ignorable: 0 })

/** Where the feature words stand in a file; errors name it. */
export interface FeaturesPlace {
  file: string
  /** Offset of the first word. */
  offset: number
}

export function putFeatures(bytes: Uint8Array, at: number, { mustKnow, readOnly, ignorable }: Features): void {
  putU32(bytes, at, mustKnow)
  putU32(bytes, at + 4, readOnly)
  putU32(bytes, at + 8, ignorable)
}

export function getFeatures(bytes: Uint8Array, at: number): Features {
  return { mustKnow: getU32(bytes, at), readOnly: getU32(bytes, at + 4), ignorable: getU32(bytes, at + 8) }
}

/** Throws UNSUPPORTED_FORMAT when a reader must know a bit that is not in the mask `known`. */
export function checkMustKnow({ mustKnow }: Features, known: number, { file, offset }: FeaturesPlace): void {
  const unknown = (mustKnow & ~known) >>> 0
  if (unknown === 0) return
  throw new VarveError('UNSUPPORTED_FORMAT', `${file} has ${listFeatures(unknown)}, which this Varve cannot read`, {
    file, offset, hint: 'open it with a newer Varve',
  })
}

/** Throws UNSUPPORTED_FORMAT when a writer must know a bit that this version does not know. */
export function checkMayWrite({ readOnly }: Features, { file, offset }: FeaturesPlace): void {
  if (readOnly === 0) return
  const names = listNumbers(readOnly).map((bit) => `writer feature ${bit}`).join(', ')
  throw new VarveError('UNSUPPORTED_FORMAT', `${file} has ${names}, beside which this Varve cannot write`, {
    file, offset: offset + 4, hint: 'open it with readOnly: true, or with a newer Varve',
  })
}

/** The names of the bits in `mustKnow`, as messages and dumps print them. */
export function listFeatures(mustKnow: number): string {
  return listNumbers(mustKnow).map((bit) => MUST_KNOW_NAMES[bit] ?? `feature ${bit}`).join(', ')
}

function listNumbers(word: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit) % 2 === 1)
}
