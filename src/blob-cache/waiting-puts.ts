/**
 * What: puts that found no place, in the order of their calls. A put whose key was put or deleted since is told so.
 * Owns: the queue, and copies of what waits in it. Thread: main.
 * Invariants: BC-7 each is answered; the process is kept alive until then. BC-8 the bytes that wait are bounded.
 */
import { KeptAlive, MiB, Waiters } from '../base/index.js'
import type { Bytes, Clock } from '../base/index.js'
import { StageTimes } from '../stats/index.js'
import type { HashedKey } from './blob-hash.js'
import type { Durability, PutResult } from './durability.js'
import type { Ticket, Tickets } from './tickets.js'

const WAITING_BYTES_MAX = 64 * MiB

/** A value that is to be stored. */
export interface NewBlob {
  key: HashedKey
  value: Bytes
  /** Bytes of the value as it is stored. */
  valueBytes: number
  /** Bytes of the value as it was given. */
  plainBytes: number
  /** What it is compressed with, 0: nothing. */
  codecNumber: number
  recordBytes: number
  durability: Durability
  namespace: number
  expiresMs: number
  /** 0: never. */
  staleMs: number
  /** Their bytes are those of the record. */
  extensions: Uint8Array
  /** True when the key was dropped a short while ago. */
  isReturning: boolean
}

interface WaitingPut {
  blob: NewBlob
  ticket: Ticket
  startMs: number
  resolve: (result: PutResult | Promise<PutResult>) => void
}

export class WaitingPuts {
  /** From the call until there was a place, of puts that had to wait for one. */
  readonly times = new StageTimes()
  private readonly clock: Clock
  private readonly tickets: Tickets
  private queue: WaitingPut[] = []
  /**
   * The first one that is not answered. Those before it are taken out together, since each alone would move the rest.
   */
  private first = 0
  private bytesNow = 0
  private readonly keptAlive: KeptAlive
  private readonly emptied = new Waiters()

  constructor(clock: Clock, tickets: Tickets) {
    this.tickets = tickets
    this.clock = clock
    this.keptAlive = new KeptAlive(clock)
  }

  get count(): number {
    return this.queue.length - this.first
  }

  /** Bytes of the records that wait. */
  get bytes(): number {
    return this.bytesNow
  }

  get isEmpty(): boolean {
    return this.first === this.queue.length
  }

  /** Waits for a place. Requires: the value is a copy. */
  wait(blob: NewBlob): Promise<PutResult> {
    if (this.bytesNow + blob.recordBytes > WAITING_BYTES_MAX) return Promise.resolve({ stored: false, reason: 'busy' })
    const ticket = this.tickets.take(blob.key.low, blob.key.high, blob.namespace)
    this.bytesNow += blob.recordBytes
    const startMs = this.clock.nowMs()
    this.keptAlive.set(true)
    return new Promise((resolve) => this.queue.push({ blob, ticket, startMs, resolve }))
  }

  /** Answers the first ones, as long as `bind` gives an answer; it gives null when there is no place. */
  bindEach(bind: (blob: NewBlob) => Promise<PutResult> | null): void {
    for (let next = this.queue[this.first]; next !== undefined; next = this.queue[this.first]) {
      const answer = next.ticket.isCurrent ? bind(next.blob) : { stored: false, reason: 'superseded' } as const
      if (answer === null) return
      this.end(answer)
    }
  }

  /** Tells all who wait that there is no place for them. */
  refuse(): void {
    while (!this.isEmpty) this.end({ stored: false, reason: 'degraded' })
  }

  private end(answer: PutResult | Promise<PutResult>): void {
    const { blob, ticket, startMs, resolve } = this.queue[this.first++]!
    if (this.first * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.first)
      this.first = 0
    }
    ticket.release()
    this.bytesNow -= blob.recordBytes
    this.times.record(this.clock.nowMs() - startMs)
    this.keptAlive.set(!this.isEmpty)
    if (this.isEmpty) this.emptied.wake()
    resolve(answer)
  }

  /** Resolves when nobody waits. */
  untilEmpty(): Promise<void> {
    return this.emptied.until(() => this.isEmpty)
  }
}
