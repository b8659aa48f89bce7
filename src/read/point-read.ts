/**
 * What: looks up one key in the read state: memtables newest first, then one table of each sorted run. The first
 * version found at or below the snapshot is the answer.
 * Owns: scratch space for the key and the result. Thread: main.
 * A lookup is synchronous from beginning to end, so it needs no hold on the state; the read of a large value that it
 * leads to holds it (reads-in-flight.ts).
 */
import {
  assert, bytesBound, copyBytes, expiryOf, frontBytes, KeyHash, kindOf, OWN_BUFFERS, viewLength, writeText,
} from '../base/index.js'
import type { Bytes, PointResult, SeqNum, UserBytes } from '../base/index.js'
import { isApart, isPlain, isSeen } from '../iterator/index.js'
import type { ReadTime } from '../iterator/index.js'
import { SampledLatency } from '../stats/index.js'
import type { ValuePlace } from '../tables/index.js'
import { readAnew } from './read-anew.js'
import type { ReadMoment } from './read-anew.js'
import type { ReadState } from './read-state.js'
import type { ReadView } from './read-view.js'
import { HeldValue } from './stepped-copy.js'
import { isLarge, ofKey, placeOf, readPlace, readPlaceSync } from './value-reader.js'

const NO_BYTES = new Uint8Array(0)

export class PointReader {
  private scratch = new Uint8Array(1024)
  private readonly keyHash = new KeyHash()
  private readonly found: PointResult = { kind: 0, valueBytes: NO_BYTES, valueStart: 0, valueEnd: 0 }
  /** The moment at which `found` was found: not the one that was asked for when the view had to look anew. */
  private at: ReadMoment | null = null
  getCount = 0
  hitCount = 0
  readonly latency = new SampledLatency(64)
  /** When the read began that is measured now; -1: none is. */
  private measuredMs = -1

  /**
   * Gives the value as private memory, or undefined. With `renewing`, a read that fails may look anew
   * (read-anew.ts).
   */
  get(moment: ReadMoment, key: Bytes, copies: UserBytes, renewing?: ReadView): Uint8Array | undefined {
    if (renewing === undefined || !this.latency.isDue()) return this.getNow(moment, key, copies, renewing)
    return this.getMeasured(moment, key, copies, renewing)
  }

  private getNow(moment: ReadMoment, key: Bytes, copies: UserBytes, renewing?: ReadView): Uint8Array | undefined {
    const found = this.locate(moment, key, renewing)
    if (found === null) return undefined
    if (isApart(found.kind)) return this.readNow(key, renewing)
    return copies.copy(found.valueBytes, found.valueStart, found.valueEnd)
  }

  /** Reads as `get` does; a large value is read in the thread pool, and any that stands apart while reads are slow. */
  answer(view: ReadView, moment: ReadMoment, key: Bytes, copies: UserBytes): Promise<Uint8Array | undefined> {
    if (!this.latency.isDue()) return this.answerNow(view, moment, key, copies)
    return this.answerMeasured(view, moment, key, copies)
  }

  private answerNow(
    view: ReadView, moment: ReadMoment, key: Bytes, copies: UserBytes,
  ): Promise<Uint8Array | undefined> {
    const found = this.locate(moment, key, view)
    if (found === null) return view.turns.answer(undefined)
    if (isApart(found.kind)) return this.readLater(view, key)
    const { state } = this.at!
    const held = HeldValue.of(state, found)
    if (held !== null) return this.copyLater(view, held, state)
    return view.turns.answer(copies.copy(found.valueBytes, found.valueStart, found.valueEnd))
  }

  private copyLater(view: ReadView, held: HeldValue, state: ReadState): Promise<Uint8Array> {
    return view.iterators.valueReads.run(state, this.untilDone(view, () => held.copyNow(view.turns)))
  }

  /** What `get` gives, but for a value that stands apart, or would be copied for long, where it is. */
  getOrPlace(moment: ReadMoment, key: Bytes, copies: UserBytes): Uint8Array | ValuePlace | HeldValue | undefined {
    const found = this.locate(moment, key)
    if (found === null) return undefined
    if (isApart(found.kind)) return this.placeOf(key)
    const held = HeldValue.of(this.at!.state, found)
    if (held !== null) return held
    return copies.copy(found.valueBytes, found.valueStart, found.valueEnd)
  }

  has(moment: ReadMoment, key: Bytes, renewing?: ReadView): boolean {
    return this.locate(moment, key, renewing) !== null
  }

  /**
   * The value where it stands, lent until the next read of anything; null when there is none. Of one that stands apart
   * (`isApart`) this is the handle: `readNow` and `readLater` read it, at the moment at which it was found.
   */
  locate(moment: ReadMoment, key: Bytes, renewing?: ReadView): PointResult | null {
    this.at = moment
    if (renewing === undefined) return this.find(moment, key) ? this.found : null
    try {
      return this.find(moment, key) ? this.found : null
    } catch (error) {
      return this.locateAnew(renewing, moment, error, key)
    }
  }

  private locateAnew(view: ReadView, moment: ReadMoment, error: unknown, key: Bytes): PointResult | null {
    return readAnew(view, moment, error, (newer) => {
      this.at = newer
      return this.find(newer, key) ? this.found : null
    })
  }

  /** Counts a read of one key that did not come through here; gives what it found. */
  counted<T>(found: T | undefined): T | undefined {
    this.getCount++
    if (found !== undefined) this.hitCount++
    return found
  }

  /** The moment of what was located last. Nothing may hold the state of an earlier one any more. */
  private get foundAt(): ReadMoment {
    assert(this.at !== null, 'something was located')
    return this.at
  }

  // ── Values that stand apart ─────────────────────────────────────────────────────────────────────

  /** Where the value of `key` stands that was located last. */
  placeOf(key: Bytes): ValuePlace {
    try {
      return placeOf(this.foundAt.state.valueLogs, this.found)
    } catch (error) {
      throw ofKey(error, key)
    }
  }

  /** The value of `key` that was located last, in memory of its own. */
  readNow(key: Bytes, renewing?: ReadView): Uint8Array | undefined {
    const moment = this.foundAt
    try {
      return readPlaceSync(placeOf(moment.state.valueLogs, this.found))
    } catch (error) {
      const named = ofKey(error, key)
      if (renewing === undefined) throw named
      return this.getAnew(renewing, moment, named, key)
    }
  }

  private getAnew(view: ReadView, moment: ReadMoment, error: unknown, key: Bytes): Uint8Array | undefined {
    return readAnew(view, moment, error, (newer) => this.get(newer, key, OWN_BUFFERS))
  }

  /** Reads as `readNow` does, in the thread pool where the value is large or reads are slow. */
  readLater(view: ReadView, key: Bytes): Promise<Uint8Array | undefined> {
    const { foundAt: moment, found: { valueBytes, valueStart } } = this
    const { turns } = view
    const { speed } = moment.state.valueLogs.reads
    if (!isLarge(valueBytes, valueStart) && !speed.mustWait(turns)) {
      const startMs = turns.nowMs()
      const value = this.readNow(key, view)
      speed.note(startMs, turns)
      return turns.answer(value)
    }
    const own = copyBytes(key) // the caller may change it when the call has returned
    let place: ValuePlace
    try {
      place = placeOf(moment.state.valueLogs, this.found)
    } catch (error) {
      return view.turns.answer(this.getAnew(view, moment, ofKey(error, key), key))
    }
    return view.iterators.valueReads.run(moment.state, this.untilDone(view, async () => {
      try {
        return await readPlace(place, view.turns)
      } catch (error) {
        return this.getAnew(view, moment, ofKey(error, own), own)
      }
    }))
  }

  // ── Measured reads ──────────────────────────────────────────────────────────────────────────────

  // A function that stands in a method costs each call of it an object, so `get` and `answer` have none.

  private getMeasured(moment: ReadMoment, key: Bytes, copies: UserBytes, view: ReadView): Uint8Array | undefined {
    return this.measured(view, () => this.getNow(moment, key, copies, view))
  }

  private answerMeasured(
    view: ReadView, moment: ReadMoment, key: Bytes, copies: UserBytes,
  ): Promise<Uint8Array | undefined> {
    return this.measured(view, () => this.answerNow(view, moment, key, copies))
  }

  /** Makes a read, and notes how long it took, unless it goes on behind the call: see `untilDone`. */
  measured<T>(view: ReadView, read: () => T): T {
    const { clock } = view
    const startMs = clock.nowMs()
    this.measuredMs = startMs
    try {
      const found = read()
      if (this.measuredMs >= 0) this.latency.record(clock.nowMs() - startMs)
      return found
    } catch (error) {
      this.latency.record(clock.nowMs() - startMs, error)
      throw error
    } finally {
      this.measuredMs = -1
    }
  }

  /** Makes a read that goes on behind its call note its end itself, if the call is measured. */
  private untilDone<T>(view: ReadView, read: () => Promise<T>): () => Promise<T> {
    const { latency, measuredMs: startMs } = this
    if (startMs < 0) return read
    this.measuredMs = -1
    return async () => {
      try {
        const found = await read()
        latency.record(view.clock.nowMs() - startMs)
        return found
      } catch (error) {
        latency.record(view.clock.nowMs() - startMs, error)
        throw error
      }
    }
  }

  private find(moment: ReadMoment, key: Bytes): boolean {
    const { state, seqNum: snapshot } = moment
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
    this.keyHash.begin()
    const isThere =
      (this.findInMemtables(state, bytes, end, snapshot) || this.findInTables(state, bytes, end, snapshot)) &&
      (isPlain(this.found.kind) || this.isSeenAt(moment.time))
    if (isThere) this.hitCount++
    return isThere
  }

  /** Tells whether what was found is a value at this time, and takes flags and front off. */
  private isSeenAt(time: ReadTime): boolean {
    const { found } = this
    const { kind } = found
    const expiryMs = expiryOf(kind, found.valueBytes, found.valueStart)
    if (!isSeen(kind, expiryMs, expiryMs === 0 ? 0 : time.nowMs())) return false
    found.kind = kindOf(kind)
    found.valueStart += frontBytes(kind)
    return true
  }

  private findInMemtables(state: ReadState, key: Uint8Array, end: number, snapshot: SeqNum): boolean {
    const { memtables } = state
    for (let i = 0; i < memtables.length; i++) {
      const memtable = memtables[i]!
      if (!memtable.isEmpty && memtable.get(key, 0, end, snapshot, this.found, this.keyHash)) return true
    }
    return false
  }

  private findInTables(state: ReadState, key: Uint8Array, end: number, snapshot: SeqNum): boolean {
    const { runs } = state
    for (let i = 0; i < runs.length; i++) {
      const table = runs[i]!.tableFor(key, 0, end)
      if (table !== null && table.get(key, end, snapshot, this.found, this.keyHash)) return true
    }
    return false
  }
}
