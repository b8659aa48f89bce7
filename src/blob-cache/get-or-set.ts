/**
 * What: `getOrSet`: gives what is there; else loads it once for all who ask, and stores it. What is stale is given
 * while it is loaded anew, or when that fails, as long as the call allows.
 * Thread: main.
 */
import { keepAliveUntil } from '../base/index.js'
import type { Bytes, Clock } from '../base/index.js'
import type { HashedKey } from './blob-hash.js'
import type { BlobStore } from './blob-store.js'
import { PLAIN_MANNER } from './blob-puts.js'
import type { CallMeter } from './call-meter.js'
import { NO_FACTS } from './durability.js'
import type { Durability } from './durability.js'
import type { BlobLoad, FlightRequest, LoadFlights } from './load-flights.js'
import { recordTime } from './segment-format.js'

export interface GetOrSetFacts {
  /** Milliseconds; Infinity: the blob never becomes stale. */
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly namespace: number
  readonly durability: Durability
  readonly signal: AbortSignal | undefined
}

export interface GetOrSetParts {
  clock: Clock
  flights: LoadFlights
  calls: CallMeter
  /** The store that answers now. */
  store: () => BlobStore
}

export async function getOrSet(
  parts: GetOrSetParts, key: HashedKey, load: BlobLoad, facts: GetOrSetFacts,
): Promise<Uint8Array> {
  const { flights, store, clock } = parts
  const { signal, staleWhileRevalidate, staleIfError } = facts
  signal?.throwIfAborted()
  const request = requestOf(parts, key, load, facts)
  const staleMs = await keepAliveUntil(clock, store().parts.staleMsOf(key))
  const overdueMs = staleMs > 0 ? clock.wallMs() - staleMs : -1
  if (overdueMs < staleWhileRevalidate || overdueMs < 0) {
    const found = await store().get(key)
    if (found !== undefined) {
      if (overdueMs >= 0) {
        flights.counts.staleServed++
        flights.refresh(request)
      }
      return found
    }
  }
  signal?.throwIfAborted()
  try {
    return await flights.wait(request, signal)
  } catch (error) {
    const mayBeStale = overdueMs >= 0 && overdueMs < staleIfError && signal?.aborted !== true
    // What was put, deleted or purged meanwhile counts: it is looked up again.
    const found = mayBeStale ? await store().get(key).catch(() => undefined) : undefined
    if (found === undefined) throw error
    flights.counts.staleServed++
    return found
  }
}

function requestOf(
  { store, clock, calls }: GetOrSetParts, key: HashedKey, load: BlobLoad,
  { ttl, staleWhileRevalidate, staleIfError, namespace, durability }: GetOrSetFacts,
): FlightRequest {
  return {
    key, load,
    watch: () => store().watch(key, namespace),
    store: (value: Bytes) => {
      const freshMs = ttl === Infinity ? 0 : Math.max(1, recordTime(clock.wallMs() + ttl))
      const windowMs = Math.max(staleWhileRevalidate, staleIfError)
      const expiresMs = freshMs === 0 ? 0 : recordTime(freshMs + windowMs)
      const staleMs = windowMs > 0 ? freshMs : 0
      // The caller has the value, however this ends.
      const facts = { ...NO_FACTS, namespace, expiresMs, staleMs }
      const put = { ...PLAIN_MANNER, key, value, durability, facts }
      return calls.noted(() => store().put(put)).catch(() => undefined)
    },
  }
}
