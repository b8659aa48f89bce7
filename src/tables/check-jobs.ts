/**
 * What: checks of files as jobs: they can be ended from outside, tell how far they are, and keep a pace.
 * Thread: worker, where a rest blocks the thread; on the main thread whoever drives a check rests between its steps.
 */
import { systemClock, VarveError } from '../base/index.js'
import { Pace } from '../report/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkFile } from './file-check.js'
import type { FileCheckOptions, FileCheckResult, ListedFile } from './file-check.js'
import { checkLogSet } from './log-set-check.js'
import type { LogSetInput, LogSetResult } from './log-set-check.js'

/** What a check shares with whoever waits for it. */
export interface CheckControl {
  /** An Int32Array. When [0] is not 0 the check gives up with ABORTED. [1] is its progress in KiB. */
  control: SharedArrayBuffer
  /** Infinity for no limit. */
  bytesPerSecond: number
}

export interface CheckFileInput extends CheckControl, Pick<FileCheckOptions, 'level' | 'direct' | 'part'> {
  dir: string
  databaseId: Uint8Array
  file: ListedFile
}

export interface CheckLogsInput extends CheckControl, LogSetInput {}

/** Checks one file: checkFile (file-check.ts) as a job. */
export function checkFileJob(
  input: CheckFileInput, { vfs }: { vfs: Vfs },
): Generator<undefined, FileCheckResult, unknown> {
  const { dir, databaseId, file, level, direct, part } = input
  const brake = new Brake(input)
  const options = { level, direct, part, read: (bytes: number) => brake.note(bytes) }
  return brake.run(checkFile({ vfs, dir, databaseId }, file, options))
}

/** Checks the logs: checkLogSet (log-set-check.ts) as a job. */
export function checkLogsJob(
  input: CheckLogsInput, context: { vfs: Vfs },
): Generator<undefined, LogSetResult, unknown> {
  const brake = new Brake(input)
  return brake.run(checkLogSet(input, context, (bytes) => brake.note(bytes)))
}

/** Lets a check go on at its pace, until it is ended. */
export class Brake {
  private readonly control: Int32Array
  private readonly pace: Pace
  private unpaced = 0
  private total = 0

  constructor({ control, bytesPerSecond }: CheckControl) {
    this.control = new Int32Array(control)
    this.pace = new Pace(systemClock, bytesPerSecond)
  }

  note(bytes: number): void {
    this.unpaced += bytes
    this.total += bytes
  }

  * run<T>(check: Generator<undefined, T, unknown>): Generator<undefined, T, unknown> {
    try {
      for (;;) {
        const turn = check.next()
        this.rest()
        if (turn.done === true) return turn.value
        yield
      }
    } finally {
      check.return(undefined as never)
    }
  }

  private rest(): void {
    const { control } = this
    Atomics.store(control, 1, Math.ceil(this.total / 1024) | 0)
    if (Atomics.load(control, 0) !== 0) throw new VarveError('ABORTED', 'the check was ended')
    const restMs = this.pace.restMs(this.unpaced)
    this.unpaced = 0
    if (restMs <= 0) return
    Atomics.wait(control, 0, 0, restMs)
    if (Atomics.load(control, 0) !== 0) throw new VarveError('ABORTED', 'the check was ended')
  }
}
