/**
 * What: knows what was written and what the database said about it, and judges what it shows later.
 *
 * Batches are numbered in the order of the calls, which is the order of commit. A state is legal when it is exactly
 * what some prefix of them gives, batches that were refused left out, and the prefix holds everything that had to
 * survive: after power loss what was acknowledged as synced, after the death of the process everything acknowledged.
 * Once a reopened database has shown a state, that state is history: what it lacked never comes back.
 */
import { describeValue, makeValue, show } from '../crash/crash-values.js'

export interface Operation {
  key: string
  /** The length of the value; null deletes. */
  length: number | null
  /** Deletes the keys from `key` on, up to this one; null: to the last key. Absent: only `key` is written. */
  until?: string | null
  /** Milliseconds that the value lives, or null for ever, as the call says it; absent: it says nothing. */
  ttl?: number | null
  /** When the value expires, by the settings and the time of the call; absent or 0: never. */
  expiryMs?: number
  /** Gives the value that is there at this time another expiry, and writes nothing where there is none. */
  touchedMs?: number
}

export interface Batch {
  readonly id: number
  readonly operations: readonly Operation[]
  /** What a reader finds for each operation; null is nothing. */
  readonly descriptors: readonly (string | null)[]
  /** The external position stored with it, or null. */
  readonly position: string | null
  /** The outcome of a call. 'refused': never applied, now or later. 'unknown': it may have been applied. */
  outcome: 'open' | 'acked' | 'refused' | 'unknown'
}

/** Everything that a reader can see. */
export interface SeenState {
  /** Descriptors of the values, by key, with when they expire. */
  entries: ReadonlyMap<string, string>
  /** The time at which it was read. */
  timeMs: number
  position: string | null
}

export type Loss = 'power' | 'process'

/** The states that may be seen after a crash at some moment: a prefix of `batches` of at least `atLeast`. */
export interface Expectation {
  readonly batches: readonly Batch[]
  readonly atLeast: number
}

/** Codes that promise that nothing was applied. */
const REFUSING = new Set([
  'NO_SPACE', 'IO_ERROR', 'BACKGROUND_ERROR', 'BUSY', 'CLOSED', 'READ_ONLY', 'INVALID_ARGUMENT',
])

export class Oracle {
  /** Batches that may be visible, in order of commit. */
  private history: Batch[]
  private durableCount: number
  private nextId: number
  /** Every key that was ever written or deleted. */
  readonly keys: Set<string>

  constructor(from: Oracle | null = null) {
    this.history = from === null ? [] : from.history.map((batch) => ({ ...batch }))
    this.durableCount = from?.durableCount ?? 0
    this.nextId = from?.nextId ?? 1
    this.keys = new Set(from?.keys)
  }

  get batchCount(): number {
    return this.nextId - 1
  }

  /** Gives the number of a batch that begins later: its value is made before its place among others is known. */
  reserve(): number {
    return this.nextId++
  }

  /** Called before the write is. Gives the batch, whose values `valueOf` makes. */
  begin(operations: readonly Operation[], position: string | null = null, id = this.reserve()): Batch {
    const descriptors = operations.map(({ key, length }, operation) =>
      length === null ? null : describeValue(key, makeValue({ key, batch: id, operation }, length)))
    const batch: Batch = { id, operations, descriptors, position, outcome: 'open' }
    this.history.push(batch)
    for (const { key } of operations) this.keys.add(key)
    return batch
  }

  /** The call returned, or its promise resolved. */
  ack(batch: Batch, isDurable: boolean): void {
    batch.outcome = 'acked'
    if (isDurable) this.durableCount = Math.max(this.durableCount, this.history.indexOf(batch) + 1)
  }

  /** The call failed with this code. */
  reject(batch: Batch, code: string): void {
    batch.outcome = REFUSING.has(code) ? 'refused' : 'unknown'
    if (batch.outcome === 'unknown' && code !== 'COMMIT_UNKNOWN') {
      throw new Error(`batch ${batch.id} failed with ${code}`)
    }
    if (batch.outcome !== 'refused') return
    const at = this.history.indexOf(batch)
    if (at < this.durableCount) throw new Error(`batch ${batch.id} is refused, yet a later one is durable`)
    this.history.splice(at, 1)
  }

  /** The number of batches that a sync or flush covers which begins now: everything acknowledged so far. */
  get ackedCount(): number {
    for (let i = this.history.length; i > 0; i--) if (this.history[i - 1]!.outcome === 'acked') return i
    return 0
  }

  /** The last batch that a sync or flush covers which begins now, or null. */
  get lastAcked(): Batch | null {
    return this.history[this.ackedCount - 1] ?? null
  }

  /** Records that everything up to `last` was promised to survive power loss. */
  noteDurable(last: Batch | null): void {
    if (last === null) return
    this.durableCount = Math.max(this.durableCount, this.history.indexOf(last) + 1)
  }

  /** Gives what a reader may find after a crash at this moment. */
  expect(loss: Loss): Expectation {
    const atLeast = Math.max(this.durableCount, loss === 'process' ? this.ackedCount : 0)
    return { batches: this.history.slice(), atLeast }
  }

  /** Records that a reopened database has shown the first `count` batches: they are durable, the others are gone. */
  settle(batches: readonly Batch[], count: number): void {
    this.history = batches.slice(0, count)
    for (const batch of this.history) batch.outcome = 'acked'
    this.durableCount = count
  }

  /** Makes another oracle that knows the same and learns on its own; `expectation` is history for it. */
  fork(expectation: Expectation, count: number): Oracle {
    const fork = new Oracle(this)
    fork.settle(expectation.batches.map((batch) => ({ ...batch })), count)
    return fork
  }
}

/** Gives how many batches of the expectation the state shows. Throws when it shows none of the legal states. */
export function matchState(seen: SeenState, { batches, atLeast }: Expectation): number {
  const state = new StateBuilder()
  let matched = -1
  let nearest = { count: 0, problems: [] as string[] }
  for (let count = 0; count <= batches.length; count++) {
    if (count > 0) state.apply(batches[count - 1]!)
    if (state.sizeAt(seen.timeMs) !== seen.entries.size && count < batches.length) continue
    const problems = state.compare(seen)
    if (problems.length === 0) {
      matched = count
      if (count >= atLeast) return count
    } else if (nearest.problems.length === 0 || problems.length <= nearest.problems.length) {
      nearest = { count, problems }
    }
  }
  if (matched >= 0) {
    const lost = batches.slice(matched, atLeast).map(({ id, outcome }) => `${id} ${outcome}`)
    throw new Error(`only the first ${matched} of at least ${atLeast} batches are there; lost: ${lost.join(', ')}`)
  }
  throw new Error(`no prefix of ${batches.length} batches (at least ${atLeast}) gives this state; ` +
    `against the first ${nearest.count}: ${nearest.problems.slice(0, 6).join('; ')}`)
}

/** Describes a value with when it expires; 0: never. */
export function untilText(descriptor: string, expiryMs: number): string {
  return expiryMs === 0 ? descriptor : `${descriptor} until ${expiryMs}`
}

/** The state after some batches. */
class StateBuilder {
  private readonly entries = new Map<string, string>()
  /** When those of the entries expire that do. */
  private readonly expiries = new Map<string, number>()
  private position: string | null = null

  sizeAt(timeMs: number): number {
    let count = this.entries.size
    for (const expiryMs of this.expiries.values()) if (expiryMs <= timeMs) count--
    return count
  }

  apply({ operations, descriptors, position }: Batch): void {
    operations.forEach(({ key, until, expiryMs = 0, touchedMs }, i) => {
      const descriptor = descriptors[i]!
      if (until !== undefined) this.deleteRange(key, until)
      else if (touchedMs !== undefined) this.touch(key, expiryMs, touchedMs)
      else if (descriptor === null) this.delete(key)
      else {
        this.entries.set(key, descriptor)
        this.expire(key, expiryMs)
      }
    })
    if (position !== null) this.position = position
  }

  private deleteRange(from: string, until: string | null): void {
    for (const key of this.entries.keys()) if (key >= from && (until === null || key < until)) this.delete(key)
  }

  private delete(key: string): void {
    this.entries.delete(key)
    this.expiries.delete(key)
  }

  private touch(key: string, expiryMs: number, timeMs: number): void {
    if (this.isSeen(key, timeMs)) this.expire(key, expiryMs)
  }

  private expire(key: string, expiryMs: number): void {
    if (expiryMs === 0) this.expiries.delete(key)
    else this.expiries.set(key, expiryMs)
  }

  private isSeen(key: string, timeMs: number): boolean {
    return this.entries.has(key) && (this.expiries.get(key) ?? Infinity) > timeMs
  }

  /** Lists the differences, for people. */
  compare(seen: SeenState): string[] {
    const problems: string[] = []
    for (const [key, value] of this.entries) {
      if (!this.isSeen(key, seen.timeMs)) continue
      const descriptor = untilText(value, this.expiries.get(key) ?? 0)
      const found = seen.entries.get(key)
      if (found !== descriptor) problems.push(`${show(key)} is ${found ?? 'absent'}, not ${descriptor}`)
    }
    for (const [key, found] of seen.entries) {
      if (!this.isSeen(key, seen.timeMs)) problems.push(`${show(key)} is ${found}, not absent`)
    }
    if (seen.position !== this.position) problems.push(`position is ${seen.position}, not ${this.position}`)
    return problems
  }
}
