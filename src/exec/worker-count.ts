/** What: decides how many threads a program gets. Thread: any. */
import os from 'node:os'

const WORKERS_MAX = 2

/**
 * The number of processors besides the one that is left to the program: a thread that has to wait for a processor waits
 * a tick of the scheduler, some milliseconds, whatever its priority.
 */
export function processorsToSpare(): number {
  return Math.max(1, os.availableParallelism() - 1)
}

/** The number of threads that may work for a call which somebody waits for, of an executor that has so many. */
export function threadsWithExtra(count: number): number {
  return Math.max(count, Math.min(count + 1, os.availableParallelism()))
}

/**
 * The number of workers of a database whose options do not say. One worker is enough for everything, since jobs let
 * urgent ones go first.
 */
export function workersByDefault(): number {
  return Math.min(WORKERS_MAX, processorsToSpare())
}
