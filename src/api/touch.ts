/**
 * What: an entry with what is known of it, and the change of when it expires.
 * Invariants: TTL-7 a touch changes what is newest when it is written: nothing comes between its read and its write. It
 * never brings back what has expired.
 */
import { copyBytes, EntryKind } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey } from '../commit/index.js'
import type { WriteHow } from '../commit/index.js'
import type { Engine } from '../engine/index.js'
import { keySuccessor } from '../iterator/index.js'
import { Cursor } from '../read/index.js'
import type { ReadView } from '../read/index.js'
import type { CopyingMoment } from './read-options.js'

/** A value with what is known of it. */
export interface Entry<V = Uint8Array> {
  /** The value: bytes in private memory, or what a view decodes them to. */
  value: V
  /** When it expires, in milliseconds since 1970; null: never. */
  expiresAt: number | null
  /** The sequence number of the write that put it: later writes have higher ones. */
  seqNum: number
}

/** Gives the entry of the key at that moment, or undefined. */
export function readEntry(view: ReadView, moment: CopyingMoment, key: Bytes): Entry | undefined {
  checkKey(key)
  const lower = copyBytes(key)
  const range = { lower, upper: keySuccessor(lower) }
  const { state, seqNum, time, copies } = moment
  const cursor = new Cursor(view, { range, reverse: false, limit: 1, state, seqNum, time, copies })
  try {
    if (!cursor.next()) return undefined
    const { expiryMs, lent: { seqNum: putSeqNum } } = cursor
    return { value: cursor.value(), expiresAt: expiryMs === 0 ? null : expiryMs, seqNum: putSeqNum }
  } finally {
    cursor.close()
  }
}

export function touchSync(engine: Engine, key: Bytes, how: WriteHow): boolean {
  const value = newest(engine, key)
  if (value !== undefined) engine.pipeline.writeOneSync(EntryKind.value, key, value, how)
  return value !== undefined
}

export async function touch(engine: Engine, key: Bytes, how: WriteHow): Promise<boolean> {
  const value = newest(engine, key)
  if (value === undefined) return false
  await engine.pipeline.writeOne(EntryKind.value, key, value, how)
  return true
}

/** Reads the value of this moment, behind all writes that were asked for before. */
function newest(engine: Engine, key: Bytes): Uint8Array | undefined {
  checkKey(key)
  engine.pipeline.writeWaiting()
  const { state, visibleSeqNum: seqNum, readClock: time, iterators: { copies } } = engine
  return readEntry(engine, { state, seqNum, time, isNow: true, copies: copies.byDefault }, key)?.value
}
