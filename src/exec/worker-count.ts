/** What: how many threads a program gets. Thread: any. */
import os from 'node:os'

const WORKERS_MAX = 2

/**
 * One processor is left to the program: a thread that has to wait for one waits a tick of the scheduler, some
 * milliseconds, whatever its priority.
 */
export function processorsToSpare(): number {
  return Math.max(1, os.availableParallelism() - 1)
}

/**
 * For a database that does not say. One worker is enough for everything, since jobs stand back for urgent ones.
 */
export function workersByDefault(): number {
  return Math.min(WORKERS_MAX, processorsToSpare())
}
