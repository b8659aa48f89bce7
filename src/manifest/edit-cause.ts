/**
 * What: which job made an edit, and when: for people who look at the history of a database. No reader acts on it.
 * Thread: any (pure).
 */
import type { ByteReader, ByteWriter } from '../base/index.js'

/** Jobs that make edits. On disk: do not change these numbers. A number that is not here is a later version's. */
export const CauseCode = {
  flush: 1,
  compaction: 2,
  /** Tables that change their level, and not one byte of them. */
  move: 3,
  /** Tables that go whole, since all in them is deleted, expired, or too old for the size. */
  drop: 4,
  /** A compaction that moves large values out of value logs with much garbage. */
  valueCollection: 5,
  pin: 6,
  /** Value logs go that nothing points to. */
  valueLogRemoval: 7,
  ingest: 8,
  heal: 9,
} as const

/** Which job made an edit. */
export interface EditCause {
  readonly code: number
  /** The wall clock then, in milliseconds since 1970. */
  readonly wallMs: number
}

export function encodeCause(out: ByteWriter, { code, wallMs }: EditCause): void {
  out.u32(code).u53(wallMs)
}

export function decodeCause(value: ByteReader): EditCause {
  return { code: value.u32(), wallMs: value.u53() }
}

/** What people call the job; a number that this version does not know is said as a number. */
export function causeName(code: number): string {
  const name = Object.entries(CauseCode).find(([, each]) => each === code)?.[0]
  return name === undefined ? `job ${code}` : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
