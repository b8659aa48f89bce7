/**
 * What: the worker threads of this process, for all its databases together.
 *
 * Threads are started when there is work for them, and end when there was none for a while. A free thread gets the most
 * urgent request; among equally urgent ones, that of the database which was served longest ago. Where all threads are
 * busy, a request goes to a thread whose requests are less urgent, which pause for it, or to one whose equally urgent
 * requests belong to other databases: those take turns with it. So nobody's long work keeps another's waiting.
 *
 * Copies of this package share a pool (docs/design/0025): what they say to each other are the types of this file.
 * POOL_VERSION changes with them.
 * Owns: the threads, the requests that wait, and that each is answered once.
 * Does not own: what jobs do; what an answer means (worker-executor.ts).
 * Thread: main.
 * Invariants: POOL-1 an answer goes to the seat that the request came from, and only inside its own `receive` or in a
 * turn of its own. POOL-2 a seat never has requests on more threads than it asked for, and on one more where a request
 * says so. POOL-3 a request counts as lost only when its thread has ended and touches nothing any more. POOL-4 a seat
 * is left only when all its requests are answered: no thread works for a database that is closed.
 */
import { assert, processShared, systemClock } from '../base/index.js'
import type { Clock, Timer } from '../base/index.js'
import { encodeError } from './error-transfer.js'
import { JobQueue } from './job-queue.js'
import { processorsToSpare, threadsWithExtra } from './worker-count.js'
import type { JobAnswer, WorkerAnswer } from './worker-messages.js'
import { WorkerThread } from './worker-thread.js'
import type { ThreadRequest, ThreadSpec } from './worker-thread.js'

const POOL_VERSION = 2
/** A thread that has run nothing for this long ends: starting and ending one takes 40 ms of processor time. */
const IDLE_MS = 10_000
/** At most this many equally urgent requests share a thread: each may take tens of megabytes. */
const TURNS_MAX = 4

/** An executor, as the pool sees it: it asks for seats. */
export interface PoolClient {
  /** The number of threads that it may use at once. */
  readonly threadsMax: number
  /** Called with the answer to a request; `request` is the object that was submitted. */
  onAnswer(request: ThreadRequest, answer: JobAnswer): void
  /** Called when a thread has ended, with the client's requests that were lost with it, the most urgent one last. */
  onLost(requests: ThreadRequest[], error: unknown): void
}

/** A database's place in the pool. */
export interface PoolSeat {
  /** A number that changes with each answer: see worker-messages.ts. */
  readonly signal: Int32Array
  /** The number of requests that are not answered yet. */
  readonly activeCount: number
  /** Submits a request. Never answers before it returns. */
  submit(request: ThreadRequest): void
  /** Answers what has arrived, without a turn of the event loop; returns how many. */
  receive(): number
  /** Takes back the requests that were not sent to a thread. */
  withdraw(): ThreadRequest[]
  /** Gives the seat up. Requires: nothing is active. */
  leave(): void
}

/** The pool of all copies of this package in this thread whose workers run this text with this context. */
export function sharedPool(spec: ThreadSpec): WorkerPool {
  const name = `workers.${POOL_VERSION} ${JSON.stringify(spec.contextSpec)} ${spec.source}`
  return processShared(name, () => new WorkerPool(spec, systemClock))
}

interface SeatRequest extends ThreadRequest {
  readonly seat: Seat
  readonly given: ThreadRequest
}

type Thread = WorkerThread<SeatRequest>

export class WorkerPool {
  readonly signal = new Int32Array(new SharedArrayBuffer(4))
  private readonly spec: ThreadSpec
  readonly clock: Clock
  private readonly threads: Thread[] = []
  private readonly idleTimers = new Map<Thread, Timer>()
  private readonly seats = new Set<Seat>()
  /** The signal's value when all ports were last looked at. */
  private signalSeen = 0
  private servedCount = 0
  private mayStart = false

  constructor(spec: ThreadSpec, clock: Clock) {
    this.spec = spec
    this.clock = clock
  }

  get threadCount(): number {
    return this.threads.length
  }

  /** Takes a seat for a client. The first one starts a thread; throws what the platform throws when it forbids that. */
  join(client: PoolClient): PoolSeat {
    if (!this.mayStart) this.noteIdle(this.startThread())
    this.mayStart = true
    const seat = new Seat(this, client)
    this.seats.add(seat)
    return seat
  }

  leave(seat: Seat): void {
    assert(seat.activeCount === 0, 'POOL-4: a database leaves the pool when its jobs have ended')
    this.seats.delete(seat)
  }

  /** Gives waiting requests to the threads that may take them. */
  dispatch(): void {
    while (this.placeOne());
  }

  /** Takes the answers that stand on the ports: this seat's now, those of others in turns of their own. */
  collect(forSeat: Seat): void {
    const signal = Atomics.load(this.signal, 0)
    if (signal === this.signalSeen) return
    this.signalSeen = signal
    for (const thread of this.threads) this.drain(thread)
    this.dispatch()
    for (const seat of this.seats) if (seat !== forSeat) seat.deliverSoon()
  }

  // ── Who is next, and where ──────────────────────────────────────────────────────────────────────

  private placeOne(): boolean {
    for (const seat of this.waitingSeats()) {
      const request = seat.queue.first!
      const thread = this.threadFor(request)
      if (thread === null) continue
      seat.queue.shift()
      seat.servedAt = ++this.servedCount
      if (thread instanceof WorkerThread) this.send(thread, request)
      else this.lose([request], thread.error)
      return true
    }
    return false
  }

  /** Seats with a waiting request, the most urgent first; among equally urgent ones, the one served longest ago. */
  private waitingSeats(): Seat[] {
    const waiting = [...this.seats].filter(({ queue }) => queue.length > 0)
    const priority = ({ queue }: Seat): number => queue.first!.priority
    return waiting.sort((a, b) => priority(b) - priority(a) || a.servedAt - b.servedAt)
  }

  /**
   * Finds a thread for a request. Null when it must wait; the error when there is no thread and none can be started.
   */
  private threadFor(request: SeatRequest): Thread | { error: unknown } | null {
    const { seat, isExtra } = request
    const ownMax = isExtra ? threadsWithExtra(seat.client.threadsMax) : seat.client.threadsMax
    const own = this.threads.filter((thread) => thread.requests.some((each) => each.seat === seat))
    if (own.length >= ownMax) return leastUrgent(own, request)
    const idle = this.threads.find(({ isIdle }) => isIdle)
    if (idle !== undefined) return idle
    if (this.threads.length < Math.max(this.threadsMax, ownMax)) {
      try {
        return this.startThread()
      } catch (error) {
        if (this.threads.length === 0) return { error }
      }
    }
    return leastUrgent(this.threads, request)
  }

  /** One database gets the threads that it asked for; several together leave a processor to the program. */
  private get threadsMax(): number {
    const wanted = [...this.seats].map(({ client }) => client.threadsMax)
    const sum = wanted.reduce((total, each) => total + each, 0)
    return Math.max(...wanted, Math.min(sum, processorsToSpare()))
  }

  private send(thread: Thread, request: SeatRequest): void {
    try {
      thread.send(request)
    } catch (error) {
      request.seat.put(request, { ok: false, error: encodeError(error) })
      request.seat.deliverSoon()
    }
    this.noteIdle(thread)
  }

  // ── Threads ─────────────────────────────────────────────────────────────────────────────────────

  private startThread(): Thread {
    const thread: Thread = new WorkerThread<SeatRequest>(this.spec, this.signal, {
      onAnswer: (_, answer) => this.onAnswer(thread, answer),
      onExit: (_, error) => this.onExit(thread, error),
    })
    this.threads.push(thread)
    return thread
  }

  private noteIdle(thread: Thread): void {
    this.idleTimers.get(thread)?.cancel()
    this.idleTimers.delete(thread)
    if (!thread.isIdle || !this.threads.includes(thread)) return
    this.idleTimers.set(thread, this.clock.after(IDLE_MS, () => {
      this.forget(thread)
      void thread.terminate()
    }))
  }

  private forget(thread: Thread): void {
    this.idleTimers.get(thread)?.cancel()
    this.idleTimers.delete(thread)
    const at = this.threads.indexOf(thread)
    if (at >= 0) this.threads.splice(at, 1)
  }

  private onAnswer(thread: Thread, answer: WorkerAnswer): void {
    const seat = this.settle(thread, answer)
    this.dispatch()
    seat?.deliver()
  }

  private drain(thread: Thread): void {
    for (let answer = thread.receive(); answer !== null; answer = thread.receive()) this.settle(thread, answer)
  }

  private settle(thread: Thread, answer: WorkerAnswer): Seat | null {
    const request = thread.settle(answer)
    if (request === null) return null
    request.seat.put(request, answer)
    this.noteIdle(thread)
    return request.seat
  }

  private onExit(thread: Thread, error: unknown): void {
    this.forget(thread)
    this.drain(thread) // its last answers count
    for (const seat of this.seats) seat.deliverSoon()
    this.lose(thread.takeUnanswered(), error)
    this.dispatch()
  }

  private lose(requests: SeatRequest[], error: unknown): void {
    for (const seat of new Set(requests.map((each) => each.seat))) {
      seat.putLost(requests.filter((each) => each.seat === seat), error)
      seat.deliverSoon()
    }
  }
}

/** The thread that may take the request and has the least urgent work, or null. */
function leastUrgent(threads: readonly Thread[], { priority, seat }: SeatRequest): Thread | null {
  let [best, bestTop] = [null as Thread | null, Infinity]
  for (const thread of threads) {
    const { requests } = thread
    const top = Math.max(...requests.map((each) => each.priority))
    const equals = requests.filter((each) => each.priority === priority)
    const mayShare = equals.length < TURNS_MAX && equals.every((each) => each.seat !== seat)
    if (top <= priority && mayShare && top < bestTop) [best, bestTop] = [thread, top]
  }
  return best
}

class Seat implements PoolSeat {
  readonly client: PoolClient
  readonly queue = new JobQueue<SeatRequest>()
  servedAt = 0
  private readonly pool: WorkerPool
  /** Answers that are on their way to the client. */
  private readonly arrived: (() => void)[] = []
  private unanswered = 0
  private isDeliveryDue = false

  constructor(pool: WorkerPool, client: PoolClient) {
    this.pool = pool
    this.client = client
  }

  get signal(): Int32Array {
    return this.pool.signal
  }

  get activeCount(): number {
    return this.unanswered
  }

  submit(given: ThreadRequest): void {
    const { kind, input, priority, isExtra = false } = given
    this.unanswered++
    this.queue.push({ kind, input, priority, isExtra, seat: this, given })
    this.pool.dispatch()
  }

  receive(): number {
    this.pool.collect(this)
    return this.deliver()
  }

  withdraw(): ThreadRequest[] {
    const withdrawn = this.queue.removeAll(() => true)
    this.unanswered -= withdrawn.length
    return withdrawn.map(({ given }) => given)
  }

  leave(): void {
    this.pool.leave(this)
  }

  put({ given }: SeatRequest, answer: JobAnswer): void {
    this.arrived.push(() => {
      this.unanswered--
      this.client.onAnswer(given, answer)
    })
  }

  putLost(requests: SeatRequest[], error: unknown): void {
    const given = requests.toSorted((a, b) => a.priority - b.priority).map((each) => each.given)
    this.arrived.push(() => {
      this.unanswered -= given.length
      this.client.onLost(given, error)
    })
  }

  /** Delivers what has arrived in a turn of its own. */
  deliverSoon(): void {
    if (this.isDeliveryDue || this.arrived.length === 0) return
    this.isDeliveryDue = true
    this.pool.clock.defer(() => {
      this.isDeliveryDue = false
      this.deliver()
    })
  }

  deliver(): number {
    let count = 0
    try {
      for (let next = this.arrived.shift(); next !== undefined; next = this.arrived.shift()) {
        count++
        next()
      }
    } finally {
      this.deliverSoon() // the rest, when a client threw
    }
    return count
  }
}
