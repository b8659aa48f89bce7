/**
 * What: decides which asynchronous operation of a simulated machine happens next. Nothing happens at the call: each
 * operation waits in one bag, and each turn of the event loop takes one of them out, chosen by the seed. So the order
 * between independent operations differs from seed to seed and is the same for one.
 * States: running → stopped (everything waiting is refused).
 */
import { SeededRandom, systemClock } from '../../base/index.js'

/** A write that has not happened yet: a crash may have done a part of it. */
export interface InFlightWrite {
  nodeId: number
  source: Uint8Array
  at: number
  length: number
  position: number
}

interface Task {
  run(): void
  refuse(error: unknown): void
  write: InFlightWrite | null
  /** False for what needs a turn of the event loop, and so never happens while that is blocked. */
  isCall: boolean
}

/** Thrown by an operation that does not begin yet: it waits for `releaseHung`. */
export const HANG = Symbol('hang')

export class SimScheduler {
  /** True while an operation runs, which may hang. */
  isInTask = false
  private ready: Task[] = []
  private hung: Task[] = []
  private stopped: unknown = null
  private isTurning = false
  private readonly random: SeededRandom
  /** Called when nothing is ready; true when it made something ready. */
  private onIdle: () => boolean = () => false
  private onTurn: () => void = () => undefined

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'schedule')
  }

  submit<T>(act: () => T, write: InFlightWrite | null = null): Promise<T> {
    return new Promise((resolve, reject) => {
      const task: Task = { run: () => undefined, refuse: reject, write, isCall: true }
      task.run = () => {
        try {
          resolve(act())
        } catch (error) {
          if (error === HANG) this.hung.push(task)
          else reject(error)
        }
      }
      this.enqueue(task)
    })
  }

  /** Calls back in a turn of its own. */
  defer(callback: () => void): void {
    this.enqueue({ run: callback, refuse: () => undefined, write: null, isCall: false })
  }

  /** Connects a clock: it is told of every turn, and asked when nothing else is left. */
  join(onTurn: () => void, onIdle: () => boolean): void {
    this.onTurn = onTurn
    this.onIdle = onIdle
  }

  get inFlightWrites(): InFlightWrite[] {
    return [...this.ready, ...this.hung].flatMap((task) => (task.write === null ? [] : [task.write]))
  }

  releaseHung(): void {
    for (const task of this.hung.splice(0)) this.enqueue(task)
  }

  /** Resolves when nothing is ready any more, nor anything that followed. */
  async settled(): Promise<void> {
    do await new Promise<void>((resolve) => systemClock.defer(resolve))
    while (this.isTurning)
  }

  stop(error: unknown): void {
    this.stopped = error
    for (const task of [...this.ready.splice(0), ...this.hung.splice(0)]) task.refuse(error)
  }

  private enqueue(task: Task): void {
    if (this.stopped !== null) return task.refuse(this.stopped)
    this.ready.push(task)
    this.wake()
  }

  /** Goes on when something may be ready, or the clock wants to move. */
  wake(): void {
    if (this.isTurning) return
    this.isTurning = true
    systemClock.defer(() => this.turn())
  }

  private turn(): void {
    if (this.ready.length === 0 && !this.onIdle()) {
      this.isTurning = false
      return
    }
    const [task] = this.ready.splice(this.random.below(this.ready.length), 1)
    try {
      if (task !== undefined) this.run(task)
    } finally {
      this.onTurn()
      systemClock.defer(() => this.turn())
    }
  }

  /** Does every call in flight while the event loop is blocked: its caller hears of it when the loop turns again. */
  workWhileBlocked(): void {
    const calls = this.ready.filter(({ isCall }) => isCall)
    this.ready = this.ready.filter(({ isCall }) => !isCall)
    while (calls.length > 0) this.run(calls.splice(this.random.below(calls.length), 1)[0]!)
  }

  private run(task: Task): void {
    this.isInTask = true
    try {
      task.run()
    } finally {
      this.isInTask = false
    }
  }
}
