/**
 * What: how many large reads and writes are in the platform's thread pool at once. Its threads are few, and a sync, or
 * a call of the program itself, must always find one that is free.
 * Owns: the count, and the line of those who wait.
 * Thread: one; all databases in it share one gate, and so do other copies of the package.
 */
import { processShared } from '../base/index.js'

/** Half of the threads that the platform has unless it is told otherwise. */
const IN_POOL_MAX = 2

class PoolGate {
  private count = 0
  private readonly line: (() => void)[] = []

  /** Null: there is room, go on. Otherwise resolves when there is. `leave` ends both. */
  enter(): Promise<void> | null {
    if (this.count < IN_POOL_MAX) {
      this.count++
      return null
    }
    return new Promise((resolve) => this.line.push(resolve))
  }

  leave(): void {
    const next = this.line.shift()
    if (next === undefined) this.count--
    else next()
  }
}

/** Runs what is large when there is room for it in the thread pool. */
export async function inPool<T>(operation: () => Promise<T>): Promise<T> {
  const gate = poolGate()
  const room = gate.enter()
  if (room !== null) await room
  try {
    return await operation()
  } finally {
    gate.leave()
  }
}

/** The gate of this thread. */
function poolGate(): PoolGate {
  return processShared('poolGate.1', () => new PoolGate())
}
