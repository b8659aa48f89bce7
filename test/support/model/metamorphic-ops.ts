/**
 * What: one random sequence of calls, as plain data: every choice is in it, so that it can be run again under other
 * settings, and with parts left out.
 */
import { SeededRandom } from '../../../src/base/index.js'
import type { BatchOp, KeyBounds, RangeOptions } from '../../../src/index.js'
import { STREAM_ENDS } from './gated-source.js'
import type { StreamPlan } from './gated-source.js'
import { latin1, randomBounds, randomKey, randomRange } from './range-model.js'

/** A change of one entry; a null value deletes the key. */
export interface KeyChange {
  key: Uint8Array
  value: Uint8Array | null
  /** Milliseconds that the value lives; null: for ever. */
  ttl: number | null
}

/** A change of one entry, or the deletion of a range. */
export type Change = KeyChange | { range: KeyBounds }

/** The form of a call: blocking, awaited, or awaited with others before the next read. */
export type Form = 'sync' | 'awaited' | 'pending'

/** One call. `id` names a snapshot or iterator; where it is not open, the call answers nothing. */
export type Operation =
  | { do: 'write'; form: Form; changes: Change[]; sync: boolean; position: Uint8Array | null }
  | { do: 'get'; form: Form | 'streamed' | 'entry'; keys: Uint8Array[]; snapshot: number | null }
  | { do: 'range'; form: 'entries' | 'keys' | 'values' | 'async'; range: RangeOptions; snapshot: number | null }
  | { do: 'iterate'; id: number; range: RangeOptions; snapshot: number | null }
  | { do: 'next'; id: number; count: number }
  | { do: 'endIteration' | 'snapshot' | 'release'; id: number }
  | { do: 'touch'; form: Form; key: Uint8Array; ttl: number | null }
  /** Time passes at once. */
  | { do: 'pass'; ms: number }
  /** Begins to stream a value; other calls come between, until it ends. */
  | { do: 'stream'; id: number; key: Uint8Array; sync: boolean; ttl: number | null; plan: StreamPlan }
  /** Ends streams to different keys at once. */
  | { do: 'endStreams'; ids: number[] }
  | { do: 'clear' | 'compact'; range: RangeOptions }
  /** Settings may say that `reopen` is left out: nothing is held over it. */
  | { do: 'flush' | 'sync' | 'position' | 'reopen' }

const LENGTHS = [0, 1, 20, 20, 100, 100, 2000, 9000]
const PASSES = [1, 10, 100, 1000, 60_000]
const TTLS = [1, 10, 100, 1000, 60_000, 1e9]
const XL_LENGTH = 70_000
const HELD_MAX = 4
/** Around thresholds, the buffers of the settings, pieces in memory, and what is gathered before there is a file. */
const STREAM_LENGTHS = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65_535, 65_536, 65_537, 262_143, 262_145, 700_000]
const LONG_STREAM_LENGTHS = [(4 << 20) - 1, 4 << 20, (4 << 20) + 1]

export function randomOperations(seed: number, count: number): Operation[] {
  const generator = new Generator(seed)
  return Array.from({ length: count }, () => generator.next())
}

class Generator {
  private readonly random: SeededRandom
  private readonly snapshots: number[] = []
  private readonly iterations: number[] = []
  private readonly streams: { id: number; key: string }[] = []
  private nextId = 1
  /** The writes that are left of a burst; they come in bursts, so that slabs fill between looks. */
  private burst = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'metamorphic')
  }

  next(): Operation {
    const { random } = this
    if (random.chance(0.08)) return this.stream() // in bursts too
    if (this.burst > 0 && this.burst-- > 0) return this.write()
    const roll = random.below(100)
    if (roll < 12) this.burst = random.below(40)
    if (roll < 33) return this.write()
    if (roll < 35) return { do: 'touch', form: this.form(), key: this.key(), ttl: random.pick([null, ...TTLS]) }
    if (roll < 50) return this.get()
    if (roll < 62) return this.range()
    if (roll < 72) return this.iteration()
    if (roll < 80) return this.snapshot()
    if (roll < 82) return { do: 'position' }
    if (roll < 84) return { do: 'pass', ms: random.pick(PASSES) }
    if (roll < 90) return { do: 'flush' }
    if (roll < 93) return { do: 'compact', range: random.chance(0.5) ? {} : this.bounds() }
    if (roll < 94) return { do: 'clear', range: random.chance(0.2) ? {} : this.bounds() }
    if (roll < 96) return { do: 'sync' }
    return this.reopen()
  }

  private write(): Operation {
    const { random } = this
    const count = random.pick([0, 1, 1, 1, 2, 5, 30])
    const changes = Array.from({ length: count }, (): Change => {
      if (random.chance(0.03)) return { range: randomBounds(random) }
      return { key: this.key(), value: random.chance(0.25) ? null : this.value(), ttl: this.ttl() }
    })
    const position = random.chance(0.1) ? Uint8Array.of(random.below(256)) : null
    return { do: 'write', form: this.form(), changes, sync: random.chance(0.03), position }
  }

  private key(): Uint8Array {
    const { random } = this
    // A few keys are written often, many once: tables that overlap, and tables that do not.
    return random.chance(0.6) ? randomKey(random) : new TextEncoder().encode(`key ${random.below(3000)}`)
  }

  private value(): Uint8Array {
    const { random } = this
    const value = new Uint8Array(random.chance(0.003) ? XL_LENGTH : random.pick(LENGTHS))
    random.fill(value)
    return value
  }

  private ttl(): number | null {
    return this.random.chance(0.2) ? this.random.pick(TTLS) : null
  }

  private form(): Form {
    return this.random.pick(['sync', 'awaited', 'pending'])
  }

  private get(): Operation {
    const keys = Array.from({ length: this.random.pick([1, 1, 3, 8]) }, () => this.key())
    const form = this.random.chance(0.4) ? this.random.pick(['streamed', 'entry'] as const) : this.form()
    return { do: 'get', form, keys, snapshot: this.heldSnapshot() }
  }

  private range(): Operation {
    const form = this.random.pick(['entries', 'keys', 'values', 'async'] as const)
    return { do: 'range', form, range: randomRange(this.random), snapshot: this.heldSnapshot() }
  }

  private bounds(): RangeOptions {
    const { reverse, limit, ...bounds } = randomRange(this.random)
    return bounds
  }

  private heldSnapshot(): number | null {
    return this.random.chance(0.5) ? null : this.random.pick([null, ...this.snapshots])
  }

  private iteration(): Operation {
    const { random, iterations } = this
    if (iterations.length === 0 || (iterations.length < HELD_MAX && random.chance(0.3))) {
      const id = this.nextId++
      iterations.push(id)
      return { do: 'iterate', id, range: randomRange(random), snapshot: this.heldSnapshot() }
    }
    const id = random.pick(iterations)
    if (random.chance(0.8)) return { do: 'next', id, count: random.pick([1, 3, 20]) }
    iterations.splice(iterations.indexOf(id), 1)
    return { do: 'endIteration', id }
  }

  private snapshot(): Operation {
    const { random, snapshots } = this
    if (snapshots.length === 0 || (snapshots.length < HELD_MAX && random.chance(0.5))) {
      const id = this.nextId++
      snapshots.push(id)
      return { do: 'snapshot', id }
    }
    return { do: 'release', id: snapshots.splice(random.below(snapshots.length), 1)[0]! }
  }

  /** Ends what is held, and opens again. */
  private reopen(): Operation {
    const [iteration] = this.iterations.splice(0, 1)
    if (iteration !== undefined) return { do: 'endIteration', id: iteration }
    const [snapshot] = this.snapshots.splice(0, 1)
    if (snapshot !== undefined) return { do: 'release', id: snapshot }
    if (this.streams.length > 0) return this.endStreams()
    return { do: 'reopen' }
  }

  private stream(): Operation {
    const { random, streams } = this
    if (streams.length === HELD_MAX || (streams.length > 0 && random.chance(0.4))) return this.endStreams()
    const id = this.nextId++
    const key = this.key()
    streams.push({ id, key: latin1(key) })
    const value = new Uint8Array(random.pick(random.chance(0.04) ? LONG_STREAM_LENGTHS : STREAM_LENGTHS))
    random.fill(value)
    const pieceBytes = random.pick([1 + (value.length >> 6), 50_000, 262_144, 5_000_000])
    const plan = { value, pieceBytes, givenFirst: random.below(value.length + 1), end: random.pick(STREAM_ENDS) }
    return { do: 'stream', id, key, sync: random.chance(0.1), ttl: this.ttl(), plan }
  }

  /** One, or all to different keys. */
  private endStreams(): Operation {
    const { random, streams } = this
    const ending = random.chance(0.6) ? [random.pick(streams)] : uniqueBy(streams, ({ key }) => key)
    for (const stream of ending) streams.splice(streams.indexOf(stream), 1)
    return { do: 'endStreams', ids: ending.map(({ id }) => id) }
  }
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()]
}

export function toBatch(changes: readonly Change[]): BatchOp[] {
  return changes.map((change): BatchOp => {
    if ('range' in change) return { type: 'delRange', ...change.range }
    const { key, value, ttl } = change
    return value === null ? { type: 'del', key } : { type: 'put', key, value, ttl }
  })
}

/** Describes a call in one line, for people. */
export function describeOperation(operation: Operation): string {
  return JSON.stringify(operation, (_, value: unknown) => {
    if (!(value instanceof Uint8Array)) return value
    const text = Buffer.from(value).toString('latin1')
    return value.length > 16 ? `${value.length} bytes ${JSON.stringify(text.slice(0, 6))}…` : text
  })
}
