/**
 * What: runs checks: in worker threads where there are some, else in steps on this thread. Both keep the pace that was
 * asked for, tell how far they are, and can be ended.
 * Owns: the seat in the pool of workers. Thread: main.
 */
import { Turns } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { jobs } from '../engine/index.js'
import { makeExecutor, workersByDefault, workerSource } from '../exec/index.js'
import type { Executor } from '../exec/index.js'
import { Pace } from '../report/index.js'
import type { ProgressMeter } from '../report/index.js'
import { walkAll } from '../run/index.js'
import type { DeepWalkInput, DeepWalkResult } from '../run/index.js'
import { checkFile, checkLogSet } from '../tables/index.js'
import type { CheckControl, CheckFileInput, CheckLogsInput, FileCheckResult, LogSetResult } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'

type Unpaced<Input extends CheckControl> = Omit<Input, keyof CheckControl>

/** A check in steps; `read` hears of bytes. */
type Steps<T> = (read: (bytes: number) => void) => Generator<undefined, T, unknown>

export interface CheckRunnerOptions {
  vfs: Vfs
  clock: Clock
  bytesPerSecond: number
  progress: ProgressMeter
  /** Throws why the checks must end. */
  check(): void
}

/** How often the progress of a worker is looked at, and whether the call was ended. */
const LOOK_MS = 50

export class CheckRunner {
  private readonly options: CheckRunnerOptions
  private readonly pace: Pace
  private readonly turns: Turns
  private executor: Executor | null = null
  private readonly running = new Set<Int32Array>()
  /** What ended the checks. */
  private ended: { reason: unknown } | null = null

  constructor(options: CheckRunnerOptions) {
    const { clock, bytesPerSecond } = options
    this.options = options
    this.pace = new Pace(clock, bytesPerSecond)
    this.turns = new Turns(clock)
  }

  /** How many checks should be under way at once. */
  get width(): number {
    return this.options.vfs.workerSpec === null ? 1 : workersByDefault()
  }

  checkFile(input: Unpaced<CheckFileInput>): Promise<FileCheckResult> {
    const { dir, databaseId, file, level, direct, part } = input
    const { vfs } = this.options
    // A quick check takes less than the way to a worker.
    const place = { vfs, dir, databaseId }
    const steps: Steps<FileCheckResult> = (read) => checkFile(place, file, { level, direct, part, read })
    return level === 'quick' ? this.inSteps(steps) : this.run('checkFile', input, steps)
  }

  checkLogs(input: Unpaced<CheckLogsInput>): Promise<LogSetResult> {
    const steps: Steps<LogSetResult> = (read) => checkLogSet(input, this.options, read)
    return input.level === 'quick' ? this.inSteps(steps) : this.run('checkLogs', input, steps)
  }

  deepWalk(input: Unpaced<DeepWalkInput>): Promise<DeepWalkResult> {
    // The walk reads bytes that were counted already: it is paced, and is no progress.
    return this.run('deepWalk', input, (read) => walkAll(this.withControl(input).input, this.options.vfs, read), false)
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    for (const control of this.running) end(control)
    await this.executor?.close()
  }

  private withControl<Input extends object>(input: Input): { input: Input & CheckControl; control: Int32Array } {
    const control = new SharedArrayBuffer(8)
    const bytesPerSecond = this.options.bytesPerSecond / this.width
    return { input: { ...input, control, bytesPerSecond }, control: new Int32Array(control) }
  }

  private async run<T>(kind: string, given: object, steps: Steps<T>, isProgress = true): Promise<T> {
    const { vfs } = this.options
    if (vfs.workerSpec === null) return this.inSteps(steps, isProgress)
    this.executor ??= this.makeExecutor()
    if (this.executor.workerCount === 0) return this.inSteps(steps, isProgress)
    const { input, control } = this.withControl(given)
    this.running.add(control)
    const watch = this.watch(control, isProgress)
    try {
      return await this.executor.submit<T>({ kind, input })
    } catch (error) {
      this.options.check()
      throw this.ended === null ? error : this.ended.reason
    } finally {
      watch.end()
      this.running.delete(control)
    }
  }

  private makeExecutor(): Executor {
    const { vfs, clock } = this.options
    return makeExecutor({
      workerCount: workersByDefault(), jobs, context: { vfs }, contextSpec: vfs.workerSpec, clock, source: workerSource,
    })
  }

  /** Looks at a worker's progress until `end`, and ends it when the call must end. */
  private watch(control: Int32Array, isProgress: boolean): { end(): void } {
    const { clock, progress, check } = this.options
    let seen = 0
    let timer = { cancel: (): void => undefined }
    const look = (): void => {
      const done = Atomics.load(control, 1)
      if (isProgress) progress.count((done - seen) * 1024)
      seen = done
    }
    const again = (): void => {
      look()
      try {
        check()
        progress.add(0)
      } catch (reason) {
        this.ended ??= { reason }
        end(control)
        return
      }
      timer = clock.after(LOOK_MS, again)
    }
    timer = clock.after(LOOK_MS, again)
    return {
      end: () => {
        timer.cancel()
        look()
      },
    }
  }

  private async inSteps<T>(steps: Steps<T>, isProgress = true): Promise<T> {
    const { progress, check } = this.options
    let unpaced = 0
    const running = steps((bytes) => { unpaced += bytes })
    try {
      for (;;) {
        const turn = running.next()
        if (unpaced > 0) {
          progress.add(isProgress ? unpaced : 0)
          const rest = this.pace.take(unpaced, check)
          unpaced = 0
          await rest
        }
        check()
        if (turn.done === true) return turn.value
        if (this.turns.isOverNow()) await this.turns.next()
      }
    } finally {
      running.return(undefined as never)
    }
  }
}

function end(control: Int32Array): void {
  Atomics.store(control, 0, 1)
  Atomics.notify(control, 0)
}

