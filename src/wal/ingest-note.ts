/**
 * What: the note that a log has of tables that came from outside: the first frame behind the predecessor frame. It is
 * written and synced before the edit that lists the tables, and counts when the manifest has that edit, which is when
 * the last sequence number there is not below the one of the note. Frames stand behind it only when it counts.
 * Followers read it; a replay passes it over. It names stretches of keys, not files: these are soon compacted away.
 *
 *   frame  first sequence number: that of all entries of the tables; count: the stretches
 *   body   for each stretch, in the order of keys, whatever the tables put or delete lies in one of them
 *   offset size
 *        0    8  entries of the tables in it
 *        8    4  upper bound: 0 = the last key, 1 = the key behind the last, 2 = none
 *       12    4  zero
 *       16       lower bound, upper bound: u32 length and bytes each
 *
 * Thread: any (pure).
 */
import { BadBytes, ByteReader, ByteWriter, KEY_BYTES_MAX } from '../base/index.js'

/** A stretch of keys that tables from outside say something of. */
export interface NotedStretch {
  readonly entryCount: number
  /** Its first key. */
  readonly lower: Uint8Array
  /** The bound at which it ends; null when it has no end. */
  readonly upper: Uint8Array | null
  /** True when `upper` itself is its last key. */
  readonly isUpperInside: boolean
}

/** The most bytes of a body: less than any slab has room for. More stretches than fit become fewer and longer ones. */
const NOTE_BYTES_MAX = 32 * 1024
/** The most that is kept of a bound: a lower bound moves down by it, and an upper one is left out. */
const BOUND_BYTES_MAX = 4096
const NO_BYTES = new Uint8Array(0)
const Upper = { inside: 0, outside: 1, none: 2 } as const

/** Encodes a note. Requires: the stretches ascend. */
export function encodeNote(stretches: readonly NotedStretch[]): { body: Uint8Array; count: number } {
  let told = stretches.map(shortened)
  for (;;) {
    const body = encodeStretches(told)
    if (body.length <= NOTE_BYTES_MAX) return { body, count: told.length }
    told = told.flatMap((stretch, i) => (i % 2 === 1 ? [] : joined(stretch, told[i + 1] ?? null)))
  }
}

function shortened({ entryCount, lower, upper, isUpperInside }: NotedStretch): NotedStretch {
  const isLong = upper !== null && upper.length > BOUND_BYTES_MAX
  return {
    entryCount, lower: lower.subarray(0, BOUND_BYTES_MAX),
    upper: isLong ? null : upper, isUpperInside: isUpperInside && !isLong,
  }
}

function joined(first: NotedStretch, second: NotedStretch | null): NotedStretch {
  if (second === null) return first
  return { ...second, lower: first.lower, entryCount: first.entryCount + second.entryCount }
}

function encodeStretches(stretches: readonly NotedStretch[]): Uint8Array {
  const writer = new ByteWriter(64 * stretches.length)
  for (const { entryCount, lower, upper, isUpperInside } of stretches) {
    const kind = upper === null ? Upper.none : isUpperInside ? Upper.inside : Upper.outside
    writer.u53(entryCount).u32(kind).u32(0).bytes(lower).bytes(upper ?? NO_BYTES)
  }
  return writer.finish()
}

/** Reads a note of `count` stretches from bytes[start, end). Throws BadBytes. */
export function decodeNote(bytes: Uint8Array, start: number, end: number, count: number): NotedStretch[] {
  const reader = new ByteReader(bytes, start, end)
  const stretches: NotedStretch[] = []
  while (stretches.length < count) {
    const entryCount = reader.u53()
    const at = reader.position
    const kind = reader.u32()
    if (kind > Upper.none || reader.u32() !== 0) throw new BadBytes(at, `upper bound of kind ${kind}`)
    const lower = reader.bytes(KEY_BYTES_MAX)
    const upper = reader.bytes(KEY_BYTES_MAX)
    stretches.push({
      entryCount, lower, upper: kind === Upper.none ? null : upper, isUpperInside: kind === Upper.inside,
    })
  }
  if (reader.left > 0) throw new BadBytes(reader.position, `${reader.left} bytes behind the last stretch`)
  return stretches
}
