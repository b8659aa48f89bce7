/**
 * What: who came first among calls of one key when some of them take time. A call that does not bind at once takes a
 * ticket; a later put or delete of the same key makes it old, and what has an old ticket must not bind: its bytes
 * are older than what the cache has been told since.
 * Owns: the keys for which tickets are out. Thread: main. There is no I/O.
 */

/** The place of one call among those of its key. */
export interface Ticket {
  /** False when a later call of the key came. */
  readonly isCurrent: boolean
  /** Gives the ticket back, however the call ended. */
  release(): void
}

interface KeyCalls {
  count: number
  epoch: number
  /** Calls of the key that do not make others old, or not yet. */
  others: number
}

export class Tickets {
  private readonly keys = new Map<string, KeyCalls>()
  /** What was purged while tickets are out, 0 for all, with a number that rises with each ticket and purge. */
  private readonly purges = new Map<number, number>()
  private count = 0

  /** The number of keys for which tickets are out. */
  get size(): number {
    return this.keys.size
  }

  /** Takes a ticket for a call of the key with this hash and namespace; earlier ones become old. */
  take(low: number, high: number, namespace = 0): Ticket {
    const name = `${low} ${high}`
    const calls = this.keys.get(name) ?? { count: 0, epoch: 0, others: 0 }
    this.keys.set(name, calls)
    calls.epoch++
    return this.ticketOf(name, calls, namespace)
  }

  /** Takes a ticket that makes no other one old, and becomes old with every call of the key. */
  watch(low: number, high: number, namespace: number): Ticket {
    const name = `${low} ${high}`
    const calls = this.keys.get(name) ?? { count: 0, epoch: 0, others: 0 }
    this.keys.set(name, calls)
    const { others } = calls
    const ticket = this.ticketOf(name, calls, namespace)
    return {
      get isCurrent() {
        return ticket.isCurrent && calls.others === others
      },
      release: () => ticket.release(),
    }
  }

  /** Called for a call of the key that may take effect later: what watches the key becomes old. */
  note(low: number, high: number): void {
    const calls = this.keys.size === 0 ? undefined : this.keys.get(`${low} ${high}`)
    if (calls !== undefined) calls.others++
  }

  private ticketOf(name: string, calls: KeyCalls, namespace: number): Ticket {
    calls.count++
    const { epoch } = calls
    const { purges } = this
    const number = ++this.count
    return {
      get isCurrent() {
        return calls.epoch === epoch && (purges.get(0) ?? 0) < number && (purges.get(namespace) ?? 0) < number
      },
      release: () => {
        if (--calls.count === 0) this.keys.delete(name)
        if (this.keys.size === 0) purges.clear()
      },
    }
  }

  /** Called for a purge of a namespace, or of all with 0: tickets of it that are out become old. */
  passByNamespace(namespace: number): void {
    if (this.keys.size > 0) this.purges.set(namespace, ++this.count)
  }

  /** Called for a call of the key that takes effect at once: tickets that are out become old. */
  passBy(low: number, high: number): void {
    if (this.keys.size === 0) return
    const calls = this.keys.get(`${low} ${high}`)
    if (calls !== undefined) calls.epoch++
  }
}
