/**
 * What: loads of `getOrSet`: of each key one is under way at a time, and all who ask for the key meanwhile get its
 * result. A load that began before a put, delete or purge of its key is not stored, and nobody who asks later joins it.
 * Owns: the loads under way, and who waits for them. Does not own: what is stored.
 * Thread: main.
 * Invariants: BC-1 what is stored is not older than the last put, delete or purge. BC-7 each caller is answered: by the
 * load, by its own signal, or by the end of the cache.
 */
import { copyBytes, equalRanges, invalidArgument, isByteView, KeptAlive, VarveError } from '../base/index.js'
import type { Bytes, Clock } from '../base/index.js'
import type { HashedKey } from './blob-hash.js'
import type { Ticket } from './tickets.js'

/** What a load is given. */
export interface BlobLoadContext {
  /** Aborted when nobody waits for the load any more, and when the cache is closed. */
  readonly signal: AbortSignal
}

/** Makes the value of a key that is not there. */
export type BlobLoad = (context: BlobLoadContext) => Bytes | Promise<Bytes>

interface Flight {
  readonly key: HashedKey
  ticket: Ticket
  readonly controller: AbortController
  /** True when it goes on though nobody waits. */
  isBackground: boolean
  waiterCount: number
  isLoaded: boolean
  readonly result: Promise<Bytes>
  readonly end: (error: unknown) => void
}

export interface FlightRequest {
  key: HashedKey
  load: BlobLoad
  /** Takes a ticket for the load: it tells at its end whether it is too old to be stored. */
  watch: () => Ticket
  /** Stores what was loaded; resolves when that has an end, and never rejects. */
  store: (value: Bytes) => Promise<unknown>
}

export class LoadFlights {
  readonly counts = { loads: 0, shared: 0, staleServed: 0, loadErrors: 0 }
  private readonly flights = new Map<string, Flight>()
  private readonly underWay = new Set<Flight>()
  private readonly keptAlive: KeptAlive
  private isClosed = false

  constructor(clock: Clock) {
    this.keptAlive = new KeptAlive(clock)
  }

  /** Gives a copy of what a load gives, one that is under way or a new one. Rejects when the signal says so. */
  async wait(request: FlightRequest, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const flight = this.flightFor(request)
    flight.waiterCount++
    try {
      return copyBytes(await orAborted(flight.result, signal))
    } finally {
      flight.waiterCount--
      if (flight.waiterCount === 0 && !flight.isBackground && !flight.isLoaded && this.underWay.has(flight)) {
        this.leave(flight)
        flight.controller.abort(signal?.reason)
        flight.end(signal?.reason)
      }
    }
  }

  /** Begins a load that nobody waits for, unless one is under way. */
  refresh(request: FlightRequest): void {
    this.flightFor(request).isBackground = true
  }

  private flightFor(request: FlightRequest): Flight {
    const name = nameOf(request.key)
    const known = this.flights.get(name)
    if (known !== undefined && known.ticket.isCurrent && isSameKey(known.key, request.key)) {
      this.counts.shared++
      return known
    }
    return this.begin(request)
  }

  private begin(request: FlightRequest): Flight {
    const { key, watch } = request
    const controller = new AbortController()
    let resolve!: (value: Bytes) => void
    let reject!: (error: unknown) => void
    const promise = new Promise<Bytes>((resolveIt, rejectIt) => {
      resolve = resolveIt
      reject = rejectIt
    })
    // Who waits is told; where nobody does, the error is only counted.
    promise.catch(() => undefined)
    const flight: Flight = {
      key, ticket: watch(), controller, isBackground: false, waiterCount: 0, isLoaded: false, result: promise,
      end: reject,
    }
    this.underWay.add(flight)
    // A load may throw at once, and is over then.
    this.flights.set(nameOf(key), flight)
    this.keptAlive.set(true)
    this.counts.loads++
    void this.run(flight, request).then(resolve, (error: unknown) => {
      this.counts.loadErrors++
      reject(error)
    })
    return flight
  }

  private async run(flight: Flight, { load, watch, store }: FlightRequest): Promise<Bytes> {
    let storing: Promise<unknown> | null = null
    try {
      if (this.isClosed) throw closedError()
      const value = await load({ signal: flight.controller.signal })
      flight.isLoaded = true
      if (typeof value !== 'string' && !isByteView(value)) {
        throw invalidArgument('a load must give a string or a Uint8Array')
      }
      if (this.underWay.has(flight) && flight.ticket.isCurrent) {
        flight.ticket.release()
        storing = store(value)
        flight.ticket = watch()
      }
      return value
    } finally {
      // Until it is stored, whoever asks gets the value here.
      if (storing === null) this.leave(flight)
      else void storing.then(() => this.leave(flight))
    }
  }

  private leave(flight: Flight): void {
    if (!this.underWay.delete(flight)) return
    const name = nameOf(flight.key)
    if (this.flights.get(name) === flight) this.flights.delete(name)
    flight.ticket.release()
    this.keptAlive.set(this.underWay.size > 0)
  }

  /** Ends all loads: whoever waits is told that the cache is closed. What they give later is dropped. */
  close(): void {
    this.isClosed = true
    for (const flight of [...this.underWay]) {
      this.leave(flight)
      flight.end(closedError())
      flight.controller.abort(closedError())
    }
  }
}

function closedError(): VarveError {
  return new VarveError('CLOSED', 'the cache was closed while a load was under way')
}

function nameOf({ low, high }: HashedKey): string {
  return `${low} ${high}`
}

function isSameKey(a: HashedKey, b: HashedKey): boolean {
  return equalRanges(a.bytes, 0, a.bytes.length, b.bytes, 0, b.bytes.length)
}

/** Gives the result, or rejects with the reason of the signal, whichever comes first. */
async function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([aborted, result])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
