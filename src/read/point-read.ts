/**
 * What: looks up one key in the read state: memtables newest first, then one table of each sorted run. The first
 * version found at or below the snapshot is the answer.
 * Owns: scratch space for the key and the result. Thread: main.
 * A lookup is synchronous from beginning to end, so it needs no hold on the state.
 */
import { bytesBound, viewLength, writeText } from '../base/index.js'
import type { Bytes, PointResult, SeqNum, UserBytes } from '../base/index.js'
import { isSeen } from '../iterator/index.js'
import { readAnew } from './read-anew.js'
import type { ReadMoment } from './read-anew.js'
import type { ReadState } from './read-state.js'
import type { ReadView } from './read-view.js'

const NO_BYTES = new Uint8Array(0)

export class PointReader {
  private scratch = new Uint8Array(1024)
  private readonly found: PointResult = { kind: 0, valueBytes: NO_BYTES, valueStart: 0, valueEnd: 0 }
  getCount = 0
  hitCount = 0

  /**
   * Gives the value as private memory, or undefined. With `renewing`, a read that fails may look anew
   * (read-anew.ts).
   */
  get(moment: ReadMoment, key: Bytes, copies: UserBytes, renewing?: ReadView): Uint8Array | undefined {
    if (!this.has(moment, key, renewing)) return undefined
    const { found } = this
    return copies.copy(found.valueBytes, found.valueStart, found.valueEnd)
  }

  has(moment: ReadMoment, key: Bytes, renewing?: ReadView): boolean {
    if (renewing === undefined) return this.find(moment, key)
    try {
      return this.find(moment, key)
    } catch (error) {
      return this.findAnew(renewing, moment, error, key)
    }
  }

  /** Gives the value where it stands, lent until the next read of anything; null when there is none. */
  lend(moment: ReadMoment, key: Bytes, renewing?: ReadView): PointResult | null {
    return this.has(moment, key, renewing) ? this.found : null
  }

  private findAnew(view: ReadView, moment: ReadMoment, error: unknown, key: Bytes): boolean {
    return readAnew(view, moment, error, (newer) => this.find(newer, key))
  }

  private find({ state, seqNum: snapshot }: ReadMoment, key: Bytes): boolean {
    let bytes: Uint8Array
    let end: number
    if (typeof key === 'string') {
      const bound = bytesBound(key)
      if (bound > this.scratch.length) this.scratch = new Uint8Array(bound)
      bytes = this.scratch
      end = writeText(key, bytes, 0)
    } else {
      bytes = key
      end = viewLength(key)
    }
    this.getCount++
    const isThere =
      (this.findInMemtables(state, bytes, end, snapshot) || this.findInTables(state, bytes, end, snapshot)) &&
      isSeen(this.found.kind)
    if (isThere) this.hitCount++
    return isThere
  }

  private findInMemtables(state: ReadState, key: Uint8Array, end: number, snapshot: SeqNum): boolean {
    const { memtables } = state
    for (let i = 0; i < memtables.length; i++) {
      const memtable = memtables[i]!
      if (memtable.entryCount > 0 && memtable.get(key, 0, end, snapshot, this.found)) return true
    }
    return false
  }

  private findInTables(state: ReadState, key: Uint8Array, end: number, snapshot: SeqNum): boolean {
    const { runs } = state
    for (let i = 0; i < runs.length; i++) {
      const table = runs[i]!.tableFor(key, 0, end)
      if (table !== null && table.get(key, end, snapshot, this.found)) return true
    }
    return false
  }
}
