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
  /** Calls back once when the call must end. */
  tell(listener: (reason: unknown) => void): void
}

export interface OperationCall {
  kind: OperationKind
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
}

interface Running {
  kind: OperationKind
  startedMs: number
  progress: ProgressMeter
  /** Ends the call, once. */
  end: (reason: unknown) => void
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
    let reason: { value: unknown } | null = null
    const listeners: ((reason: unknown) => void)[] = []
    const end = (value: unknown): void => {
      if (reason !== null) return
      reason = { value }
      for (const listener of listeners.splice(0)) listener(value)
    }
    const progress = new ProgressMeter(this.clock, onProgress)
    const id = ++this.lastId
    try {
      if (this.isClosed) throw closedError()
      this.running.set(id, { kind, startedMs: this.clock.wallMs(), progress, end })
      abort?.tell(end)
      const done = work({
        progress,
        end,
        check() {
          if (reason !== null) throw reason.value
        },
        tell(listener) {
          if (reason === null) listeners.push(listener)
          else listener(reason.value)
        },
      })
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
    for (const { end } of this.running.values()) end(reason)
    while (this.ended.size > 0) await Promise.all(this.ended)
  }

  stats(): OperationStats[] {
    return [...this.running].map(([id, { kind, startedMs, progress: { now } }]) => ({ id, kind, startedMs, ...now }))
  }
}

function closedError(): VarveError {
  return new VarveError('CLOSED', 'the database was closed before the call was done')
}
