/**
 * What: worker threads that a closed database left, for the next one to take. To start a thread and to end
 * it takes some 40 ms, which a program that opens and closes many small databases would feel each time.
 * Owns: a few threads that run nothing, for a few seconds; they never keep the process alive.
 * Does not own: threads in use (worker-executor.ts).
 * Thread: each its own.
 */
import type { Clock, Timer } from '../base/index.js'
import type { ThreadSpec, WorkerThread } from './worker-thread.js'

const KEPT_MAX = 4
const KEPT_MS = 5000

const kept: { thread: WorkerThread; timer: Timer }[] = []

/** One that runs this source with this context, or null. */
export function takeIdleThread(spec: ThreadSpec): WorkerThread | null {
  const at = kept.findIndex(({ thread }) => isAlike(thread.spec, spec))
  if (at < 0) return null
  const { thread, timer } = kept.splice(at, 1)[0]!
  timer.cancel()
  return thread
}

/** Requires: it runs nothing. Ends it when there are enough already; else later. */
export async function keepIdleThread(thread: WorkerThread, clock: Clock): Promise<void> {
  thread.owner = { onAnswer: () => undefined, onExit: forget }
  if (kept.length >= KEPT_MAX) return thread.terminate()
  const timer = clock.after(KEPT_MS, () => {
    forget(thread)
    void thread.terminate()
  })
  kept.push({ thread, timer })
}

function forget(thread: WorkerThread): void {
  const at = kept.findIndex((each) => each.thread === thread)
  if (at >= 0) kept.splice(at, 1)[0]!.timer.cancel()
  thread.closePort()
}

/** A context's description is small plain data. */
function isAlike(a: ThreadSpec, b: ThreadSpec): boolean {
  return a.source === b.source && JSON.stringify(a.contextSpec) === JSON.stringify(b.contextSpec)
}
