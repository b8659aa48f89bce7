/**
 * What: runs a job of a long call: it ends when the call must end, keeps the call's pace, and its bytes are counted.
 * Owns: the other end of the job's control, for as long as it runs. Thread: main.
 */
import type { Engine, Operation } from '../engine/index.js'
import { Pace } from '../report/index.js'
import { JobControl } from '../tables/index.js'

/** Builds and sorts of the database go first; a compaction may wait a little. */
const PRIORITY = -1
const LOOK_MS = 50

/** A long call, as its jobs need it. */
export interface WatchedCall {
  engine: Engine
  operation: Operation
  /** The pace of the call; null for none. */
  pace: Pace | null
}

export function watchedCall(engine: Engine, operation: Operation, bytesPerSecond: number): WatchedCall {
  const pace = bytesPerSecond === Infinity ? null : new Pace(engine.clock, bytesPerSecond)
  return { engine, operation, pace }
}

/** Runs the job. Rejects with why the call must end, or with what the job threw. */
export async function runWatched<Output>(
  { engine: { setup: { executor }, clock }, operation, pace }: WatchedCall, kind: string, input: { dir: string },
): Promise<Output> {
  operation.check()
  const control = JobControl.begin(executor.workerCount > 0, pace !== null)
  const forget = operation.tell(() => control.end())
  let toldBytes = 0
  let allowedBytes = 0
  const look = (): void => {
    const bytes = control.doneBytes
    if (bytes > toldBytes) operation.progress.add(bytes - toldBytes)
    toldBytes = bytes
    // It is let go on a piece at a time: the next one when the time of the one before is over.
    if (pace === null || bytes < allowedBytes || pace.restMs(0) > 0) return
    const piece = pace.bytesPer(LOOK_MS)
    pace.restMs(piece)
    allowedBytes += piece
    control.allow(allowedBytes)
  }
  let timer = clock.after(LOOK_MS, function again() {
    attempt(look, operation)
    timer = clock.after(LOOK_MS, again)
  })
  try {
    look()
    const job = { kind, priority: PRIORITY, isExtra: true, input: { ...input, control: control.memory } }
    return await executor.submit<Output>(job)
  } catch (error) {
    operation.check() // why it was given up says more
    throw error
  } finally {
    forget()
    timer.cancel()
    look()
  }
}

/** What the caller's function for progress throws ends the call, but not here. */
function attempt(look: () => void, operation: Operation): void {
  try {
    look()
  } catch (error) {
    operation.end(error)
  }
}
