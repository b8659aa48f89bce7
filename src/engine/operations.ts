/**
 * What: long calls that are under way in an open database: which there are, how far they have come, and how a close
 * ends them.
 * Owns: the list. Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { AbortWatch, Clock } from '../base/index.js'
import { ProgressMeter } from '../report/index.js'
import type { Progress } from '../report/index.js'
import type { OperationKind, OperationStats } from '../stats/index.js'

/** One long call. */
export interface Operation {
  readonly progress: ProgressMeter
  /** Throws why the call must end: the caller's signal has fired, or the database is being closed. */
  check(): void
  /** Ends the call: what it waits for throws this reason. */
  end(reason: unknown): void
  /** Calls back once when the call must end. What it gives takes the listener back. */
  tell(listener: (reason: unknown) => void): () => void
  /** Gives what the work gives, or throws why the call must end when that comes first. The work goes on then. */
  orEnd<T>(work: Promise<T>): Promise<T>
}

export interface OperationCall {
  kind: OperationKind
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
}

interface Running {
  kind: OperationKind
  startedMs: number
  operation: RunningOperation
}

class RunningOperation implements Operation {
  readonly progress: ProgressMeter
  private reason: { value: unknown } | null = null
  /** Hear of the end, each only as long as it waits, since a call may wait a million times. */
  private readonly listeners = new Set<(reason: unknown) => void>()

  constructor(progress: ProgressMeter) {
    this.progress = progress
  }

  check(): void {
    if (this.reason !== null) throw this.reason.value
  }

  end(value: unknown): void {
    if (this.reason !== null) return
    this.reason = { value }
    const listeners = [...this.listeners]
    this.listeners.clear()
    for (const listener of listeners) listener(value)
  }

  tell(listener: (reason: unknown) => void): () => void {
    if (this.reason === null) this.listeners.add(listener)
    else listener(this.reason.value)
    return () => this.listeners.delete(listener)
  }

  async orEnd<T>(work: Promise<T>): Promise<T> {
    let forget = (): void => undefined
    const ended = new Promise<never>((_, reject) => {
      forget = this.tell(reject)
    })
    try {
      return await Promise.race([work, ended])
    } finally {
      forget()
    }
  }
}

export class Operations {
  private readonly clock: Clock
  private readonly running = new Map<number, Running>()
  private readonly ended = new Set<Promise<unknown>>()
  private lastId = 0
  private isClosed = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Runs a call to its end. Rejects with CLOSED when the database is closed before or meanwhile. */
  async run<T>({ kind, abort, onProgress }: OperationCall, work: (operation: Operation) => Promise<T>): Promise<T> {
    const operation = new RunningOperation(new ProgressMeter(this.clock, onProgress))
    const id = ++this.lastId
    try {
      if (this.isClosed) throw closedError()
      this.running.set(id, { kind, startedMs: this.clock.wallMs(), operation })
      abort?.tell((reason) => operation.end(reason))
      const done = work(operation)
      const settled = done.then(() => undefined, () => undefined)
      this.ended.add(settled)
      void settled.then(() => this.ended.delete(settled))
      return await done
    } finally {
      this.running.delete(id)
      abort?.end()
    }
  }

  /** Ends all calls, and resolves when they have ended. From here on none begins. */
  async close(): Promise<void> {
    this.isClosed = true
    const reason = closedError()
    for (const { operation } of this.running.values()) operation.end(reason)
    while (this.ended.size > 0) await Promise.all(this.ended)
  }

  stats(): OperationStats[] {
    return [...this.running].map(([id, { kind, startedMs, operation: { progress: { now } } }]) =>
      ({ id, kind, startedMs, ...now }))
  }
}

function closedError(): VarveError {
  return new VarveError('CLOSED', 'the database was closed before the call was done')
}
