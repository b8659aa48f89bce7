/**
 * What: the entries that an asynchronous walk gives next, where values stand apart: it goes on over some more entries,
 * and reads their values together, in the order in which they stand in their files.
 *
 * It begins with the entry that was asked for, and takes twice as many each time, so that a walk that is left early
 * has read little in vain. What it holds may be asked back by other walks while it rests (tables/read-ahead.ts): then
 * the cursor goes back to the first entry that was not given.
 * Owns: what was read and not given. Does not own: the cursor.
 * Thread: main.
 * States: empty → reading → holds results → empty. A walk asks for one thing at a time.
 */
import { MiB } from '../base/index.js'
import type { AheadReader, ReadAhead } from '../tables/index.js'
import type { Cursor } from './cursor.js'
import type { ReadView } from './read-view.js'
import type { HeldValue } from './stepped-copy.js'
import { readRuns } from './value-runs.js'
import type { ValueSink, WantedValue } from './value-runs.js'

/** What a walk gives of an entry. */
export interface WalkedPart<T> {
  /** The result of an entry whose value stands with it. */
  now(cursor: Cursor): T
  /** Called at an entry whose value is not there yet: makes the result when it is. */
  apart(cursor: Cursor): (value: Uint8Array) => T
}

const ENTRIES_MAX = 64
const BYTES_MAX = 4 * MiB

interface Slot<T> {
  readonly key: Uint8Array
  make: ((value: Uint8Array) => T) | null
  result: T | undefined
  error: unknown
  isBad: boolean
}

export class WalkAhead<T> implements AheadReader {
  private readonly view: ReadView
  private readonly cursor: Cursor
  private readonly part: WalkedPart<T>
  private slots: Slot<T>[] = []
  /** The slots before it were given. */
  private given = 0
  private size = 1
  private memory: ReadAhead | null = null
  /** True while values are being read. */
  isReading = false

  constructor(view: ReadView, cursor: Cursor, part: WalkedPart<T>) {
    this.view = view
    this.cursor = cursor
    this.part = part
  }

  /** True when nothing is there to be taken. */
  get isEmpty(): boolean {
    return this.given === this.slots.length
  }

  /** Gives the next result; one that could not be read ends the walk. Requires: it is not empty. */
  take(): T {
    const slot = this.slots[this.given++]!
    if (this.isEmpty) this.drop()
    return slot.isBad ? this.fail(slot) : slot.result!
  }

  private fail({ error }: Slot<T>): never {
    this.drop()
    this.cursor.close()
    this.view.renew(error)
    throw error
  }

  /**
   * Reads from the entry on which the cursor stands, whose value stands apart, `countMax` entries at most, and gives
   * the first, also when the walk is ended meanwhile.
   */
  async read(countMax = Infinity): Promise<T> {
    const { cursor, view, slots } = this
    const { state } = cursor
    const { ahead } = state.valueLogs
    const wanted = this.collect(ahead, Math.min(this.size, countMax))
    this.size = Math.min(2 * this.size, ENTRIES_MAX)
    this.isReading = true
    try {
      await view.iterators.valueReads.run(state, () => readRuns(wanted, view.turns, sinkOf(slots)))
    } finally {
      this.isReading = false
    }
    ahead.rest(this)
    if (slots === this.slots) return this.take()
    const first = slots[0]!
    return first.isBad ? this.fail(first) : first.result!
  }

  /** Copies the value of the entry on which the cursor stands, in steps. Requires: nothing is there to be taken. */
  async copy(held: HeldValue): Promise<T> {
    const { cursor, view, part } = this
    const make = part.apart(cursor)
    this.isReading = true
    try {
      return make(await held.copy(view, cursor.state))
    } catch (error) {
      cursor.close()
      throw error
    } finally {
      this.isReading = false
    }
  }

  /** Fills slots from the entry on which the cursor stands; gives what is to be read for them. */
  private collect(memory: ReadAhead, countMax: number): WantedValue[] {
    const { cursor, slots } = this
    const wanted: WantedValue[] = []
    const bytesMax = Math.min(BYTES_MAX, memory.room)
    let bytes = 0
    this.add(wanted)
    while (slots.length < countMax && bytes < bytesMax && !slots.at(-1)!.isBad && !cursor.isSpent) {
      if (!this.goOn()) break
      bytes += cursor.valueBytes
      if (bytes > bytesMax) {
        cursor.goBack(cursor.key(), 1)
        bytes -= cursor.valueBytes
        break
      }
      this.add(wanted)
    }
    if (bytes > 0) {
      memory.take(this, bytes)
      this.memory = memory
    }
    return wanted
  }

  /** False at the end, and where the next entry is far. */
  private goOn(): boolean {
    const { cursor, slots } = this
    const { key } = slots.at(-1)!
    try {
      if (cursor.next()) return true
      if (cursor.isPaused) cursor.standBehind(key)
    } catch (error) {
      slots.push({ key, make: null, result: undefined, error, isBad: true })
    }
    return false
  }

  private add(wanted: WantedValue[]): void {
    const { cursor, part, slots } = this
    const key = cursor.key()
    const slot: Slot<T> = { key, make: null, result: undefined, error: null, isBad: false }
    const index = slots.push(slot) - 1
    try {
      if (!cursor.isApart) {
        slot.result = part.now(cursor)
        return
      }
      slot.make = part.apart(cursor)
      wanted.push({ place: cursor.place(), key, index })
    } catch (error) {
      fail(slot, error)
    }
  }

  /** Other walks need the memory: the cursor goes back to what was not given. */
  dropAhead(): void {
    const { cursor, slots, given } = this
    const next = slots[given]
    this.forget()
    if (next !== undefined) cursor.goBack(next.key, slots.length - given)
  }

  /** Everything was given, or nobody wants the rest. */
  drop(): void {
    this.memory?.give(this)
    this.forget()
  }

  private forget(): void {
    this.slots = []
    this.given = 0
    this.memory = null
  }
}

function sinkOf<T>(slots: readonly Slot<T>[]): ValueSink {
  return {
    give(index, value) {
      const slot = slots[index]!
      try {
        slot.result = slot.make!(value)
      } catch (error) {
        fail(slot, error)
      }
    },
    fail: (index, error) => fail(slots[index]!, error),
  }
}

function fail(slot: Slot<unknown>, error: unknown): void {
  slot.isBad = true
  slot.error = error
}
