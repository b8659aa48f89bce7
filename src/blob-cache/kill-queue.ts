/**
 * What: the kills that are not durable yet, in the order in which they came, and the deletes that wait for their place
 * in it. A kill of an overwritten record waits until the new bytes are as safe as they will be: otherwise a crash
 * between the two would take both. A delete waits for nothing, but may not overtake: else what stands before it could
 * come back.
 * Owns: the queue. Does not own: the catalog that they are written to.
 * Thread: main. There is no I/O.
 * Invariants: BC-5 kills become durable in the order of the queue. BC-7 each delete settles.
 */
import { assert } from '../base/index.js'
import type { Kill } from './catalog-format.js'

/** The bytes that a kill waits for. */
export interface SafeBytes {
  /** True when they are as safe as was asked for, or when they are lost: nobody waits for those. */
  readonly isSafe: boolean
}

interface QueuedKill {
  /** Null: a delete that found nothing, which has a place in the queue all the same. */
  kill: Kill | null
  needs: SafeBytes | null
}

interface Waiter {
  place: number
  resolve: () => void
  reject: (error: unknown) => void
}

/** Kills that may be written now. */
export interface SafeKills {
  kills: Kill[]
  /** The place behind the last of them. */
  end: number
}

export class KillQueue {
  private queue: QueuedKill[] = []
  private startNow = 0
  /** How many of the first in the queue are known to be safe: they stay so. */
  private safeCount = 0
  private waiters: Waiter[] = []

  /** The place of the first that is not durable. */
  get start(): number {
    return this.startNow
  }

  /** The place behind the last. */
  get end(): number {
    return this.startNow + this.queue.length
  }

  get length(): number {
    return this.queue.length
  }

  /** True when a delete waits. */
  get isAwaited(): boolean {
    return this.waiters.length > 0
  }

  /** Adds a kill; it may become durable when `needs` is safe. */
  push(kill: Kill | null, needs: SafeBytes | null): void {
    this.queue.push({ kill, needs })
  }

  /** Gives all that may be written now: those before the first that still waits for bytes. */
  safe(): SafeKills {
    const end = this.safeEnd
    const kills = this.queue.slice(0, end - this.startNow).map(({ kill }) => kill).filter((kill) => kill !== null)
    return { kills, end }
  }

  /** The place behind the last kill that may be written now. */
  get safeEnd(): number {
    for (; this.safeCount < this.queue.length; this.safeCount++) {
      const { needs } = this.queue[this.safeCount]!
      if (needs !== null && !needs.isSafe) break
    }
    return this.startNow + this.safeCount
  }

  /** Takes out what is durable now, and answers those who waited for it. */
  noteDurable(end: number): void {
    assert(end <= this.end, 'what is durable was queued')
    if (end <= this.startNow) return
    this.queue = this.queue.slice(end - this.startNow)
    this.safeCount = Math.max(0, this.safeCount - (end - this.startNow))
    this.startNow = end
    const waiting: Waiter[] = []
    for (const waiter of this.waiters) {
      if (waiter.place <= end) waiter.resolve()
      else waiting.push(waiter)
    }
    this.waiters = waiting
  }

  /** Resolves when everything before `place` is durable. */
  durable(place: number): Promise<void> {
    if (place <= this.startNow) return Promise.resolve()
    return new Promise((resolve, reject) => this.waiters.push({ place, resolve, reject }))
  }

  /** Gives what is not durable from a place in the queue on, whether its bytes are safe or not. */
  since(place: number): Kill[] {
    return this.queue.slice(Math.max(0, place - this.startNow)).map(({ kill }) => kill).filter((kill) => kill !== null)
  }

  /** The catalog takes nothing any more: whoever waits is told. */
  fail(error: unknown): void {
    const { waiters } = this
    this.waiters = []
    for (const { reject } of waiters) reject(error)
  }
}
