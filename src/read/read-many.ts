/**
 * What: many lookups in one state that do not hold the event loop: what the turn of the call does not reach follows in
 * later ones. By then the keys are the caller's again, so what is left of them is copied before the call returns.
 * Values that are in value logs are read when all keys were looked up, neighbours together (value-runs.ts).
 * Owns: a hold on the read state from the first pause on. Thread: main.
 * Invariants: READ-2 all lookups look at the state of the moment of the call.
 */
import { assert, copyBytes, ownCopy, VarveError, viewLength, writeView } from '../base/index.js'
import type { Bytes, Turns } from '../base/index.js'
import { FixedTime } from '../iterator/index.js'
import { ValuePlace } from '../tables/index.js'
import { readAnew } from './read-anew.js'
import type { ReadMoment } from './read-anew.js'
import type { ReadView } from './read-view.js'
import { HeldValue } from './stepped-copy.js'
import { readRuns, readRunsSync } from './value-runs.js'
import type { ValueSink, WantedValue } from './value-runs.js'

/** Makes a result of a value in memory of its own. */
type Give<T> = (value: Uint8Array) => T

/** What is read of many keys, which were checked. */
export interface ManyReads<T> {
  readonly keys: readonly Bytes[]
  /** Gives the result for a key, or the place of a value that is in a value log or takes long to copy. */
  lookup(moment: ReadMoment, key: Bytes): T | ValuePlace | HeldValue
  /** Needed where `lookup` gives places. */
  readonly give?: Give<T>
}

/** What was found so far. */
class Found<T> implements ValueSink {
  readonly results: T[]
  private readonly make: Give<T>
  private readonly apart: WantedValue[] = []
  private readonly held: { value: HeldValue; index: number }[] = []
  /** The first of what was asked for that cannot be read, and why. */
  private failedIndex = Infinity
  private error: unknown = null

  constructor({ keys, give = noPlaces }: ManyReads<T>) {
    this.results = new Array<T>(keys.length)
    this.make = give
  }

  set(index: number, key: Bytes, found: T | ValuePlace | HeldValue): void {
    if (found instanceof HeldValue) this.held.push({ value: found, index })
    else if (found instanceof ValuePlace) this.apart.push({ place: found, key: copyBytes(key), index })
    else this.results[index] = found
  }

  get isWhole(): boolean {
    return this.apart.length === 0 && this.held.length === 0
  }

  /** Reads the values that are not there yet. Throws what the first of them that cannot be read says. */
  async fill(turns: Turns): Promise<T[]> {
    for (const { value, index } of this.held) this.give(index, await value.copyNow(turns))
    await readRuns(this.apart, turns, this)
    return this.whole()
  }

  fillSync(): T[] {
    for (const { value: { bytes, start, end }, index } of this.held) this.give(index, ownCopy(bytes, start, end))
    readRunsSync(this.apart, this)
    return this.whole()
  }

  give(index: number, value: Uint8Array): void {
    this.results[index] = this.make(value)
  }

  fail(index: number, error: unknown): void {
    if (index >= this.failedIndex) return
    this.failedIndex = index
    this.error = error
  }

  private whole(): T[] {
    if (this.failedIndex < Infinity) throw this.error
    return this.results
  }
}

/** Gives the results in the order of the keys. Rejects with CLOSED. */
export function readMany<T>(view: ReadView, moment: ReadMoment, reads: ManyReads<T>): Promise<T[]> {
  const begin = (at: ReadMoment): Promise<T[]> => beginMany(view, standing(at), reads)
  try {
    return begin(moment)
  } catch (error) {
    return readAnew(view, moment, error, begin)
  }
}

/** Gives the moment with a time that stands still, so that all lookups see the same as expired. */
function standing(moment: ReadMoment): ReadMoment {
  return { ...moment, time: new FixedTime(moment.time.nowMs()) }
}

function noPlaces(): never {
  assert(false, 'a lookup that gives places says what becomes of their values')
}

/** Reads as `readMany` does, at once. */
export function readManySync<T>(view: ReadView, moment: ReadMoment, reads: ManyReads<T>): T[] {
  const { keys } = reads
  const read = (given: ReadMoment): T[] => {
    const at = standing(given)
    const found = new Found(reads)
    for (let i = 0; i < keys.length; i++) found.set(i, keys[i]!, reads.lookup(at, keys[i]!))
    return found.isWhole ? found.results : found.fillSync()
  }
  try {
    return read(moment)
  } catch (error) {
    return readAnew(view, moment, error, read)
  }
}

/** Throws what a lookup in this turn throws. */
function beginMany<T>(view: ReadView, moment: ReadMoment, reads: ManyReads<T>): Promise<T[]> {
  const { turns } = view
  const { keys } = reads
  const found = new Found(reads)
  let at = 0
  while (at < keys.length && !turns.isOver()) {
    found.set(at, keys[at]!, reads.lookup(moment, keys[at]!))
    at++
  }
  if (at < keys.length) return new LaterLookups(view, moment, reads).run(found, at)
  return found.isWhole ? Promise.resolve(found.results) : readApart(view, moment, found)
}

async function readApart<T>(view: ReadView, { state }: ReadMoment, found: Found<T>): Promise<T[]> {
  try {
    return await view.iterators.valueReads.run(state, () => found.fill(view.turns))
  } catch (error) {
    view.renew(error)
    throw error
  }
}

class LaterLookups<T> {
  private readonly view: ReadView
  private readonly moment: ReadMoment
  private readonly reads: ManyReads<T>
  private isClosed = false

  constructor(view: ReadView, moment: ReadMoment, reads: ManyReads<T>) {
    this.view = view
    this.moment = moment
    this.reads = reads
    moment.state.hold()
    view.attach(this)
  }

  async run(found: Found<T>, from: number): Promise<T[]> {
    const { reads, moment, view, view: { turns } } = this
    try {
      const own = new OwnKeys(reads.keys, from)
      for (let at = from; at < found.results.length; at++) {
        if (at === from || turns.isOver()) await turns.next()
        if (this.isClosed) throw new VarveError('CLOSED', 'the database was closed before all keys were read')
        const key = own.at(at)
        found.set(at, key, reads.lookup(moment, key))
      }
    } catch (error) {
      view.renew(error) // the keys before are the caller's again: he must ask once more
      this.cut()
      throw error
    }
    const values = found.isWhole ? Promise.resolve(found.results) : readApart(view, moment, found)
    this.cut()
    return values
  }

  /** The database is being closed, or all keys were looked up. */
  cut(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.view.detach(this)
    this.moment.state.release()
  }
}

/** The keys from one place on: strings as they are, bytes as copies. */
class OwnKeys {
  private readonly keys: readonly Bytes[]
  private readonly from: number
  private readonly bytes: Uint8Array
  private readonly ends: Float64Array

  constructor(keys: readonly Bytes[], from: number) {
    this.keys = keys.slice(from)
    this.from = from
    this.ends = new Float64Array(this.keys.length)
    let end = 0
    this.keys.forEach((key, i) => {
      if (typeof key !== 'string') end += viewLength(key)
      this.ends[i] = end
    })
    this.bytes = new Uint8Array(end)
    this.keys.forEach((key, i) => {
      if (typeof key !== 'string') writeView(key, this.bytes, this.ends[i - 1] ?? 0)
    })
  }

  at(index: number): Bytes {
    const i = index - this.from
    const key = this.keys[i]!
    if (typeof key === 'string') return key
    const start = this.ends[i - 1] ?? 0
    return new Uint8Array(this.bytes.buffer, start, this.ends[i]! - start)
  }
}
