/**
 * What: does many lookups in one state without holding the event loop: what the turn of the call does not reach
 * follows in later turns. By then the keys are the caller's again, so those that are left are copied before the
 * call returns.
 * Owns: a hold on the read state from the first pause on. Thread: main.
 * Invariants: READ-2 all lookups look at the state of the moment of the call.
 */
import { VarveError, viewLength, writeView } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { readAnew } from './read-anew.js'
import type { ReadMoment } from './read-anew.js'
import type { ReadView } from './read-view.js'

type Lookup<T> = (moment: ReadMoment, key: Bytes) => T

/** Gives what `lookup` gives for each key, in their order. Rejects with CLOSED. Requires: the keys were checked. */
export function readMany<T>(
  view: ReadView, moment: ReadMoment, keys: readonly Bytes[], lookup: Lookup<T>,
): Promise<T[]> {
  try {
    return begin(view, moment, keys, lookup)
  } catch (error) {
    return readAnew(view, moment, error, (newer) => begin(view, newer, keys, lookup))
  }
}

/** Does the lookups of this turn, and throws what one of them throws. */
function begin<T>(view: ReadView, moment: ReadMoment, keys: readonly Bytes[], lookup: Lookup<T>): Promise<T[]> {
  const { turns } = view
  const found = new Array<T>(keys.length)
  let at = 0
  while (at < keys.length && !turns.isOver()) {
    found[at] = lookup(moment, keys[at]!)
    at++
  }
  return at === keys.length ? Promise.resolve(found) : new LaterLookups(view, moment, keys, lookup).run(found, at)
}

class LaterLookups<T> {
  private readonly view: ReadView
  private readonly moment: ReadMoment
  private readonly keys: readonly Bytes[]
  private readonly lookup: Lookup<T>
  private isClosed = false

  constructor(view: ReadView, moment: ReadMoment, keys: readonly Bytes[], lookup: Lookup<T>) {
    this.view = view
    this.moment = moment
    this.keys = keys
    this.lookup = lookup
    moment.state.hold()
    view.attach(this)
  }

  async run(found: T[], from: number): Promise<T[]> {
    const { lookup, moment, view: { turns } } = this
    try {
      const own = new OwnKeys(this.keys, from)
      for (let at = from; at < found.length; at++) {
        if (at === from || turns.isOver()) await turns.next()
        if (this.isClosed) throw new VarveError('CLOSED', 'the database was closed before all keys were read')
        found[at] = lookup(moment, own.at(at))
      }
      return found
    } catch (error) {
      this.view.renew(error) // the earlier keys are the caller's again: only the caller can ask once more
      throw error
    } finally {
      this.cut()
    }
  }

  /** Ends the lookups: the database is being closed, or all are done. */
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
